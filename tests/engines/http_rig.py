"""What the tests of the engine `http` share: clips, works, and one run of tasks through the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import av
import clips

from cosmos_workflow.engines.http import HttpEngine
from cosmos_workflow.engines.outputs import Step, run_tasks
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Applied, Work
from cosmos_workflow.media.video import sha256_of

SIZE = (320, 192)
EDGE = Applied("edge", 0.5, 1.0, "medium", True)


def clip(path: Path, frames: int = 93, size: tuple[int, int] = SIZE, fps: int = 24) -> Path:
    if not path.exists():
        clips.write(path, [clips.flat((90, 120, 60), size[1], size[0])] * frames, fps=fps)
    return path


def nim_work(**more: Any) -> Work:
    """A transfer with Transfer2.5, of 93 frames."""
    work = Work(
        "transfer2.5-2b", "transfer2.5", "a city", "dull", (EDGE,), *SIZE, *SIZE, 93, 24.0, 93, 1, 0, 1, 35, 3.0, 7,
        out_fps=24.0,
    )  # fmt: skip
    return replace(work, **more)


def cosmos3_work(**more: Any) -> Work:
    """A transfer with Cosmos 3, of 9 frames."""
    work = Work(
        "cosmos3-nano", "cosmos3", "a city", "dull", (EDGE,), *SIZE, *SIZE, 9, 24.0, 9, 1, 0, 1, 50, 3.0, 7,
        control_guidance=1.5, shift=10.0, out_fps=24.0,
    )  # fmt: skip
    return replace(work, **more)


@dataclass(frozen=True)
class Kept:
    """Keeps output files by their SHA-256."""

    scratch: Path

    @property
    def pieces(self) -> Path:
        return self.scratch / "pieces"

    def take(self, file: Path) -> str:
        sha256 = sha256_of(file)
        file.replace(self.scratch / sha256)
        return sha256


@dataclass
class Rig:
    """A folder for clips and outputs; `made` has the output files of each task by their names."""

    root: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def task(self, id: str, work: Work, files: Mapping[str, Path]) -> tuple[Task, dict[str, Path]]:
        hashes = {role: sha256_of(path) for role, path in files.items()}
        return Task(id, "transfer", work.asks(), hashes), {hashes[role]: path for role, path in files.items()}

    def run(
        self, url: str, asked: Sequence[tuple[str, Work, Mapping[str, Path]]],
        on_outcome: Callable[[Outcome], None] = lambda outcome: None, **options: Any,
    ) -> dict[str, Outcome]:  # fmt: skip
        """Ask the engine; returns the outcomes by the ids of their tasks."""
        tasks, inputs = [], {}
        for id, work, files in asked:
            task, of_task = self.task(id, work, files)
            tasks.append(task)
            inputs.update(of_task)
        store = Kept(self.root)

        def deliver(outcome: Outcome) -> None:
            assert outcome.id not in self.outcomes
            self.outcomes[outcome.id] = outcome
            on_outcome(outcome)

        engine = HttpEngine(url, **{"max_retries": 3, **options})
        try:
            run_tasks(engine, tasks, dict(inputs), deliver, store, self.steps.append)
        finally:
            engine.close()
        return self.outcomes

    def output(self, id: str, name: str) -> Path:
        return self.root / self.outcomes[id].outputs[name]


def facts_of(path: Path) -> tuple[str, int, int, int, float, tuple[int, ...]]:
    """Codec, width, height, frames, rate, and the colour in the middle of the last frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        middle = frames[-1][stream.height // 2, stream.width // 2]
        name, rate = stream.codec_context.name, float(stream.average_rate or 0)
        return name, stream.width, stream.height, len(frames), rate, tuple(int(value) for value in middle)
