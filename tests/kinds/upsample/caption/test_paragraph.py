"""A caption becomes a paragraph that says all that it says, in sentences."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import clips
import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_workflow.kinds.upsample.caption import caption_by_rules, facts_of, paragraph_of
from cosmos_workflow.kinds.upsample.caption.paragraph import UNKNOWN
from cosmos_workflow.media import measure

HINTS = ["blur", "depth", "edge", "seg", "wsm"]


def leaves(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves(each, key)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, name)]
    return [(name, value)] if isinstance(value, str) else []


@pytest.mark.parametrize("hint", HINTS)
def test_every_known_text_of_a_sample_is_said_and_no_field_named(specs: Path, hint: str) -> None:
    sample = json.loads((specs / "cosmos3" / f"transfer__assets__{hint}_prompt.json").read_text())
    text = paragraph_of(sample)
    for name, words in leaves(sample):
        if (
            name in ("time", "time_range", "duration", "aspect_ratio", "category")
            or words.strip(" .").lower() in UNKNOWN
        ):
            continue
        # A sentence that was said before is not said again.
        for part in re.split(r"(?<=[.!?])\s+", words):
            assert part.strip(" .").lower() in text.lower(), (name, part)
    assert not re.search(r"[a-z]_[a-z]", text)
    assert not re.search(
        r"\b(?:segment index|relative size|camera motion|number of|audio description)\b", text, re.IGNORECASE
    )
    assert f"{int(sample['duration'][:-1])} seconds long" in text
    assert ".." not in text and " ." not in text


def test_the_users_words_go_there_and_back(tmp_path: Path) -> None:
    prompt = "A rusty robot waters the flowers, in the evening sun"
    measured = measure(clips.panning(tmp_path / "pan.mp4", -4, 0)).to_dict()
    facts = facts_of(measured, 24)
    text = paragraph_of(caption_by_rules(prompt, measured, facts))
    assert text.startswith(prompt)
    assert "pans to the left" in text
    assert text.count("waters the flowers") == 1
    again = paragraph_of(caption_by_rules(text, measured, facts))
    assert prompt in again


def test_what_is_unknown_is_left_out() -> None:
    assert (
        paragraph_of({"subjects": [{"description": "A cat", "gender": "Unknown", "age": "", "clothing": "N/A"}]})
        == "A cat."
    )
    assert paragraph_of({}) == ""


def test_a_sentence_stays_one() -> None:
    assert paragraph_of({"lighting": {"conditions": "It is night."}}) == "It is night."
    assert paragraph_of({"lighting": {"conditions": "Overcast"}}) == "The light is overcast."


KEYS = ["description", "time", "context", "camera", "W", "H"]
values = st.recursive(
    st.none() | st.integers() | st.text(max_size=12),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(KEYS), each, max_size=3),
    max_leaves=6,
)


@settings(max_examples=cases(150), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["subjects", "lighting", "actions", "segments", "transitions", "resolution", "duration", "fps", "context"]
        ),
        values,
    )
)
def test_no_caption_raises(caption: dict[str, Any]) -> None:
    assert isinstance(paragraph_of(caption), str)
