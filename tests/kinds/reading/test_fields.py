"""What is told of keys that are not known, and of those that stand twice."""

from __future__ import annotations

import pytest

from cosmos_workflow.kinds.reading import Keys
from cosmos_workflow.kinds.reading.fields import load_json
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.kinds.upsample.item import FIELDS


def notes(*entries: str) -> list[str]:
    keys = Keys(FIELDS)
    for entry in entries:
        Item.from_mapping(load_json(entry), keys=keys)
    return keys.notes()


def test_a_slip_is_told_with_a_guess_and_a_count() -> None:
    (note,) = notes('{"video": "v", "promt": "a"}', '{"video": "v", "prompt": "b"}', '{"video": "v", "promt": "c"}')
    assert note == "promt is not known: did you mean prompt? Kept but not used, in 2 of 3 entries"


@pytest.mark.parametrize(
    ("key", "means"),
    [("promt", "prompt"), ("PROMTP", "prompt"), ("vidoe", "video"), ("sed", "seed"), ("temprature", "temperature"),
     ("maxTokens", "max_tokens"), ("frame", "frames"), ("negative_prompt", ""), ("edge", ""), ("", "")],
)  # fmt: skip
def test_guesses(key: str, means: str) -> None:
    assert FIELDS.guess(key) == means


def test_what_is_like_nothing_is_told_in_one_line() -> None:
    entry = '{"video": "v", ' + ", ".join(f'"key{n}": 1' for n in range(10)) + "}"
    (note,) = notes(entry, '{"video": "v"}')
    assert note.startswith("unknown keys, kept but not used, in 1 of 2 entries: key0, key1")
    assert note.endswith("and 2 more")


def test_a_note_commands_no_terminal() -> None:
    (note,) = notes('{"video": "v", "\\u001b[2J' + "x" * 1000 + '": 1}')
    assert "\x1b" not in note
    assert len(note) < 200


def test_a_key_that_stands_twice_is_told() -> None:
    (note,) = notes('{"video": "v", "prompt": "a", "prompt": "a"}')
    assert note == "prompt is given twice, with the same value, in 1 of 1 entries"
    (note,) = notes('{"video": "v", "video_path": "v"}', '{"video": "w"}')
    assert note == "video and video_path both give the video, with the same value, in 1 of 2 entries"


def test_a_null_says_nothing() -> None:
    assert notes('{"video": "v", "name": "a", "id": null, "prompt": null, "text": "x", "other": null}') == []
