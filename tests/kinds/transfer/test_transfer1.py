"""Transfer1's keys, one by one, from its fact sheet: what each is in our form, and what our form is in Transfer1's."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import Transfer1Spec
from cosmos_workflow.kinds.transfer.spec import Control, Region, Spec, WeightMap

# A key of the spec and a value, the field of our form and its value.
KEYS: list[tuple[str, Any, str, Any]] = [
    ("prompt", "A city at dusk", "prompt", "A city at dusk"),
    ("negative_prompt", "cartoon", "negative_prompt", "cartoon"),
    ("negative_prompt", "", "negative_prompt", ""),
    ("input_video_path", "assets/clip.mp4", "video", "assets/clip.mp4"),
    ("num_input_frames", 1, "overlap", 1),
    ("sigma_max", 70.0, "sigma_max", 70.0),
    ("num_steps", 35, "steps", 35),
    ("guidance", 5, "guidance", 5.0),
    ("fps", 24, "fps", 24.0),
    ("seed", 0, "seed", 0),
    ("video_save_name", "output", "name", "output"),
    ("use_distilled", True, "distilled", True),
    ("is_av_sample", True, "av", True),
]
CONTROL_KEYS: list[tuple[str, str, Any, str, Any]] = [
    ("edge", "control_weight", 0.7, "weight", 0.7),
    ("edge", "control_weight", 1, "weight", 1.0),
    ("edge", "control_weight", 0, "weight", 0.0),
    ("vis", "control_weight", "outputs/vis_weights.pt", "weight", WeightMap(path="outputs/vis_weights.pt")),
    ("depth", "input_control", "assets/depth.mp4", "path", "assets/depth.mp4"),
    ("seg", "input_control_prompt", "robot . table", "prompt", "robot . table"),
    ("seg", "control_weight_prompt", "robot . gloves", "mask_prompt", "robot . gloves"),
    ("keypoint", "ckpt_path", "nvidia/own.pt", "checkpoint", "nvidia/own.pt"),
    ("hdmap", "input_control", "hdmap.mp4", "path", "hdmap.mp4"),
    ("lidar", "input_control", "lidar.mp4", "path", "lidar.mp4"),
    ("upscale", "control_weight", 0.5, "weight", 0.5),
]


def read(**values: Any) -> tuple[Spec, list[str]]:
    return Transfer1Spec.read(values).to_spec()


def written(**fields: Any) -> tuple[dict[str, Any], list[str]]:
    spec, notes = Transfer1Spec.from_spec(Spec(**fields))
    return spec.write(), notes


@pytest.mark.parametrize(("key", "value", "field", "ours"), KEYS)
def test_a_key_and_our_field_for_it(key: str, value: Any, field: str, ours: Any) -> None:
    spec, notes = read(**{key: value}, edge={})
    assert getattr(spec, field) == ours
    assert notes == []
    values, notes = written(**{field: ours}, controls={"edge": Control()})
    assert values == {key: value, "edge": {}}
    assert notes == []


@pytest.mark.parametrize(("hint", "key", "value", "field", "ours"), CONTROL_KEYS)
def test_a_key_of_a_control_and_our_field_for_it(hint: Any, key: str, value: Any, field: str, ours: Any) -> None:
    spec, notes = read(**{hint: {key: value}})
    assert getattr(spec.controls[hint], field) == ours
    assert notes == []
    values, notes = written(controls={hint: Control(**{field: ours})}, av=True)
    assert values == {"is_av_sample": True, hint: {key: value}}
    assert notes == []


@pytest.mark.parametrize(("hint", "key"), [("edge", "canny_threshold"), ("vis", "blur_strength")])
def test_presets_stand_beside_their_controls(hint: Any, key: str) -> None:
    spec, notes = read(**{key: "very_low", hint: {}})
    assert (spec.controls[hint].preset, spec.extra, notes) == ("very_low", {}, [])
    assert written(controls={hint: Control(preset="very_low")}) == ({key: "very_low", hint: {}}, [])
    spec, notes = read(**{key: "very_low", "depth": {}})
    assert (spec.extra, notes) == ({key: "very_low"}, [f"{key} has no effect without {hint}"])
    assert written(controls={"depth": Control()}, extra=spec.extra) == ({key: "very_low", "depth": {}}, [])
    assert "depth.preset (high) has no counterpart" in written(controls={"depth": Control(preset="high")})[1][0]


def test_regional_prompts() -> None:
    regions = [
        {"prompt": "red dress", "region_definitions_path": [0, 0.0, 0.5, 1.0]},
        {"prompt": "forklift", "region_definitions_path": "masks/forklift.mp4"},
        {"prompt": "blue dress", "mask_prompt": "woman on the right"},
    ]
    spec, notes = read(regional_prompts=regions, seg={})
    assert spec.regions == (
        Region(prompt="red dress", box=(0.0, 0.0, 0.5, 1.0)),
        Region(prompt="forklift", mask="masks/forklift.mp4"),
        Region(prompt="blue dress", mask_prompt="woman on the right"),
    )
    assert notes == []
    assert written(regions=spec.regions, controls={"seg": Control()}) == ({"regional_prompts": regions, "seg": {}}, [])
    both = Region(prompt="x", box=(0.0, 0.0, 1.0, 1.0), mask="m.mp4")
    assert "the mask of region 1 is left out" in written(regions=(both,), controls={"seg": Control()})[1][0]


def test_the_order_of_the_controls_stays() -> None:
    order = ["seg", "lidar", "edge", "upscale", "vis"]
    spec, _ = read(**{hint: {} for hint in order})
    assert list(spec.controls) == order
    assert list(written(controls=spec.controls, av=True)[0]) == ["is_av_sample", *order]


def test_numbers_as_text_are_kept_as_text_and_told() -> None:
    values = {"seed": "7", "edge": {"control_weight": "0.5"}}
    specification = Transfer1Spec.read(values)
    assert specification.write() == values
    spec, notes = specification.to_spec()
    assert (spec.seed, spec.controls["edge"].weight) == (7, 0.5)
    assert notes == [
        "seed is written as text ('7'): taken as the number 7",
        "edge.control_weight is written as text ('0.5'): taken as the number 0.5",
    ]


def test_unknown_keys_are_kept_and_told() -> None:
    values = {
        "num_video_frames": 121,
        "prompt_title": "fog",
        "gidance": 3,
        "edges": {"control_weight": 1},
        "edge": {"sigma_max": 80, "control_wieght": 1},
        "regional_prompts": [{"prompt": "x", "colour": "red"}],
    }
    specification = Transfer1Spec.read(values)
    assert specification.write() == values
    spec, notes = specification.to_spec()
    assert spec.extra == {key: values[key] for key in ("num_video_frames", "prompt_title", "gidance", "edges")}
    assert spec.controls["edge"].extra == values["edge"]
    assert spec.regions[0].extra == {"colour": "red"}
    assert notes == [
        "num_video_frames is not known to Transfer1, which ignores it silently",
        "prompt_title is not known to Transfer1, which ignores it silently",
        "gidance is not known to Transfer1, which ignores it silently (did you mean guidance?)",
        "edges is no control of Transfer1, which stops at it (did you mean edge?)",
        "edge.sigma_max is not known to Transfer1, which ignores it silently",
        "edge.control_wieght is not known to Transfer1, which ignores it silently (did you mean control_weight?)",
        "colour of region 1 is not known to Transfer1, which ignores it silently",
    ]
    assert [(unknown.control, unknown.key) for unknown in specification.unknown() if unknown.refused] == [("", "edges")]
    back, sentences = Transfer1Spec.from_spec(spec)
    assert back.write() == {"regional_prompts": [{"prompt": "x"}], "edge": {}}
    assert sentences == [
        "left out, as Transfer1 does not know it: regions.1.colour",
        "left out, as Transfer1 does not know them: num_video_frames, prompt_title, gidance, edges",
        "left out, as Transfer1 does not know them: edge.sigma_max, edge.control_wieght",
    ]


def test_what_says_how_it_runs_is_kept_and_written_again() -> None:
    values = {"num_gpus": 4, "offload_text_encoder_model": True, "checkpoint_dir": "ckpt", "edge": {}}
    spec, notes = read(**values)
    assert notes == [
        "kept beside our form, as they say how Transfer1 runs: num_gpus, offload_text_encoder_model, checkpoint_dir"
    ]
    assert Transfer1Spec.from_spec(spec)[0].write() == values


def test_nothing_given_is_nothing_written() -> None:
    spec, notes = read(seed=None, prompt="", input_video_path="", edge={"input_control": None})
    assert (spec.seed, spec.prompt, spec.video, spec.controls) == (None, "", "", {"edge": Control()})
    assert notes == [
        "the prompt is empty, which counts as none: Transfer1 itself refuses an empty prompt",
        "seed is null, which counts as not given; Transfer1 takes null itself for the value",
    ]
    assert written() == ({}, ["there is no control, and Transfer1 needs at least one"])


LACKING: list[tuple[str, Any, str]] = [
    ("prompt_path", "prompt.txt", "put the file's text into prompt"),
    ("negative_prompt_path", "negative.json", "put the file's text into negative_prompt"),
    ("size", "480", "it has one set of sizes"),
    ("aspect", "16:9", "it takes the shape of the clip"),
    ("frames", 200, "it takes all frames"),
    ("chunk", 93, "its chunks have 121 frames"),
    ("first_overlap", 1, "its first chunk"),
    ("control_guidance", 1.5, "control_guidance (1.5)"),
    ("shift", 10.0, "shift (10)"),
    ("style_image", "sunset.jpg", "the prompt alone gives the style"),
    ("style_frame", 3, "the prompt alone gives the style"),
    ("anchor_mask", "mask.npz", "anchor_mask"),
    ("anchor_step", 25, "anchor_step"),
    ("anchor_labels", (1, 2), "anchor_labels (2)"),
    ("keep_size", True, "its output has one of its own sizes"),
    ("show_control", True, "files of their own"),
    ("show_input", True, "show_input"),
    ("restore", ("size",), "cosmos transfer does it"),
    ("keep_frames", True, "cosmos transfer does it"),
]


@pytest.mark.parametrize(("field", "value", "words"), LACKING)
def test_what_has_no_counterpart_is_told(field: str, value: Any, words: str) -> None:
    values, notes = written(**{field: value}, controls={"edge": Control()})
    assert values == {"edge": {}}
    assert len(notes) == 1
    assert "has no counterpart in Transfer1" in notes[0]
    assert words in notes[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", "720"), ("chunk", 121), ("first_overlap", 0), ("keep_size", False), ("show_input", False)],
)
def test_what_it_does_anyway_is_not_told(field: str, value: Any) -> None:
    assert written(**{field: value}, controls={"edge": Control()}) == ({"edge": {}}, [])


def test_what_is_changed_is_told() -> None:
    values, notes = written(
        overlap=9, fps=23.976, controls={"edge": Control(mask="m.mp4"), "wsm": Control(path="w.mp4")}
    )
    assert values == {"fps": 23.976, "num_input_frames": 1, "edge": {}}
    assert notes == [
        "overlap 9 became 1: Transfer1 takes no other",
        "fps 23.976 is no whole number, which Transfer1's own flag would refuse",
        "wsm has no counterpart in Transfer1: this control is left out",
        "edge.mask ('m.mp4') has no counterpart in Transfer1: a weight map (.pt) or control_weight_prompt says where a"
        " control acts",
    ]
    _, notes = written(prompt='{"subjects": []}', controls={"edge": Control(mask_prompt="car")})
    assert "structured caption" in notes[0]
    assert notes[1] == "edge.mask_prompt ('car') is written, but Transfer1 looks at it for seg alone"
    _, notes = written(controls={"hdmap": Control(path="h.mp4")})
    assert "--is_av_sample" in notes[0]
    values, notes = written(prompt="x", prompt_path="p.txt", controls={"edge": Control()})
    assert (values, notes) == ({"prompt": "x", "edge": {}}, ["prompt_path is left out, as there is a prompt"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": "x"}, "seed is 'x': must be a whole number"),
        ({"seed": True}, "seed is True: must be a whole number"),
        ({"seed": 2**63}, "must be a whole number"),
        ({"sigma_max": "nan"}, "sigma_max is 'nan': must be a number"),
        ({"guidance": 10**400}, "must be a number"),
        ({"prompt": 3}, 'prompt is 3: must be text: write "3", in quotes'),
        ({"prompt": ["a"]}, "prompt is ['a']: must be text"),
        ({"canny_threshold": "mid"}, "canny_threshold is 'mid': must be one of none, very_low, low"),
        ({"use_distilled": 1}, "use_distilled is 1: must be true or false"),
        ({"edge": {"control_weight": "none"}}, "edge.control_weight is 'none': must be a number, or the path of a .pt"),
        ({"edge": 0.5}, "edge is 0.5: must be an object, in braces"),
        ({"edge": {"input_control": ["a.mp4"]}}, "edge.input_control is ['a.mp4']: must be text"),
        ({"regional_prompts": [{"mask_prompt": "x"}]}, "regional_prompts.1.prompt is missing"),
        ({"regional_prompts": [{"prompt": " "}]}, "regional_prompts.1.prompt is ' ': must not be empty"),
        ({"regional_prompts": [{"prompt": "x", "region_definitions_path": [0, 1]}]}, "left, top, right and bottom"),
        ({"regional_prompts": [{"prompt": "x", "region_definitions_path": ["0", 0, 1, 1]}]}, "left, top, right and"),
    ],
)
def test_a_value_of_another_type_is_named(values: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInputError) as caught:
        Transfer1Spec.read(values, "spec.json")
    assert words in caught.value.what
    assert caught.value.where == "spec.json"


def test_several_faults_are_named_together() -> None:
    faults = dict.fromkeys(("seed", "num_steps", "guidance", "fps", "sigma_max", "num_input_frames"), "x")
    with pytest.raises(BadInputError) as caught:
        Transfer1Spec.read(faults)
    assert caught.value.what.count("must be") == 4
    assert caught.value.what.endswith("; and 2 more")
