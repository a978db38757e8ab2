"""The engine that makes videos with the pipelines of Hugging Face diffusers: Transfer2.5 and Cosmos 3."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.engines import films
from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.failures import classify, readable
from cosmos_workflow.engines.films import Film
from cosmos_workflow.engines.pipelines import PIPELINES, Pipeline, free
from cosmos_workflow.engines.safety import Blocked, Checker
from cosmos_workflow.engines.steps import Steps
from cosmos_workflow.errors import BadInputError, CosmosError, EngineError, EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.limits.video_models import TRANSFER_MODELS

if TYPE_CHECKING:
    from cosmos_workflow.engines.outputs import TaskFiles

__all__ = ["DiffusersEngine"]

INDEXES = ("model_index.json", "modular_model_index.json")


class DeviceLost(EngineError):
    """The device has failed: this process can do nothing more with it."""


class DiffusersEngine:
    """Makes one video after the other; tasks of the same model and controls come together, so that each loads once.

    `models` is a folder with a folder for each model (`transfer2.5-2b`, `cosmos3-nano` …; docs/TRANSFER.md), or that of
    one model. `options` are further arguments of `from_pretrained`.
    """

    name = "diffusers"
    wants = "files"

    def __init__(self, models: str | Path, *, options: Mapping[str, Any] | None = None) -> None:
        self.model_path = str(models)
        self.model = Path(models).name
        self.options = dict(options or {})
        self._checker: Checker | None = None
        self._pipeline: Pipeline | None = None
        self.loads: list[str] = []

    def load(self) -> None:
        """Import the libraries and load the safety checker; a model is loaded for the first task that wants it.

        Raises EngineUnavailable where something is missing.
        """
        try:
            import diffusers
            import torch  # noqa: F401
            import transformers
            from diffusers import Cosmos2_5_TransferPipeline, CosmosControlNetModel  # noqa: F401
            from diffusers.modular_pipelines import Cosmos3OmniModularPipeline  # noqa: F401
        except ImportError as error:
            raise EngineUnavailable(
                f"diffusers 0.42 or newer cannot be imported ({readable(error)})",
                remedy="with Python 3.11 or newer: pip install 'cosmos-workflow[diffusers]'",
            ) from error
        diffusers.utils.logging.set_verbosity(diffusers.utils.logging.CRITICAL)  # its errors are ours to tell
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        if not Path(self.model_path).is_dir():
            raise EngineUnavailable(
                "there is no folder with models", where=self.model_path,
                remedy="give --model-path FOLDER; docs/TRANSFER.md says what lies in it",
            )  # fmt: skip
        self._checker = self._checker or Checker()

    def properties(self) -> dict[str, Any]:
        import diffusers
        import torch

        loaded = {"model": self._pipeline.model} if self._pipeline else {}
        return {
            "version": f"diffusers {diffusers.__version__}",
            "device": "cuda" if torch.cuda.is_available() else "cpu",
            **loaded,
        }

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        """As `Engine.run`. A model that cannot be loaded fails its own tasks; the others are done."""
        self.load()
        lost: dict[tuple[str, tuple[str, ...]], str] = {}  # what cannot be loaded is not tried for each of its tasks
        for task, work in _by_model(tasks):
            began = time.monotonic()
            says: dict[str, Any] = {}
            error, kind = lost.get(_loads_of(work), ""), "engine_failed"
            try:
                says = {} if error else self._make(task, work, files)
            except Blocked as block:
                error, kind = str(block), "blocked"
            except BadInputError as problem:
                error, kind = str(problem), "bad_input"
            except DeviceLost:
                raise
            except EngineUnavailable as problem:
                error = lost[_loads_of(work)] = str(problem)
            except EngineError as problem:
                error, kind = str(problem), "out_of_memory" if isinstance(problem, OutOfMemory) else "engine_failed"
            except MemoryError:
                error, kind = f"this machine's memory does not hold {work.frames} frames", "out_of_memory"
            except CosmosError as problem:
                error, kind = str(problem), "failed"
            if kind == "out_of_memory":
                free()  # what is left of the attempt would be in the way of the next
            seconds = round(time.monotonic() - began, 3)
            deliver(Outcome(task.id, says, error=error, error_kind=kind if error else "", seconds=seconds))

    def close(self) -> None:
        self._unload()
        self._checker = None

    def _unload(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline:
            pipeline.close()

    def _make(self, task: Task, work: Work, files: TaskFiles) -> dict[str, Any]:
        folder = files.folder(task)
        inputs = {name: files.path(sha256) for name, sha256 in task.inputs.items()}
        controls = films.controls_of(work, inputs, folder)  # before a model is loaded for files that cannot be read
        loading = time.monotonic()
        pipeline = self._ready(work)
        loaded = round(time.monotonic() - loading, 3)
        with Steps(folder / "log.txt", task.id, work, files.on_step) as steps:
            frames = _asked(pipeline, work, controls, steps)
            steps.note("encoding")
            says = films.write_video(frames, work, inputs, folder)
            if sound := says.get("sound"):
                steps.note(sound)
        films.write_asked(task.id, work, inputs, folder)
        return {"load_seconds": loaded, "model": work.model, **says}

    def _ready(self, work: Work) -> Pipeline:
        """The pipeline of a model, loaded, with the ControlNets of the work. Raises EngineUnavailable, OutOfMemory."""
        assert self._checker is not None
        if self._pipeline and self._pipeline.model != work.model:
            self._unload()
        if self._pipeline is None:
            folder = self._folder(work.model)
            self._pipeline = PIPELINES[work.family](work.model, folder, self.options, self._checker)
            self.loads.append(work.model)
        try:
            self._pipeline.use(_loads_of(work)[1])
        except OutOfMemory:
            self._unload()
            raise
        return self._pipeline

    def _folder(self, model: str) -> Path:
        root = Path(self.model_path)
        for folder in (root / model, root):
            named_otherwise = folder == root and root.name in TRANSFER_MODELS and root.name != model
            if not named_otherwise and any((folder / index).is_file() for index in INDEXES):
                return folder
        raise EngineUnavailable(
            f"{model} is not there in the form of diffusers", where=str(root / model),
            remedy="docs/TRANSFER.md says how to download it",
        )  # fmt: skip


def _asked(pipeline: Pipeline, work: Work, controls: Mapping[str, Film], steps: Steps) -> Film:
    """The video of a work. Raises Blocked, BadInputError, OutOfMemory, DeviceLost, EngineError."""
    try:
        film = pipeline.make(work, controls, steps.step)
    except (CosmosError, MemoryError):
        raise
    except Exception as error:
        if classify(error) == "out_of_memory":
            raise OutOfMemory(
                readable(error), where=f"{work.width}x{work.height}, {work.chunk} frames a chunk",
                remedy=f"free the device, choose a smaller size or a larger card: cosmos limits --model {work.model}",
            ) from error  # fmt: skip
        traceback.print_exc()
        if "CUDA error" in str(error):  # nothing works in this process after it
            raise DeviceLost(readable(error), where=work.model, remedy="start the same command again") from error
        raise EngineError(readable(error), where=work.model, remedy="see the traceback that it has printed") from error
    if film.shape != (wanted := (work.frames, work.height, work.width, 3)):
        raise EngineError(f"the pipeline has made {film.shape} instead of {wanted}", where=work.model)
    return film


def _loads_of(work: Work) -> tuple[str, tuple[str, ...]]:
    """What is loaded for a work: its model, and the ControlNets of its controls."""
    return work.model, tuple(control.hint for control in work.controls)


def _by_model(tasks: Sequence[Task]) -> Iterator[tuple[Task, Work]]:
    """The tasks, those of a model and the same controls behind each other, in the order of the first of each."""
    works = [(task, Work.of(task.asks)) for task in tasks]
    groups: dict[str, dict[tuple[str, ...], list[tuple[Task, Work]]]] = {}
    for task, work in works:
        model, hints = _loads_of(work)
        groups.setdefault(model, {}).setdefault(hints, []).append((task, work))
    for of_model in groups.values():
        for group in of_model.values():
            yield from group
