"""What the diffusers engine makes of models that fail, with pipelines that only pretend: no library is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest

from cosmos_workflow.engines import diffusers
from cosmos_workflow.engines.diffusers import DeviceLost, DiffusersEngine
from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.errors import EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Applied, Work

WIDTH, HEIGHT, FRAMES = 96, 64, 5
Make = Callable[[Work], Any]


def work(prompt: str = "a city", model: str = "transfer2.5-2b", hint: str = "edge", frames: int = FRAMES) -> Work:
    return Work(
        model, "transfer2.5", prompt, "", (Applied(hint, 1.0, 1.0, "medium", True),), WIDTH, HEIGHT, WIDTH, HEIGHT,
        frames, 24.0, 93, 1, 0, 1, 2, 3.0, 7,
    )  # fmt: skip


class Pretended:
    """Stands in for a loaded model: makes grey frames, or what `make` says of a work."""

    make_video: Make
    loads: list[str]

    def __init__(self, model: str, folder: Path, options: Any, checker: Any) -> None:
        self.model = model
        self.loads.append(model)
        if model.endswith("broken"):
            raise EngineUnavailable("the model cannot be loaded")

    def use(self, hints: tuple[str, ...]) -> None:
        if hints == ("vis",):
            raise OutOfMemory("no room for the ControlNet")

    def make(self, work: Work, controls: Any, step: Callable[[], None]) -> Any:
        step()
        return type(self).make_video(work)

    def close(self) -> None: ...


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Outcome]]:
    clip = clips.textured(tmp_path / "clip.mp4", WIDTH, HEIGHT, frames=FRAMES)
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    Pretended.loads = []
    monkeypatch.setattr(DiffusersEngine, "load", lambda self: setattr(self, "_checker", object()))
    monkeypatch.setattr(diffusers, "PIPELINES", {"transfer2.5": Pretended})
    monkeypatch.setattr(diffusers, "free", lambda: None)
    for model in ("transfer2.5-2b", "transfer2.5-broken"):
        (tmp_path / "models" / model).mkdir(parents=True)
        (tmp_path / "models" / model / "model_index.json").write_text("{}")

    def ask(*works: Work, make: Make = grey, models: Path = tmp_path / "models") -> dict[str, Outcome]:
        Pretended.make_video = make
        outcomes: dict[str, Outcome] = {}
        tasks = [Task(f"t{n}", "transfer", each.asks(), {"video": sha256}) for n, each in enumerate(works)]

        def deliver(outcome: Outcome) -> None:
            outcomes[outcome.id] = outcome

        engine = DiffusersEngine(models)
        engine.run(tasks, TaskFiles({sha256: clip}, tmp_path / "made"), deliver)
        return outcomes

    return ask


def grey(work: Work) -> Any:
    return np.full((work.frames, HEIGHT, WIDTH, 3), 99, np.uint8)


def kinds(outcomes: dict[str, Outcome]) -> list[str]:
    return [outcomes[f"t{n}"].error_kind for n in range(len(outcomes))]


def test_a_video_without_memory_fails_alone_and_nothing_is_loaded_again(asked: Callable[..., Any]) -> None:
    def make(work: Work) -> Any:
        if work.prompt == "large":
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if work.prompt == "larger":
            raise MemoryError
        return grey(work)

    outcomes = asked(work(), work("large"), work("larger"), work(), make=make)
    assert kinds(outcomes) == ["", "out_of_memory", "out_of_memory", ""]
    assert Pretended.loads == ["transfer2.5-2b"]


def test_a_model_that_cannot_be_loaded_is_tried_once(asked: Callable[..., Any]) -> None:
    broken = work(model="transfer2.5-broken")
    outcomes = asked(broken, work(), broken, broken)
    assert kinds(outcomes) == ["engine_failed", "", "engine_failed", "engine_failed"]
    assert outcomes["t3"].error == outcomes["t0"].error == "the model cannot be loaded"
    assert Pretended.loads == ["transfer2.5-broken", "transfer2.5-2b"]


def test_a_controlnet_without_room_leaves_the_next_model_the_device(asked: Callable[..., Any]) -> None:
    outcomes = asked(work(hint="vis"), work())
    assert kinds(outcomes) == ["out_of_memory", ""]
    assert Pretended.loads == ["transfer2.5-2b"] * 2


def test_a_device_that_has_failed_ends_the_run(asked: Callable[..., Any]) -> None:
    def make(work: Work) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceLost, match="illegal memory access"):
        asked(work(), work(), make=make)


def test_a_video_of_another_length_is_no_video(asked: Callable[..., Any]) -> None:
    outcomes = asked(work(), make=lambda asked: grey(asked)[:-1])
    assert kinds(outcomes) == ["engine_failed"]
    assert "instead of (5, 64, 96, 3)" in outcomes["t0"].error


def test_a_clip_that_is_too_short_loads_no_model(asked: Callable[..., Any]) -> None:
    outcomes = asked(work(frames=FRAMES + 1))
    assert kinds(outcomes) == ["bad_input"]
    assert Pretended.loads == []


def test_the_folder_of_one_model_stands_for_no_other(asked: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "models" / "transfer2.5-2b"
    outcomes = asked(work(), work(model="cosmos3-nano"), models=folder)
    assert kinds(outcomes) == ["", "engine_failed"]
    assert "cosmos3-nano is not there" in outcomes["t1"].error
