"""Runs tasks by the engine `program` on stand-ins, or says only how it would start them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from servers.nvidia_programs import Layout

from cosmos_workflow.engines.outputs import Step, TaskFiles
from cosmos_workflow.engines.program import ProgramEngine
from cosmos_workflow.engines.program.programs import Given
from cosmos_workflow.kinds.kind import Outcome, Task, get_kind
from cosmos_workflow.kinds.transfer.asking import item_of

__all__ = ["Rig", "frames_in", "given", "spec"]


@dataclass
class Rig:
    """Runs tasks on a stand-in; `files` are what each task made, by their names."""

    layout: Layout
    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    on_step: Callable[[Step], None] = lambda step: None

    def run(self, *specs: dict[str, Any], engine: ProgramEngine | None = None) -> None:
        engine = engine or self.engine()
        packed = [_packed(spec) for spec in specs]
        inputs = {sha256: path for _, _, files in packed for sha256, path in files.items()}
        files = TaskFiles(inputs, self.folder / "scratch", on_step=self._step)

        def deliver(outcome: Outcome) -> None:
            assert outcome.id not in self.outcomes
            self.outcomes[outcome.id] = outcome
            place, kept = files.place_of(outcome.id), self.folder / "kept" / outcome.id
            if place.is_dir():
                shutil.copytree(place, kept)
                self.files[outcome.id] = {path.relative_to(kept).as_posix(): path for path in kept.rglob("*")}

        engine.run([task for task, _, _ in packed], files, deliver)

    def engine(self, **options: Any) -> ProgramEngine:
        return ProgramEngine(self.layout.repository, {"python": str(self.layout.bin / "python"), **options})

    def errors(self) -> dict[str, tuple[str, str]]:
        return {id: (each.error_kind, each.error) for id, each in self.outcomes.items() if each.error}

    def _step(self, step: Step) -> None:
        self.steps.append(step)
        self.on_step(step)


def _packed(spec: dict[str, Any]) -> tuple[Task, Any, dict[str, Any]]:
    kind = get_kind("transfer")
    settings = kind.for_engine(kind.settings(), "program")
    (checked,) = kind.check([item_of(spec, "here")], settings)
    assert checked.runs, checked.reason
    packed = kind.pack(checked, settings, "files")
    return packed.task, checked, dict(packed.files)


def given(*specs: dict[str, Any]) -> list[Given]:
    """What a program would be given for specs in any of the forms."""
    tasks = [_packed(spec) for spec in specs]
    return [
        Given(task, checked.work, checked.item.files, f"cosmos-{number:04}")
        for number, (task, checked, _) in enumerate(tasks)
    ]


def spec(model: str, clip: Path, name: str, prompt: str = "A city", **more: Any) -> dict[str, Any]:
    return {"name": name, "model": model, "prompt": prompt, "video": str(clip), "seed": 3, "steps": 4,
            "controls": {"edge": {"weight": 0.7}}, **more}  # fmt: skip


def frames_in(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
