"""A run as it travels: its tasks as JSON, their input files named by their content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from cosmos_workflow.agent.files import sha256_of, write_json
from cosmos_workflow.files import write_whole
from cosmos_workflow.kinds.kind import WINDOW, Packed, Task, bytes_of, load_tasks

__all__ = ["MIRRORED", "Parcel"]

MIRRORED = {"results": "results.jsonl", "events": "events.jsonl", "log": "worker.log"}


@dataclass(frozen=True)
class Parcel:
    """One attempt of a run, in a folder of this machine: what goes to the host, and copies of what comes back.

    `blobs` holds the input files; the attempts of one run share it.
    """

    folder: Path
    blobs: Path

    @property
    def batch(self) -> Path:
        return self.folder / "batch.json"

    def mirror(self, file: str) -> Path:
        """The copy of one of the host's files: results, events or log."""
        return self.folder / MIRRORED[file]

    def pack(self, packed: Iterable[Packed], window: int = WINDOW, *, makes_files: bool = True) -> None:
        """Write everything that the host needs, the batch file last; `window` is how many tasks it asks in one call."""
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.write([self._put(each) for each in packed], window, makes_files=makes_files)

    def write(self, tasks: Iterable[Task], window: int = WINDOW, *, makes_files: bool = True) -> None:
        """Write the batch file: tasks whose input files are here already."""
        batch = {"window": window, "makes_files": makes_files, "tasks": [asdict(task) for task in tasks]}
        write_json(self.batch, batch)

    def tasks(self) -> list[Task]:
        """The tasks, as they travel."""
        return list(load_tasks(json.loads(self.batch.read_text(encoding="utf-8"))))

    def files(self) -> dict[str, Path]:
        """What travels, by its SHA-256: the batch, and the input files of its tasks."""
        digests = {sha256 for task in self.tasks() for sha256 in task.inputs.values()}
        return {self.batch_sha256(): self.batch} | {sha256: self.blobs / sha256 for sha256 in digests}

    def batch_sha256(self) -> str:
        return sha256_of(self.batch)

    def _put(self, packed: Packed) -> Task:
        for sha256, file in packed.files.items():
            path = self.blobs / sha256
            if not path.exists():
                write_whole(path, bytes_of(file), sync=False)  # the host verifies what it gets
        return packed.task
