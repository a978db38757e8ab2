"""From one program's form into another's: what is written, and what is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.transfer.formats import convert, load_spec
from cosmos_workflow.kinds.transfer.spec import Control, Spec

ONE: dict[str, Any] = {
    "prompt": "A city at dusk",
    "input_video_path": "/clips/city.mp4",
    "seed": 7, "guidance": 8.0, "sigma_max": 90.0, "num_steps": 30, "fps": 30,
    "canny_threshold": "high",
    "regional_prompts": [{"prompt": "red car", "mask_prompt": "car"}],
    "seg": {"control_weight": "0.9", "input_control": "/clips/seg.mp4"},
    "edge": {"control_weight": 1.5},
    "keypoint": {"control_weight": 0.5},
    "depth": {"control_weight": "/clips/depth.pt", "input_control": "/clips/depth.mp4"},
}  # fmt: skip
TWO: dict[str, Any] = {
    "name": "city",
    "prompt": "A city at dusk",
    "video_path": "/clips/city.mp4",
    "guidance": 3, "sigma_max": "120", "resolution": "480p", "num_conditional_frames": 2,
    "keep_input_resolution": True,
    "edge": {"control_weight": 1.0, "preset_edge_threshold": "low"},
    "seg": {"control_weight": 0.4, "mask_path": "/clips/mask.mp4", "control_prompt": "car . tree"},
}  # fmt: skip
THREE: dict[str, Any] = {
    "name": "city", "model_mode": "video2video", "prompt": "A city at dusk", "vision_path": "/clips/city.mp4",
    "resolution": "720", "aspect_ratio": "16,9", "fps": 30, "shift": 10.0, "num_steps": 50, "seed": 2026,
    "num_video_frames_per_chunk": 121, "num_conditional_frames": 1, "num_first_chunk_conditional_frames": 0,
    "guidance": 3.5, "control_guidance": 1.5, "share_vision_temporal_positions": True,
    "blur": {"preset_blur_strength": "none", "weight": 1},
    "depth": {"control_path": "/clips/depth.mp4", "weight": 3},
}  # fmt: skip


def test_transfer1_into_transfer25() -> None:
    converted = convert(ONE, "transfer2.5")
    assert converted.values == {
        "name": "city", "prompt": "A city at dusk", "video_path": "/clips/city.mp4", "seed": 7, "guidance": 7,
        "sigma_max": "90", "num_steps": 30,
        "seg": {"control_path": "/clips/seg.mp4", "control_weight": 0.6},
        "edge": {"control_weight": 1.0, "preset_edge_threshold": "high"},
        "depth": {"control_path": "/clips/depth.mp4"},
    }  # fmt: skip
    assert list(converted.values)[-3:] == ["seg", "edge", "depth"]
    assert converted.notes == (
        "seg.control_weight is written as text ('0.9'): taken as the number 0.9",
        "regions (1) has no counterpart in Transfer2.5: one prompt holds for the whole picture; a control can have a"
        " mask",
        "fps (30) has no counterpart in Transfer2.5: its output has the clip's rate",
        "guidance 8 became 7: Transfer2.5 takes whole numbers from 0 to 7",
        "there is no name, which Transfer2.5 demands: 'city' is written",
        "keypoint has no counterpart in Transfer2.5: this control is left out",
        "a weight of 1.5 is above 1, the most that Transfer2.5 takes: all are divided by it (seg 0.6, edge 1), which"
        " keeps their effect, as weights with a sum above 1 are scaled to a sum of 1",
        "depth.weight ('/clips/depth.pt') has no counterpart in Transfer2.5, which takes no weight maps: the weight is"
        " left out; a video as mask_path says where a control acts",
        "Transfer2.5 stacks the controls in its own order: edge, depth, seg",
        "not given, so that the values of Transfer2.5 count: chunk 93 (Transfer1: 121)",
        "Transfer2.5 brings the output to the clip's size, and Transfer1 leaves it in the model's",
        "sigma_max has another scale: Transfer1 leaves the clip out from 80 on, Transfer2.5 only at 200",
    )


def test_transfer25_into_transfer1() -> None:
    converted = convert(TWO, "transfer1")
    assert converted.values == {
        "video_save_name": "city", "prompt": "A city at dusk", "input_video_path": "/clips/city.mp4", "guidance": 3.0,
        "sigma_max": 120.0, "num_input_frames": 1, "canny_threshold": "low",
        "edge": {"control_weight": 1.0},
        "seg": {"control_weight": 0.4, "input_control_prompt": "car . tree"},
    }  # fmt: skip
    assert converted.notes == (
        "size ('480p') has no counterpart in Transfer1: it has one set of sizes, 1280x704 and the like",
        "keep_size (True) has no counterpart in Transfer1: its output has one of its own sizes",
        "overlap 2 became 1: Transfer1 takes no other",
        "seg.mask ('/clips/mask.mp4') has no counterpart in Transfer1: a weight map (.pt) or control_weight_prompt says"
        " where a control acts",
        "not given, so that the values of Transfer1 count: seed 1 (Transfer2.5: 2025), fps 24 (Transfer2.5: the"
        " clip's), chunk 121 (Transfer2.5: 93)",
        "sigma_max has another scale: Transfer2.5 leaves the clip out only at 200, Transfer1 from 80 on",
    )


def test_cosmos3_into_transfer25() -> None:
    converted = convert(THREE, "transfer2.5")
    assert converted.values == {
        "name": "city", "prompt": "A city at dusk", "video_path": "/clips/city.mp4", "seed": 2026, "guidance": 4,
        "num_steps": 50, "resolution": "720", "num_video_frames_per_chunk": 121, "num_conditional_frames": 1,
        "vis": {"control_weight": 1 / 3, "preset_blur_strength": "very_low"},
        "depth": {"control_path": "/clips/depth.mp4", "control_weight": 1.0},
    }  # fmt: skip
    notes = "; ".join(converted.notes)
    for words in (
        "share_vision_temporal_positions", "aspect ('16:9')", "fps (30)", "control_guidance (1.5)", "shift (10)",
        "guidance 3.5 became 4", "a weight of 3 is above 1", "vis.preset none became very_low",
    ):  # fmt: skip
        assert words in notes


def test_cosmos3_into_transfer1_and_transfer25_into_cosmos3() -> None:
    alone = convert(THREE, "transfer1")
    assert alone.values["blur_strength"] == "none"
    assert alone.values["depth"] == {"input_control": "/clips/depth.mp4", "control_weight": 3.0}
    three = convert(TWO, "cosmos3")
    assert three.values == {
        "model_mode": "video2video", "name": "city", "prompt": "A city at dusk", "vision_path": "/clips/city.mp4",
        "guidance": 3, "num_conditional_frames": 2, "resolution": "480",
        "edge": {"weight": 1.0, "preset_edge_threshold": "low"}, "seg": {"weight": 0.4},
    }  # fmt: skip
    notes = "; ".join(three.notes)
    for words in (
        "sigma_max (120) has no counterpart", "keep_size (True)", "seg.mask", "seg.prompt", "seg has no video",
        "size '480p' became '480'", "seed drawn (Transfer2.5: 2025)",
    ):  # fmt: skip
        assert words in notes


def test_weights_that_cosmos3_scales_up_are_told() -> None:
    converted = convert(
        {"video_path": "/a.mp4", "name": "n", "prompt": "x", "edge": {"control_weight": 0.5}}, "cosmos3"
    )
    assert (
        "Cosmos 3 scales weights to a sum of 1, also up: together these have 0.5, which Transfer2.5 leaves as it is"
        in (converted.notes)
    )

    cosmos3 = {"model_mode": "video2video", "vision_path": "/a.mp4", "edge": {"weight": 0.25}}
    assert "together these have 0.25, which Transfer1 leaves as it is" in convert(cosmos3, "transfer1").notes[-1]
    assert "also up" not in str(convert(cosmos3 | {"edge": {"weight": 1}}, "transfer1").notes)


def test_missing_weights_mean_something_else() -> None:
    converted = convert({"input_video_path": "/a.mp4", "prompt": "x", "edge": {}, "vis": {}}, "transfer2.5")
    assert "the weight of edge, vis 1 (Transfer1: 0.5)" in str(converted.notes)


def test_sizes_that_are_others_by_the_same_name_are_told() -> None:
    words = "size 720 is 1280x720 and the like in Cosmos 3, and 1280x704 and the like in"
    assert f"{words} Transfer2.5" in convert(THREE, "transfer2.5").notes
    assert f"{words} Transfer1" in convert({**THREE, "resolution": None}, "transfer1").notes
    assert not any(note.startswith("size") for note in convert(ONE, "transfer2.5").notes)
    kept = "Transfer2.5 brings the output to the clip's size, and Cosmos 3 leaves it in the model's"
    assert kept in convert({key: TWO[key] for key in TWO if key != "keep_input_resolution"}, "cosmos3").notes
    assert kept not in convert(TWO, "cosmos3").notes  # that it has no counterpart is told instead


def test_keys_of_a_programs_own_are_written_or_told() -> None:
    spec = Spec(prompt="x", video="/city.mp4", name="city", controls={"edge": Control()}, program={"num_gpus": 2})
    assert convert(spec, "transfer1").values["num_gpus"] == 2
    for target in ("transfer2.5", "cosmos3"):
        made = convert(spec, target)
        assert "num_gpus" not in made.values
        assert any("num_gpus" in note for note in made.notes)


def test_numbers_below_one_that_a_program_refuses_are_raised() -> None:
    spec = Spec(name="city", prompt="x", video="/city.mp4", controls={"edge": Control()}, steps=0, chunk=-3, frames=0)
    for target in ("transfer2.5", "cosmos3"):
        made = convert(spec, target)
        assert [made.values[key] for key in ("num_steps", "num_video_frames_per_chunk", "max_frames")] == [1, 1, 1]
        assert any(note.startswith("steps 0 became 1") for note in made.notes)


@pytest.mark.parametrize(("values", "target"), [(ONE, "transfer1"), (TWO, "transfer2.5"), (THREE, "cosmos3")])
def test_what_has_the_form_already_stays_as_it_is(values: dict[str, Any], target: str) -> None:
    converted = convert(values, target)
    assert json.dumps(converted.values) == json.dumps(values)
    assert converted.form == target


def test_our_own_form_into_each_and_back() -> None:
    spec = Spec(name="city", prompt="x", video="/city.mp4", seed=3, steps=10, controls={"edge": Control(weight=0.5)})
    for target in ("transfer1", "transfer2.5", "cosmos3"):
        converted = convert(spec, target)
        assert converted.notes == ()
        assert load_spec(converted.values).spec == spec.model_copy(update={"model": target})
    named = spec.model_copy(update={"model": "cosmos3-super"})
    assert convert(named, "cosmos3").notes == (
        "model 'cosmos3-super' is not written, as a spec of Cosmos 3 names none",
    )
    own = convert(spec, "own").values
    assert own == {
        "name": "city", "prompt": "x", "video": "/city.mp4", "controls": {"edge": {"weight": 0.5}}, "seed": 3,
        "steps": 10,
    }  # fmt: skip
    assert convert(own, "own").values == own


def test_where_relative_paths_start_is_told() -> None:
    relative = {"input_video_path": "assets/city.mp4", "prompt": "x", "edge": {}}
    words = "relative paths started at the folder in which Transfer1 is started; now they start at the spec's folder"
    assert words in convert(relative, "transfer2.5").notes
    assert words not in convert(relative | {"input_video_path": "/city.mp4"}, "transfer2.5").notes
    assert words not in convert(relative, "own", folder=Path()).notes
    assert not any("relative" in note for note in convert(THREE | {"vision_path": "city.mp4"}, "transfer2.5").notes)


def test_prompts_in_files_are_read_where_a_program_takes_none(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("  A city at dusk\n", encoding="utf-8-sig")
    (tmp_path / "n.json").write_text('{"prompt": "cartoon"}')
    (tmp_path / "caption.json").write_text('{"subjects": ["größe"]}')
    values = {"model_mode": "video2video", "vision_path": "/a.mp4", "prompt_path": "p.txt", "edge": {}}
    values["negative_prompt_file"] = "n.json"
    alone = convert(values, "transfer1", folder=tmp_path)
    assert (alone.values["prompt"], alone.values["negative_prompt"]) == ("A city at dusk", "cartoon")
    assert "the text of 'p.txt' is written as prompt, as Transfer1 takes no file for it" in alone.notes
    two = convert(values, "transfer2.5", folder=tmp_path)
    assert (two.values["prompt_path"], two.values["negative_prompt"]) == ("p.txt", "cartoon")
    caption = values | {"prompt_path": "caption.json", "negative_prompt_file": "caption.json"}
    alone = convert(caption, "transfer1", folder=tmp_path)
    assert alone.values["prompt"] == '{"subjects": ["größe"]}'
    assert "negative_prompt" not in alone.values
    assert (
        "the structured caption in 'caption.json' is left out: the negative prompt of Transfer1 counts" in alone.notes
    )
    assert "the prompt is a structured caption, which Transfer1 takes as plain text, braces and all" in alone.notes
    both = convert(values | {"prompt": "By day"}, "transfer1", folder=tmp_path)
    assert both.values["prompt"] == "By day"
    assert "prompt_path is left out, as there is a prompt" in both.notes
    gone = convert(values | {"prompt_path": "gone.txt"}, "transfer1", folder=tmp_path)
    assert "prompt" not in gone.values
    assert "prompt_path ('gone.txt') cannot be read here" in "; ".join(gone.notes)
    assert "put the file's text into prompt" in "; ".join(gone.notes)


def test_what_cannot_be_translated_is_an_error() -> None:
    with pytest.raises(
        UsageError, match=r"no such form: 'transfer3'; choose one of transfer1, transfer2\.5, cosmos3, own"
    ):
        convert(ONE, "transfer3")
    with pytest.raises(BadInputError, match=r"spec\.json: this is a file of prompts"):
        convert({"prompt": "x"}, "transfer1", where="spec.json")


def test_what_the_other_program_has_by_the_same_name_and_a_prompt_that_is_missing_are_told() -> None:
    values = {"name": "n", "video_path": "/a.mp4", "edge": {}, "output_dir": "out", "colour": 1}
    made = convert(values, "cosmos3")
    assert made.values["output_dir"] == "out"
    assert "colour" not in made.values
    for note in (
        "kept, as Cosmos 3 has such a key too: output_dir",
        "left out, as Cosmos 3 does not know it: colour",
        "there is no prompt: Cosmos 3 takes an empty one",
    ):
        assert note in made.notes
    assert "there is no prompt: Transfer1 takes a sentence of its own" in convert(values, "transfer1").notes
