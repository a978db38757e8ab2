"""A valid caption and a valid negative one, in words of our own, and ways to spoil them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

__all__ = ["MUTATIONS", "SEGMENT", "SUBJECT", "almost", "caption", "holder", "leaves", "mutations", "negative"]

SUBJECT = {
    "description": "A yellow delivery robot on six small wheels",
    "appearance_details": "A flag on a thin pole, scratched paint at the corners",
    "relationship": "Alone on the pavement",
    "location": "Center of the frame",
    "relative_size": "Medium within frame",
    "orientation": "Facing right",
    "pose": "Level, wheels on the ground",
    "action": "Rolls along the pavement and stops at a crossing",
    "state_changes": "Its lamp turns from white to amber",
    "clothing": "",
    "expression": "",
    "gender": "",
    "age": "",
    "skin_tone_and_texture": "",
    "facial_features": "",
    "number_of_subjects": 1,
    "number_of_arms": 0,
    "number_of_legs": 0,
}
SEGMENT = {
    "segment_index": 0,
    "time_range": "0:00-0:02",
    "description": "The robot rolls along the pavement",
    "key_changes": "It comes nearer",
    "camera": "Pans to the right",
}


def caption() -> dict[str, Any]:
    """A clip of 5 s in two shots, as a caption of NVIDIA's form."""
    return deepcopy({
        "subjects": [SUBJECT, {**SUBJECT, "description": "A cyclist", "gender": "Female", "number_of_legs": 2}],
        "background_setting": "A street of brick houses after rain, café tables under an awning",
        "lighting": {
            "conditions": "Overcast",
            "direction": "From above",
            "shadows": "Soft",
            "illumination_effect": "Wet stones reflect the sky",
        },
        "aesthetics": {
            "composition": "The robot in the lower third",
            "color_scheme": "Grey and brick red, one spot of yellow",
            "mood_atmosphere": "Quiet",
            "patterns": "Rows of bricks",
        },
        "cinematography": {
            "camera_motion": "Pans to the right",
            "framing": "Wide shot",
            "camera_angle": "Eye-level",
            "depth_of_field": "Deep",
            "focus": "The robot",
            "lens_focal_length": "About 28 mm",
        },
        "style_medium": "Live-action video",
        "artistic_style": "Documentary",
        "context": "A test drive",
        "actions": [
            {"time": "0:00-0:02", "description": "The robot rolls on"},
            {"time": "0:02-0:04.5", "description": "It stops at the crossing"},
        ],
        "text_and_signage_elements": [
            {
                "text": "STOP",
                "category": "scene_sign",
                "appearance": "White on red",
                "spatial_temporal": "Right edge, throughout",
                "context": "The crossing",
            }
        ],
        "segments": [SEGMENT, {**SEGMENT, "segment_index": 1, "time_range": "0:02-0:05", "camera": "Static"}],
        "transitions": ["Cut at 0:02"],
        "temporal_caption": "The robot rolls along a wet street, then it waits at the crossing.",
        "audio_description": "Small wheels on stone",
        "resolution": {"W": 1280, "H": 720},
        "aspect_ratio": "16,9",
        "duration": "5s",
        "fps": 24,
    })  # fmt: skip


def negative() -> dict[str, Any]:
    """A negative caption: it has no time and no size, and says what is wrong with the physics."""
    values = caption() | {"physical_realism": "Things pass through one another"}
    return {key: value for key, value in values.items() if key not in ("resolution", "aspect_ratio", "duration", "fps")}


Place = list[Any]
# A way to spoil a caption: it changes the value at a place, and says at which field the problem is.
Spoil = Callable[[dict[str, Any], random.Random], str]


def leaves(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Every value inside a caption with the way to it, the caption itself too."""
    yield place, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(inner, [*place, key])


def named(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def holder(values: Any, place: Place) -> Any:
    for step in place[:-1]:
        values = values[step]
    return values


def some(values: dict[str, Any], chance: random.Random, wanted: Callable[[Place, Any], bool]) -> Place:
    return chance.choice([place for place, value in leaves(values, []) if place and wanted(place, value)])


def drop(values: dict[str, Any], chance: random.Random) -> str:
    """A required field is missing."""
    may = ("audio_description", "duration", "fps", "physical_realism")
    place = some(values, chance, lambda place, _: isinstance(place[-1], str) and place[-1] not in may)
    del holder(values, place)[place[-1]]
    return named(place)


def retype(values: dict[str, Any], chance: random.Random) -> str:
    """A value has another type."""
    place = some(values, chance, lambda place, _: True)
    parent = holder(values, place)
    others = [value for value in (None, True, "7", 7, 7.5, [], {}, ["a"]) if type(value) is not type(parent[place[-1]])]
    # 7.5 is a rate, but no count.
    others = [value for value in others if not (place == ["fps"] and isinstance(value, float))]
    parent[place[-1]] = chance.choice(others)
    return named(place)


def misspell(values: dict[str, Any], chance: random.Random) -> str:
    """A key that no caption has."""
    place = some(values, chance, lambda _, value: isinstance(value, dict))
    place = chance.choice([place, []])
    parent = holder(values, place)[place[-1]] if place else values
    key = chance.choice([*parent]) + chance.choice(["s_", "_x", "2"])
    parent[key] = "something"
    return named([*place, key])


def reverse(values: dict[str, Any], chance: random.Random) -> str:
    """A span ends before it begins."""
    place = some(values, chance, lambda place, _: place[-1] in ("time", "time_range"))
    start, end = holder(values, place)[place[-1]].split("-")
    holder(values, place)[place[-1]] = f"{end}-{start}"
    return named(place)


def garble(values: dict[str, Any], chance: random.Random) -> str:
    """A time, or a duration, is written in another way."""
    place = some(values, chance, lambda place, _: place[-1] in ("time", "time_range", "duration"))
    wrong = ["", "0:00", "0-4", "0:00–0:04", "0:00 - 0:04", "0:60-1:10", "00:00:00-00:00:04", "4", "4.5s", "four", "٤s"]
    holder(values, place)[place[-1]] = chance.choice(wrong)
    return named(place)


def late(values: dict[str, Any], chance: random.Random) -> str:
    """A span lies behind the end of the clip: the last one, so that no other begins before it ends."""
    name, key = chance.choice([("actions", "time"), ("segments", "time_range")])
    last = len(values[name]) - 1
    start = values[name][last][key].split("-")[0]
    values[name][last][key] = f"{start}-{chance.choice(['0:59', '1:00', '12:34.5'])}"
    return f"{name}[{last}].{key}"


def renumber(values: dict[str, Any], chance: random.Random) -> str:
    """A segment has another's number."""
    index = chance.randrange(len(values["segments"]))
    values["segments"][index]["segment_index"] = chance.choice([number for number in range(9) if number != index])
    return f"segments[{index}].segment_index"


def empty(values: dict[str, Any], chance: random.Random) -> str:
    """A text that must say something says nothing."""
    place = some(values, chance, lambda place, _: place[-1] == "temporal_caption" or (
        place[-1] == "description" and place[0] in ("subjects", "actions", "segments")))  # fmt: skip
    holder(values, place)[place[-1]] = chance.choice(["", " ", "\n"])
    return named(place)


def choose(values: dict[str, Any], chance: random.Random) -> str:
    """A value that is none of those that there are."""
    place = some(values, chance, lambda place, _: place[-1] in ("gender", "aspect_ratio"))
    holder(values, place)[place[-1]] = chance.choice(["male", "16:9", "16/9", "wide", "-", "2.39,1"])
    return named(place)


def count(values: dict[str, Any], chance: random.Random) -> str:
    """A number that is too small, or no whole one."""
    place = some(values, chance, lambda _, value: isinstance(value, int | float) and not isinstance(value, bool))
    least = 0 if place[-1] in ("W", "H", "fps") else -1
    holder(values, place)[place[-1]] = chance.choice([least, -7, -0.5])
    return named(place)


def reshape(values: dict[str, Any], chance: random.Random) -> str:
    """An aspect ratio that is not the resolution's."""
    values["aspect_ratio"] = chance.choice(
        [ratio for ratio in ("1,1", "3,4", "9,16") if ratio != values["aspect_ratio"]]
    )
    return "aspect_ratio"


def halve(values: dict[str, Any], chance: random.Random) -> str:
    """Only one of duration and fps."""
    name = chance.choice(["duration", "fps"])
    del values[name]
    return name


def break_off(values: dict[str, Any], chance: random.Random) -> str:
    """Half of a character in a text."""
    plain = ("time", "time_range", "duration", "gender", "aspect_ratio")
    place = some(values, chance, lambda place, value: isinstance(value, str) and place[-1] not in plain)
    holder(values, place)[place[-1]] += "\ud83d"
    return named(place)


MUTATIONS: tuple[Spoil, ...] = (
    drop, retype, misspell, reverse, garble, late, renumber, empty, choose, count, reshape, halve, break_off,
)  # fmt: skip


def mutations(values: dict[str, Any], number: int, seed: int) -> Iterator[tuple[str, dict[str, Any], str]]:
    """`number` spoilt copies of a caption: what was done, the copy, and the field that is wrong."""
    chance = random.Random(seed)
    for index in range(number):
        spoilt = deepcopy(values)
        spoil = MUTATIONS[index % len(MUTATIONS)]
        yield spoil.__name__, spoilt, spoil(spoilt, chance)


@st.composite
def almost(draw: st.DrawFn) -> dict[str, Any]:
    """A caption of ours in which one value is replaced by anything that JSON can be."""
    values = caption()
    place = draw(st.sampled_from([place for place, _ in leaves(values, []) if place]))
    texts = st.text() | st.from_regex(r"[0-9]:[0-5][0-9]-[0-9]:[0-5][0-9]", fullmatch=True) | st.just("4s")
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    anything = st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    holder(values, place)[place[-1]] = draw(anything)
    return values
