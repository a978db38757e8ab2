from pathlib import Path

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.prompts import Item


def test_nvidias_words_are_understood() -> None:
    item = Item.from_mapping({"name": "a", "prompt": "x", "video_path": "v.mp4"}, folder=Path("batch"))
    assert item == Item("a", "x", Path("batch/v.mp4"))


def test_an_absolute_path_stays() -> None:
    path = Path("v.mp4").absolute()
    assert Item.from_mapping({"video": str(path)}, folder=Path("batch")).video == path


def test_an_id_from_the_content_is_stable_and_its_own() -> None:
    one, same, other = (Item.from_mapping({"video": "clip.mp4", "prompt": prompt}).id for prompt in ("a", "a", "b"))
    assert one == same != other
    assert one.startswith("clip-")
    assert Item.from_mapping({"video": "clip.mp4", "prompt": "a", "seed": 3}).id != one


def test_settings_of_its_own_and_unknown_words() -> None:
    item = Item.from_mapping(
        {"id": 7, "video": "v", "frames": 1, "seed": -5, "temperature": 0, "max_tokens": "250", "shot": "12b"}
    )
    assert (item.id, item.frames, item.seed, item.temperature, item.max_tokens) == ("7", 1, -5, 0.0, 250)
    assert item.extra == {"shot": "12b"}


def test_white_space_is_an_empty_prompt() -> None:
    assert Item.from_mapping({"video": "v", "prompt": " \n"}).prompt == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "no video"),
        ({"video": ""}, "no video"),
        ({"video": 3}, "no video"),
        ({"video": "v", "prompt": ["a"]}, "not a text"),
        ({"video": "v", "frames": 0}, "frames is 0"),
        ({"video": "v", "frames": 1.5}, "frames is 1.5"),
        ({"video": "v", "seed": "x"}, "seed is 'x'"),
        ({"video": "v", "temperature": -1}, "temperature is -1"),
        ({"video": "v", "temperature": float("nan")}, "temperature is nan"),
        ({"video": "v", "max_tokens": True}, "max_tokens is True"),
        ({"video": "v", "seed": 10**400}, "seed is"),
    ],
)
def test_a_bad_field_is_named(values: dict, words: str) -> None:
    with pytest.raises(BadInputError, match=words) as caught:
        Item.from_mapping(values, where="line 3")
    assert caught.value.where == "line 3"
