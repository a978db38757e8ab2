"""The diffusers engine on the real pipelines with tiny random weights; the safety checker is a stand-in."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import clips
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from servers.tiny_video import write_models

from cosmos_workflow.engines import EngineSettings, films, make_engine, pipelines
from cosmos_workflow.engines.diffusers import DiffusersEngine
from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Applied, Work

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

STANDINS = Path(__file__).parents[1] / "standins"
SIZE = WIDTH, HEIGHT = 96, 64
CHUNK, STEPS = 9, 2
CAPTION = '{"subjects": "a city"}'


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def checker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """NVIDIA's checker is gated: what stands in for it is found where it would be installed."""
    monkeypatch.syspath_prepend(str(STANDINS))
    yield
    sys.modules.pop("cosmos_guardrail", None)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.textured(tmp_path_factory.mktemp("clip") / "clip.mp4", WIDTH, HEIGHT, frames=21)


def work(
    hints: tuple[str, ...] = ("edge",), *, family: str = "transfer2.5", frames: int = CHUNK, prompt: str = "a city",
    seed: int = 7,
) -> Work:  # fmt: skip
    model = {"transfer2.5": "transfer2.5-2b", "cosmos3": "cosmos3-nano"}[family]
    chunks = 1 + max(0, -(-(frames - CHUNK) // (CHUNK - 1)))
    controls = tuple(Applied(hint, 1.0, 1.0 / len(hints), "medium", True) for hint in hints)
    return Work(
        model, family, prompt, "bad", controls, WIDTH, HEIGHT, WIDTH, HEIGHT, frames, 24.0, CHUNK, 1, 0, chunks, STEPS,
        3.0, seed, 1.5,
    )  # fmt: skip


class Made:
    """What an engine made of works, and the frames that went to the encoder."""

    def __init__(self, engine: DiffusersEngine, clip: Path, root: Path, *works: Work) -> None:
        sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
        files = TaskFiles({sha256: clip}, root)
        self.outcomes: dict[str, Outcome] = {}
        self.files: dict[str, dict[str, bytes]] = {}

        def deliver(outcome: Outcome) -> None:
            self.outcomes[outcome.id] = outcome
            folder = files.place_of(outcome.id)
            self.files[outcome.id] = {
                path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
            }

        tasks = [
            Task(f"t{n}", "transfer", each.asks(), {"video": sha256, "seg": sha256}) for n, each in enumerate(works)
        ]
        engine.run(tasks, files, deliver)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> dict[str, NDArray[np.uint8]]:
    """The last frames that were handed to the encoder, by the file's name."""
    kept: dict[str, NDArray[np.uint8]] = {}
    write = films.write_film

    def keep(frames: Any, size: tuple[int, int], fps: float, path: Path, quantiser: int) -> Any:
        kept[path.name] = np.stack(list(frames))
        return write(kept[path.name], size, fps, path, quantiser)

    monkeypatch.setattr(films, "write_film", keep)
    return kept


def plain25(models: Path, asked: Work, controls: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A plain call of the pipeline, as a script would do it."""
    import torch
    from cosmos_guardrail import CosmosSafetyChecker
    from diffusers import Cosmos2_5_TransferPipeline, CosmosControlNetModel

    folder = models / asked.model
    pipe = Cosmos2_5_TransferPipeline.from_pretrained(
        folder, controlnet=CosmosControlNetModel.from_pretrained(folder / "controlnets" / asked.controls[0].hint),
        safety_checker=CosmosSafetyChecker(),
    )  # fmt: skip
    negative = {} if asked.negative_prompt is None else {"negative_prompt": asked.negative_prompt}
    video = pipe(
        prompt=asked.prompt, **negative, controls=[Image.fromarray(frame) for frame in controls], height=HEIGHT,
        width=WIDTH, num_frames_per_chunk=CHUNK, num_inference_steps=STEPS, guidance_scale=3.0, output_type="np",
        generator=torch.Generator().manual_seed(asked.seed),
    ).frames[0]  # fmt: skip
    return np.rint(np.asarray(video) * 255).astype(np.uint8)


def plain3(models: Path, asked: Work, controls: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    import torch
    from cosmos_guardrail import CosmosSafetyChecker
    from diffusers import UniPCMultistepScheduler
    from diffusers.modular_pipelines import Cosmos3OmniModularPipeline

    pipe = Cosmos3OmniModularPipeline.from_pretrained(str(models / asked.model))
    pipe.load_components()
    pipe.enable_safety_checker(CosmosSafetyChecker())
    if asked.shift:
        config = pipe.scheduler.config
        scheduler = UniPCMultistepScheduler.from_config(config, flow_shift=asked.shift, use_karras_sigmas=False)
        pipe.update_components(scheduler=scheduler)
    names = {"vis": "blur"}
    video = pipe(
        prompt=asked.prompt, negative_prompt="bad", height=HEIGHT, width=WIDTH, fps=24.0,
        control_videos={names.get(hint, hint): [Image.fromarray(f) for f in film] for hint, film in controls.items()},
        num_inference_steps=STEPS, guidance_scale=3.0, control_guidance=1.5, num_video_frames_per_chunk=CHUNK,
        num_conditional_frames=1, generator=torch.Generator().manual_seed(asked.seed), output="videos",
        output_type="np",
    )  # fmt: skip
    return np.rint(np.asarray(video) * 255).astype(np.uint8)


@pytest.mark.parametrize("frames", [CHUNK, 21])
def test_transfer25_is_what_a_plain_call_makes(
    models: Path, clip: Path, tmp_path: Path, encoded: dict[str, NDArray[np.uint8]], frames: int
) -> None:
    asked = work(frames=frames)
    engine = DiffusersEngine(models)
    made = Made(engine, clip, tmp_path, asked)
    assert made.outcomes["t0"].error == ""
    assert sorted(made.files["t0"]) == ["control_edge.mp4", "log.txt", "prompt.txt", "spec.json", "video.mp4"]
    assert (encoded["video.mp4"] == plain25(models, asked, encoded["control_edge.mp4"])).all()
    with av.open(_file(tmp_path, made, "video.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == frames
    log = made.files["t0"]["log.txt"].decode()
    assert f"chunk {asked.chunks} of {asked.chunks}, step {STEPS} of {STEPS}" in log


@pytest.mark.parametrize("frames", [CHUNK, 21])
@pytest.mark.parametrize("hints", [("edge",), ("edge", "vis")])
def test_cosmos3_is_what_a_plain_call_makes(
    models: Path, clip: Path, tmp_path: Path, encoded: dict[str, NDArray[np.uint8]], hints: tuple[str, ...], frames: int
) -> None:
    asked = work(hints, family="cosmos3", frames=frames, prompt=CAPTION)
    made = Made(DiffusersEngine(models), clip, tmp_path, asked)
    assert made.outcomes["t0"].error == ""
    plain = plain3(models, asked, {hint: encoded[f"control_{hint}.mp4"] for hint in hints})
    assert (encoded["video.mp4"] == plain).all()
    log = made.files["t0"]["log.txt"].decode()
    assert f"chunk {asked.chunks} of {asked.chunks}, step {STEPS} of {STEPS}" in log


def test_a_small_card_changes_nothing_of_the_video(
    models: Path, clip: Path, tmp_path: Path, encoded: dict[str, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the prompts are encoded first, the usual negative one too, and the text encoder leaves the card."""
    monkeypatch.setattr(pipelines, "_is_small", lambda: True)
    asked = replace(work(), negative_prompt=None)
    made = Made(DiffusersEngine(models), clip, tmp_path, asked, replace(asked, prompt="forbidden"))
    assert [made.outcomes[name].error_kind for name in ("t0", "t1")] == ["", "blocked"]
    assert (encoded["video.mp4"] == plain25(models, asked, encoded["control_edge.mp4"])).all()


def test_the_shift_of_a_task_is_its_own(
    models: Path, clip: Path, tmp_path: Path, encoded: dict[str, NDArray[np.uint8]]
) -> None:
    asked = work(family="cosmos3", prompt=CAPTION)
    made = Made(DiffusersEngine(models), clip, tmp_path, asked, replace(asked, shift=3.0))
    control = {"edge": encoded["control_edge.mp4"]}
    assert (encoded["video.mp4"] == plain3(models, replace(asked, shift=3.0), control)).all()
    assert made.files["t0"]["video.mp4"] != made.files["t1"]["video.mp4"]


def test_one_frame_is_made_and_a_chunk_that_the_pipeline_cannot_make_is_refused(
    models: Path, clip: Path, tmp_path: Path
) -> None:
    made = Made(DiffusersEngine(models), clip, tmp_path, work(frames=1), replace(work(), chunk=8))
    assert [made.outcomes[name].error_kind for name in ("t0", "t1")] == ["", "bad_input"]
    with av.open(_file(tmp_path, made, "video.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 1
    assert "--chunk 9" in made.outcomes["t1"].error


def test_six_clips_with_two_prompts_load_once(models: Path, tmp_path: Path) -> None:
    engine = DiffusersEngine(models)
    files, tasks = TaskFiles({}, tmp_path / "made"), []
    for n in range(6):
        path = clips.textured(tmp_path / f"{n}.mp4", WIDTH, HEIGHT, frames=5 + n, fps=24)
        files[sha256 := hashlib.sha256(path.read_bytes()).hexdigest()] = path
        for prompt in ("a city", "a forest"):
            asked = replace(work(frames=5, prompt=prompt), chunk=5, chunks=1)
            tasks.append(Task(f"{n} {prompt}", "transfer", asked.asks(), {"video": sha256}))
    videos: dict[str, bytes] = {}

    def deliver(outcome: Outcome) -> None:
        assert outcome.error == ""
        videos[outcome.id] = (files.place_of(outcome.id) / "video.mp4").read_bytes()

    engine.run(tasks, files, deliver)
    assert list(videos) == [task.id for task in tasks]
    assert len(set(videos.values())) == 12
    assert engine.loads == ["transfer2.5-2b"]


def test_a_model_is_loaded_once_for_all_its_tasks(models: Path, clip: Path, tmp_path: Path) -> None:
    engine = DiffusersEngine(models)
    works = [
        work(("edge",)), work(("edge",), family="cosmos3", prompt=CAPTION), work(("vis",)), work(("edge",), seed=8),
        work(("vis",), family="cosmos3", prompt=CAPTION),
    ]  # fmt: skip
    made = Made(engine, clip, tmp_path, *works)
    assert [outcome.error for outcome in made.outcomes.values()] == [""] * 5
    assert engine.loads == ["transfer2.5-2b", "cosmos3-nano"]
    assert list(made.outcomes) == ["t0", "t3", "t2", "t1", "t4"]
    assert made.files["t0"]["video.mp4"] != made.files["t3"]["video.mp4"]


@pytest.mark.parametrize("family", ["transfer2.5", "cosmos3"])
def test_what_the_checker_refuses_is_told_and_the_others_are_made(
    models: Path, clip: Path, tmp_path: Path, family: str
) -> None:
    prompts = ("forbidden", "blocked later", "a city")
    made = Made(DiffusersEngine(models), clip, tmp_path, *(work(family=family, prompt=prompt) for prompt in prompts))
    assert [made.outcomes[f"t{n}"].error_kind for n in range(3)] == ["blocked", "blocked", ""]
    assert "refuses the prompt" in made.outcomes["t0"].error
    assert "refuses the video" in made.outcomes["t1"].error
    assert "video.mp4" not in made.files["t1"]


def test_a_face_is_pixelated(models: Path, clip: Path, tmp_path: Path, encoded: dict[str, NDArray[np.uint8]]) -> None:
    Made(DiffusersEngine(models), clip, tmp_path, work(prompt="a face"))
    corner = encoded["video.mp4"][:, :16, :16]
    assert (corner == corner[:, :1, :1]).all()


def test_a_video_gets_back_what_its_clip_has_and_its_frames_are_kept(
    models: Path, clip: Path, tmp_path: Path, encoded: dict[str, NDArray[np.uint8]]
) -> None:
    asked = replace(work(), fps=16.0, out_width=160, out_height=90, out_fps=24.0, restore=("size", "fps", "audio"),
                    keep_frames=True)  # fmt: skip
    made = Made(DiffusersEngine(models), clip, tmp_path, asked)
    assert made.outcomes["t0"].error == ""
    assert made.outcomes["t0"].says["frames"] == CHUNK
    assert made.outcomes["t0"].says["sound"] == "no sound: the clip has no sound"
    assert encoded["video.mp4"].shape == (CHUNK, 90, 160, 3)
    assert len([name for name in made.files["t0"] if name.startswith("frames/")]) == CHUNK
    assert "no sound: the clip has no sound" in made.files["t0"]["log.txt"].decode()
    with av.open(_file(tmp_path, made, "video.mp4")) as video:
        assert video.streams.video[0].average_rate == 24


def test_what_is_missing_is_told_before_a_model_is_loaded(
    models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_engine("diffusers", EngineSettings(model_path=str(models))).load()
    with pytest.raises(EngineUnavailable, match="no folder with models"):
        DiffusersEngine(tmp_path / "none").load()
    import cosmos_guardrail

    monkeypatch.setattr(cosmos_guardrail, "CosmosSafetyChecker", lambda: 1 / 0)
    with pytest.raises(EngineUnavailable, match="safety checker cannot be loaded") as refused:
        DiffusersEngine(models).load()
    assert "nvidia/Cosmos-1.0-Guardrail" in refused.value.remedy
    sys.modules.pop("cosmos_guardrail")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(STANDINS)])
    with pytest.raises(EngineUnavailable, match="safety checker cannot be imported") as refused:
        DiffusersEngine(models).load()
    assert "pip install cosmos_guardrail" in refused.value.remedy


def test_what_is_not_there_fails_its_own_tasks(models: Path, clip: Path, tmp_path: Path) -> None:
    lost, seg = replace(work(), model="transfer2.5-9b"), replace(work(), controls=(Applied("seg", 1.0, 1.0),))
    made = Made(DiffusersEngine(models), clip, tmp_path, seg, lost, work())
    kinds = [(outcome.error_kind, outcome.error) for outcome in map(made.outcomes.get, ("t0", "t1", "t2")) if outcome]
    assert [kind for kind, _ in kinds] == ["engine_failed", "engine_failed", ""]
    assert "the ControlNet for seg is not there" in kinds[0][1]
    assert "transfer2.5-9b is not there in the form of diffusers" in kinds[1][1]


def test_a_downloaded_model_is_read_from_its_folder(models: Path, clip: Path, tmp_path: Path) -> None:
    """The index that lies in a repository names that repository for each part."""
    copy = tmp_path / "models" / "cosmos3-nano"
    shutil.copytree(models / "cosmos3-nano", copy)
    index = copy / "modular_model_index.json"
    index.write_text(index.read_text().replace(json.dumps(str(models / "cosmos3-nano")), '"nvidia/Cosmos3-Nano"'))
    assert '"nvidia/Cosmos3-Nano"' in index.read_text()
    asked = work(family="cosmos3", prompt=CAPTION)
    assert Made(DiffusersEngine(copy.parent), clip, tmp_path, asked).outcomes["t0"].error == ""
    for weights in (copy / "transformer").glob("*.safetensors"):
        weights.write_bytes(b"cut off")
    error = Made(DiffusersEngine(copy.parent), clip, tmp_path, asked).outcomes["t0"].error
    assert "the model cannot be loaded" in error
    assert "transformer" in error


def _file(root: Path, made: Made, name: str) -> str:
    path = root / f"again-{name}"
    path.write_bytes(made.files["t0"][name])
    return str(path)
