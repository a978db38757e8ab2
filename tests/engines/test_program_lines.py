"""Our command lines, environment and specs beside those that NVIDIA documents: the differences, and why each is."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import clips
import pytest
from program_rig import given

from cosmos_workflow.engines.program import engine
from cosmos_workflow.engines.program.programs import Setup
from cosmos_workflow.engines.program.running import Start

# examples/inference_cosmos_transfer1_7b.md; CHECKPOINT_DIR and NUM_GPU are of the shell alone.
TRANSFER1 = (
    "torchrun --nproc_per_node={gpus} --nnodes=1 --node_rank=0 cosmos_transfer1/diffusion/inference/transfer.py"
    " --checkpoint_dir ./checkpoints --video_save_folder OUT --controlnet_specs SPEC --offload_text_encoder_model"
    " --offload_guardrail_models --num_gpus {gpus}"
)
TRANSFER25 = "python examples/inference.py -i SPEC -o OUT"  # docs/inference.md
TRANSFER25_GPUS = "torchrun --nproc_per_node=8 --master_port=12341 examples/inference.py -i SPEC -o OUT"
COSMOS3 = (  # docs/inference.md of the Framework
    "python -m cosmos_framework.scripts.inference --parallelism-preset=latency -i SPEC -o OUT"
    " --checkpoint-path Cosmos3-Nano --seed 2026"
)
COSMOS3_GPUS = COSMOS3.replace("python", "torchrun --nproc-per-node=4").replace("Nano", "Super")

# Flags that differ from NVIDIA's lines, and why.
PORT = {"--master_port": "a free port, as programs on other cards of the machine may have the usual one"}
GUARD = {"--offload-guardrail-models": "as Transfer1's lines have it: the card is free for the model"}
SEED = {"--seed": "each sample has its own"}
STEPS = {"--num_steps": "in the spec, which wins over it"}

EDGE1 = {"prompt": "An office", "input_video_path": "CLIP", "edge": {"control_weight": 1.0}}
DEPTH1 = {"prompt": "An office", "input_video_path": "CLIP", "depth": {"control_weight": 1.0}}
AV = {
    "prompt": "A road",
    "is_av_sample": True,
    "sigma_max": 80,
    "hdmap": {"control_weight": 1, "input_control": "CLIP"},
}
UPSCALE = {
    "name": "a",
    "model": "transfer1-7b-4k",
    "video": "CLIP",
    "steps": 10,
    "controls": {"upscale": {"weight": 0.5}},
}
EDGE25 = {"name": "car_edge", "prompt": "A car", "video_path": "CLIP", "guidance": 3,
          "edge": {"control_path": "CLIP", "control_weight": 1.0}}  # fmt: skip
EDGE3 = {
    "name": "transfer_edge", "model_mode": "video2video", "resolution": "720", "aspect_ratio": "16,9",
    "num_frames": 121, "fps": 30, "shift": 10.0, "num_steps": 50, "seed": 2026, "num_video_frames_per_chunk": 121,
    "num_conditional_frames": 1, "num_first_chunk_conditional_frames": 0, "share_vision_temporal_positions": True,
    "negative_metadata_mode": "none", "negative_prompt_keep_metadata": False, "guidance": 3.0, "control_guidance": 1.5,
    "negative_prompt": "blurred", "prompt": "A street",
    "edge": {"control_path": "CLIP", "preset_edge_threshold": "medium"},
}  # fmt: skip

OURS = {"name": "a", "prompt": "A street", "video": "CLIP", "controls": {"edge": {}}}
SUPER, DISTILLED = {**OURS, "model": "cosmos3-super"}, {**OURS, "model": "transfer2.5-2b-distilled"}

Spec = dict[str, Any]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.textured(tmp_path_factory.mktemp("clip") / "a clip.mp4", 96, 54, frames=2, fps=24)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    repository, beside = tmp_path / "repo", tmp_path / "bin"
    beside.mkdir()
    for name in ("python", "torchrun"):
        (beside / name).touch(mode=0o755)
    return Setup(repository, repository / "checkpoints", str(beside / "python"))


def start(setup: Setup, clip: Path, folder: Path, *specs: Spec) -> Start:
    placed = [json.loads(json.dumps(each).replace('"CLIP"', json.dumps(str(clip)))) for each in specs]
    tasks = given(*placed)
    keys = {engine.PROGRAMS[each.work.family].together(each.work) for each in tasks}
    assert len(keys) == 1
    folder.mkdir()
    return engine.PROGRAMS[tasks[0].work.family].start(tasks, folder, setup)


def parts(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """What is started, and its flags with their values."""
    names, flags, words = [], {}, list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-m":
            names.append(Path(word).name if "/bin/" in word else word)
            continue
        flag, is_joined, value = word.partition("=")
        if not is_joined and words and not words[0].startswith("-") and not words[0].endswith(".py"):
            value = words.pop(0)
        flags["--nproc_per_node" if flag == "--nproc-per-node" else flag] = value
    return names, flags


CASES = {
    "transfer1": (TRANSFER1.format(gpus=1), [EDGE1], 1, PORT, {}),
    "transfer1 batch": (f"{TRANSFER1.format(gpus=1)} --batch_input_path BATCH", [EDGE1, EDGE1], 1, PORT, {}),
    "transfer1 4 gpus": (TRANSFER1.format(gpus=4), [DEPTH1], 4, PORT, {}),
    "transfer1 distilled": (
        f"{TRANSFER1.format(gpus=1)} --use_distilled", [{**EDGE1, "use_distilled": True}], 1, PORT, {}
    ),
    "transfer1 av": (f"{TRANSFER1.format(gpus=1)} --is_av_sample", [AV], 1, PORT, {}),
    "upscaler": (f"{TRANSFER1.format(gpus=1)} --num_steps 10", [UPSCALE], 1, PORT, STEPS),
    "transfer2.5": (TRANSFER25, [EDGE25], 1, GUARD, {}),
    "transfer2.5 several": (TRANSFER25, [EDGE25, EDGE25], 1, GUARD, {}),
    "transfer2.5 8 gpus": (TRANSFER25_GPUS, [EDGE25], 8, GUARD, {}),
    "cosmos3": (COSMOS3, [EDGE3], 1, GUARD, SEED),
    "cosmos3 several": (COSMOS3, [EDGE3, {**EDGE3, "seed": 7}], 1, GUARD, SEED),
    "cosmos3 4 gpus": (COSMOS3_GPUS, [SUPER], 4, {**GUARD, **PORT}, SEED),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_our_line_has_nvidias_flags(setup: Setup, clip: Path, tmp_path: Path, name: str) -> None:
    line, specs, gpus, more, less = CASES[name]
    ours = start(Setup(setup.repository, setup.checkpoints, setup.python, gpus), clip, tmp_path / "out", *specs)
    (names, flags), (their_names, theirs) = parts(list(ours.words)), parts(shlex.split(line))
    assert names == their_names
    assert set(flags) - set(theirs) == set(more)
    assert set(theirs) - set(flags) == set(less)
    out = tmp_path / "out"
    files = {
        "OUT": str(out / "made"), "SPEC": str(out / ("spec.json" if "transfer1" in names[-1] else "samples.jsonl")),
        "BATCH": str(out / "batch.jsonl"), "./checkpoints": str(setup.checkpoints), "12341": flags.get("--master_port"),
    }  # fmt: skip
    same = theirs.keys() & flags.keys()
    assert {flag: flags[flag] for flag in same} == {flag: files.get(theirs[flag], theirs[flag]) for flag in same}


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        (EDGE1, {"LOGURU_LEVEL": "DEBUG"}),  # the class that blocked a video is in DEBUG alone
        (EDGE25, {}),
        (EDGE3, {}),
        (DISTILLED, {"COSMOS_EXPERIMENTAL_CHECKPOINTS": "1"}),
    ],
)
def test_the_environment_is_what_is_documented(
    setup: Setup, clip: Path, tmp_path: Path, spec: Spec, more: dict[str, str]
) -> None:
    """The cards, HF_HOME and HF_TOKEN are those of the place, which the program inherits."""
    ours = start(setup, clip, tmp_path / "out", spec)
    assert dict(ours.environment) == {"PYTHONPATH": str(setup.repository), **more}
    assert ours.folder == setup.repository


def test_transfer1s_spec_is_nvidias(setup: Setup, clip: Path, tmp_path: Path) -> None:
    asked = {
        **EDGE1, "negative_prompt": "", "seed": 5, "num_steps": 20, "guidance": 6.0, "sigma_max": 70.0, "fps": 24,
        "canny_threshold": "high", "blur_strength": "low", "vis": {"control_weight": 0.3},
        "depth": {"control_weight": 0.1, "ckpt_path": "mine.pt"}, "save_input_noise": True,
    }  # fmt: skip
    batch = [{**asked, "batch_size": 4, "upsample_prompt": True}, {**asked, "prompt": "A \"shop\"\nat 'night' – 夜"}]
    ours = start(setup, clip, tmp_path / "out", *batch)
    spec = json.loads((tmp_path / "out" / "spec.json").read_text())
    # Today's Transfer1 draws the presets by chance, so what is computed of them is computed here.
    computed = {hint: spec[hint].pop("input_control") for hint in ("edge", "vis")}
    assert set(computed.values()) == {str(path) for path in tmp_path.glob("*_*.mp4")}  # once for both lines
    assert spec == {**asked, "input_video_path": str(clip)}
    assert [key for key in spec if isinstance(spec[key], dict)] == ["edge", "vis", "depth"]  # so they are stacked
    lines = [json.loads(line) for line in (tmp_path / "out" / "batch.jsonl").read_text().splitlines()]
    assert [line["prompt"] for line in lines] == ["An office", batch[1]["prompt"]]
    assert {line["visual_input"] for line in lines} == {str(clip)}
    assert {line["control_overrides"]["edge"]["input_control"] for line in lines} == {computed["edge"]}
    assert lines[0]["control_overrides"]["depth"]["input_control"] is None  # computed by Transfer1
    assert "--batch_size" not in ours.words


@pytest.mark.parametrize(
    ("model", "theirs", "more"),
    [
        # What NVIDIA's sample leaves to the program, with the program's own values.
        ("transfer2.5", EDGE25, {"seed": 2025, "max_frames": 2, "num_conditional_frames": 1, "resolution": "720",
                                 "num_video_frames_per_chunk": 93, "num_steps": 35, "keep_input_resolution": True}),
        ("cosmos3", EDGE3, {"max_frames": 2}),
    ],
)  # fmt: skip
def test_a_sample_is_nvidias(
    setup: Setup, clip: Path, tmp_path: Path, model: str, theirs: Spec, more: dict[str, Any]
) -> None:
    start(setup, clip, tmp_path / "out", theirs)
    (ours,) = map(json.loads, (tmp_path / "out" / "samples.jsonl").read_text().splitlines())
    theirs = json.loads(json.dumps(theirs).replace('"CLIP"', json.dumps(str(clip))))
    assert ours.pop("name") == "cosmos-0000"
    del theirs["name"]
    if model == "cosmos3":
        # A preset means nothing beside a video; a weight of 1 and no frames of the clip at first are the defaults.
        theirs["edge"] = {"control_path": str(clip), "weight": 1.0}
        del theirs["num_first_chunk_conditional_frames"]
    assert ours == {**theirs, **more}


def test_presets_and_empty_prompts_reach_a_sample(setup: Setup, clip: Path, tmp_path: Path) -> None:
    edge = {**EDGE25, "negative_prompt": "", "edge": {"preset_edge_threshold": "very_high"},
            "vis": {"preset_blur_strength": "low"}}  # fmt: skip
    start(setup, clip, tmp_path / "a", edge)
    sample = json.loads((tmp_path / "a" / "samples.jsonl").read_text())
    assert (sample["edge"]["preset_edge_threshold"], sample["vis"]["preset_blur_strength"]) == ("very_high", "low")
    assert sample["negative_prompt"] == ""
    blur = {**EDGE3, "vision_path": "CLIP", "output_dir": "/elsewhere", "blur": {"preset_blur_strength": "high"}}
    del blur["edge"]
    start(setup, clip, tmp_path / "b", blur)
    sample = json.loads((tmp_path / "b" / "samples.jsonl").read_text())
    assert sample["blur"] == {"preset_blur_strength": "high", "weight": 1.0}
    assert "output_dir" not in sample
