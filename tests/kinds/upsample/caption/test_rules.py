"""Captions without a model are valid, say what was measured and what the user wrote, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import clips
import pytest

from cosmos_workflow.kinds.upsample.caption import caption_by_rules, facts_of, negative_by_rules, problems_of
from cosmos_workflow.kinds.upsample.caption.wish import speaks_of
from cosmos_workflow.media import measure, probe

PROMPTS = [
    "",
    "a robot at night",
    "Ein Roboter, 雪の中!",
    "no snow",
    'quotes " and \\ in it',
    "two red cars in a desert at noon",
]


@pytest.mark.slow
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_caption_by_rules(tmp_path: Path, prompt: str) -> None:
    path = clips.panning(tmp_path / "pan.mp4", -4, 0)
    measured = measure(path).to_dict()
    caption = caption_by_rules(prompt, measured, facts_of(measured, probe(path).fps))
    assert problems_of(caption) == []
    assert caption["context"].startswith(prompt)
    assert caption["temporal_caption"].startswith(prompt)
    assert "From 0:00 to 0:01, the camera pans to the left." in caption["temporal_caption"]


def test_nothing_is_invented(tmp_path: Path) -> None:
    measured = measure(clips.panning(tmp_path / "still.mp4", 0, 0)).to_dict()
    caption = caption_by_rules("", measured, facts_of(measured, 24))
    assert (caption["subjects"], caption["actions"], caption["background_setting"], caption["context"]) == (
        [],
        [],
        "",
        "",
    )
    assert (caption["style_medium"], caption["audio_description"], caption["lighting"]["direction"]) == ("", "", "")


def test_a_subject_that_moves_is_an_action(tmp_path: Path) -> None:
    background, subject = clips.texture(240, 320), 255 - clips.texture(90, 90, seed=4)
    pictures = []
    for i in range(24):
        picture = background.copy()
        picture[80:170, 20 + 6 * i : 110 + 6 * i] = subject
        pictures.append(picture)
    measured = measure(clips.write(tmp_path / "subject.mp4", pictures)).to_dict()
    caption = caption_by_rules("", measured, facts_of(measured, 24))
    assert caption["actions"] == [
        {"time": "0:00-0:01", "description": "A subject moves to the right within the frame."}
    ]


def test_a_night_is_not_called_brightly_lit(tmp_path: Path) -> None:
    measured = measure(clips.write(tmp_path / "white.mp4", [clips.flat((230, 230, 230))] * 24)).to_dict()
    facts = facts_of(measured, 24)
    assert caption_by_rules("a street", measured, facts)["lighting"]["conditions"].startswith("Brightly lit")
    assert caption_by_rules("a street at night", measured, facts)["lighting"]["conditions"] == "It is night."


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("a street at midnight", "underexposed"), ("by candlelight", "poorly lit"), ("a foggy harbour", "haze"),
        ("a cartoon fox", "computer rendering"), ("bright noon", "overexposed"),
    ],
)  # fmt: skip
def test_a_negative_caption_leaves_out_what_is_wished(prompt: str, fault: str) -> None:
    plain, wished = negative_by_rules("a street"), negative_by_rules(prompt)
    assert problems_of(plain) == problems_of(wished) == []
    assert re.search(fault, str(plain), re.IGNORECASE)
    assert not re.search(fault, str(wished), re.IGNORECASE)
    assert not {"resolution", "duration", "fps", "aspect_ratio"} & set(wished)


def test_what_is_not_wished_stays_a_fault() -> None:
    assert "haze" in str(negative_by_rules("a street without fog"))


def test_a_steady_camera_is_no_wish_about_the_light() -> None:
    assert speaks_of("a steady camera, consistent style throughout") == frozenset()
    assert speaks_of("the lights go out") == {"light_course"}
