"""Words for the weather."""

__all__ = ["GIVES_WAY", "WEATHERS"]

WEATHERS = {
    "clear": {
        "noun": "clear weather, fair weather, good weather, fine weather, sunny weather, blue skies",
        "adj": "sunny+day, cloudless, clear, sun-filled+day, unclouded",
        "when": "in the sun+day, in the sunshine+day, under a clear sky, in clear weather, in sunny weather, "
        "under clear skies, "
        "under a blue sky+day, under blue skies+day",
        "light": "sunshine+day",
        "sky": "clear sky, blue sky+day, clear blue sky+day, bright blue sky+day, cloudless sky, sunny sky+day, "
        "cloudless blue sky+day, clear skies, clear blue skies+day, azure sky+day, cloudless skies",
        "ing": "sunny",
        "skyis": "sky is clear, sky is blue+day, sky is cloudless, skies are clear, skies are blue+day, "
        "sky is bright blue+day",
        "ground": "dry",
        "state": "The weather is clear.",
    },
    "overcast": {
        "noun": "overcast weather, clouds, cloud cover, cloudy weather, cloud, grey weather, storm clouds, overcast",
        "adj": "overcast, cloudy, clouded, cloud-covered, leaden",
        "when": "under an overcast sky, under clouds, under a cloudy sky, under a grey sky, under overcast skies",
        "light": "overcast light",
        "sky": "overcast sky, cloudy sky, grey sky, gray sky, grey skies, gray skies, leaden sky, cloudy skies, "
        "overcast skies, uniformly grey sky, gloomy sky",
        "ing": "cloudy",
        "skyis": "sky is overcast, sky is grey, sky is gray, sky is cloudy, skies are grey",
        "does": "clouds cover the sky",
        "ground": "dry",
        "state": "The sky is overcast.",
    },
    "rain": {
        "noun": "rain, rainfall, downpour, drizzle, rainstorm, shower, cloudburst, raindrops, rainwater, monsoon, "
        "deluge, "
        "torrential rain, heavy rain, pouring rain, rainy weather",
        "adj": "rainy, rain-soaked, rain-slicked, drizzly, rain-drenched, rain-swept, rain-slick, rain-wet, "
        "rain-washed",
        "when": "in the rain, in rain, in a downpour, in pouring rain, in the pouring rain, in heavy rain, "
        "in rainy weather",
        "light": "grey rainy light",
        "sky": "rainy sky, grey rainy sky",
        "ing": "raining, drizzling, pouring, rains, rained",
        "ground": "wet",
        "does": "rain falls",
        "state": "It is raining.",
    },
    "snow": {
        "noun": "snow, snowfall, blizzard, snowstorm, snowflakes, snowdrift, flurries, snow flurry, sleet, slush, "
        "whiteout, "
        "flakes of snow, snow flakes, snow cover, snow storm, snowy weather, powder snow, heavy snow, falling snow",
        "adj": "snowy, snow-covered, snowbound, snow-capped, snow-dusted, snowcapped, snow-laden, snow-filled, "
        "snowed-in",
        "when": "in the snow, in snow, in a blizzard, in a snowstorm, under snow, in heavy snow, in falling snow, "
        "in snowy weather",
        "light": "pale snowy light",
        "sky": "snowy sky, grey snowy sky",
        "ing": "snowing, snows, snowed, sleeting",
        "ground": "snow-covered",
        "does": "snow falls",
        "state": "It is snowing.",
    },
    "fog": {
        "noun": "fog, mist, haze, smog, fog bank, foggy weather, thick fog, dense fog, brume, murk",
        "adj": "foggy, misty, hazy, fogbound, fog-shrouded, mist-shrouded, fog-filled, smoggy",
        "when": "in the fog, in fog, in the mist, in mist, in thick fog, in dense fog, in haze, in foggy weather",
        "light": "hazy light",
        "sky": "foggy sky, hazy sky, misty sky",
        "ing": "foggy",
        "does": "fog hangs in the air",
        "ground": "damp",
        "state": "There is fog.",
    },
    "storm": {
        "noun": "storm, thunderstorm, tempest, hurricane, lightning, thunder, gale, cyclone, typhoon, tornado, squall, "
        "stormy weather",
        "adj": "stormy, tempestuous, thundery, storm-lashed",
        "when": "in a storm, in the storm, in a thunderstorm, in stormy weather, during a storm, during a thunderstorm",
        "sky": "stormy sky, dark stormy sky, thundery sky, stormy skies",
        "ing": "storming, thundering",
        "ground": "wet",
        "does": "a storm rages",
        "state": "There is a storm.",
    },
    "calm": {
        "noun": "calm weather, windless weather",
        "adj": "windless, wind-still",
        "when": "in calm weather, in still air",
        "state": "The weather is calm.",
    },
    "wind": {
        "noun": "wind, gust, breeze, windy weather, strong wind, gusts of wind",
        "adj": "windy, windswept, gusty, breezy, wind-blown, windblown, blustery",
        "when": "in the wind, in strong wind, in windy weather",
        "state": "It is windy.",
    },
    "hail": {
        "noun": "hail, hailstorm, hailstones",
        "adj": "hail-covered",
        "when": "in hail, in a hailstorm",
        "ing": "hailing",
        "does": "hail falls",
        "ground": "hail-covered",
        "state": "It is hailing.",
    },
    "sandstorm": {
        "noun": "sandstorm, dust storm, dust cloud, haboob, blowing sand",
        "adj": "dust-filled, sand-blown",
        "when": "in a sandstorm, in a dust storm",
        "sky": "dust-filled sky, dusty sky",
        "does": "a sandstorm rages",
        "state": "There is a sandstorm.",
    },
    "dry": {
        "noun": "dry weather, drought, dry season, dryness",
        "adj": "dry, arid, parched, dried-out, bone-dry, sun-baked",
        "when": "in dry weather, in a drought",
        "ground": "dry",
        "ing": "dry",
        "state": "It is dry.",
    },
    "wet": {
        "noun": "puddle, wetness, standing water, wet weather",
        "adj": "wet, damp, soaked, drenched, waterlogged, puddled, moist, sodden, soggy, flooded, glistening wet",
        "when": "in wet weather, in the wet",
        "ground": "wet",
        "state": "The ground is wet.",
    },
    "heat": {
        "noun": "heat, heatwave, heat wave, hot weather, warm weather, heat haze, heat shimmer",
        "adj": "hot, scorching, sweltering, sultry, blazing hot, scorched, balmy, tropical, searing",
        "when": "in the heat, in a heatwave, in hot weather, in warm weather",
        "ground": "dry",
        "state": "It is hot.",
    },
    "frost": {
        "noun": "frost, ice, icicle, freezing weather, cold weather, icy weather, hoarfrost, deep freeze, permafrost",
        "adj": "frosty, icy, frozen, freezing, ice-covered, frost-covered, ice-cold, frigid, glacial, iced-over, "
        "wintry cold",
        "when": "in the frost, in the cold, in freezing weather, in cold weather",
        "ground": "icy",
        "state": "It is freezing.",
    },
}

# Weather that goes, one way only, where a wish is for a milder one: fog, and the rain is over.
GIVES_WAY = {
    "fog": "rain, storm, hail",
    "overcast": "rain, storm, hail, fog",
    "rain": "storm",
}
