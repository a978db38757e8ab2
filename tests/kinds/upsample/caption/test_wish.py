"""What the user asks to change wins over what a caption says, and what is not mentioned stays."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.kinds.upsample.caption import negative_by_rules, problems_of, with_wish

# Facts of a clip, in sentences as models write them: by category and value; and the words that must be gone
# when the wish is another value of the category.
TIMES = {
    "night": (["A {x} at night", "A {x} under a starry sky", "It is midnight at a {x}", "A moonlit {x} late at night"],
              ["at night", "by night", "in the middle of the night", "AT MIDNIGHT", "nighttime"]),
    "noon": (["A {x} at noon", "A {x} in the bright midday sun", "Midday light falls on a {x}"],
             ["at noon", "at midday", "high noon", "around Noon"]),
    "sunset": (["A {x} at sunset", "A {x} during golden hour", "A {x} under an orange sky at sundown"],
               ["at sunset", "golden hour", "during a sunset", "at sundown"]),
    "dawn": (["A {x} at dawn", "A {x} at daybreak", "The sunrise lights a {x}"],
             ["at dawn", "at daybreak", "before sunrise", "at first light"]),
    "day": (["A {x} in daylight", "A {x} in broad daylight", "Sunlight floods a {x} in the daytime"],
            ["by day", "in daylight", "during the day", "in broad daylight"]),
}  # fmt: skip
WEATHERS = {
    "snow": (["A snowy {x}", "Snow falls on a {x}", "A {x} in a blizzard", "A snow-covered {x} while it is snowing"],
             ["in the snow", "snowing", "a snowstorm", "heavy snowfall", "Snowy"]),
    "rain": (["A rainy {x}", "Rain pours down on a {x}", "A {x} in a downpour", "It is raining on a {x}"],
             ["in the rain", "raining", "a heavy downpour", "Rainy weather"]),
    "clear": (["A sunny {x}", "A {x} under a clear blue sky", "A {x} in clear weather", "A {x} under a cloudless sky"],
              ["sunny", "under a clear sky", "clear weather", "a cloudless sky"]),
}  # fmt: skip
GONE = {
    "night": r"\bnight|midnight|moon|starry|\bdark",
    "noon": r"\bnoon|midday",
    "sunset": r"sunset|sundown|golden hour|orange sky",
    "dawn": r"\bdawn|daybreak|sunrise",
    "day": r"daylight|daytime|sunlight|\bby day\b",
    "snow": r"\bsnow|blizzard",
    "rain": r"\brain|downpour",
    "clear": r"\bsunny\b|clear (?:blue )?sky|clear weather|cloudless|blue sky",
}
PLACES = {
    "forest": ["in a forest", "in the woods"], "desert": ["in a desert", "among sand dunes"],
    "kitchen": ["in a kitchen", "in the Kitchen"], "warehouse": ["in a warehouse", "inside an old warehouse"],
    "beach": ["on a beach", "at the seashore"], "city": ["in a city", "in the middle of a metropolis"],
    "factory": ["in a factory", "on the factory floor"],
}  # fmt: skip
PLACE_GONE = {"forest": "forest|woods", "desert": "desert|dunes", "kitchen": "kitchen", "warehouse": "warehouse",
              "beach": "beach|seashore", "city": "city|metropolis", "factory": "factory"}  # fmt: skip
MATERIALS = {
    "wood": ["wooden", "oak"], "metal": ["metal", "steel"], "marble": ["marble"], "glass": ["glass"],
    "plastic": ["plastic"], "stone": ["stone", "granite"], "brick": ["brick"], "leather": ["leather"],
}  # fmt: skip
COUNTS = ["two", "three", "four", "five", "six", "a dozen", "7"]
THINGS = ["robot", "table", "statue", "chair", "box", "bus", "lorry", "bench"]


def caption_of(text: str, **more: Any) -> dict[str, Any]:
    """A valid caption that says a sentence in every field that describes."""
    caption: dict[str, Any] = {
        "subjects": [{
            "description": text, "appearance_details": "", "relationship": "", "location": text, "relative_size": "",
            "orientation": "", "pose": "", "action": "", "state_changes": "", "clothing": "", "expression": "",
            "gender": "", "age": "", "skin_tone_and_texture": "", "facial_features": "", "number_of_subjects": 1,
            "number_of_arms": 0, "number_of_legs": 0,
        }],
        "background_setting": f"{text}. A yellow balloon hangs in the corner.",
        "lighting": {"conditions": text, "direction": "From the left", "shadows": "", "illumination_effect": text},
        "aesthetics": {"composition": "", "color_scheme": "", "mood_atmosphere": "Tense", "patterns": ""},
        "cinematography": {"camera_motion": "Static", "framing": "Wide shot", "camera_angle": "", "depth_of_field": "",
                           "focus": "", "lens_focal_length": ""},
        "style_medium": "", "artistic_style": "", "context": text,
        "actions": [{"time": "0:00-0:01", "description": f"{text}, and a yellow balloon rises."}],
        "text_and_signage_elements": [],
        "segments": [{"segment_index": 0, "time_range": "0:00-0:01", "description": text, "key_changes": "",
                      "camera": "Static"}],
        "transitions": [], "temporal_caption": f"{text}.", "audio_description": "",
        "resolution": {"W": 1280, "H": 720}, "aspect_ratio": "16,9", "duration": "1s", "fps": 30,
    }  # fmt: skip
    return caption | more


def said_beside(caption: dict[str, Any], prompt: str) -> str:
    """All that a caption says, without the user's own words, which stand first in two fields."""
    rest = {name: caption[name].removeprefix(prompt) for name in ("temporal_caption", "context")}
    return json.dumps(caption | rest, ensure_ascii=False)


def check(text: str, prompt: str, gone: str, kept: str = "yellow balloon") -> dict[str, Any]:
    before = caption_of(text)
    made = with_wish(before, prompt)
    assert problems_of(made) == []
    assert made["temporal_caption"].startswith(prompt), made["temporal_caption"]
    assert made["context"].startswith(prompt)
    rest = said_beside(made, prompt)
    assert not re.search(gone, rest, re.IGNORECASE), (text, prompt, made)
    assert rest.count(kept) == 2
    for name in ("resolution", "aspect_ratio", "duration", "fps", "cinematography", "aesthetics"):
        assert made[name] == before[name]
    assert made["lighting"]["direction"] == "From the left"
    assert with_wish(made, prompt) == made
    return made


def pairs(table: dict[str, tuple[list[str], list[str]]], count: int, seed: int) -> list[tuple[str, str, str, str]]:
    rng = random.Random(seed)
    every = [
        (fact.format(x=thing), f"{rng.choice(['', 'the same scene ', 'make it ', 'now '])}{wish}", value, wanted)
        for value, (facts, _) in table.items()
        for fact in facts
        for wanted, (_, wishes) in table.items()
        if wanted != value and {wanted, value} != {"day", "noon"}
        for wish in wishes
        for thing in ("narrow lane", "stone bridge")
    ]
    return rng.sample(every, min(count, len(every)))


@pytest.mark.parametrize(("text", "prompt", "value", "wanted"), pairs(TIMES, 160, seed=1))
def test_the_time_of_day_of_the_wish_wins(text: str, prompt: str, value: str, wanted: str) -> None:
    made = check(text, prompt, GONE[value])
    rest = said_beside(made, prompt)
    assert re.search(rf"{GONE[wanted]}|first light|\bday\b", rest, re.IGNORECASE), rest


@pytest.mark.parametrize(("text", "prompt", "value", "wanted"), pairs(WEATHERS, 120, seed=2))
def test_the_weather_of_the_wish_wins(text: str, prompt: str, value: str, wanted: str) -> None:
    made = check(text, prompt, GONE[value])
    rest = said_beside(made, prompt)
    assert re.search(rf"{GONE[wanted]}|in the sun|sun shines|weather is clear", rest, re.IGNORECASE), rest


@pytest.mark.parametrize("value", PLACES)
@pytest.mark.parametrize("wanted", PLACES)
def test_the_place_of_the_wish_wins(value: str, wanted: str) -> None:
    if value == wanted:
        return
    for words in PLACES[value]:
        for wish in PLACES[wanted]:
            made = check(f"A man waits {words} at noon", f"a man waits {wish}", PLACE_GONE[value])
            rest = said_beside(made, f"a man waits {wish}")
            assert re.search(PLACE_GONE[wanted], rest, re.IGNORECASE)
            assert "noon" in rest


@pytest.mark.parametrize("value", MATERIALS)
@pytest.mark.parametrize("wanted", MATERIALS)
def test_the_material_of_the_wish_wins_for_the_thing_that_it_names(value: str, wanted: str) -> None:
    if value == wanted:
        return
    rng = random.Random(f"{value}{wanted}")
    for word in MATERIALS[value]:
        thing = rng.choice(THINGS)
        for wish in MATERIALS[wanted]:
            for prompt in (f"a {wish} {thing}", f"the {thing} is made of {wish.replace('wooden', 'wood')}"):
                made = check(f"A large {word} {thing} beside a ceramic lamp", prompt, rf"\b{word}")
                rest = said_beside(made, prompt)
                assert re.search(rf"{wish.replace('wooden', 'wood')}\w* {thing}", rest)
                assert "ceramic lamp" in rest


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("thing", THINGS)
def test_the_number_of_the_wish_wins_for_the_things_that_it_names(count: str, thing: str) -> None:
    from cosmos_workflow.kinds.upsample.caption.lexicon import plural

    many = plural(thing)
    for text in (f"A red {thing} stands beside nine lamps", f"Ten red {many} stand beside nine lamps"):
        prompt = f"{count} {many}"
        made = check(text, prompt, rf"\bten\b|\ba red\b|{thing} stand")
        assert re.search(rf"{count} red {many} stand beside nine lamps", json.dumps(made), re.IGNORECASE)
        number = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "a dozen": 12, "7": 7}[count]
        assert made["subjects"][0]["number_of_subjects"] == number


@pytest.mark.parametrize(
    ("text", "prompt", "gone", "kept"),
    [
        ("A snowy street", "no snow", r"\bsnow", "street"),
        ("Rain falls on the cars, people wait", "without rain", r"\brain", ""),
        ("A bridge at night", "not at night", r"\bnight", "bridge"),
        ("A street that is free of snow", "deep snow everywhere", r"free of", "street"),
        ("No rain falls on the square", "a thunderstorm with heavy rain", r"\bno rain", "square"),
        ("A knight on a snowboard in a sunny valley", "at midnight", r"\bsunny", "knight on a snowboard"),
        ("A sunglasses shop on a Sunday in bright daylight", "after dark", r"daylight|bright", "Sunday"),
        ("A bright red shirt in bright sunshine", "at dusk", r"sunshine|bright sun", "bright red shirt"),
        ("Depth of field and a field of view in a kitchen", "in a meadow", r"kitchen", "field of view"),
        ("An old tree in summer, leafy and green", "the same tree in winter", r"summer|leafy", "tree"),
        ("A foggy harbour", "clear skies over the harbour", r"fog", "harbour"),
        ("A clear view over a rainy lake", "sunny weather, not a cloud", r"rain", "clear view"),
        ("A busy market, packed with people", "an empty market", r"busy|packed", "market"),
        ("A brightly lit hall", "a dark hall", r"bright", "hall"),
        ("A red car beside a red house", "the car is blue", r"red car", "red house"),
        ("A white sedan passes", "replace the sedan with a truck", r"sedan", "white truck"),
        (
            "A woman in a long dress walks her dog",
            "a humanoid robot instead of the woman",
            r"woman|dress|\bher\b",
            "dog",
        ),
        ("Cars pass, a dog barks at the gate", "remove the dog", r"dog", "Cars pass"),
        ("A street by day", "turn day into night", r"by day", "street"),
        ("A street by day", "from day to night", r"by day", "street"),
        ("A white sedan follows a red car", "replace the white sedan by a truck", r"sedan", "truck follows a red car"),
        ("Overcast daylight, bright and diffused", "at night", r"daylight|bright", "moonlight, dim and diffused"),
        ("A concrete bridge over a river", "change concrete to brick", r"concrete", "brick bridge over a river"),
        ("Rainy streets at night, wet asphalt", "sunny afternoon, dry", r"night|wet|rain", "dry asphalt"),
        ("The sky is blue and the sun is shining", "a thunderstorm at night", r"blue|sun ", "sky is stormy"),
        ("There are five chairs around the table", "only one chair", r"five|are|chairs", "There is one chair around"),
        ("A crowd of ten people waits", "twenty people", r"\bten\b", "twenty people wait"),
        ("A single lamp lights the cellar", "two lamps", r"single|lights", "Two lamps light the cellar"),
        ("Thick fog covers the harbour", "a sunny day", r"fog", "sun shines over the harbour"),
        ("A person walks in daytime", "nocturnal scene", r"in night|day", "walks at night"),
        ("Early evening in a village", "midnight", r"evening|early", "Midnight in a village"),
        ("A station crowded with commuters", "an empty station", r"crowded|commuters", "station"),
    ],
)
def test_wishes_in_other_words(text: str, prompt: str, gone: str, kept: str) -> None:
    made = with_wish(caption_of(text), prompt)
    assert problems_of(made) == []
    assert not re.search(gone, said_beside(made, prompt), re.IGNORECASE), made
    assert kept in json.dumps(made)


@pytest.mark.parametrize(
    "prompt",
    ["a knight with a snowboard", "Sunday at the night club owner's birthday cake", "the camera follows", "", "   ",
     "...", "a rainbow over a daybed", "cinematic, highly detailed"],
)  # fmt: skip
def test_words_that_only_look_like_wishes_change_nothing(prompt: str) -> None:
    text = "A sunny lane in daylight with dry asphalt and a wooden fence"
    made = with_wish(caption_of(text), prompt)
    assert made["background_setting"] == caption_of(text)["background_setting"]


def test_a_negative_caption_loses_what_the_user_wants() -> None:
    negative = negative_by_rules("a street")
    negative["lighting"]["conditions"] = "Underexposed, poorly lit picture, harsh light"
    made = with_wish(negative, "a street at night")
    assert "exposed" not in made["lighting"]["conditions"].lower().replace("overexposed", "")
    assert "poorly lit" not in json.dumps(made)
    assert problems_of(made) == []


def test_a_woman_of_a_sample_becomes_a_robot(specs: Path) -> None:
    sample = json.loads((specs / "cosmos3" / "transfer__assets__edge_prompt.json").read_text())
    made = with_wish(sample, "replace the woman by a humanoid robot")
    text = said_beside(made, "replace the woman by a humanoid robot")
    assert problems_of(made) == []
    assert made["subjects"][0]["description"].startswith("A humanoid robot")
    assert not re.search(r"\b(?:woman|she|her|hair|ponytail|blonde|leggings|dancer|skin)\b", text, re.IGNORECASE)
    assert "robot stands with its back" in text


@pytest.mark.parametrize("hint", ["blur", "depth", "edge", "seg", "wsm"])
@pytest.mark.parametrize("prompt", ["the same scene at night in snow", "a desert at noon", "three robots made of wood"])
def test_samples_stay_valid(specs: Path, hint: str, prompt: str) -> None:
    sample = json.loads((specs / "cosmos3" / f"transfer__assets__{hint}_prompt.json").read_text())
    made = with_wish(sample, prompt)
    assert problems_of(made) == []
    assert with_wish(made, prompt) == made
    if "night" in prompt:
        text = said_beside(made, prompt)
        assert not re.search(r"daylight|sunlit|\bsunny|\bon an overcast day|bright(?! (?:red|blue|green))", text), text


SPOKEN = [
    "a", "the", "night", "snow", "no", "snow", "not", "without", "sunny", "day", "two", "robots", "woman", "wooden",
    "table", "desert", "in", "at", "with", ",", ".", "made", "of", "replace",
    "by", "bright", "red", "-", "'s", "instead",
    "from", "to",
]  # fmt: skip
words = st.lists(st.sampled_from(SPOKEN) | st.text(max_size=4), max_size=14).map(" ".join)


@settings(max_examples=cases(200), deadline=None)
@given(words, words)
def test_nothing_is_raised_and_captions_stay_valid(text: str, prompt: str) -> None:
    text = text.encode("utf-8", "ignore").decode() or "x"
    made = with_wish(caption_of(f"A {text} x"), prompt)
    assert [problem for problem in problems_of(made) if "half of a character" not in problem.what] == []


@settings(max_examples=cases(100), deadline=None)
@given(st.dictionaries(
    st.sampled_from(["subjects", "lighting", "context", "temporal_caption", "segments", "actions",
                     "background_setting"]),
    st.recursive(st.none() | st.integers() | words, lambda each: st.lists(each, max_size=3) | st.dictionaries(
        st.sampled_from(["description", "conditions", "number_of_subjects"]), each, max_size=3), max_leaves=6),
), words)  # fmt: skip
def test_captions_of_wrong_shape_raise_nothing(caption: dict[str, Any], prompt: str) -> None:
    with_wish(caption, prompt)


STREET = {
    "subjects": [{"description": "A man in a blue jacket", "gender": "Male", "number_of_subjects": 1}],
    "background_setting": "A city street on a sunny afternoon, people walk on the sidewalk.",
    "lighting": {"conditions": "Bright daylight"},
    "context": "A working day",
    "temporal_caption": "The man watches a yellow robot.",
}


@pytest.mark.parametrize(
    "wish",
    [
        *("rain has stopped", "the snow is now gone", "it has stopped snowing", "after the heavy rain"),
        *("a snowy mountain painting hangs on the wall", "a poster of a beach on the wall"),
        *("The night watchman opens the door", "a winter coat on the man", "an evening gown on a stand"),
        "the arm of the robot is red",
    ],
)
def test_what_is_over_on_a_picture_or_named_so_is_no_wish_for_the_scene(wish: str) -> None:
    made = with_wish(STREET, wish)
    for name in ("subjects", "background_setting", "lighting"):
        assert made[name] == STREET[name]
    assert made["temporal_caption"].endswith("yellow robot.")


@pytest.mark.parametrize(("wish", "gender"), [("turn the man into a woman", "Female"),
                                              ("replace the man with a child", "Unknown")])  # fmt: skip
def test_another_person_has_the_gender_of_the_form_and_others_stay(wish: str, gender: str) -> None:
    made = with_wish(STREET, wish)
    assert made["subjects"][0]["gender"] == gender
    assert "people walk on the sidewalk" in made["background_setting"]


def test_what_is_swapped_is_what_the_wish_names_in_its_number() -> None:
    cars = [{"description": "A white SUV with a roof rack", "number_of_subjects": 1},
            {"description": "A silver sedan", "number_of_subjects": 1}]  # fmt: skip
    text = "The white SUV's tires spin, the SUV completes its turn and a silver sedan appears."
    made = with_wish({"subjects": cars, "temporal_caption": text}, "three forklifts instead of the SUV")
    assert made["subjects"][0] == {"description": "Three white forklifts with a roof rack", "number_of_subjects": 3}
    assert made["subjects"][1] == cars[1]
    assert (
        "white forklifts' tires spin, the forklifts complete their turn and a silver sedan" in made["temporal_caption"]
    )


def test_a_person_is_found_by_what_it_does_and_spoken_of_as_the_other() -> None:
    dancer = {"description": "A woman in the middle of the stage", "gender": "Female", "age": "Young adult"}
    text = "The dancer turns, her arms behind her. She bows to herself. From 0:01 to 0:02, a bus passes."
    made = with_wish({"subjects": [dancer], "temporal_caption": text}, "replace the dancer with an old man, no bus")
    assert made["subjects"] == [{"description": "An old man in the middle of the stage", "gender": "Male", "age": ""}]
    assert made["temporal_caption"].endswith("The old man turns, his arms behind him. He bows to himself.")


@pytest.mark.parametrize(
    ("wish", "said", "made"),
    [
        ("heavy rain", "A street after rain, café tables under an awning", "A street in heavy rain, café tables"),
        ("an empty street", "A street, café tables and shop windows", "A street, café tables and shop windows"),
        ("in a desert", "A street with café tables under an awning", "with tables under an awning"),
        ("in a forest", "A robot at a kitchen counter", "A robot at a counter"),
        ("three robots", "The robot rolls on, then it waits and turns", "The robots roll on, then they wait and turn"),
        ("three robots", "The robot passes a dog, then it barks", "The robots pass a dog, then it barks"),
        ("one robot", "Two robots roll on while they carry boxes", "One robot rolls on while it carries boxes"),
    ],
)
def test_what_goes_with_the_words_that_change(wish: str, said: str, made: str) -> None:
    assert made in with_wish(caption_of(said), wish)["background_setting"]


def test_a_person_who_is_called_by_what_it_does_becomes_the_whole_new_thing() -> None:
    cyclist = {"description": "A cyclist", "gender": "Male"}
    made = with_wish({"subjects": [cyclist], "temporal_caption": ""}, "a robot dog instead of the man")
    assert made["subjects"][0]["description"] == "A robot dog"


@pytest.mark.parametrize("wish", ["two women", "a dog"])
def test_an_arm_of_a_robot_is_a_tool_and_no_person(wish: str) -> None:
    arm = {"description": "A white robotic arm", "gender": ""}
    made = with_wish({"subjects": [arm], "temporal_caption": "The robotic arm descends."}, wish)
    assert made["subjects"][0]["description"] == arm["description"]
