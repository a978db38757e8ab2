"""NVIDIA's documented command lines, with its own sample specs, on the stand-ins."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from conftest import SPECS
from servers.nvidia_programs import Layout, checksum, read_mark
from servers.nvidia_programs.films import look

pytestmark = pytest.mark.slow

# examples/inference_cosmos_transfer1_7b.md
TRANSFER1 = (
    "PYTHONPATH=$(pwd) torchrun --nproc_per_node=$NUM_GPU --nnodes=1 --node_rank=0"
    " cosmos_transfer1/diffusion/inference/transfer.py --checkpoint_dir $CHECKPOINT_DIR --video_save_folder {out}"
    " --controlnet_specs {spec} --offload_text_encoder_model --offload_guardrail_models --num_gpus $NUM_GPU {more}"
)
ONE_GPU = {"CUDA_VISIBLE_DEVICES": "0", "NUM_GPU": "1", "CHECKPOINT_DIR": "./checkpoints"}


def first_frame(path: Path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


TRANSFER1_SPECS = [
    path.name
    for path in sorted((SPECS / "transfer1").glob("*.json"))
    if not path.name.endswith(("labels_000016.json", "example1_prompts.json"))
    # Another program's, and those that differ from one here by their words alone.
    and not any(part in path.name for part in ("multiview", "_short_prompt", "_right_blue", "_left_blue"))
]


@pytest.mark.parametrize("name", TRANSFER1_SPECS or ["none"])
def test_transfer1_takes_each_sample_spec(
    run, layout: Layout, specs: Path, placed: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    spec = placed(specs / "transfer1" / name, layout.repository / "assets" / "specs" / name, layout.repository)
    asked = json.loads(spec.read_text(encoding="utf-8"))
    more = "--is_av_sample" if "sample_av" in name else ""
    if "upscale" in asked:
        more = "--num_steps 10"
    ran = run(TRANSFER1.format(spec=spec, out=tmp_path, more=more), **ONE_GPU)
    if not asked.get("input_video_path") and asked.get("sigma_max", 70) < 80:
        # Some samples of NVIDIA's lack a video and need --sigma_max 80 beside them.
        assert "Must have 'input_video' specified if sigma_max < 80" in ran.err
        ran = run(TRANSFER1.format(spec=spec, out=tmp_path, more=f"{more} --sigma_max 80"), **ONE_GPU)
    assert (ran.code, ran.err.count("Traceback")) == (0, 0), ran.err
    film = look(tmp_path / "output.mp4")
    size = (3840, 2112) if "upscale" in asked else (1280, 704)
    assert (film.width, film.height, film.fps, film.frames) == (*size, asked.get("fps", 24), 6)
    prompt = ran.events("item")[0]["prompt"]
    assert (tmp_path / "output.txt").read_text(encoding="utf-8") == prompt
    assert read_mark(first_frame(film.path)).prompt == checksum(prompt)
    assert len(ran.events("load")) == 1


def test_transfer1_makes_the_whole_of_nvidias_clip(
    run, layout: Layout, specs: Path, samples: Path, tmp_path: Path
) -> None:
    (layout.repository / "assets").mkdir(exist_ok=True)
    shutil.copy(samples / "example1_input_video.mp4", layout.repository / "assets")
    spec = specs / "transfer1" / "inference_cosmos_transfer1_single_control_edge.json"
    ran = run(TRANSFER1.format(spec=spec, out=tmp_path, more=""), **ONE_GPU)
    assert ran.code == 0, ran.err
    film = look(tmp_path / "output.mp4")
    assert (film.width, film.height, film.fps, film.frames) == (960, 704, 24, 121)
    side = look(tmp_path / "edge_input_control_0.mp4")
    assert (side.width, side.height, side.fps, side.frames) == (640, 480, 30, 121)
    with av.open(str(film.path)) as container:
        marks = [
            read_mark(frame.to_ndarray(format="gray"))
            for number, frame in enumerate(container.decode(video=0))
            if number in (0, 77, 120)
        ]
    assert [mark.frame for mark in marks] == [0, 77, 120]
    assert {mark.clip for mark in marks} == {checksum(samples / "example1_input_video.mp4")}


TRANSFER25_SPECS = [
    path.name
    for path in sorted((SPECS / "transfer2.5").glob("*.json*"))
    if "multiview" not in path.name and not path.name.endswith("_prompt.json")
]


@pytest.fixture
def assets25(layout: Layout, specs: Path, placed: Callable[..., Path]) -> Path:
    """NVIDIA's assets folder of Transfer2.5, with short clips."""
    folder = layout.repository / "assets25"
    for spec in sorted((specs / "transfer2.5").iterdir()):
        target = folder / spec.name.replace("__", "/")
        if spec.suffix in (".json", ".jsonl") and "multiview" not in spec.name:
            placed(spec, target, target.parent)
        elif spec.suffix == ".txt":
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(spec, target)
    return folder


@pytest.mark.parametrize("name", TRANSFER25_SPECS or ["none"])
def test_transfer25_takes_each_sample_spec(run, assets25: Path, tmp_path: Path, name: str) -> None:
    spec = assets25 / name.replace("__", "/")
    ran = run(f"python examples/inference.py -i {spec} -o {tmp_path / 'out'}")
    if name == "car_example__vis__car_vis_spec.json":  # of October 2025: paths from the repository, no name
        assert ran.code == 1
        return
    assert ran.code == 0, ran.err
    asked = [json.loads(line) for line in spec.read_text().splitlines()] if name.endswith("l") else None
    for sample in asked or [json.loads(spec.read_text())]:
        hints = {hint for hint in ("edge", "vis", "depth", "seg") if hint in sample}
        film = look(tmp_path / "out" / f"{sample['name']}.mp4")
        assert (film.width, film.height, film.fps, film.frames) == (320, 180, 25, 6)
        files = {path.name for path in (tmp_path / "out").glob(f"{sample['name']}*")}
        controls = {f"{sample['name']}_control_{hint}.mp4" for hint in hints}
        assert {f"{sample['name']}{end}" for end in (".mp4", ".txt", ".json")} | controls <= files
        masks = {f"{sample['name']}_mask_{hint}.mp4" for hint in hints if "mask_prompt" in sample[hint]}
        assert masks <= files
    assert {"config.yaml", "console.log", "debug.log"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert len(ran.events("load")) == 1


def test_transfer25_on_eight_gpus(run, assets25: Path, tmp_path: Path) -> None:
    command = "torchrun --nproc_per_node=8 --master_port=12341 -m examples.inference -i {} -o {}"
    ran = run(command.format(assets25 / "edge.jsonl", tmp_path / "out"))
    assert ran.code == 0, ran.err
    assert sorted(line["rank"] for line in ran.record if line["event"] == "load") == list(range(8))
    assert ran.out.count("Generated video saved to") == 2


@pytest.mark.parametrize("hint", ["edge", "blur", "depth", "seg"])
def test_cosmos3_takes_each_sample_spec(
    run, specs: Path, placed: Callable[..., Path], tmp_path: Path, hint: str
) -> None:
    folder, source = tmp_path / "transfer", specs / "cosmos3"
    spec = folder / "specs" / f"{hint}.json"
    placed(source / f"transfer__specs__{hint}.json", spec, spec.parent)
    (folder / "assets" / hint).mkdir(parents=True, exist_ok=True)
    shutil.copy(source / f"transfer__assets__{hint}_prompt.json", folder / "assets" / hint / "prompt.json")
    shutil.copy(source / "transfer__assets__negative_prompt.json", folder / "assets" / "negative_prompt.json")
    ran = run(
        "python -m cosmos_framework.scripts.inference --parallelism-preset=latency"
        f" -i {spec} -o {tmp_path / 'out'} --checkpoint-path Cosmos3-Nano --seed 2026"
    )
    assert ran.code == 0, ran.err
    asked = json.loads(spec.read_text())
    place = tmp_path / "out" / asked["name"]
    film = look(place / "vision.mp4")
    size = {"16,9": (1280, 720), "4,3": (1104, 832)}[asked["aspect_ratio"]]
    assert (film.width, film.height, film.frames) == (*size, 6)
    assert film.fps == asked["fps"]  # a control's own rate is not looked at
    assert json.loads((place / "sample_args.json").read_text())["seed"] == 2026
    outputs = json.loads((place / "sample_outputs.json").read_text())
    assert (outputs["status"], outputs["outputs"][0]["files"]) == ("success", [str(place / "vision.mp4")])


@pytest.mark.parametrize(
    "command",
    [
        "python cosmos_transfer1/diffusion/inference/transfer.py --controlnet_specs x.json --disable_guardrail",
        "python cosmos_transfer1/diffusion/inference/transfer.py --controlnet_specs x.json --num_input_frames 9",
        "python cosmos_transfer1/diffusion/inference/transfer.py",
        "python examples/inference.py --params_file x.json --num_gpus 2",
        "python examples/inference.py -i x.json -o out --canny_threshold low",
        "python -m cosmos_framework.scripts.inference -i x.json -o o --checkpoint-path Cosmos3-Nano --fps-out 3",
    ],
)
def test_flags_that_there_are_not_exit_2(run, command: str) -> None:
    ran = run(command)
    assert ran.code == 2
    assert ran.err


def test_starting_is_quick_as_little_is_loaded(layout: Layout) -> None:
    show = (
        "import sys, nvidia_programs.transfer1; print(*sorted({'av', 'numpy', 'pydantic', 'cv2'} & sys.modules.keys()))"
    )
    command = [str(layout.bin / "python"), "-c", show]
    environment = {"PYTHONPATH": str(layout.repository / ".standin")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
