"""Files on both sides of an engine: the inputs of its tasks, and the files that each of them makes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol

from cosmos_workflow.errors import EngineError
from cosmos_workflow.files import is_output_name, write_whole
from cosmos_workflow.kinds.kind import Files, Outcome, Task, bytes_of
from cosmos_workflow.private import make_folder

__all__ = ["BAD_OUTPUT", "OnStep", "OutputFiles", "Step", "TaskFiles", "run_tasks"]

BAD_OUTPUT = "bad_output"


@dataclass(frozen=True)
class Step:
    """How far a task is that takes long: `done` of `total` steps, and in words what goes on."""

    id: str
    done: int
    total: int
    text: str = ""


OnStep = Callable[[Step], None]


class OutputFiles(Protocol):
    """Where output files go: made in a folder below `scratch`, then taken in by their content."""

    @property
    def scratch(self) -> Path: ...
    @property
    def pieces(self) -> Path:
        """A folder for what is made of a task that takes hours, so that the next try goes on with it."""

    def take(self, file: Path) -> str:
        """Keep a file that is whole, synced, away from where it was; its SHA-256. Raises OSError."""


class TaskFiles(dict[str, "bytes | Path"]):
    """The input files of tasks by their SHA-256, and a folder for what each task makes.

    `root` is theirs alone; without it, none can be made. An engine whose tasks take long calls `on_step` now and then,
    and keeps in `pieces`, which outlives the call, what the next try shall not make again.
    """

    def __init__(
        self, inputs: Files, root: Path | None = None, *, makes: bool = True, on_step: OnStep | None = None,
        pieces: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(inputs)
        self.root, self._makes, self._pieces = root, makes, pieces
        self.on_step: OnStep = on_step or (lambda step: None)

    def path(self, sha256: str) -> Path:
        """An input as a file of this machine; one in memory is written first."""
        file = self[sha256]
        if isinstance(file, Path):
            return file
        path = self._root() / "inputs" / sha256
        if not path.exists():
            make_folder(path.parent)
            write_whole(path, bytes_of(file), sync=False)
        return path

    def folder(self, task: Task) -> Path:
        """Where a task's output files are written: flat, or in folders of their own; empty at first.

        Raises EngineError for a kind of work that makes no files.
        """
        if not self._makes:
            raise EngineError(f"{task.kind} has no output files", remedy="its Result needs a field `outputs`")
        make_folder(path := self.place_of(task.id))
        return path

    def place_of(self, id: str) -> Path:
        """Where the folder of a task is, once it has one."""
        return self._root() / hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def only_of(self, tasks: Sequence[Task]) -> TaskFiles:
        """Those that some tasks name."""
        named = {sha256 for task in tasks for sha256 in task.inputs.values()}
        chosen = {sha256: self[sha256] for sha256 in named}
        return TaskFiles(chosen, self.root, makes=self._makes, on_step=self.on_step, pieces=self._pieces)

    def pieces_of(self, key: str) -> Path:
        """The folder for the pieces of what is named by `key`; who has made the whole of them removes it."""
        make_folder(path := (self._pieces or self._root() / "pieces") / key)
        return path

    def __reduce__(self) -> tuple[Any, ...]:
        return _task_files, (dict(self), self.root, self._makes, self._pieces)

    def _root(self) -> Path:
        if self.root is None:
            raise EngineError("these tasks were given no folder for files")
        return self.root


def _task_files(inputs: Files, root: Path | None, makes: bool, pieces: Path | None) -> TaskFiles:
    return TaskFiles(inputs, root, makes=makes, pieces=pieces)


def run_tasks(
    engine: Any, tasks: Sequence[Task], inputs: Files, deliver: Callable[[Outcome], None],
    outputs: OutputFiles | None, on_step: OnStep | None = None,
) -> None:  # fmt: skip
    """Ask an engine, and deliver each outcome when its output files are kept in `outputs`; it names them.

    `on_step` is told how far a task is, by engines that say so. Without `outputs` the kind of work makes none. What is
    left of a task that failed is removed. Raises as `Engine.run`, and OSError where the disk does not take a file.
    """
    root = (outputs.scratch if outputs else Path(tempfile.gettempdir())) / f"cosmos-{token_hex(8)}"
    pieces = outputs.pieces if outputs else None
    files = TaskFiles(inputs, root, makes=outputs is not None, on_step=on_step, pieces=pieces)

    def with_files(outcome: Outcome) -> None:
        folder = files.place_of(outcome.id)
        if outputs is None or not folder.is_dir():
            deliver(replace(outcome, outputs={}) if outcome.outputs else outcome)
            return
        try:
            deliver(_taken(outcome, folder, outputs) if outcome.ok else replace(outcome, outputs={}))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    try:
        engine.run(tasks, files, with_files)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _taken(outcome: Outcome, folder: Path, outputs: OutputFiles) -> Outcome:
    """The outcome with the files that its task has made; one that cannot be kept under its name makes it an error."""
    made = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }
    strange = [name for name, path in made.items() if not is_output_name(name) or not _is_plain(path)]
    times = Counter(name.casefold() for name in made)
    same = [name for name in made if times[name.casefold()] > 1]
    if strange or same:
        error = f"the engine made a file that cannot be kept under its name: {(strange or same)[0][:100]!r}"
        return Outcome(outcome.id, error=error, error_kind=BAD_OUTPUT, seconds=outcome.seconds)
    return replace(outcome, outputs={name: outputs.take(path) for name, path in made.items()})


def _is_plain(path: Path) -> bool:
    """Whether it is a file, and no link, pipe or socket."""
    return path.is_file() and not path.is_symlink()
