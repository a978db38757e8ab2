"""Wishes as artists write them, against what clips show: the wish wins, in sentences that can be read."""

from __future__ import annotations

import json
import random
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from captions import caption
from counts import cases

from cosmos_workflow.kinds.upsample.caption import problems_of, with_wish
from cosmos_workflow.kinds.upsample.caption.removing import PLAIN

# What a clip shows, and the words of it that must be gone with another wish of the same table.
TIMES = {
    "night": ("A {x} {p} at night, under a dark sky", r"night|dark sky"),
    "dawn": ("The scene takes place at dawn; a {x} waits {p}", r"\bdawn"),
    "noon": ("Harsh midday sunlight falls on a {x} {p}", r"midday"),
    "afternoon": ("A {x} {p} in the late afternoon sun", r"afternoon"),
    "dusk": ("A {x} {p} at dusk", r"dusk"),
    "day": ("It is a bright, sunny day and a {x} stands {p}", r"sunny|\bday\b"),
}
TIMES_WISHED = {
    "night": ["late at night", "night, neon, cinematic", "make it night", "set it at midnight"],
    "dawn": ["first light", "sunrise", "at dawn, mist"],
    "noon": ["midday sun", "high noon, hard shadows"],
    "sunset": ["golden hour", "at sunset", "during golden hour"],
    "dusk": ["blue hour", "just after sunset", "at dusk"],
    "evening": ["in the evening", "evening light"],
}
WEATHERS = {
    "rain": ("Rain-slicked asphalt reflects a {x} {p} while raindrops fall", r"\brain"),
    "snow": ("Snowflakes drift past a {x} {p}. Snow covers the ground", r"\bsnow"),
    "clear": ("A {x} {p} under a clear blue sky. The sun shines", r"clear|blue sky|sun shines"),
    "storm": ("A {x} {p} during a thunderstorm with lightning", r"thunder|lightning"),
}
WEATHERS_WISHED = {
    "rain": ["drizzle", "make it rain", "heavy rain, wet asphalt", "it's raining"],
    "snow": ["make it snow", "same but in a blizzard", "deep snow everywhere"],
    "clear": ["sunny", "clear blue sky"],
    "overcast": ["overcast", "grey sky"],
    "fog": ["foggy", "thick fog, moody"],
}
APART = {
    ("storm", "snow"),
    ("snow", "overcast"),
    ("snow", "fog"),
    ("forest", "mountains"),
}  # these can be true of one scene
PLACES = {
    "street": ("on a busy city street", r"street"),
    "kitchen": ("in a modern kitchen", r"kitchen"),
    "beach": ("on a sandy beach", r"beach|sandy"),
    "forest": ("in a dense forest", r"forest|dense"),
    "station": ("at a train station", r"station"),
    "factory": ("on a factory floor", r"factory"),
    "office": ("in an office", r"office"),
    "laboratory": ("inside a laboratory", r"laborator"),
}
PLACES_WISHED = {
    "warehouse": ["in a warehouse", "warehouse, dim light"],
    "desert": ["desert", "a street in a desert"],
    "kitchen": ["kitchen", "in a rustic kitchen"],
    "hospital": ["hospital corridor"],
    "forest": ["a forest road in a forest", "deep in the woods"],
    "moon": ["on the moon"],
    "mars": ["on mars"],
    "underwater": ["underwater"],
    "mountains": ["in the mountains", "on a mountain top"],
}
THINGS = ["robot arm", "woman", "yellow forklift", "wooden table", "group of workers"]
SPOILT = re.compile(
    r"\ba [aeiou](?!ni|ne\b|uro)|\ban [b-df-gj-np-tv-z]|\b(\w{3,}),? \1\b|\s[.,;]|,,|"
    r"\b(?:an?|the|in|on|at|with|of)[.,;]|"
    r"\b(?:in|on|at) (?:in|on|at)\b|\ban? (?:an?|the)\b|\b(?:in|on|at) an? (?:woods|mountains|night|noon|dusk)\b|"
    r"\b(?:snow|rain) (?:fall|drift|cover)\b|\b(?:storm|light|weather|sky) shines\b|"
    r"\bon (?:a|the) (?:warehouse|kitchen)\b",
    re.IGNORECASE,
)


def clip_of(text: str) -> dict[str, Any]:
    return {
        "subjects": [], "background_setting": f"{text}.", "lighting": {"conditions": ""}, "context": "",
        "actions": [{"time": "0:00-0:01", "description": text}], "segments": [{"description": text}],
        "temporal_caption": f"{text}. A dog barks.",
    }  # fmt: skip


def told(text: str, prompt: str, gone: str) -> dict[str, Any]:
    """The clip with the wish, checked: what it contradicts is gone, sentences are whole, and nothing else is."""
    made = with_wish(clip_of(text), prompt)
    assert made["temporal_caption"].startswith(f"{prompt}. ")
    told = made["temporal_caption"].removeprefix(f"{prompt}. ")
    for each in (made["background_setting"], told):
        assert not re.search(gone, each, re.IGNORECASE), (text, prompt, each)
        assert not SPOILT.search(each), (text, prompt, each)
    assert told.endswith("A dog barks.")
    assert with_wish(made, prompt) == made
    return made


def pairs(facts: dict[str, Any], wishes: dict[str, list[str]], count: int) -> list[tuple[str, str]]:
    every = [
        (fact, wish)
        for fact, (wanted, words) in product(facts, wishes.items())
        if fact != wanted and (fact, wanted) not in APART
        for wish in words
    ]
    return every if count >= len(every) else random.Random(count).sample(every, count)


@pytest.mark.parametrize(("fact", "wish"), pairs(TIMES, TIMES_WISHED, cases(400, few=70)))
def test_the_time_of_day_as_artists_write_it(fact: str, wish: str) -> None:
    text, gone = TIMES[fact]
    for thing, (place, _) in zip(THINGS, PLACES.values(), strict=False):
        if (fact == "day" and wish in TIMES_WISHED["noon"]) or (fact == "dusk" and wish in TIMES_WISHED["evening"]):
            continue  # both can be true
        told(text.format(x=thing, p=place), wish, gone)


@pytest.mark.parametrize(("fact", "wish"), pairs(WEATHERS, WEATHERS_WISHED, cases(400, few=70)))
def test_the_weather_as_artists_write_it(fact: str, wish: str) -> None:
    text, gone = WEATHERS[fact]
    for thing, (place, _) in zip(THINGS, PLACES.values(), strict=False):
        told(text.format(x=thing, p=place), wish, gone)


@pytest.mark.parametrize(("fact", "wish"), pairs(PLACES, PLACES_WISHED, cases(400, few=120)))
def test_the_place_as_artists_write_it(fact: str, wish: str) -> None:
    place, gone = PLACES[fact]
    for thing in THINGS:
        made = told(f"A {thing} {place}", wish, gone)
        assert thing in made["background_setting"]


def test_a_new_place_is_named_once_and_its_road_after_that() -> None:
    text = "A car drives along a city street. People walk on the sidewalks and a dog crosses the street."
    made = with_wish({"background_setting": text}, "a forest road in a forest")["background_setting"]
    assert made == "A car drives along a forest road. People walk on the paths and a dog crosses the road."
    made = with_wish({"background_setting": "A dog walks along a road in a forest."}, "on a city street")
    assert made["background_setting"] == "A dog walks along a city street."


STREET = {
    "subjects": [
        {"description": "A red sedan", "gender": "", "number_of_subjects": 1},
        {"description": "A woman walking a dog", "gender": "Female", "relationship": "She is near the sedan",
         "number_of_subjects": 1},
    ],
    "background_setting": "A busy city street with parked cars, brick houses and pedestrians on the sidewalks at noon.",
    "lighting": {"conditions": "Daylight"},
    "actions": [{"time": "0:00-0:01", "description": "The sedan stops."}],
    "segments": [{"description": "A woman walks her dog while traffic waits."}],
    "context": "",
    "temporal_caption": "A red sedan drives along a street while people walk by. The woman stops. Trees move.",
}  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "people", "traffic"),
    [
        *((each, False, False) for each in ("an empty street", "deserted street, night", "the street is empty",
                                            "no people, no cars", "without any cars or people", "empty, foggy")),
        *((each, False, True) for each in ("without people", "nobody", "no humans", "empty street with a parked car")),
        *((each, True, False) for each in ("no traffic", "no vehicles", "no cars", "an empty street, a woman alone")),
        *((each, True, True) for each in ("an empty bottle", "the table is empty", "not an empty street")),
    ],
)  # fmt: skip
def test_people_and_traffic_go_where_the_wish_says_so(prompt: str, people: bool, traffic: bool) -> None:
    made = with_wish(STREET, prompt)
    rest = {name: made[name].removeprefix(f"{prompt}.") for name in ("temporal_caption", "context")}
    text = json.dumps(made | rest)
    assert bool(re.search(r"\b(?:woman|people|pedestrians|she|her)\b", text, re.IGNORECASE)) == people, text
    assert bool(re.search(r"\b(?:sedan|cars|traffic)\b", text, re.IGNORECASE)) == traffic, text
    assert "with" in made["background_setting"]
    assert "brick houses" in made["background_setting"]
    assert ("busy" in made["background_setting"]) == (people and (traffic or prompt == "no cars"))
    if not people and not traffic:
        assert made["segments"][0]["description"] == PLAIN
    assert with_wish(made, prompt) == made


FORMS = [
    "replace the {x} with {y}", "swap the {x} for {y}", "change the {x} to {y}", "turn the {x} into {y}",
    "make the {x} {y}", "{y} instead of the {x}", "{y} in place of the {x}", "the {x} is {y}", "the {x} becomes {y}",
    "the {x} turns into {y}", "the {x} is now {y}", "the {x} should be {y}", "substitute {y} for the {x}",
    "exchange the {x} for {y}", "{y} rather than the {x}", "have the {x} become {y}",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("old", "new", "pronoun"),
    [("man", "a woman", "she"), ("man", "a robot", "it"), ("man", "a robot dog", "it"), ("dog", "a robot dog", "he"),
     ("car", "a truck", "he"), ("dog", "a cat", "he"), ("man", "a robot chef", "it")],
)  # fmt: skip
def test_all_forms_of_a_swap_read_the_same_way(form: str, old: str, new: str, pronoun: str) -> None:
    before = {
        "subjects": [{"description": f"A {each}", "gender": gender, "number_of_subjects": 1}
                     for each, gender in (("man", "Male"), ("dog", ""), ("car", ""))],
        "temporal_caption": "A man walks past a car while a dog sleeps. He nods.",
    }  # fmt: skip
    made = with_wish(before, form.format(x=old, y=new))
    told = made["temporal_caption"].removeprefix(f"{form.format(x=old, y=new)}. ")
    assert told == f"A man walks past a car while a dog sleeps. {pronoun.title()} nods.".replace(
        f"a {old}", new
    ).replace(f"A {old}", new.capitalize())
    names = [f"A {each}".replace(f"A {old}", new.capitalize()) for each in ("man", "dog", "car")]
    assert [each["description"] for each in made["subjects"]] == names
    assert with_wish(made, form.format(x=old, y=new)) == made


@pytest.mark.parametrize(
    ("text", "prompt", "wanted"),
    [
        ("A robot picks up a box and places it on a table.", "a dozen boxes",
         "A robot picks up a dozen boxes and places them on a table."),
        ("A woman walks her dog.", "two dogs", "A woman walks her dogs."),
        ("A robot arm turns.", "single robot arm", "A single robot arm turns."),
        ("A man in a red coat waits.", "two men", "Two men in a red coat wait."),
        ("A glass bowl stands on a marble countertop.", "wooden table", "A glass bowl stands on a wooden countertop."),
        ("A table stands by a marble countertop.", "wooden table", "A table stands by a marble countertop."),
        ("Dry asphalt in the sun.", "after the rain", "Wet asphalt in the sun."),
        ("A dog and a man on a path on a sunny day.", "remove the man", "A dog on a sunny day."),
        ("A street with cars and brick houses.", "no cars", "A street with brick houses."),
        ("A cat sleeps. The dog barks. A man waits behind it.", "no dog", "A cat sleeps. A man waits."),
        ("In a hall, the robot turns. A man waits.", "no robots", "A man waits."),
        ("A dog waits and a man waits.", "make the dog a fox and the man a woman", "A fox waits and a woman waits."),
    ],
)  # fmt: skip
def test_what_is_counted_changed_or_left_reads_as_a_sentence(text: str, prompt: str, wanted: str) -> None:
    made = with_wish({"subjects": [], "temporal_caption": text}, prompt)["temporal_caption"]
    assert made.removeprefix(f"{prompt}. ") == wanted


@pytest.mark.parametrize(
    ("text", "prompt", "wanted"),
    [
        ("Rain falls on the cars.", "foggy", "Fog hangs over the cars."),
        ("A heavy snow falls on a lane.", "sunny", "The sun shines on a lane."),
        ("Dark storm clouds gather above the field.", "clear sky", "The sun shines above the field."),
        ("A car during a thunderstorm with lightning.", "foggy", "A car in the fog."),
        ("Snow covers the ground.", "it's raining", "Rain falls on the ground."),
        ("The sun shines.", "stormy", "A storm rages."),
        ("A tram as the sun sets.", "at noon", "A tram as the sun stands high."),
        ("A street under an orange sky.", "at night", "A street under a night sky."),
        ("Light from a clear blue sky, sharp shadows on a wall.", "overcast",
         "Light from an overcast sky, soft shadows on a wall."),
        ("People at a bus station.", "in an alley", "People in an alley."),
        ("A dog on a street.", "a desert landscape", "A dog on a desert road."),
        ("A room in the morning, lit by a lamp, rain on the window.", "sunny morning",
         "A room in the morning, lit by a lamp."),
        ("It is a rainy day and a man waits.", "in the evening", "It is a rainy evening and a man waits."),
    ],
)  # fmt: skip
def test_what_the_sky_does_and_where_one_is_reads_as_a_sentence(text: str, prompt: str, wanted: str) -> None:
    made = with_wish({"subjects": [], "temporal_caption": text}, prompt)["temporal_caption"]
    assert made.removeprefix(f"{prompt}. ") == wanted


def test_persons_who_are_several_now_are_spoken_of_as_several() -> None:
    woman = {"description": "A woman in a red coat", "action": "She nods", "number_of_subjects": 1}
    made = with_wish({"subjects": [woman], "temporal_caption": "A woman waits. She smiles at her dog."}, "two women")
    assert made["subjects"] == [
        {"description": "Two women in red coats", "action": "They nod", "number_of_subjects": 2}
    ]
    assert made["temporal_caption"] == "two women. Two women wait. They smile at their dog."


def test_a_material_without_a_noun_is_of_the_main_subject() -> None:
    before = {"subjects": [{"description": "A wooden robot"}], "temporal_caption": "A wooden robot on a wooden table."}
    made = with_wish(before, "made of brushed steel")
    assert made["temporal_caption"] == "made of brushed steel. A steel robot on a wooden table."


LISTS = ["night, heavy rain, neon, wet asphalt, cinematic", "foggy morning, deserted, muted colours",
         "blue hour, drizzle", "same but in winter", "a dozen boxes, wooden floor instead of concrete",
         "two people, no traffic",
         "golden hour, glass table, brick walls", "underwater, a robot dog in place of the man"]  # fmt: skip


@pytest.mark.parametrize("prompt", LISTS)
def test_lists_of_wishes_leave_whole_captions_valid(prompt: str, specs: Path) -> None:
    samples = sorted((specs / "cosmos3").glob("transfer__assets__*_prompt.json"))
    for before in (caption(), *(json.loads(sample.read_text()) for sample in samples)):
        made = with_wish(before, prompt)
        assert problems_of(made) == []
        assert with_wish(made, prompt) == made
        assert not re.search(r"\s[.,;]|,,|\ban? (?:an?|the)\b", made["temporal_caption"])
