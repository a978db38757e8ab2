"""Transfer2.5's keys, one by one, from its fact sheet: what each is in our form, and what our form is in its own."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import Transfer25Spec
from cosmos_workflow.kinds.transfer.spec import Control, Region, Spec, WeightMap

# A key of the sample and a value, the field of our form and its value.
KEYS: list[tuple[str, Any, str, Any]] = [
    ("negative_prompt", "cartoon", "negative_prompt", "cartoon"),
    ("seed", 0, "seed", 0),
    ("guidance", 3, "guidance", 3.0),
    ("max_frames", 200, "frames", 200),
    ("context_frame_index", 5, "style_frame", 5),
    ("image_context_path", "sunset.jpg", "style_image", "sunset.jpg"),
    ("num_conditional_frames", 0, "overlap", 0),
    ("num_conditional_frames", 2, "overlap", 2),
    ("resolution", "480p", "size", "480p"),
    ("resolution", "720robocasa", "size", "720robocasa"),
    ("sigma_max", "70", "sigma_max", 70.0),
    ("sigma_max", "0.5", "sigma_max", 0.5),
    ("num_video_frames_per_chunk", 93, "chunk", 93),
    ("num_steps", 4, "steps", 4),
    ("show_control_condition", True, "show_control", True),
    ("show_control_condition", False, "show_control", False),
    ("show_input", True, "show_input", True),
    ("keep_input_resolution", False, "keep_size", False),
    ("guided_generation_mask", "mask.npz", "anchor_mask", "mask.npz"),
    ("guided_generation_step_threshold", 25, "anchor_step", 25),
    ("guided_generation_foreground_labels", [1, 2], "anchor_labels", (1, 2)),
]
CONTROL_KEYS: list[tuple[str, str, Any, str, Any]] = [
    ("edge", "control_path", "edge.mp4", "path", "edge.mp4"),
    ("depth", "control_weight", 0.9, "weight", 0.9),
    ("seg", "mask_path", "mask.mp4", "mask", "mask.mp4"),
    ("vis", "mask_prompt", "car . tree", "mask_prompt", "car . tree"),
    ("edge", "preset_edge_threshold", "high", "preset", "high"),
    ("vis", "preset_blur_strength", "low", "preset", "low"),
    ("seg", "control_prompt", "car . tree", "prompt", "car . tree"),
]
# What every sample needs, and our form of it.
NEEDED = {"name": "city", "prompt": "A city", "video_path": "city.mp4"}
OURS = {"name": "city", "prompt": "A city", "video": "city.mp4"}


def read(**values: Any) -> tuple[Spec, list[str]]:
    return Transfer25Spec.read(NEEDED | values).to_spec()


def written(**fields: Any) -> tuple[dict[str, Any], list[str]]:
    spec, notes = Transfer25Spec.from_spec(Spec(**(OURS | fields)))
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


@pytest.mark.parametrize(("hint", "key", "value", "field", "ours"), CONTROL_KEYS)
def test_a_key_of_a_control_and_our_field_for_it(hint: Any, key: str, value: Any, field: str, ours: Any) -> None:
    spec, notes = read(**{hint: {key: value}})
    assert getattr(spec.controls[hint], field) == ours
    assert notes == []
    values, notes = written(controls={hint: Control(**{field: ours})})
    assert values == NEEDED | {hint: {key: value}}
    assert notes == []


def test_a_prompt_in_a_file() -> None:
    values = {"name": "city", "prompt_path": "p.txt", "video_path": "city.mp4", "edge": {}}
    spec, notes = Transfer25Spec.read(values).to_spec()
    assert (spec.prompt, spec.prompt_path, notes) == ("", "p.txt", [])
    back, notes = Transfer25Spec.from_spec(spec)
    assert (back.write(), notes) == (values, [])
    assert read(prompt_path="p.txt", edge={})[1] == ["prompt_path is ignored, as there is a prompt"]
    assert "counts here; Transfer2.5 itself takes the empty prompt" in read(prompt="", prompt_path="p.txt")[1][0]
    assert (
        "the prompt file is JSON, which Transfer2.5 takes as plain text"
        in written(prompt="", prompt_path="p.json")[1][0]
    )


def test_the_order_of_the_controls_stays() -> None:
    spec, _ = read(seg={}, edge={}, vis={}, depth={})
    assert list(spec.controls) == ["seg", "edge", "vis", "depth"]
    assert list(written(controls=spec.controls)[0])[3:] == ["seg", "edge", "vis", "depth"]


def test_unknown_keys_are_kept_and_told() -> None:
    values = {**NEEDED, "output_dir": "outputs", "control_weight": 1.0, "resolutoin": "720",
              "edge": {"preset_blur_strength": "low", "control_wieght": 1}}  # fmt: skip
    specification = Transfer25Spec.read(values)
    assert specification.write() == values
    spec, notes = specification.to_spec()
    assert spec.extra == {"output_dir": "outputs", "control_weight": 1.0, "resolutoin": "720"}
    assert notes == [
        "output_dir is not known to Transfer2.5, which refuses it: earlier versions had it; give -o on its command"
        " line",
        "control_weight is not known to Transfer2.5, which refuses it: earlier versions had it; it belongs into each"
        " control",
        "resolutoin is not known to Transfer2.5, which refuses it (did you mean resolution?)",
        "edge.preset_blur_strength is not known to Transfer2.5, which ignores it silently inside a control",
        "edge.control_wieght is not known to Transfer2.5, which ignores it silently inside a control"
        " (did you mean control_weight?)",
    ]
    refused = [unknown.key for unknown in specification.unknown() if unknown.refused]
    assert refused == ["output_dir", "control_weight", "resolutoin"]
    back, sentences = Transfer25Spec.from_spec(spec)
    assert back.write() == NEEDED | {"edge": {}}
    assert sentences == [
        "left out, as Transfer2.5 does not know them: output_dir, control_weight, resolutoin",
        "left out, as Transfer2.5 does not know them: edge.preset_blur_strength, edge.control_wieght",
    ]


def test_what_it_demands_is_told() -> None:
    spec, notes = Transfer25Spec.read({"video_path": "clips/city.mp4", "seed": None, "edge": None}).to_spec()
    assert notes == ["there is no name, which Transfer2.5 demands", "seed is null, which Transfer2.5 refuses"]
    assert spec.controls == {}
    back, notes = Transfer25Spec.from_spec(Spec(video="clips\\city.night.mp4"))
    assert back.write() == {"name": "city.night", "video_path": "clips\\city.night.mp4"}
    assert notes == [
        "there is no name, which Transfer2.5 demands: 'city.night' is written",
        "there is no prompt, and Transfer2.5 demands one",
        "there is no control, and Transfer2.5 needs at least one",
    ]
    back, notes = Transfer25Spec.from_spec(Spec(prompt="x", controls={"edge": Control(path="e.mp4")}))
    assert back.write() == {"name": "transfer", "prompt": "x", "edge": {"control_path": "e.mp4"}}
    assert notes[1:] == ["there is no clip, and Transfer2.5 demands video_path"]


LACKING: list[tuple[str, Any, str]] = [
    ("negative_prompt_path", "negative.json", "put the file's text into negative_prompt"),
    ("aspect", "16:9", "it takes the shape of the clip"),
    ("regions", (Region(prompt="x"),), "regions (1)"),
    ("fps", 30.0, "its output has the clip's rate"),
    ("first_overlap", 1, "its first chunk"),
    ("control_guidance", 1.5, "control_guidance (1.5)"),
    ("shift", 10.0, "shift (10)"),
    ("distilled", True, "--model edge/distilled"),
    ("av", True, "av (True)"),
]


@pytest.mark.parametrize(("field", "value", "words"), LACKING)
def test_what_has_no_counterpart_is_told(field: str, value: Any, words: str) -> None:
    values, notes = written(**{field: value}, controls={"edge": Control()})
    assert values == NEEDED | {"edge": {}}
    assert len(notes) == 1
    assert "has no counterpart in Transfer2.5" in notes[0]
    assert words in notes[0]


CHANGED: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"guidance": 3.6}, "guidance", 4, "guidance 3.6 became 4: Transfer2.5 takes whole numbers from 0 to 7"),
    ({"guidance": 9.0}, "guidance", 7, "guidance 9 became 7"),
    ({"sigma_max": 250.0}, "sigma_max", "200", "sigma_max 250 became 200: Transfer2.5 takes numbers from 0 to 200"),
    ({"overlap": 9}, "num_conditional_frames", 2, "overlap 9 became 2"),
    ({"size": "1280x704"}, "resolution", "720", ""),
    ({"size": "832x480"}, "resolution", "480p", ""),
    ({"size": "480p"}, "resolution", "480p", ""),
    ({"size": "256p"}, "resolution", "256", "size '256p' became '256', as Transfer2.5 calls its own"),
    ({"size": "768"}, "resolution", None, "size '768' has no counterpart in Transfer2.5, which has 720, 720p, 480"),
    ({"size": "1920x1080"}, "resolution", None, "size '1920x1080' has no counterpart"),
    ({"prompt": '{"subjects": []}'}, "prompt", '{"subjects": []}', "the prompt is a structured caption"),
]


@pytest.mark.parametrize(("fields", "key", "value", "words"), CHANGED)
def test_what_is_changed_is_told(fields: dict[str, Any], key: str, value: Any, words: str) -> None:
    values, notes = written(**fields, controls={"edge": Control()})
    assert values.get(key) == value
    assert type(values.get(key)) is type(value)
    assert [words in note for note in notes] == ([True] if words else [])


CHANGED_CONTROLS: list[tuple[str, dict[str, Any], dict[str, Any] | None, str]] = [
    ("edge", {"weight": WeightMap(path="w.pt")}, {}, "edge.weight ('w.pt') has no counterpart in Transfer2.5"),
    ("edge", {"checkpoint": "own.pt"}, {}, "--checkpoint-path"),
    ("edge", {"preset": "none"}, {"preset_edge_threshold": "very_low"}, "edge.preset none became very_low"),
    ("depth", {"preset": "low"}, {}, "depth.preset (low) has no counterpart"),
    ("depth", {"prompt": "car"}, {}, "which has one for seg alone"),
    ("seg", {"mask": "m.mp4", "mask_prompt": "car"}, {"mask_path": "m.mp4", "mask_prompt": "car"}, "is ignored"),
    ("keypoint", {}, None, "keypoint has no counterpart in Transfer2.5: this control is left out"),
    ("hdmap", {}, None, "hdmap has no counterpart"),
    ("lidar", {}, None, "lidar has no counterpart"),
    ("upscale", {}, None, "upscale has no counterpart"),
    ("wsm", {}, None, "wsm has no counterpart"),
]


@pytest.mark.parametrize(("hint", "fields", "values", "words"), CHANGED_CONTROLS)
def test_what_is_changed_of_a_control_is_told(
    hint: Any, fields: dict[str, Any], values: dict[str, Any] | None, words: str
) -> None:
    made, notes = written(controls={hint: Control(**fields)})
    assert made.get(hint) == values
    assert words in notes[0]


def test_weights_above_1_are_divided_so_that_their_shares_stay() -> None:
    controls = {
        "edge": Control(weight=2.0),
        "seg": Control(weight=1.0),
        "vis": Control(),
        "keypoint": Control(weight=9.0),
    }
    values, notes = written(controls=controls)
    assert values["edge"] == {"control_weight": 1.0}
    assert values["seg"] == values["vis"] == {"control_weight": 0.5}
    assert notes[1].startswith(
        "a weight of 2 is above 1, the most that Transfer2.5 takes: all are divided by it (edge 1, seg 0.5, vis 0.5)"
    )
    assert written(controls={"edge": Control(weight=1.0), "seg": Control(weight=1.0)})[1] == []


def test_vis_and_a_style_image_exclude_each_other() -> None:
    assert "refuses them together" in written(style_image="s.jpg", controls={"vis": Control()})[1][0]
    assert written(style_image="s.jpg", controls={"edge": Control()})[1] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"guidance": 3.5}, "guidance is 3.5: must be a whole number"),
        ({"sigma_max": 70}, 'sigma_max is 70: must be text: write "70", in quotes'),
        ({"sigma_max": "much"}, "sigma_max is 'much': must be a number"),
        ({"resolution": 720}, 'resolution is 720: must be text: write "720", in quotes'),
        ({"edge": {"preset_edge_threshold": "mid"}}, "edge.preset_edge_threshold is 'mid': must be one of"),
        ({"edge": {"control_weight": "w.pt"}}, "edge.control_weight is 'w.pt': must be a number"),
        ({"edge": True}, "edge is True: must be an object"),
        ({"guided_generation_foreground_labels": 1}, "must be a list of whole numbers"),
        ({"guided_generation_foreground_labels": [0.5]}, "must be a whole number"),
        ({"show_input": "yes"}, "show_input is 'yes': must be true or false"),
    ],
)
def test_a_value_of_another_type_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        Transfer25Spec.read(values)
    assert words in caught.value.what
