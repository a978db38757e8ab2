"""Words that are no time, weather, place or light beside certain others: a bright red, a street lamp, a dry cleaner."""

__all__ = ["GUARDS"]

# Words that say something only before, or only behind, certain others: (what must follow, what must not).
SKY = r"sk(?:y|ies)|weather|day|days|night|air|conditions|morning|afternoon|evening|noon"
COLOUR_WORD = (
    r"red|orange|yellow|green|blue|purple|pink|white|teal|turquoise|cyan|magenta|gold(?:en)?|brown|silver|grey|gray"
)
SCENE = (
    r"light\w*|illuminat\w*|glow|scene|room|street|environment|interior|atmosphere|image|corridor|alley|forest|place|"
    r"surroundings|background|conditions|sky|skies|night|day|hall|and|studio|city|warehouse|kitchen|space|setting|shot"
)
# What is named by its season has it wherever it is.
WORN = (
    r"[\s-]+(?:coats?|jackets?|clothes|clothing|boots?|gloves?|hats?|caps?|scar(?:f|ves)|dress(?:es)?|shirts?|wear|"
    r"ty?ires?|tyres?|sports?|camps?|schools?|schedules?|sale|menu)\b"
)
OBJECT = rf"(?:\w+\s+)?(?:{COLOUR_WORD}|colou?r\w*|accents?|shirt|paint|graffiti|smile|eyes?|hues?|tones?)\b"
GUARDS: dict[str, tuple[str, str]] = {
    "clear": (rf"\W+(?:\w+\s+)?(?:{SKY})\b", ""),
    "bright": ("", rf"\W+{OBJECT}"),
    "brilliant": ("", rf"\W+{OBJECT}"),
    "radiant": ("", r"\W+(?:smile|face|skin)"),
    "airy": (r"\W+(?:light|illuminat)\w*", ""),
    "dark": (rf"\W+(?:\w+\s+)?(?:{SCENE})\b|\s*(?:[.,;!?]|$)", rf"\W+(?:{COLOUR_WORD}|wood|skin|hair|clothes|pants)\b"),
    "dim": ("", r"\W+sum\b"),
    "brightly": ("", r"\W+colou?r"),
    "dry": ("", r"\W+(?:ice|clean\w*|erase|wit)\b"),
    "hot": ("", r"\W+(?:dogs?|rods?|air|chocolate|pink|tubs?|plates?)\b"),
    "warm": (r"(?:\W+\w+)?\W+(?:light\w*|glow|tones?|illuminat\w*|sunlight|hues?|colou?rs?|palette)\b", ""),
    "cool": (r"(?:\W+\w+)?\W+(?:light\w*|glow|tones?|illuminat\w*|hues?|colou?rs?|palette)\b", ""),
    "cold": (r"(?:\W+\w+)?\W+(?:light\w*|glow|tones?|illuminat\w*|hues?|colou?rs?|palette)\b", ""),
    "soft": (r"(?:\W+\w+)?\W+(?:light\w*|illuminat\w*|shadows?|glow)\b", ""),
    "hard": (r"(?:\W+\w+)?\W+(?:light\w*|illuminat\w*|shadows?)\b", ""),
    "harsh": (r"(?:\W+\w+)?\W+(?:\w*light\w*|illuminat\w*|shadows?|sun|contrast)\b", ""),
    "lush": ("", r"\W+(?:lips|hair)"),
    "spring": (r"\W+(?:morning|day|afternoon|evening|light|scene|weather|rain|meadow|forest|flowers?|blossoms?)\b", ""),
    "snow": ("", r"[\s-]*(?:white|globes?|boards?|boots?|leopards?|angels?|goggles)\b"),
    "rain": ("", r"[\s-]*(?:coats?|boots?|jackets?|barrels?|gutters?|man\b)"),
    "ice": ("", r"[\s-]*(?:creams?|cubes?|skat\w+|hockey|rinks?|tea)\b"),
    "fog": ("", r"[\s-]*(?:lights?|lamps?|machines?|horns?)\b"),
    "night": ("", r"[\s-]*(?:stands?|gowns?|vision|clubs?|owls?|watch\w*|shifts?|trains?|bus(?:es)?|guards?|porters?|"
                  r"nurses?|lights?|lamps?|caps?|cream|school)\b"),
    "morning": ("", r"[\s-]*(?:coats?|glor(?:y|ies)|suits?|shifts?|paper)\b"),
    "evening": ("", r"[\s-]*(?:dress(?:es)?|gowns?|suits?|shifts?|paper|school)\b"),
    "winter": ("", WORN), "summer": ("", WORN), "autumn": ("", WORN),
    "star": ("", r"[\s-]*(?:fish)"),
    "stars": (r"\W+(?:shine|twinkle|above|in the|overhead|glitter|are)", ""),
    "day": ("", r"[\s-]*(?:dream|bed|care|to-day)"),
    "sun": ("", r"[\s-]*(?:hats?|glasses|shades?|screen|flowers?|visors?|roof|cream)\b"),
    "street": ("", r"[\s-]*(?:lights?|lamps?|signs?|art|food|wear|clothes|dance\w*|photography)\b"),
    "studio": ("", r"[\s-]*(?:light\w*|style|quality|daylight|portrait|flash|grade|monitor|headphones?)\b"),
    "city": ("", r"[\s-]*(?:lights?|bus|bike)\b"),
    "school": ("", r"[\s-]*(?:bus|bag|uniform|of fish)\b"),
    "office": ("", r"[\s-]*(?:chairs?|suits?|clothes|desks?)\b"),
    "kitchen": ("", r"[\s-]*(?:kni(?:fe|ves)|tables?|towels?|aprons?|utensils?)\b"),
    "garden": ("", r"[\s-]*(?:hoses?|gnomes?|chairs?|tools?)\b"),
    "mountain": ("", r"[\s-]*(?:bikes?|bikers?|goats?)\b"),
    "beach": ("", r"[\s-]*(?:balls?|towels?|chairs?|umbrellas?)\b"),
    "desert": ("", r"[\s-]*(?:boots?|camo\w*)\b"),
    "field": ("", r"\W+of\W+view\b"),
    "stage": ("", r"[\s-]*(?:light\w*)\b"),
    "streams": (r"\W+(?:flow|run|wind|of water)\b", ""),  # daylight streams through a window
    "stream": (r"\W+(?:flows|runs|winds|in|through|beside|of water)\b|\s*[.,;]", ""),
    "port": (r"\W+(?:city|town|with|in|at)\b", ""),
    "mars": ("", r"\W+bars?"),
    "shop": ("", r"\W+(?:sign|window)"),
    "park": ("", r"\W+(?:the|a|his|her|their|in|at)\W+(?:car|truck|vehicle|van|front)"),
    "painted": (r"\W+(?:scene|world|style|look|picture|landscape|image|in oil)", ""),
    "animated": (r"\W+(?:scene|world|style|film|movie|look|video|image|cartoon)", ""),
    "subway": ("", r"\W+(?:map|train)"),
    "busy": ("", r"\W+(?:pattern\w*|with)"),
    "empty": ("", r"\W+(?:bottles?|box\w*|cups?|glass\w*|plates?|bowls?|hands?|trays?|placemats?|chairs?|seats?|"
                  r"and flat)\b"),
    "saturated": (r"\W+(?:colou?r|hue|palette|tone|image|look)", ""),
    "ancient": (r"\W+(?:city|town|world|rome|egypt|temple|times|street|scene|setting)", ""),
    "hill": ("", r"\W+start"),
    "outside": ("", r"\W+(?:of|mirrors?|wall)\b"),
    "mist": ("", r"\W+spray"),
    "pouring": ("", r"\W+(?!rain)\w+"),
    "cloud": ("", r"\W+of\W+(?:dust|steam|smoke)"),
    "shower": ("", r"[\s-]*(?:room|head|curtain|gel|cap)\b"),
    "storm": ("", r"[\s-]*(?:trooper|drain)"),
    "black and white": ("", r"\W+(?:dog|cat|cow|stripe|striped|checker|tiles?|shirt|uniform|suit|print|floor|"
                            r"cab|paint)"),
    "black-and-white": ("", r"\W+(?:dog|cat|cow|stripe|striped|checker|tiles?|shirt|uniform|suit|print|floor|paint)"),
}  # fmt: skip
