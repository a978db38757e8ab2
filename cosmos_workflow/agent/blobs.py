"""Frames by their content: what the host has is not sent again, what was cut off goes on, all is verified."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from cosmos_workflow.agent.files import sha256_of, size_of
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.agent.private import make_folder, open_private
from cosmos_workflow.files import of_this_machine

__all__ = ["KEPT_SECONDS", "offer", "prune", "receive"]

PIECE = 1 << 16
TOLD_SECONDS = 0.5  # between two words of the bytes that have come
KEPT_SECONDS = 7 * 24 * 3600  # frames that no batch has named for so long are removed

Tell = Callable[[dict[str, Any]], None]


def offer(paths: HostPaths, wanted: list[str]) -> dict[str, int]:
    """Of these hashes, the ones the host lacks, with the bytes of each that an earlier upload left.

    What is there is read and verified; a damaged file is removed and counts as lacking.
    """
    lacking: dict[str, int] = {}
    for sha256 in wanted:
        path = paths.blob(sha256)
        with suppress(FileNotFoundError):  # also one that is pruned just now
            if sha256_of(path) == sha256:
                os.utime(path)  # keeps it from being pruned
                continue
            path.unlink(missing_ok=True)
        lacking[sha256] = size_of(_part(path))
    return lacking


def receive(paths: HostPaths, stream: IO[bytes], tell: Tell) -> None:
    """Store blobs from a stream: a JSON line {sha256, size, offset}, then the bytes from `offset` on, and so forth.

    Two uploads of one blob write the same bytes at the same place, so they need no lock; the first that is done
    gives the blob its name. What a crash of the host takes is found out by the next offer, which reads everything.
    Tells of each blob {"stored": sha256}, or {"damaged": sha256} where the bytes are not what their name says, and
    {"came": bytes} now and then, as only this side knows what has arrived; {"received": blobs} ends a whole stream.
    """
    came, count = _Came(tell), 0
    while line := stream.readline():
        head = json.loads(line)
        path = paths.blob(head["sha256"])
        part = _part(path)
        make_folder(part.parent)
        digest = hashlib.sha256()
        opened = os.fdopen(open_private(part, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)
        with opened as file, of_this_machine(path):
            for _ in range(0, head["offset"], PIECE):
                digest.update(file.read(min(PIECE, head["offset"] - file.tell())))
            file.seek(head["offset"])
            left = head["size"] - head["offset"]
            while left and (piece := stream.read(min(PIECE, left))):
                digest.update(piece)
                rest = memoryview(piece)
                while rest:
                    rest = rest[file.write(rest) :]
                left -= len(piece)
                came.add(len(piece))
            if left:
                return  # the line was cut; what came stays for the next upload to go on with
            file.truncate(head["size"])
        if digest.hexdigest() == head["sha256"] and not path.exists():
            with suppress(FileNotFoundError):
                part.replace(path)
        else:
            part.unlink(missing_ok=True)
        # Where another upload was done first, ours may have found nothing to go on with; the blob is there anyway.
        came.add(0, now=True)
        tell({"stored" if path.exists() else "damaged": head["sha256"]})
        count += 1
    tell({"received": count})


class _Came:
    """Counts bytes, and tells of them."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._bytes, self._told = tell, 0, time.monotonic()

    def add(self, count: int, *, now: bool = False) -> None:
        self._bytes += count
        if self._bytes and (now or time.monotonic() - self._told > TOLD_SECONDS):
            self._tell({"came": self._bytes})
            self._bytes, self._told = 0, time.monotonic()


def prune(paths: HostPaths, older_than: float = KEPT_SECONDS) -> None:
    """Remove blobs that nobody has offered for `older_than` seconds."""
    oldest = time.time() - older_than
    for path in (paths.root / "blobs").glob("*/*"):
        with suppress(FileNotFoundError):  # another one prunes as well
            if path.stat().st_mtime < oldest:
                path.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
