"""Writes files so that they are never half written; every room may use it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

__all__ = ["aside", "at_home", "of_this_machine", "write_whole", "writing_whole"]


def aside(path: Path) -> Path:
    """A path beside `path` that no other writer has: no other thread, process, or machine that shares the disk.

    It has only the beginning of the file's name, which may already be as long as the system allows.
    """
    return path.with_name(f"{path.name[:50]}.{token_hex(8)}.part")


@contextmanager
def writing_whole(path: Path, *, sync: bool = True, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Write aside, sync, rename: readers see the old file or the whole new one, also after a crash.

    An exception raised inside leaves the old file. Without `sync` a power cut may leave an empty file. `mode` is the
    new file's, less the umask. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = aside(path)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        with of_this_machine(path), os.fdopen(descriptor, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, sync: bool = True, mode: int = 0o666) -> None:
    """Write data as `writing_whole`."""
    with writing_whole(path, sync=sync, mode=mode) as file:
        file.write(data)


@contextmanager
def of_this_machine(path: Path | str) -> Iterator[None]:
    """Adds `path`, a file of this machine, to an OSError that is raised inside and names no file.

    A failed write names no file by itself, and an error without one looks like an error of the network.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def at_home(path: Path) -> Path:
    """A path with a leading `~` replaced by the home folder; a file whose own name begins with `~` stays as it is."""
    first = path.parts[0] if path.parts else ""
    if first == "~" or (first.startswith("~") and len(path.parts) > 1):
        with suppress(RuntimeError):  # there is no such user
            return path.expanduser()
    return path


_BINARY = getattr(os, "O_BINARY", 0)  # Windows
