from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE


def test_nvidias_words_are_understood() -> None:
    item = Item.from_mapping({"name": "a", "prompt": "x", "video_path": "v.mp4"})
    assert item == Item("a", "x", Path("v.mp4"))


def test_an_id_from_the_content_is_stable_and_its_own() -> None:
    first, same, other = (Item.from_mapping({"video": "clip.mp4", "prompt": prompt}).id for prompt in ("a", "a", "b"))
    assert first == same != other
    assert first.startswith("clip-")
    assert Item.from_mapping({"video": "clip.mp4", "prompt": "a", "seed": 3}).id != first


def test_settings_of_its_own_and_unknown_words() -> None:
    item = Item.from_mapping(
        {"id": 7, "video": "v", "frames": 1, "seed": -5, "temperature": 0, "max_tokens": "250", "shot": "12b"}
    )
    assert (item.id, item.frames, item.seed, item.temperature, item.max_tokens) == ("7", 1, -5, 0.0, 250)
    assert item.extra == {"shot": "12b"}


@pytest.mark.parametrize("size", ["1280x720", " 1280 X 720 ", [1280, 720], (1280.0, 720), np.array([1280, 720])])
def test_the_form_of_its_own_answer(size: object) -> None:
    form = {"format": " Cosmos3", "for_size": size, "for_fps": "29,97", "for_seconds": 4}
    item = Item.from_mapping({"video": "v", **form})
    assert (item.format, item.for_size, item.for_fps, item.for_seconds) == ("cosmos3", (1280, 720), 29.97, 4.0)
    assert UPSAMPLE.load_item(UPSAMPLE.dump_item(item)) == replace(item, video=item.video.absolute())
    assert item.id != Item.from_mapping({"video": "v", **form, "for_fps": 30}).id


def test_white_space_is_an_empty_prompt() -> None:
    assert Item.from_mapping({"video": "v", "prompt": " \n"}).prompt == ""


@pytest.mark.parametrize(
    ("values", "message"),
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
        ({"video": "v", "seed": 2**63}, r"from -2\^63 to 2\^63-1"),
        ({"video": "v", "seed": -(2**63) - 1}, "seed is"),
        ({"video": "v", "seed": 2.0**60}, "seed is"),  # a float of that size stands for several seeds
        ({"video": "v", "seed": "1.23457E+11"}, "seed is"),  # what a spreadsheet has rounded
        ({"video": "v", "seed": "7_000"}, "seed is"),
        ({"video": "v", "seed": float("nan")}, "seed is nan"),
        ({"video": "v", "seed": float("inf")}, "seed is inf"),
        ({"video": "v", "seed": False}, "seed is False"),
        ({"video": "v", "frames": [1]}, "frames is"),
        ({"video": "v", "temperature": True}, "temperature is True"),
        ({"video": "v", "format": "cosmos"}, "format is 'cosmos'.*choose one of text, cosmos3, cosmos3-negative"),
        *(({"video": "v", "format": format}, "format is") for format in (["text"], np.array(["text", "x"]), 3)),
        *(
            ({"video": "v", "for_size": size}, "for_size is")
            for size in ("1280", "0x720", [1, 2, 3], "ax3", 5, ["1280x"], b"ab", "100001x5")
        ),
        *(({"video": "v", "for_fps": rate}, "for_fps is") for rate in (0, -1, 1001, "fast", float("inf"), True)),
        *(({"video": "v", "for_seconds": length}, "for_seconds is") for length in (0, 86_401, [4])),
        ({"vidoe": "v"}, 'did you mean "video"'),
        ({"picture": "v", "prompt": "x"}, "there are 'prompt', 'picture'"),
        (
            {"video": "v", "prompt": "a", "Prompt": "b"},
            "'prompt' and 'Prompt' both give the prompt, with different values",
        ),
        ({"video": "v", "id": "a", "name": "b"}, "'id' and 'name' both give the id"),
    ],
)
def test_a_bad_field_is_named(values: dict, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        Item.from_mapping(values, where="line 3")
    assert caught.value.where == "line 3"


@pytest.mark.parametrize(
    ("seed", "means"),
    [
        *((seed, seed) for seed in (2**53 + 1, 2**63 - 1, -(2**63), 0)),
        *((str(seed), seed) for seed in (2**53 + 1, 2**63 - 1, -(2**63))),
        (7.0, 7),
        ("7.0", 7),
        (" +7 ", 7),
        (np.int64(2**53 + 1), 2**53 + 1),
        (Decimal(7), 7),
    ],
)
def test_whole_seeds_are_taken_exactly(seed: object, means: int) -> None:
    taken = Item.from_mapping({"video": "v", "seed": seed}).seed
    assert taken == means
    assert type(taken) is int


def test_a_decimal_comma_is_read_where_it_means_one_thing() -> None:
    assert Item.from_mapping({"video": "v", "temperature": "0,25"}).temperature == 0.25


@pytest.mark.parametrize("key", ["Prompt", " prompt", "PROMPT ", "Text", "\ufeffprompt"])
def test_keys_mean_what_they_say(key: str) -> None:
    item = Item.from_mapping({key: "dusk", " Video_Path": "v.mp4", "NAME": "a", "Max Tokens": 9, "max-tokens": 9.0})
    assert item == Item("a", "dusk", Path("v.mp4"), max_tokens=9)


def test_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert Item.from_mapping({"video": "~/clips/v.mp4"}).video == tmp_path / "clips" / "v.mp4"
    for literal in ("~v.mp4", "clips/~/v.mp4", "~no such user/v.mp4"):
        assert Item.from_mapping({"video": literal}).video == Path(literal)
