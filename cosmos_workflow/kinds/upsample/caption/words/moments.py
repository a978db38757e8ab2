"""Words for the time of day, the season, and the light."""

__all__ = ["AGAINST", "LIGHTS", "SEASONS", "TIMES"]

TIMES = {
    "night": {
        "noun": "night, nighttime, night-time, midnight, night time, dead of night, small hours, midnight hour, "
        "nightlife",
        "adj": "night-time, nocturnal, moonlit, starlit, starry",
        "when": "at night, by night, at midnight, after dark, late at night, during the night, in the night, tonight, "
        "in the middle of the night, at nighttime, at night-time, in the dead of night, after midnight, overnight",
        "light": "moonlight, starlight, moonshine, moon glow, moon light",
        "lit": "dimly lit",
        "level": "dim",
        "sky": "night sky, starry sky, dark night sky, dark sky, dark skies, pitch-black sky, inky sky, "
        "moonlit sky, starlit sky, black sky, stars in the sky",
        "sun": "moon, full moon, crescent moon, half moon, stars",
        "skyis": "sky is dark, sky is black, sky is full of stars",
        "does": "moon shines",
        "state": "It is night.",
    },
    "dawn": {
        "noun": "dawn, daybreak, sunrise, first light, sunup, crack of dawn, early morning",
        "adj": "dawn, early-morning",
        "when": "at dawn, at sunrise, at daybreak, at first light, before sunrise, in the early morning",
        "light": "dawn light, sunrise light, first light of day",
        "lit": "softly lit",
        "sky": "dawn sky, sunrise sky, pink morning sky",
        "sun": "rising sun",
        "sunis": "sun rises, sun is rising, sun comes up, rising sun appears",
        "does": "sun rises",
        "state": "It is dawn.",
    },
    "morning": {
        "noun": "morning, forenoon, midmorning, mid-morning",
        "adj": "morning",
        "when": "in the morning, during the morning, this morning, in the forenoon",
        "light": "morning light, morning sunlight, morning sun",
        "sky": "morning sky",
        "sun": "morning sun",
        "does": "sun climbs",
        "state": "It is morning.",
    },
    "noon": {
        "noun": "noon, midday, noontime, noonday, high noon, mid-day, lunchtime",
        "adj": "midday, noonday",
        "when": "at noon, at midday, at high noon, in the middle of the day, around noon, around midday, at noontime",
        "light": "midday sun, noon light, midday light, midday sunlight, noon sun, overhead sun",
        "lit": "brightly lit",
        "level": "bright",
        "sky": "bright midday sky, midday sky, noon sky",
        "sun": "midday sun, high sun",
        "does": "sun stands high",
        "state": "It is noon.",
    },
    "day": {
        "noun": "day, daytime, day time, day-time, broad day",
        "adj": "daytime, daylit",
        "when": "by day, in daylight, during the day, in broad daylight, during daytime, in the daytime, in the day, "
        "in daytime, "
        "at daytime, in full daylight",
        "light": "daylight, sunlight*, sunshine*, natural light, sunbeams*, sun rays*, rays of sun*, sunrays*, "
        "sun light*",
        "lit": "sunlit*, sun-lit*, sun-drenched*, sunbathed*, sun-kissed*, sun-dappled*, sun-bleached*",
        "level": "bright",
        "sky": "daytime sky, bright sky*",
        "sun": "sun*, bright sun*, blazing sun*",
        "does": "sun shines",
        "state": "It is day.",
    },
    "afternoon": {
        "noun": "afternoon, mid-afternoon, midafternoon",
        "adj": "afternoon",
        "when": "in the afternoon, this afternoon, during the afternoon, in the late afternoon",
        "light": "afternoon light, afternoon sun, afternoon sunlight",
        "sky": "afternoon sky",
        "sun": "afternoon sun",
        "does": "sun shines",
        "state": "It is afternoon.",
    },
    "sunset": {
        "noun": "sunset, sundown, golden hour, magic hour",
        "adj": "sunset, golden-hour",
        "when": "at sunset, at sundown, at golden hour, during golden hour, during sunset, at the golden hour",
        "light": "sunset light, golden-hour light, golden hour light, sunset glow, golden sunset light, "
        "low golden light",
        "lit": "warmly lit",
        "sky": "sunset sky, orange sky, fiery sky, red sky, crimson sky",
        "sun": "setting sun, low sun",
        "sunis": "sun sets, sun is setting, sun goes down, sun sinks, sun dips",
        "does": "sun sets",
        "state": "It is sunset.",
    },
    "dusk": {
        "noun": "dusk, twilight, nightfall, gloaming, blue hour, half-light",
        "adj": "dusky, twilit, twilight",
        "when": "at dusk, just after sunset, after sunset, after sundown, "
        "at twilight, at nightfall, in the twilight, during blue hour, at blue hour, in the gloaming",
        "light": "twilight, dusk light, blue-hour light, twilight glow",
        "lit": "dimly lit",
        "level": "dim",
        "sky": "dusk sky, twilight sky, darkening sky",
        "sun": "last light",
        "does": "light fades",
        "state": "It is dusk.",
    },
    "evening": {
        "noun": "evening, eventide, eve",
        "adj": "evening",
        "when": "in the evening, this evening, during the evening, in the late evening, in the early evening",
        "light": "evening light, evening sun, evening sunlight",
        "lit": "dimly lit",
        "sky": "evening sky",
        "sun": "evening sun",
        "does": "light fades",
        "state": "It is evening.",
    },
}

SEASONS = {
    "winter": {
        "noun": "winter, wintertime, midwinter, winter weather, winter season, winter time",
        "adj": "wintry, winter",
        "when": "in winter, in the winter, in midwinter, in wintertime, during winter, in the dead of winter",
        "leaf": "bare, leafless, barren",
        "light": "winter light, winter sun",
        "state": "It is winter.",
    },
    "spring": {
        "noun": "springtime, spring season, early spring, late spring, spring weather, spring day, spring",
        "adj": "springlike, vernal",
        "when": "in spring, in the spring, in springtime, during spring, in early spring, in late spring",
        "leaf": "blossoming, blooming, budding",
        "light": "spring light, spring sun",
        "state": "It is spring.",
    },
    "summer": {
        "noun": "summer, summertime, midsummer, high summer, summer season, summer weather, summer time",
        "adj": "summery, summer",
        "when": "in summer, in the summer, in midsummer, in summertime, during summer, in high summer",
        "leaf": "leafy, lush, lush green, verdant, green-leaved",
        "light": "summer light, summer sun",
        "state": "It is summer.",
    },
    "autumn": {
        "noun": "autumn, autumn season, autumn weather, fall season, fall foliage, autumn leaves, fall colours, "
        "fall colors, "
        "autumn foliage, fall leaves, autumn colours, autumn colors",
        "adj": "autumnal, autumn",
        "when": "in autumn, in the autumn, in fall, in the fall, during autumn, in late autumn, in early autumn",
        "leaf": "golden-leaved, russet",
        "light": "autumn light, autumn sun",
        "state": "It is autumn.",
    },
}

LIGHTS = {
    "bright": {
        "noun": "brightness, bright light, brilliance, bright lighting, bright illumination, radiance",
        "adj": "bright, brilliant, luminous, dazzling, high-key, well-lit, radiant, blinding, airy, vivid light",
        "lit": "brightly lit, brightly-lit, brightly illuminated, well lit, well-lit, fully lit",
        "light": "bright light",
        "level": "bright",
        "state": "The light is bright.",
    },
    "dark": {
        "noun": "darkness, gloom, low light, dim light, near darkness, pitch darkness, blackness",
        "adj": "dark, dim, gloomy, murky, low-key, pitch-black, pitch-dark, shadowy, unlit, pitch black, ill-lit, "
        "darkened, "
        "low-lit, underlit, underexposed",
        "lit": "dimly lit, poorly lit, dimly-lit, barely lit, faintly lit, sparsely lit, poorly-lit, dimly illuminated",
        "when": "in the dark, in darkness, in near darkness, in low light, in dim light",
        "light": "dim light",
        "level": "dim",
        "state": "The light is dim.",
    },
    "neon": {
        "noun": "neon, neon lights, neon signs, neon light, neon glow, neon lighting, neon sign",
        "adj": "neon-lit, neon",
        "lit": "neon-lit",
        "light": "neon light",
        "state": "Neon lights shine.",
    },
    "candlelight": {
        "noun": "candlelight, firelight, torchlight, lamplight, candle light, lantern light",
        "adj": "candlelit, firelit, torchlit, lamplit",
        "lit": "candlelit, lit by candles, lit by candlelight",
        "light": "candlelight",
        "level": "dim",
        "when": "by candlelight, by firelight, by lamplight, by torchlight, in candlelight",
        "state": "It is lit by candles.",
    },
    "warm": {
        "noun": "warm light, warm lighting, warm glow, golden light, warm illumination, warm tones, amber light",
        "adj": "warm-toned, warmly lit, warm",
        "light": "warm light",
        "state": "The light is warm.",
    },
    "cold": {
        "noun": "cold light, cool light, cool lighting, cold lighting, cold glow, cool tones, bluish light, "
        "blue light, "
        "cool illumination, cold illumination",
        "adj": "cool-toned, cold-toned, coldly lit, cool, cold",
        "light": "cold light",
        "state": "The light is cold.",
    },
    "soft": {
        "noun": "soft light, soft lighting, diffused light, diffuse light, gentle light, soft illumination, "
        "soft shadows, "
        "diffused lighting, diffuse lighting",
        "adj": "softly lit, diffused, diffuse, soft",
        "light": "soft light",
        "state": "The light is soft.",
    },
    "harsh": {
        "noun": "harsh light, hard light, harsh lighting, hard lighting, harsh illumination, harsh shadows, "
        "hard shadows, "
        "sharp shadows, harsh sunlight*, hard-edged shadows",
        "adj": "harshly lit, starkly lit, harsh, hard",
        "light": "hard light",
        "state": "The light is hard.",
    },
}

# Which values cannot be true of one scene at once, each pair once. `time:*` are all times but those in ALIKE.
AGAINST = {
    "night": "day, dawn, morning, noon, afternoon, sunset, dusk, evening, bright",
    "dawn": "day, noon, afternoon, sunset, dusk, evening",
    "morning": "noon, afternoon, sunset, dusk, evening",
    "noon": "afternoon, sunset, dusk, evening, dark",
    "day": "sunset, dusk, evening, dark",
    "sunset": "dusk",
    "afternoon": "sunset, dusk, evening, dark",
    "snow": "clear, dry, rain, heat, sandstorm, summer, hail",
    "rain": "clear, dry, sandstorm, frost, hail, harsh",
    "fog": "clear, harsh",
    "clear": "overcast, storm, hail, sandstorm, dark",
    "storm": "calm, dry, harsh",
    "wind": "calm",
    "dry": "wet, hail",
    "heat": "frost, winter",
    "frost": "summer, wet",
    "overcast": "harsh",
    "winter": "summer, spring, autumn",
    "summer": "spring, autumn",
    "spring": "autumn",
    "bright": "dark, candlelight, dusk",
    "candlelight": "day, noon",
    "warm": "cold",
    "soft": "harsh",
}
