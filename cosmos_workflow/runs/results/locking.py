"""One process at a time writes a results file, and the output files in its folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.files import RESULTS

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["alone_in", "locked", "unwritable"]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Whoever writes results or output files into a folder has it to themselves. Raises UsageError, BadInputError."""
    path = folder / RESULTS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = locked(Path(os.path.realpath(path)), path)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def locked(real: Path, path: Path) -> BaseFileLock:
    """The lock of a results file. Raises UsageError where another process has it, ValueError, OSError."""
    from filelock import FileLock, Timeout

    lock = FileLock(file := _lock_of(real))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        if not file.exists():  # FileLock also times out where the folder does not let it create its file
            raise ValueError("no file can be made beside it") from error
        remedy = "wait until it has ended, or choose another -o"
        raise UsageError("another process is writing this file", where=str(path), remedy=remedy) from error
    return lock


def unwritable(path: Path, error: OSError | ValueError) -> BadInputError:
    reason = getattr(error, "strerror", None) or str(error)
    return BadInputError(f"cannot be written ({reason})", where=str(path), remedy="choose another -o")


def _lock_of(path: Path) -> Path:
    """A name that no user's file has, as FileLock empties or removes its file: NAME.lock could be one, like uv.lock."""
    name = path.name if len(path.name) <= 60 else hashlib.sha256(path.name.encode("utf-8", "replace")).hexdigest()
    return path.with_name(f".{name}.cosmos-lock")
