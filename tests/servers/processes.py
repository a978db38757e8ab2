"""Which processes of this machine run out of a folder; each may end while it is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["end_all", "named", "of_folder"]


def of_folder(folder: Path) -> list[psutil.Process]:
    """The processes whose command line names something in the folder; their `info` has the words as `cmdline`."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in process.info["cmdline"] or ())
    ]


def named(processes: Iterable[psutil.Process], beginning: str) -> list[psutil.Process]:
    """Those whose name begins so."""
    matches = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            matches += [process] if process.name().startswith(beginning) else []
    return matches


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Kill them; one that has ended meanwhile is no error."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
