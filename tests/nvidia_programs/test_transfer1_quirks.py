"""The quirks Q1 to Q13 of Transfer1, on the stand-in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from servers.nvidia_programs import checksum
from servers.nvidia_programs.films import look
from servers.nvidia_programs.weight_maps import shape_of, write_map
from transfer1_lines import batch, command, edge, marks

pytestmark = pytest.mark.slow


def test_q1_a_block_of_the_only_item_ends_in_a_type_error(run, short: Path, tmp_path: Path) -> None:
    ran = run(command(tmp_path, edge(short, prompt="A toy gun")), orders=[{"do": "block", "value": "gun"}])
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "TypeError: cannot unpack non-iterable NoneType object"
    reason = "Prompt blocked by exact match blocklist: Prompt: A toy gun, Exact Match Word: gun"
    last = ran.messages()[-4:]
    assert last[0] == f"GUARDRAIL BLOCKED: BLOCKLIST: {reason}"
    assert last[1:] == [
        "Input text prompt 1 is not safe",
        "All prompts failed safety checks",
        "Guardrail blocked generation for entire batch.",
    ]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("A [block-censored:damn] day", "BLOCKLIST: Prompt blocked by censorship: Censored Prompt: A [block-censored:"),
        ("[block-partial:weapon]", "BLOCKLIST: Prompt blocked by partial match blocklist: Prompt: "),
        ("[block-llm:Violent Crimes]", "LLAMAGUARD3: Prompt blocked by Llama Guard 3. Violations: Violent Crimes."),
    ],
)
def test_words_in_the_prompt_order_blocks(run, short: Path, tmp_path: Path, prompt: str, reason: str) -> None:
    ran = run(command(tmp_path, edge(short, prompt=prompt)))
    assert ran.code == 1
    assert f"GUARDRAIL BLOCKED: {reason}" in ran.out


def test_the_class_of_a_blocked_video_is_told_to_those_who_debug(run, short: Path, tmp_path: Path) -> None:
    line = command(tmp_path, edge(short, prompt="A [block-video:Drugs] scene"))
    ran = run(line)
    assert ran.code == 1
    assert "GUARDRAIL BLOCKED: VIDEOCONTENTSAFETYFILTER: unsafe frames detected" in ran.messages()
    assert "Generated video 1 is not safe" in ran.messages()
    assert "Drugs" not in ran.out.split("unsafe frames detected")[1]
    assert '"class": "Drugs"' in run(line, LOGURU_LEVEL="DEBUG").out


def test_q2_presets_are_passed_over_for_a_lot_that_the_seed_decides(run, short: Path, tmp_path: Path) -> None:
    def drawn(seed: int, more: str) -> Any:
        spec = edge(short, seed=seed, vis={"control_weight": 0.5})
        return run(command(tmp_path, spec, more)).events("item")[0]["drawn"]

    assert drawn(1, "--canny_threshold very_high --blur_strength low") == drawn(1, "") != drawn(2, "")


def test_q3_a_weight_prompt_counts_for_seg_alone(run, short: Path, tmp_path: Path) -> None:
    seg = {"control_weight": 0.5, "control_weight_prompt": "arm", "input_control_prompt": "arm . cup"}
    spec = {"input_video_path": str(short), "seg": seg, "vis": {"control_weight": 0.5, "control_weight_prompt": "arm"}}
    ran = run(command(tmp_path, spec))
    assert ran.code == 0, ran.err
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"seg_control_weight_0.pt", "seg_control_weight_0.mp4", "vis_input_control_0.mp4"} <= made
    assert "vis_control_weight_0.pt" not in made
    assert len(shape_of(tmp_path / "out" / "seg_control_weight_0.pt")) == 3
    assert "\nNumber of frames: 6\nConverting video..\n" in ran.out


@pytest.mark.parametrize(("more", "steps"), [("--num_steps=50", 20), ("--num_steps 50", 50), ("", 20)])
def test_q4_the_spec_beats_a_flag_with_an_equals_sign(run, short: Path, tmp_path: Path, more: str, steps: int) -> None:
    ran = run(command(tmp_path, edge(short, num_steps=20, prompt_title="nobody reads this"), more))
    assert ran.code == 0, ran.err
    assert ran.events("item")[0]["settings"]["num_steps"] == steps


def test_q5_the_bar_counts_chunks_and_no_line_counts_steps(run, long: Path, tmp_path: Path) -> None:
    ran = run(command(tmp_path, edge(long)), chunk_seconds=0.2)
    assert ran.code == 0, ran.err
    assert ran.err.startswith("\r  0%|          | 0/2 [00:00<?, ?it/s]\r 50%|█████     | 1/2 [00:00<00:00,")
    assert "\r100%|██████████| 2/2 [" in ran.err
    parts = ("latent encoding", "diffusion sampling", "VAE decode")
    chunk = [f"{word} {part}" for part in parts for word in ("Starting", "Completed")]
    assert [text for text in ran.messages() if text in chunk] == [*chunk, *chunk]
    assert re.search(
        r"^\[\d\d-\d\d \d\d:\d\d:\d\d\|INFO\|cosmos_transfer1/\S+\.py:\d+:_run_model\] Start", ran.out, re.M
    )
    film = look(tmp_path / "out" / "output.mp4")
    assert (film.width, film.height, film.frames) == (960, 704, 130)
    shown = marks(film.path, 0, 120, 121, 129)
    assert [(mark.frame, mark.chunk) for mark in shown] == [(0, 0), (120, 0), (121, 1), (129, 1)]


def test_q6_a_weight_of_0_is_1_beside_a_map(run, short: Path, tmp_path: Path) -> None:
    write_map(tmp_path / "map.pt", (121, 88, 160), 1.0)
    spec = edge(short, vis={"control_weight": str(tmp_path / "map.pt")})
    spec["edge"]["control_weight"] = 0
    assert run(command(tmp_path, spec)).events("item")[0]["weights"] == {"edge": 0.5, "vis": 0.5}
    spec["vis"]["control_weight"] = 2
    assert run(command(tmp_path, spec)).events("item")[0]["weights"] == {"edge": 0.0, "vis": 1.0}
    write_map(tmp_path / "map.pt", (1, 1, 88, 160), 1.0)
    spec["vis"]["control_weight"] = str(tmp_path / "map.pt")
    assert "ValueError: Weight map must be 2D or 3D" in run(command(tmp_path, spec)).err


def test_q7_upscaling_sets_the_batch_size_to_1(run, short: Path, tmp_path: Path) -> None:
    spec = {"input_video_path": str(short), "upscale": {"control_weight": 0.5}}
    lines = batch(tmp_path, [{"visual_input": str(short), "prompt": f"p{n}"} for n in range(2)])
    ran = run(command(tmp_path, spec, f"--batch_size 2 {lines}"))
    assert ran.code == 0, ran.err
    assert "Setting batch_size=1 as upscale does not support batch generation" in ran.messages()
    film = look(tmp_path / "out" / "video_1" / "output.mp4")
    assert (film.width, film.height, film.fps, film.frames) == (3840, 2112, 24, 6)


def test_q8_a_blocked_item_shifts_the_numbers_of_those_behind(run, short: Path, tmp_path: Path) -> None:
    lines = [{"visual_input": str(short), "prompt": f"prompt {number}"} for number in range(3)]
    ran = run(
        command(tmp_path, edge(short), f"--batch_size 3 {batch(tmp_path, lines)}"),
        orders=[{"do": "block-video", "item": 1, "value": "Drugs"}],
    )
    assert ran.code == 0, ran.err
    assert "Generated video 2 is not safe" in ran.messages()
    made = {path.parent.name: path for path in (tmp_path / "out").glob("video_*/output.mp4")}
    assert sorted(made) == ["video_0", "video_1"]
    texts = [(made[name].parent / "prompt.txt").read_text() for name in sorted(made)]
    assert texts == ["prompt 0", "prompt 2"]
    assert [marks(made[name])[0].item for name in sorted(made)] == [0, 2]
    assert marks(made["video_1"])[0].prompt == checksum("prompt 2")
    assert (tmp_path / "out" / "video_2" / "edge_input_control_0.mp4").exists()
    assert len(ran.events("load")) == 1


def test_q9_a_blank_line_breaks_the_batch(run, short: Path, tmp_path: Path) -> None:
    line = {"visual_input": str(short), "prompt": "p"}
    ran = run(command(tmp_path, edge(short), batch(tmp_path, [line, "", line])))
    assert ran.code == 1
    assert "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)" in ran.err


def test_q10_the_rate_is_24_whatever_the_clips(run, short: Path, tmp_path: Path) -> None:
    assert look(short).fps == 25
    run(command(tmp_path, edge(short)))
    assert look(tmp_path / "out" / "output.mp4").fps == 24
    run(command(tmp_path, edge(short), "--fps 30"))
    film = look(tmp_path / "out" / "output.mp4")
    assert (film.fps, film.frames) == (30, 6)


def test_q11_the_download_exits_0_though_a_repository_is_gated(run, short: Path, tmp_path: Path) -> None:
    line = f"python scripts/download_checkpoints.py --hf_token t --model 7b --output_dir {tmp_path / 'checkpoints'}"
    ran = run(line, orders=[{"do": "missing", "value": "meta-llama/Llama-Guard-3-8B"}])
    assert ran.code == 0
    assert "Error downloading meta-llama/Llama-Guard-3-8B: 401 Client Error." in ran.out
    program = command(tmp_path, edge(short), f"--checkpoint_dir {tmp_path / 'checkpoints'}")
    assert "OSError: Incorrect path_or_model_id: " in run(program).err
    assert run(line).code == 0
    assert run(program).code == 0
    assert "[SUCCESS]" in run("python scripts/test_environment.py").out


def test_q12_a_line_without_a_prompt_is_not_safe(run, short: Path, tmp_path: Path) -> None:
    lines = [{"visual_input": str(short)}, {"visual_input": str(short), "prompt": "p"}]
    ran = run(command(tmp_path, edge(short), batch(tmp_path, lines)))
    assert ran.code == 1  # in a batch the lines behind it are lost
    assert "GUARDRAIL BLOCKED: BLOCKLIST: Input is empty" in ran.messages()
    assert not list((tmp_path / "out").glob("video_*/output.mp4"))


def test_q13_the_upsamplers_clips_all_lie_in_the_last_folder(run, short: Path, tmp_path: Path) -> None:
    lines = batch(tmp_path, [{"visual_input": str(short), "prompt": f"p{number}"} for number in range(2)])
    torchrun = "torchrun --nproc_per_node=1 cosmos_transfer1/diffusion/inference/transfer.py"
    ran = run(command(tmp_path, edge(short), f"--batch_size 2 --upsample_prompt {lines}", torchrun))
    assert ran.code == 0, ran.err
    names = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*_upsampler.mp4"))
    assert names == [f"video_1/video_{number}/control_input_edge_upsampler.mp4" for number in range(2)]
    assert "Upsampling prompt with controlnet: vis" in ran.messages()
    assert (tmp_path / "out" / "video_0" / "prompt.txt").read_text().startswith("p0 ")
    alone = run(command(tmp_path, edge(short), "--upsample_prompt"))
    assert (alone.code, alone.err.splitlines()[-1]) == (1, "KeyError: 'RANK'")
