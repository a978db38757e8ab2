"""Whose form a mapping has."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import load_spec, recognise

EDGE: dict[str, Any] = {"edge": {}}


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ({"input_video_path": "a.mp4", "edge": {"control_weight": 1}}, "transfer1"),
        ({"input_video_path": "", **EDGE}, "transfer1"),
        ({"prompt": "x", "depth": {"input_control": "d.mp4"}}, "transfer1"),
        ({"hdmap": {"control_weight": 1}}, "transfer1"),
        ({"blur_strength": "low", "vis": {}}, "transfer1"),
        ({"seg": {"control_weight_prompt": "car"}}, "transfer1"),
        ({"video_path": "a.mp4", "vis": {}}, "transfer2.5"),
        ({"prompt": "x", "edge": {"control_path": "e.mp4"}}, "transfer2.5"),
        ({"edge": {"mask_prompt": "car"}}, "transfer2.5"),
        ({"model_mode": "video2video", **EDGE}, "cosmos3"),
        ({"model_mode": "video2video", "edge": {"control_path": "e.mp4"}}, "cosmos3"),
        ({"vision_path": "a.mp4", "edge": {"control_path": "e.mp4"}}, "cosmos3"),
        ({"blur": {"control_path": "b.mp4"}}, "cosmos3"),
        ({"control_guidance": 1.5, "seg": {"control_path": "s.mp4"}}, "cosmos3"),
        ({"controls": {"edge": {}}, "prompt": "x"}, "own"),
        ({"controls": [], "video_path": "x"}, "own"),
        ({"video_path": "a.mp4", "prompt": "a batch of prompts"}, "other"),
        ({"input_video_path": "a.mp4", "prompt": "a batch of prompts"}, "other"),
        ({"rgb": "a.mp4", "edge": "edge.mp4", "depth": "depth.%04d.exr"}, "other"),  # an entry of `prepare`
        ({}, "other"),
        ([], "other"),
        ("text", "other"),
        (None, "other"),
    ],
)
def test_keys_say_whose_form_it_is(values: Any, form: str) -> None:
    assert recognise(values).form == form


UNSUPPORTED: list[tuple[dict[str, Any], str, str]] = [
    ({"hdmap": {"input_control": ["a.mp4", "b.mp4"]}}, "Transfer1 for several views", "one spec for each view"),
    ({"view_condition_video": "", "hdmap": {"input_control": "a.mp4"}}, "Transfer1 for several views", "one spec"),
    ({"name": "x", "front_wide": {"input_path": "a.mp4"}}, "Transfer2.5 for several views", "one spec for each view"),
    ({"visual_input": "a.mp4", "prompt": "x"}, "a line of Transfer1's batch", "as its batch"),
    ({"(29, 0, 0, 255)": {"class": "wall"}}, "a list of a segmentation's labels", "as the control seg"),
    ({"prompt": "x", "negative_prompt": "y"}, "a file of prompts", "prompt_path"),
    ({"prompt1": "x", "prompt2": "y"}, "a file of prompts", "prompt_path"),
    ({"subjects": [], "background_setting": "x"}, "a structured caption of Cosmos 3", "prompt_path"),
    (
        {"model_mode": "image2video", "prompt": "x"},
        "a sample of Cosmos 3 without a control ('image2video')",
        "add a control",
    ),
    ({"model_mode": "video2video", "transfer": {"edge": True}}, "a request to the server of Cosmos 3", "as files"),
    (
        {"prompt": "x", "video": "AAAA", "edge": {"control_weight": 1}},
        "a request to the server of Transfer2.5",
        "video_path",
    ),
]


@pytest.mark.parametrize(("values", "what", "remedy"), UNSUPPORTED)
def test_what_is_no_transfer_of_one_view_is_named(values: dict[str, Any], what: str, remedy: str) -> None:
    recognised = recognise(values)
    assert recognised.form == "unsupported"
    assert what in recognised.what
    assert remedy in recognised.remedy
    with pytest.raises(BadInputError, match="this is ") as caught:
        load_spec(values, "x.json")
    assert caught.value.where == "x.json"


def test_keys_of_two_programs_are_an_error_and_not_a_guess() -> None:
    with pytest.raises(BadInputError) as caught:
        recognise({"input_video_path": "a.mp4", "edge": {"control_path": "e.mp4"}}, "spec.json")
    assert caught.value.what == (
        "it has keys of two programs: input_video_path (Transfer1) and control_path (Transfer2.5)"
    )
    assert caught.value.where == "spec.json"


def test_a_control_without_anything_else_is_an_error_that_says_what_to_add() -> None:
    with pytest.raises(BadInputError) as caught:
        recognise({"prompt": "x", "edge": {"control_weight": 1.0}})
    assert "it has a control (edge), but nothing says whose spec it is" in caught.value.what
    assert "input_video_path (Transfer1), video_path (Transfer2.5) or model_mode (Cosmos 3)" in caught.value.remedy


def test_what_is_no_spec_at_all_is_an_error_with_a_remedy() -> None:
    with pytest.raises(BadInputError, match="no spec of a transfer"):
        load_spec({"video_path": "a.mp4", "prompt": "x"})
