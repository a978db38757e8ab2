"""Files by their content, both ways: what is there is not sent again, what was cut off goes on, all is verified."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from cosmos_workflow.agent.files import read_json, sha256_of, size_of, unsealed
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.files import of_this_machine
from cosmos_workflow.private import is_locked, make_folder, open_private

__all__ = ["KEPT_SECONDS", "offer", "prune", "receive", "send"]

PIECE = 1 << 16
REPORT_SECONDS = 0.5  # between two reports of the bytes that have arrived
KEPT_SECONDS = 7 * 24 * 3600  # files that nobody has asked for, for this long, are removed
NEW_SECONDS = 3600  # files this new are never removed: a batch or a result that names them may come next
BEAT_BYTES = 1 << 26  # verified between two signs of life

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


def send(paths: HostPaths, wanted: list[dict[str, Any]], out: IO[bytes]) -> None:
    """Write blobs: for each of `wanted` a JSON line {sha256, size, offset}, then the bytes from its `offset` on.

    The first line is {"sizes": {sha256: size}}; {"gone": sha256} is written for a blob that the host does not have,
    and {"sent": blobs} ends the whole. With `verify`, a blob is read and verified first, and a damaged one is removed.
    """
    _line(out, {"sizes": {each["sha256"]: size_of(paths.blob(each["sha256"])) for each in wanted}})
    for each in wanted:
        path = paths.blob(each["sha256"])
        if each.get("verify") and not _is_whole(path, out):
            path.unlink(missing_ok=True)
        try:
            with path.open("rb") as file:
                os.utime(path)  # keeps it from being pruned
                size = os.fstat(file.fileno()).st_size
                offset = each["offset"] if each["offset"] <= size else 0
                _line(out, {"sha256": each["sha256"], "size": size, "offset": offset})
                file.seek(offset)
                while offset < size and (piece := file.read(min(PIECE, size - offset))):
                    out.write(piece)
                    offset += len(piece)
        except FileNotFoundError:
            _line(out, {"gone": each["sha256"]})
    _line(out, {"sent": len(wanted)})


def _is_whole(path: Path, out: IO[bytes]) -> bool:
    """Whether a blob is what its name says; an empty line now and then tells the client that it is read."""
    digest, read = hashlib.sha256(), 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            read += len(piece)
            if read % BEAT_BYTES == 0:
                out.write(b"\n")
                out.flush()
    return digest.hexdigest() == path.name


def _line(out: IO[bytes], value: dict[str, Any]) -> None:
    out.write(json.dumps(value).encode() + b"\n")
    out.flush()


def prune(
    paths: HostPaths, older_than: float = KEPT_SECONDS, most: int | None = None, *, remove: bool = True
) -> dict[str, int]:
    """Remove blobs that nobody has asked for, for `older_than` seconds; and all but the newest `most` bytes.

    Pieces of what was never finished go with them.

    What is new or named by a run that is still here, stays. Returns the number and bytes of those removed; without
    `remove`, of those that would be.
    """
    now, blobs = time.time(), []
    for path in (paths.root / "blobs").glob("*/*"):
        with suppress(FileNotFoundError):  # another process prunes as well
            status = path.stat()
            blobs.append((status.st_mtime, status.st_size, path))
    blobs += _pieces(paths)
    blobs.sort(reverse=True, key=lambda blob: blob[0])
    total, old = 0, []
    for changed, size, path in blobs:
        total += size
        too_many = most is not None and total > most
        if now - changed > (NEW_SECONDS if too_many else max(older_than, NEW_SECONDS)):
            old.append((changed, size, path))
    named = _named_by_runs(paths) if old else set()
    old = [(changed, size, path) for changed, size, path in old if path.name not in named]
    gone = [size for changed, size, path in old if not remove or _removed(path, changed)]
    return {"files": len(gone), "bytes": sum(gone)}


def _pieces(paths: HostPaths) -> Iterator[tuple[float, int, Path]]:
    """The folders of pieces that nobody works on: when their newest file changed, and what they hold."""
    for folder in paths.pieces.glob("*"):
        with suppress(FileNotFoundError):
            states = [path.stat() for path in (folder, *folder.rglob("*"))]
            if folder.is_dir() and not is_locked(folder.with_suffix(".lock")):
                yield max(state.st_mtime for state in states), sum(state.st_size for state in states), folder


def _removed(path: Path, changed: float) -> bool:
    """Remove a blob that nobody has asked for since it was looked at."""
    if path.is_dir():  # pieces of what was never finished
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".lock").unlink(missing_ok=True)
        return not path.exists()
    with suppress(FileNotFoundError):
        if path.stat().st_mtime == changed:
            path.unlink()
            return True
    return False


def _named_by_runs(paths: HostPaths) -> set[str]:
    """The files that the runs in this folder read, and those that they have made and nobody has fetched yet."""
    named: set[str] = set()
    for folder in (paths.root / "runs").glob("*"):
        run = paths.run(folder.name)
        with suppress(OSError):
            for value in map(unsealed, run.results.read_bytes().split(b"\n")):
                named |= set((value or {}).get("outputs", {}).values())
        if not run.outcome.exists() and (order := read_json(run.order)):
            named.add(order["batch"])
            for task in (read_json(paths.blob(order["batch"])) or {}).get("tasks", ()):
                named |= set(task["inputs"].values())
    return named


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
