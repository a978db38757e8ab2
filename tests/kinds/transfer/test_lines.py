"""Transfer1's batch: the lines beside a spec, and several transfers as one batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.transfer.formats import BatchLine, Transfer1Spec, batch_of, read_batch_lines
from cosmos_workflow.kinds.transfer.spec import Control, Spec

SPEC: dict[str, Any] = {
    "prompt": "A city",
    "seed": 3,
    "edge": {"control_weight": 0.5, "input_control": "edge.mp4"},
    "depth": {"control_weight": 0.3},
}


def test_a_line_changes_the_spec() -> None:
    line = {
        "visual_input": "b.mp4",
        "prompt": "Rain",
        "control_overrides": {"edge": {"input_control": None, "control_weight": 1}},
    }
    read = BatchLine.read(line)
    assert json.dumps(read.write()) == json.dumps(line)
    made, notes = read.over(Transfer1Spec.read(SPEC))
    assert made.write() == SPEC | {
        "prompt": "Rain", "input_video_path": "b.mp4", "edge": {"control_weight": 1, "input_control": None},
    }  # fmt: skip
    assert notes == []
    assert made.to_spec()[0].controls["edge"] == Control(weight=1.0)


def test_what_transfer1_ignores_or_refuses_in_a_line_is_told() -> None:
    line = BatchLine.read({"visual_input": "b.mp4", "seed": 7, "control_overrides": {"seg": {"control_weight": 1}}})
    made, notes = line.over(Transfer1Spec.read(SPEC))
    assert notes == [
        "seed is not known in a line of Transfer1's batch, which ignores it",
        "the line has no prompt: that of the spec is taken, where Transfer1 would refuse an empty one",
        "the spec has no control 'seg', so that Transfer1 ignores what the line says of it",
    ]
    assert made.write() == SPEC | {"input_video_path": "b.mp4"}


def test_lines_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"visual_input": "a.mp4"}\n\n{"visual_input": "b.mp4", "prompt": "x"}\n')
    lines = list(read_batch_lines(path))
    assert [(line.visual_input, where) for line, where in lines] == [
        ("a.mp4", f"{path}, line 1"),
        ("b.mp4", f"{path}, line 3"),
    ]
    path.write_text('{"prompt": "x"}\n')
    with pytest.raises(
        BadInputError, match="line 1: this is no line of Transfer1's batch; each line needs visual_input"
    ):
        list(read_batch_lines(path))
    path.write_text('{"visual_input": "a.mp4", "control_overrides": {"edge": {"control_weight": "x"}}}\n')
    with pytest.raises(BadInputError, match=r"control_overrides\.edge\.control_weight is 'x'"):
        list(read_batch_lines(path))


def test_several_transfers_become_one_batch() -> None:
    first = Spec(prompt="A city", video="a.mp4", seed=3, controls={
        "edge": Control(weight=0.5, path="edge.mp4"), "depth": Control(weight=0.3)})  # fmt: skip
    second = first.model_copy(update={"video": "b.mp4", "prompt": "Rain", "controls": {
        "edge": Control(weight=0.7), "depth": Control(path="depth.mp4")}})  # fmt: skip
    base, lines, notes = batch_of([first, second])
    assert base == {
        "prompt": "A city", "input_video_path": "a.mp4", "seed": 3,
        "edge": {"input_control": "edge.mp4", "control_weight": 0.5}, "depth": {"control_weight": 0.3},
    }  # fmt: skip
    assert lines == [
        {"visual_input": "a.mp4", "prompt": "A city"},
        {"visual_input": "b.mp4", "prompt": "Rain", "control_overrides": {
            "edge": {"control_weight": 0.7, "input_control": None},
            "depth": {"control_weight": 0.5, "input_control": "depth.mp4"},
        }},
    ]  # fmt: skip
    assert notes == []
    # Each line beside the spec is the transfer that it was made of, but for the weight that was not given.
    for line, spec in zip(lines, (first, second), strict=True):
        made = BatchLine.read(line).over(Transfer1Spec.read(base))[0].to_spec()[0]
        assert (made.video, made.prompt, made.seed) == (spec.video, spec.prompt, spec.seed)
        assert {hint: control.path for hint, control in made.controls.items()} == {
            hint: control.path for hint, control in spec.controls.items()
        }


def test_what_a_batch_cannot_have_is_told() -> None:
    controls = {"edge": Control(checkpoint="a.pt"), "vis": Control()}
    first = Spec(name="a", prompt="A city", video="a.mp4", seed=3, steps=30, controls=controls)
    controls = {"edge": Control(checkpoint="b.pt"), "seg": Control()}
    second = Spec(name="b", video="b.mp4", seed=4, guidance=7.0, controls=controls)
    base, lines, notes = batch_of([first, second])
    assert base["seed"] == 3
    assert lines[1] == {"visual_input": "b.mp4", "prompt": "", "control_overrides": {"vis": {"control_weight": 0}}}
    assert notes == [
        "line 2 has no prompt, which Transfer1 refuses in a batch",
        "line 2: vis has the weight 0, as a batch loads the controls of the first transfer for all",
        "line 2: the control seg is left out, as the first transfer does not have it",
        "line 2: edge.ckpt_path cannot differ in a batch: that of the first counts",
        "line 2: seed, num_steps, guidance cannot differ in a batch: those of the first count",
    ]
    with pytest.raises(UsageError):
        batch_of([])
