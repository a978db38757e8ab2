"""Files that survive a crash: durable appends and atomic writes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cosmos_workflow.files import write_whole
from cosmos_workflow.private import hand_over, make_folder, open_private

__all__ = ["Appender", "read_json", "sealed", "sha256_of", "size_of", "tail", "unsealed", "write_json"]


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
