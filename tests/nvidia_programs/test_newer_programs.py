"""Rules of Transfer2.5's and Cosmos 3's programs, on the stand-ins."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import av
import pytest
from servers.nvidia_programs import read_mark
from servers.nvidia_programs.films import look

pytestmark = pytest.mark.slow


def spec(folder: Path, *samples: Any, name: str = "spec.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(json.dumps(sample) if sample else "" for sample in samples), encoding="utf-8")
    return path


def first_mark(path: Path) -> Any:
    with av.open(str(path)) as container:
        return read_mark(next(container.decode(video=0)).to_ndarray(format="rgb24"))


def transfer25(folder: Path, *samples: Any, more: str = "") -> str:
    return f"python examples/inference.py -i {spec(folder, *samples)} -o {folder / 'out'} {more}"


def cosmos3(folder: Path, *samples: Any, more: str = "") -> str:
    program = "python -m cosmos_framework.scripts.inference --checkpoint-path Cosmos3-Nano"
    return f"{program} -i {spec(folder, *samples)} -o {folder / 'out'} {more}"


def sample25(clip: Path, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "prompt": f"prompt of {name}", "video_path": str(clip), "edge": {}, **more}


def test_transfer25_goes_on_behind_a_blocked_item_and_exits_0(run, short: Path, tmp_path: Path) -> None:
    samples = [sample25(short, name) for name in ("text", "video", "good")]
    orders = [
        {"do": "block", "value": "gun", "prompt": "of text"},
        {"do": "block-video", "value": "Hate_and_Harassment", "prompt": "of video"},
    ]
    ran = run(transfer25(tmp_path, *samples), orders=orders)
    assert ran.code == 0, ran.err
    out = tmp_path / "out"
    assert {path.name for path in out.glob("text*")} == {"text.json"}
    assert {path.name for path in out.glob("video*")} == {"video.json", "video_control_edge.mp4"}
    assert {path.name for path in out.glob("good*")} == {"good.json", "good.mp4", "good.txt", "good_control_edge.mp4"}
    assert "Guardrail blocked generation. Prompt: prompt of text" in ran.messages()
    assert "GUARDRAIL BLOCKED" not in ran.out
    debug = (out / "debug.log").read_text()
    assert "GUARDRAIL BLOCKED: BLOCKLIST: Prompt blocked by exact match blocklist" in debug
    assert "GUARDRAIL BLOCKED: VIDEOCONTENTSAFETYFILTER: unsafe frames detected" in debug
    assert (out / "console.log").read_text() == ran.out
    all_blocked = run(transfer25(tmp_path, samples[0]), orders=orders)
    assert all_blocked.code == 0
    stopped = run(transfer25(tmp_path, *samples, more="--no-keep-going"), orders=orders)
    assert stopped.code == 1
    assert "Exception: Guardrail blocked generation. Prompt: prompt of text" in stopped.err


def test_transfer25_checks_the_negative_prompt_and_can_check_nothing(run, short: Path, tmp_path: Path) -> None:
    order = [{"do": "block-negative", "value": "game"}]
    ran = run(transfer25(tmp_path, sample25(short)), orders=order)
    assert "Guardrail blocked generation. Negative prompt: The video captures a game playing" in ran.out
    ran = run(transfer25(tmp_path, sample25(short), more="--disable-guardrails"), orders=order)
    assert "Guardrail checks on prompt are disabled" in ran.messages()
    assert (tmp_path / "out" / "a.mp4").exists()


def test_transfer25_writes_lines_in_their_order(run, long: Path, tmp_path: Path) -> None:
    ran = run(transfer25(tmp_path, sample25(long)), COSMOS_VERBOSE="0")
    assert ran.code == 0, ran.err
    out = tmp_path / "out"
    assert ran.messages() == [
        f"Log saved to {out}/console.log",
        "Found 1 hint keys across all samples",
        f"Saved config to {out}/config.yaml",
        "Generating 1 samples: ['a']",
        "[1/1] Processing sample a",
        f"Saved arguments to {out}/a.json",
        "Running guardrail check on prompt...",
        "Passed guardrail on prompt",
        "Passed guardrail on negative prompt",
        "Processing the following paths: {'edge': None}",
        f"edge control video saved to {out}/a_control_edge.mp4",
        "Running guardrail check on video...",
        "Passed guardrail on generated video",
        f"Generated video saved to {out}/a.mp4",
    ]
    debug = (out / "debug.log").read_text()
    assert re.findall(r"Generating chunk \S+", debug) == ["Generating chunk 1/2", "Generating chunk 2/2"]
    assert "|SUCCESS|cosmos_transfer2/inference.py:" in ran.out
    assert json.loads((out / "a.json").read_text())["seed"] == 2025


@pytest.mark.parametrize(
    ("more", "size", "fps"),
    [
        ({}, (96, 72), 30),
        ({"keep_input_resolution": False}, (960, 704), 30),
        ({"keep_input_resolution": False, "resolution": "480"}, (640, 480), 30),
        ({"show_control_condition": True, "show_input": True}, (3 * 96, 72), 30),
    ],
)
def test_transfer25_keeps_the_clips_size_and_rate(
    run, long: Path, tmp_path: Path, more: dict[str, Any], size: tuple[int, int], fps: int
) -> None:
    ran = run(transfer25(tmp_path, sample25(long, **more), more="--num_steps 4"))
    assert ran.code == 0, ran.err
    film = look(tmp_path / "out" / "a.mp4")
    assert (film.width, film.height, film.fps, film.frames) == (*size, fps, 130)
    assert "| 4/4 [" in ran.err


def test_transfer25_makes_a_picture_of_one_frame(run, short: Path, tmp_path: Path) -> None:
    ran = run(transfer25(tmp_path, sample25(short, max_frames=1, num_video_frames_per_chunk=1)))
    assert ran.code == 0, ran.err
    assert (tmp_path / "out" / "a.jpg").exists()
    assert (tmp_path / "out" / "a_control_edge.jpg").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_dir": "x"}, "output_dir\n  Extra inputs are not permitted [type=extra_forbidden"),
        ({"guidance": 9}, "guidance\n  Input should be less than or equal to 7 [type=less_than_equal"),
        ({"guidance": 3.5}, "guidance\n  Input should be a valid integer"),
        ({"sigma_max": 90}, "sigma_max\n  Input should be a valid string"),
        ({"edge": {"control_weight": 1.5}}, "edge.control_weight\n  Input should be less than or equal to 1"),
        ({"edge": None}, "No controls provided, please provide at least one control key (edge, blur, depth, seg)"),
        ({"video_path": "no.mp4"}, "video_path\n  Path does not point to a file"),
        ({"vis": {}, "image_context_path": "spec.jsonl"}, "vis control and image_context_path are both used"),
    ],
)
def test_transfer25_refuses_a_wrong_sample(
    run, short: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    ran = run(transfer25(tmp_path, sample25(short), {**sample25(short, "b"), **change}))
    assert ran.code == 1
    assert f"Error validating parameters from '{tmp_path / 'spec.jsonl'}' at line 1\n" in ran.err
    assert message in ran.err
    assert ran.events("load") == []


def test_transfer25_refuses_equal_names_blank_lines_and_other_files(run, short: Path, tmp_path: Path) -> None:
    ran = run(transfer25(tmp_path, sample25(short), sample25(short)))
    assert (ran.code, ran.err) == (1, "Error: Inference samplename a is not unique\n")
    ran = run(transfer25(tmp_path, sample25(short), None, sample25(short, "b")))
    assert ran.code == 1
    assert "JSONDecodeError" in ran.err
    yaml = spec(tmp_path, sample25(short), name="spec.yaml")
    ran = run(f"python examples/inference.py -i {yaml} -o {tmp_path / 'out'}")
    assert "ValueError: Unsupported file extension: .yaml" in ran.err


def test_transfer25_loads_all_branches_for_two_hints_of_two_samples(run, short: Path, tmp_path: Path) -> None:
    ran = run(transfer25(tmp_path, sample25(short), sample25(short, "b", edge=None, vis={"control_weight": 0.5})))
    assert ran.code == 0, ran.err
    assert ran.events("load")[0]["controls"] == ["edge", "vis", "depth", "seg"]
    assert "Loading the multicontrol model. Multicontrol inference is not strictly equal to single control" in ran.out
    assert [item["weights"] for item in ran.events("item")] == [{"edge": 1.0}, {"vis": 0.5}]


def test_transfer25_takes_overrides_for_all_samples(run, short: Path, tmp_path: Path) -> None:
    ran = run(transfer25(tmp_path, sample25(short, seed=1), sample25(short, "b"), more="--seed 5 --num-steps 3"))
    assert [item["sample"]["seed"] for item in ran.events("item")] == [5, 5]
    assert first_mark(tmp_path / "out" / "b.mp4").seed == 5


def test_transfer25_cannot_pad_a_control_that_ends_before_a_chunk(run, short: Path, long: Path, tmp_path: Path) -> None:
    ran = run(transfer25(tmp_path, sample25(long, edge={"control_path": str(short)})))
    assert ran.code == 1
    assert "ValueError: No input frames; cannot pad" in ran.err


def test_cosmos3_normalises_weights_and_names_samples_by_their_line(run, short: Path, tmp_path: Path) -> None:
    two = {"prompt": "p", "vision_path": str(short), "edge": {"weight": 3}, "blur": {}}
    ran = run(cosmos3(tmp_path, two, None, {**two, "edge": {"weight": 0.5}}))
    assert ran.code == 0, ran.err
    assert [item["weights"] for item in ran.events("item")] == [
        {"edge": 0.75, "blur": 0.25},
        {"edge": 1 / 3, "blur": 2 / 3},
    ]
    film = look(tmp_path / "out" / "spec_1" / "vision.mp4")
    assert (film.width, film.height, film.fps, film.frames) == (1280, 720, 25, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edge": None, "depth": {}, "vision_path": None}, "transfer inference requires 'vision_path' or a pre-comp"),
        ({"edge": None, "max_frames": 9}, "transfer inference requires at least one control hint (edge, blur, depth"),
        ({"edge": None, "depth": {}}, "FileNotFoundError: Missing pre-computed control input for 'depth'."),
        ({"control_weight": 1}, "control_weight\n  Extra inputs are not permitted"),
        ({"edge": {"control_weight": 1}}, "edge.control_weight\n  Extra inputs are not permitted"),
        ({"edge": {"weight": -1}}, "AssertionError: control_weights must all be non-negative, got [-1.0]"),
        ({"edge": {"control_path": "no.mp4"}}, "Path does not point to a file: no.mp4"),
    ],
)
def test_cosmos3_refuses_a_wrong_sample(run, short: Path, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    ran = run(cosmos3(tmp_path, {"prompt": "p", "vision_path": str(short), "edge": {}, **change}))
    assert ran.code == 1
    assert message in ran.err


def test_cosmos3_makes_long_clips_in_chunks_at_the_samples_rate(run, long: Path, tmp_path: Path) -> None:
    sample = {"prompt": "p", "depth": {"control_path": str(long)}, "fps": 16, "num_steps": 2, "max_frames": 100}
    ran = run(cosmos3(tmp_path, sample, more="--resolution 256"))
    assert ran.code == 0, ran.err
    film = look(tmp_path / "out" / "spec_0" / "vision.mp4")
    assert (film.width, film.height, film.fps, film.frames) == (320, 256, 16, 100)
    assert ran.err.count("100%|") == 2
    arguments = json.loads((tmp_path / "out" / "spec_0" / "sample_args.json").read_text())
    assert (arguments["guidance"], arguments["control_guidance"], arguments["shift"]) == (3.0, 1.5, 10.0)


def test_cosmos3_ends_at_a_block_unless_it_shall_go_on(run, short: Path, tmp_path: Path) -> None:
    samples = [{"name": n, "prompt": f"of {n}", "vision_path": str(short), "edge": {}} for n in ("bad", "good")]
    orders = [{"do": "block-video", "prompt": "of bad"}]
    assert run(cosmos3(tmp_path, *samples), orders=orders).code == 1
    assert not (tmp_path / "out" / "good").exists()
    ran = run(cosmos3(tmp_path, *samples, more="--keep-going"), orders=orders)
    assert ran.code == 0, ran.err
    assert json.loads((tmp_path / "out" / "bad" / "sample_outputs.json").read_text())["status"] == "error"
    assert not (tmp_path / "out" / "bad" / "vision.mp4").exists()
    assert (tmp_path / "out" / "good" / "vision.mp4").exists()
