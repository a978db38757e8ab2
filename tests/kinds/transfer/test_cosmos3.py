"""Cosmos 3's keys, one by one, from its fact sheet: what each is in our form, and what our form is in Cosmos 3's."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import Cosmos3Spec
from cosmos_workflow.kinds.transfer.spec import Control, Region, Spec, WeightMap

# A key of the sample and a value, the field of our form and its value.
KEYS: list[tuple[str, Any, str, Any]] = [
    ("name", "transfer_edge", "name", "transfer_edge"),
    ("prompt", "A city", "prompt", "A city"),
    ("prompt_path", "../assets/edge/prompt.json", "prompt_path", "../assets/edge/prompt.json"),
    ("negative_prompt", "cartoon", "negative_prompt", "cartoon"),
    (
        "negative_prompt_file",
        "../assets/negative_prompt.json",
        "negative_prompt_path",
        "../assets/negative_prompt.json",
    ),
    ("resolution", "720", "size", "720"),
    ("aspect_ratio", "16,9", "aspect", "16:9"),
    ("fps", 30, "fps", 30.0),
    ("shift", 10.0, "shift", 10.0),
    ("num_steps", 50, "steps", 50),
    ("seed", 0, "seed", 0),
    ("guidance", 3.0, "guidance", 3.0),
    ("control_guidance", 1.5, "control_guidance", 1.5),
    ("max_frames", 5000, "frames", 5000),
    ("num_video_frames_per_chunk", 121, "chunk", 121),
    ("num_conditional_frames", 1, "overlap", 1),
    ("num_first_chunk_conditional_frames", 0, "first_overlap", 0),
    ("show_control_condition", False, "show_control", False),
    ("show_input", True, "show_input", True),
]
CONTROL_KEYS: list[tuple[str, str, str, Any, str, Any]] = [
    ("edge", "edge", "weight", 0.5, "weight", 0.5),
    ("edge", "edge", "preset_edge_threshold", "medium", "preset", "medium"),
    ("blur", "vis", "preset_blur_strength", "none", "preset", "none"),
    ("depth", "depth", "weight", 2, "weight", 2.0),
    ("seg", "seg", "control_path", "https://example.org/seg.mp4", "path", "https://example.org/seg.mp4"),
    ("wsm", "wsm", "control_path", "../wsm.mp4", "path", "../wsm.mp4"),
]
NEEDED = {"model_mode": "video2video", "vision_path": "city.mp4"}


def read(**values: Any) -> tuple[Spec, list[str]]:
    return Cosmos3Spec.read(NEEDED | values).to_spec()


def written(**fields: Any) -> tuple[dict[str, Any], list[str]]:
    spec, notes = Cosmos3Spec.from_spec(Spec(**({"video": "city.mp4"} | fields)))
    return spec.write(), notes


@pytest.mark.parametrize(("key", "value", "field", "ours"), KEYS)
def test_a_key_and_our_field_for_it(key: str, value: Any, field: str, ours: Any) -> None:
    spec, notes = read(**{key: value}, edge={})
    assert getattr(spec, field) == ours
    assert notes == []
    values, notes = written(**{field: ours}, controls={"edge": Control()})
    assert values == NEEDED | {key: value, "edge": {}}
    assert type(values[key]) is type(value)
    assert notes == []


@pytest.mark.parametrize(("key", "hint", "part", "value", "field", "ours"), CONTROL_KEYS)
def test_a_key_of_a_control_and_our_field_for_it(
    key: str, hint: Any, part: str, value: Any, field: str, ours: Any
) -> None:
    values = {"control_path": "c.mp4", part: value}
    spec, notes = read(**{key: values})
    assert getattr(spec.controls[hint], field) == ours
    assert notes == []
    made, notes = written(controls={hint: Control(**({"path": "c.mp4"} | {field: ours}))})
    assert made == NEEDED | {key: values}
    assert notes == []


def test_the_order_of_the_controls_stays() -> None:
    spec, _ = read(wsm={"control_path": "w.mp4"}, blur={}, edge={})
    assert list(spec.controls) == ["wsm", "vis", "edge"]
    assert list(written(controls=spec.controls)[0])[2:] == ["wsm", "blur", "edge"]


def test_the_name_of_the_other_server_for_a_weight() -> None:
    specification = Cosmos3Spec.read(NEEDED | {"edge": {"control_weight": 0.4}})
    assert specification.write()["edge"] == {"control_weight": 0.4}
    spec, notes = specification.to_spec()
    assert spec.controls["edge"].weight == 0.4
    assert notes == ["edge.control_weight is vLLM-Omni's name, which the Framework refuses: there it is weight"]
    spec, notes = read(edge={"weight": 0.6, "control_weight": 0.4})
    assert (spec.controls["edge"].weight, notes[1]) == (
        0.6,
        "edge has both weight and control_weight: weight counts here",
    )


def test_what_our_form_has_no_counterpart_for_is_kept_and_written_again() -> None:
    values = NEEDED | {"num_frames": 121, "share_vision_temporal_positions": True, "negative_metadata_mode": "none",
                       "emphasize_control_in_prompt": False, "sigma_max": 80, "edge": {}}  # fmt: skip
    spec, notes = Cosmos3Spec.read(values).to_spec()
    assert spec.sigma_max is None  # Cosmos 3's own is that of another sampler, and no noise on the clip
    assert notes == [
        "kept beside our form, which has no counterpart: num_frames, share_vision_temporal_positions,"
        " negative_metadata_mode, emphasize_control_in_prompt, sigma_max",
        "the Framework makes as many frames as the control has, at most max_frames, whatever num_frames is",
    ]
    back, notes = Cosmos3Spec.from_spec(spec)
    assert (back.write(), notes) == (values, [])


def test_the_mode_is_always_written() -> None:
    spec, notes = Cosmos3Spec.read({"vision_path": "a.mp4", "edge": {}}).to_spec()
    assert notes == ["there is no model_mode: video2video is meant"]
    assert Cosmos3Spec.from_spec(spec)[0].write()["model_mode"] == "video2video"
    spec, _ = read(model_mode="image2video", edge={})
    assert Cosmos3Spec.from_spec(spec)[0].write()["model_mode"] == "image2video"


def test_unknown_keys_are_kept_and_told() -> None:
    values = NEEDED | {"resolutoin": "720", "edge": {"control": "x"}, "blur": {"mask_path": "m.mp4"}}
    specification = Cosmos3Spec.read(values)
    assert specification.write() == values
    spec, notes = specification.to_spec()
    assert notes == [
        "resolutoin is not known to Cosmos 3, which refuses it (did you mean resolution?)",
        "edge.control is not known to Cosmos 3, which refuses it",
        "blur.mask_path is not known to Cosmos 3, which refuses it",
    ]
    assert all(unknown.refused for unknown in specification.unknown())
    back, sentences = Cosmos3Spec.from_spec(spec)
    assert back.write() == NEEDED | {"edge": {}, "blur": {}}
    assert sentences == [
        "left out, as Cosmos 3 does not know it: resolutoin",
        "left out, as Cosmos 3 does not know it: edge.control",
        "left out, as Cosmos 3 does not know it: vis.mask_path",
    ]


LACKING: list[tuple[str, Any, str]] = [
    ("regions", (Region(prompt="x"), Region(prompt="y")), "regions (2)"),
    ("sigma_max", 70.0, "only controls made of it"),
    ("style_image", "s.jpg", "the prompt alone"),
    ("style_frame", 3, "the prompt alone"),
    ("anchor_mask", "m.npz", "anchor_mask"),
    ("anchor_step", 25, "anchor_step"),
    ("anchor_labels", (1,), "anchor_labels (1)"),
    ("keep_size", True, "its output has one of its own sizes"),
    ("distilled", True, "a checkpoint of its own"),
    ("av", True, "av (True)"),
    ("restore", ("size",), "cosmos transfer does it"),
    ("keep_frames", True, "cosmos transfer does it"),
]


@pytest.mark.parametrize(("field", "value", "words"), LACKING)
def test_what_has_no_counterpart_is_told(field: str, value: Any, words: str) -> None:
    values, notes = written(**{field: value}, controls={"edge": Control()})
    assert values == NEEDED | {"edge": {}}
    assert len(notes) == 1
    assert "has no counterpart in Cosmos 3" in notes[0]
    assert words in notes[0]


CHANGED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"guidance": 9.0}, {"guidance": 7}, "guidance 9 became 7: Cosmos 3 takes numbers from 0 to 7"),
    ({"control_guidance": 11.0}, {"control_guidance": 10}, "control_guidance 11 became 10"),
    ({"fps": 23.976}, {"fps": 24}, "fps 23.976 became 24: Cosmos 3 takes whole numbers from 1"),
    ({"size": "1280x720"}, {"resolution": "720", "aspect_ratio": "16,9"}, ""),
    ({"size": "832x1104"}, {"resolution": "720", "aspect_ratio": "3,4"}, ""),
    ({"size": "1280x704"}, {"aspect_ratio": "16,9"}, "size '1280x704' has no counterpart in Cosmos 3"),
    ({"size": "720p"}, {"resolution": "720"}, "size '720p' became '720', as Cosmos 3 calls its own"),
    ({"size": "1080"}, {}, "size '1080' has no counterpart in Cosmos 3, which has 720, 480, 256, 768"),
    ({"aspect": "21:9"}, {}, "aspect '21:9' has no counterpart in Cosmos 3, which has 1:1, 4:3, 3:4, 16:9, 9:16"),
]


@pytest.mark.parametrize(("fields", "values", "words"), CHANGED)
def test_what_is_changed_is_told(fields: dict[str, Any], values: dict[str, Any], words: str) -> None:
    made, notes = written(**fields, controls={"edge": Control()})
    assert made == NEEDED | values | {"edge": {}}
    assert [words in note for note in notes] == ([True] if words else [])


CHANGED_CONTROLS: list[tuple[str, dict[str, Any], dict[str, Any] | None, str]] = [
    ("edge", {"weight": WeightMap(path="w.pt")}, {}, "edge.weight ('w.pt') has no counterpart in Cosmos 3"),
    ("edge", {"checkpoint": "own.pt"}, {}, "one checkpoint has all its controls"),
    ("edge", {"mask": "m.mp4"}, {}, "its controls act on the whole picture"),
    ("edge", {"mask_prompt": "car"}, {}, "its controls act on the whole picture"),
    ("edge", {"preset": "none"}, {"preset_edge_threshold": "very_low"}, "edge.preset none became very_low"),
    ("depth", {}, {}, "depth has no video: Cosmos 3 computes only edge and blur"),
    ("seg", {"path": "s.mp4", "prompt": "car"}, {"control_path": "s.mp4"}, "it computes no segmentation"),
    ("keypoint", {}, None, "keypoint has no counterpart in Cosmos 3: this control is left out"),
    ("upscale", {}, None, "upscale has no counterpart"),
]


@pytest.mark.parametrize(("hint", "fields", "values", "words"), CHANGED_CONTROLS)
def test_what_is_changed_of_a_control_is_told(
    hint: Any, fields: dict[str, Any], values: dict[str, Any] | None, words: str
) -> None:
    made, notes = written(controls={hint: Control(**fields)})
    assert made.get(hint) == values
    assert words in notes[0]


def test_edges_without_a_clip_cannot_be_computed() -> None:
    assert "edge has no video" in written(video="", controls={"edge": Control()})[1][0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"resolution": 720}, 'resolution is 720: must be text: write "720", in quotes'),
        ({"fps": 23.976}, "fps is 23.976: must be a whole number"),
        ({"edge": True}, "edge is True: must be an object"),
        ({"prompt": {"subjects": []}}, "prompt is {'subjects': []}: must be text"),
        ({"blur": {"weight": "heavy"}}, "blur.weight is 'heavy': must be a number"),
        ({"edge": {"preset_edge_threshold": 3}}, "edge.preset_edge_threshold is 3: must be one of"),
    ],
)
def test_a_value_of_another_type_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        Cosmos3Spec.read(values)
    assert words in caught.value.what
