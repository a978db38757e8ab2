"""Files that survive a crash: durable appends, atomic writes, and locks that die with their process."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.private import hand_over, make_folder, open_private
from cosmos_workflow.files import write_whole

__all__ = [
    "Appender",
    "is_locked",
    "read_json",
    "sealed",
    "sha256_of",
    "size_of",
    "tail",
    "try_lock",
    "unsealed",
    "waiting_lock",
    "write_json",
]


class Appender:
    """A file of JSON lines; each is on disk before `add` returns. An incomplete last line is cut off on opening."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._file = os.fdopen(open_private(path, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        self._file.truncate(whole)
        self._file.seek(whole)
        self.size = whole

    def add(self, value: Any) -> None:
        """Raises OSError where the disk does not take the line; the file then ends as it did before."""
        data = (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        self._file.close()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is complete at every moment, and that nobody else may read."""
    make_folder(path.parent)
    # Bytes of a file name that are not UTF-8 become JSON's escapes, and are read back as they were.
    write_whole(path, json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"), mode=0o600)
    hand_over(path)


def read_json(path: Path) -> Any:
    """The value in a JSON file, or None where there is no complete one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def sealed(value: Any) -> dict[str, Any]:
    """A value with a checksum, so that damage on disk or on the way is noticed."""
    return {"value": value, "sum": _sum(value)}


def unsealed(line: bytes) -> Any:
    """The value of a sealed line, or None where it is damaged."""
    try:
        entry = json.loads(line)
        return entry["value"] if entry["sum"] == _sum(entry["value"]) else None
    except (ValueError, KeyError, TypeError):
        return None


def _sum(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Size of a file in bytes; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def tail(path: Path, most: int = 4000) -> str:
    """The last `most` bytes of a log as text; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""


def try_lock(path: Path, patience: float = 0.3, *, create: bool = True) -> int | None:
    """Take the lock and return its file descriptor, or None where another process holds it.

    Without `create`, a lock whose file is missing is not taken either: its run was removed.

    The kernel frees it when the last process that holds the descriptor ends, however it ends. A process that only
    asks (`is_locked`) holds it for a moment, hence `patience`, in seconds.
    """
    import fcntl

    if create:
        make_folder(path.parent)
    try:
        descriptor = open_private(path, os.O_RDWR | (os.O_CREAT if create else 0))
    except FileNotFoundError:
        if create:
            raise
        return None
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:  # noqa: PERF203 - it is the wait
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.01)


def is_locked(path: Path, patience: float = 0.0) -> bool:
    """Whether a process holds the lock, and still does after `patience`, in seconds."""
    if not path.exists():
        return False
    descriptor = try_lock(path, patience, create=False)
    if descriptor is None:
        return path.exists()  # removed meanwhile, and nobody's
    os.close(descriptor)
    return False


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold a lock that others hold only for moments."""
    while (descriptor := try_lock(path, patience=60.0)) is None:
        pass
    try:
        yield
    finally:
        os.close(descriptor)
