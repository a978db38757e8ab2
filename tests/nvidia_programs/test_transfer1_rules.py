"""Transfer1's checks and their order, its sizes, batches and ranks, on the stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from servers.nvidia_programs import Layout, write_layout
from transfer1_lines import batch, command, edge


def test_a_checkpoint_that_is_missing_is_named(run, short: Path, tmp_path: Path) -> None:
    layout: Layout = write_layout(tmp_path / "nvidia", leave_out=["edge_control.pt"])
    ran = run(command(tmp_path, edge(short)), folder=layout.repository)
    assert ran.code == 1
    path = "checkpoints/nvidia/Cosmos-Transfer1-7B/edge_control.pt"
    assert ran.err.splitlines()[-1].startswith("FileNotFoundError: [Errno 2] No such file or directory: 'checkpoints/")
    assert f"Loading ctrl model from ckpt_path: {path}" in ran.messages()
    assert (len(ran.events("start")), ran.events("load")) == (1, [])
    ran = run(command(tmp_path, edge(short)), orders=[{"do": "missing", "value": "Llama-Guard-3-8B"}])
    assert "OSError: Incorrect path_or_model_id: 'checkpoints/meta-llama/Llama-Guard-3-8B'" in ran.err


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"blur": {}, "edge": {"control_weight": -1}}, "ValueError: Invalid hint_key: blur. Must be one of {"),
        ({"edge": {"control_weight": -1}}, "ValueError: Must have 'input_video' specified if sigma_max < 80"),
        (
            {"sigma_max": 90, "edge": {"control_weight": -1}},
            "ValueError: edge controlnet must have 'input_control' video specified if no 'input_video' specified.",
        ),
        (
            {"input_video_path": "no.mp4", "edge": {"control_weight": "none"}},
            "ValueError: Control weight for edge must be a valid non-negative float or a path to a .pt file.",
        ),
        ({"input_video_path": "no.mp4", "edge": {}}, "AssertionError"),
    ],
)
def test_checks_come_in_their_order(run, tmp_path: Path, spec: dict[str, Any], message: str) -> None:
    ran = run(command(tmp_path, spec))
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith(message)
    assert len(ran.events("load")) == (message == "AssertionError")  # a missing video is seen after the load


def test_overrides_of_a_line_are_its_own(run, short: Path, tmp_path: Path) -> None:
    lines = [
        {"visual_input": str(short), "prompt": "a", "control_overrides": {"edge": {"control_weight": 0.3}, "seg": {}}},
        {"visual_input": str(short), "prompt": "b", "control_overrides": {"edge": {"input_control": None}}},
    ]
    ran = run(command(tmp_path, edge(short), batch(tmp_path, lines)))
    assert ran.code == 0, ran.err
    assert "Ignoring unknown control key in override: seg" in ran.messages()
    assert [item["weights"]["edge"] for item in ran.events("item")] == [0.3, 1.0]


def test_clips_of_one_batch_must_have_one_length(run, short: Path, long: Path, tmp_path: Path) -> None:
    lines = [{"visual_input": str(clip), "prompt": "p"} for clip in (short, long)]
    ran = run(command(tmp_path, edge(short), f"--batch_size 2 {batch(tmp_path, lines)}"))
    assert ran.code == 1
    assert "RuntimeError: Sizes of tensors must match except in dimension 0." in ran.err


def test_a_control_of_another_aspect_does_not_fit(run, short: Path, long: Path, tmp_path: Path) -> None:
    ran = run(command(tmp_path, {"input_video_path": str(short), "depth": {"input_control": str(long)}}))
    assert ran.code == 1
    assert "RuntimeError: The size of tensor a (160) must match the size of tensor b (120)" in ran.err


def test_the_distilled_model_takes_edge_alone(run, short: Path, tmp_path: Path) -> None:
    ran = run(command(tmp_path, edge(short), "--use_distilled"))
    assert ran.code == 0, ran.err
    assert f"video paths: ['{short}']\nN_clip: 1\n" in ran.out
    assert "edge_control_distilled.pt" in ran.out
    two = {"input_video_path": str(short), "edge": {}, "vis": {}}
    assert "ValueError" in run(command(tmp_path, two, "--use_distilled")).err


def test_ranks_leave_side_files_of_their_own(run, short: Path, tmp_path: Path) -> None:
    torchrun = "torchrun --nproc_per_node=2 cosmos_transfer1/diffusion/inference/transfer.py"
    ran = run(command(tmp_path, edge(short), "--num_gpus 2", torchrun))
    assert ran.code == 0, ran.err
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"edge_input_control_0.mp4", "edge_input_control_1.mp4", "output.mp4", "output.txt"}
    assert ran.out.count("Saved video to") == 1


def test_the_picture_is_the_clips(run, short: Path, tmp_path: Path) -> None:
    run(command(tmp_path, edge(short)))
    pictures = []
    for path in (short, tmp_path / "out" / "output.mp4"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            pictures.append(frame.reformat(width=320, height=180, format="gray").to_ndarray().astype(float)[40:])
    assert np.corrcoef(pictures[0].ravel(), pictures[1].ravel())[0, 1] > 0.9
