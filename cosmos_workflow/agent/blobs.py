"""Frames by their content: what the host has is not sent again, an upload that was cut off goes on, all is verified."""

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
from cosmos_workflow.files import of_this_machine
from cosmos_workflow.private import make_folder, open_private

__all__ = ["KEPT_SECONDS", "offer", "prune", "receive"]

PIECE = 1 << 16
REPORT_SECONDS = 0.5  # between two reports of the bytes that have arrived
KEPT_SECONDS = 7 * 24 * 3600  # frames that no batch has named for this long are removed

Tell = Callable[[dict[str, Any]], None]


def offer(paths: HostPaths, wanted: list[str]) -> dict[str, int]:
    """Of these hashes, the ones the host lacks, with the bytes of each that an earlier upload left.

    A file that exists is read and verified; a damaged one is removed and counts as lacking.
    """
    lacking: dict[str, int] = {}
    for sha256 in wanted:
        path = paths.blob(sha256)
        with suppress(FileNotFoundError):  # also where another process prunes it at this moment
            if sha256_of(path) == sha256:
                os.utime(path)  # keeps it from being pruned
                continue
            path.unlink(missing_ok=True)
        lacking[sha256] = size_of(_part(path))
    return lacking


def receive(paths: HostPaths, stream: IO[bytes], tell: Tell) -> None:
    """Store blobs from a stream: a JSON line {sha256, size, offset}, then the bytes from `offset` on, and so forth.

    Two uploads of one blob write the same bytes at the same place, so they need no lock; the first to finish gives
    the blob its name. What a crash of the host destroys is noticed by the next offer, which reads everything.
    `tell` gets {"stored": sha256} for each blob, or {"damaged": sha256} where the bytes do not match their name, and
    {"came": bytes} now and then, as only the host knows what has arrived; {"received": blobs} ends a whole stream.
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
                return  # the connection was cut; what has arrived stays, and the next upload goes on from it
            file.truncate(head["size"])
        if digest.hexdigest() == head["sha256"] and not path.exists():
            with suppress(FileNotFoundError):
                part.replace(path)
        else:
            part.unlink(missing_ok=True)
        # Where another upload finished first, this one may have had nothing to go on from; the blob exists anyway.
        came.add(0, now=True)
        tell({"stored" if path.exists() else "damaged": head["sha256"]})
        count += 1
    tell({"received": count})


class _Came:
    """Counts the bytes that have arrived, and reports them."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._bytes, self._reported = tell, 0, time.monotonic()

    def add(self, count: int, *, now: bool = False) -> None:
        self._bytes += count
        if self._bytes and (now or time.monotonic() - self._reported > REPORT_SECONDS):
            self._tell({"came": self._bytes})
            self._bytes, self._reported = 0, time.monotonic()


def prune(paths: HostPaths, older_than: float = KEPT_SECONDS) -> None:
    """Remove blobs that nobody has offered for `older_than` seconds."""
    oldest = time.time() - older_than
    for path in (paths.root / "blobs").glob("*/*"):
        with suppress(FileNotFoundError):  # another process prunes as well
            if path.stat().st_mtime < oldest:
                path.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
