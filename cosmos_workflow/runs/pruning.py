"""Makes room on this machine: output files of runs that have ended, where no person has named their folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cosmos_workflow.errors import Conflict, NotFound
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.runs import Runs
from cosmos_workflow.store import RunRecord

__all__ = ["Prunable", "prunable", "prune"]


@dataclass(frozen=True)
class Prunable:
    """The output files of a run that are in this program's own folder."""

    run: RunRecord
    files: int
    bytes: int


def prunable(runs: Runs, older_than: float, most: int | None = None) -> list[Prunable]:
    """The runs, the last ended first, that ended more than `older_than` seconds ago and have output files here; and
    those whose files are beyond the `most` bytes of the newest.

    What `-o` names is a person's, and never among them.
    """
    now, total, old = time.time(), 0, []
    for run in sorted(runs.store.runs(), key=lambda run: run.updated, reverse=True):
        sizes = list(_sizes(_own_folder(runs, run)).values())
        total += sum(sizes)
        if sizes and run.finished and (now - run.updated > older_than or (most is not None and total > most)):
            old.append(Prunable(run, len(sizes), sum(sizes)))
    return old


def prune(runs: Runs, chosen: Sequence[Prunable]) -> int:
    """Remove these output files, and return their bytes; the runs and their results stay, and say that they are gone.

    A run that was taken up since it was chosen, or removed, is passed over.
    """
    freed = 0
    for each in chosen:
        with suppress(Conflict, NotFound), RunFolder(runs.folder(each.run.id)).alone():
            run = runs.store.get(each.run.id)
            if run.finished and run.updated == each.run.updated:
                freed += _emptied(_own_folder(runs, run))
    return freed


def _own_folder(runs: Runs, run: RunRecord) -> Path:
    return runs.folder(run.id) / "results"


def _sizes(folder: Path) -> dict[Path, int]:
    """The bytes of each output file in a folder of results, which others may write into and remove from meanwhile."""
    sizes = {}
    for root, _, names in os.walk(folder):
        for path in (Path(root) / name for name in names):
            if path.parent != folder:  # else it is the results file, or its lock
                with suppress(OSError):
                    sizes[path] = path.lstat().st_size
    return sizes


def _emptied(folder: Path) -> int:
    """Remove the output files in a folder of results, and the folders that are empty then; the bytes that are free."""
    freed = 0
    for path, size in _sizes(folder).items():
        with suppress(OSError):
            path.unlink()
            freed += size
    for root, _, _ in os.walk(folder, topdown=False):
        if Path(root) != folder:
            with suppress(OSError):
                Path(root).rmdir()
    return freed
