"""Passing on what a run writes, as it writes it, from where the last listener stopped."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from cosmos_workflow.agent.control import state_of
from cosmos_workflow.agent.files import read_json, sha256_of, size_of
from cosmos_workflow.agent.paths import HostPaths

__all__ = ["follow"]

POLL_SECONDS = 0.05
BEAT_SECONDS = 2.0  # between two signs of life, by which each side notices that the other has gone
GONE_SECONDS = 5.0  # an agent that has just been started does not hold its lock yet
PIECE = 1 << 18


def follow(paths: HostPaths, run: str, offsets: dict[str, int], out: IO[bytes], *, to_results: bool = False) -> None:
    """Write pieces of the run's files until it is over: a JSON line {file, offset, size}, then the bytes.

    `results` and `events` come in whole lines; `log` is the agent's output while it worked on the run. The
    last line is {"state": …, "sums": {file: SHA-256}}. A sign of life is an empty line. With `to_results`, it ends as
    soon as results have been passed on, with the state `results`: the client fetches their files, and asks again.
    """
    files = paths.run(run)
    follower = _Follower(files.folder, paths, run, dict(offsets), out)
    gone_since, written = 0.0, time.monotonic()
    while True:
        state = state_of(paths, run)
        over = state["state"] not in ("queued", "running")
        if state["state"] == "gone":
            gone_since = gone_since or time.monotonic()
            over = time.monotonic() - gone_since > GONE_SECONDS
        else:
            gone_since = 0.0
        # The state was read before the files: all that an ended run wrote is in them now.
        if follower.pass_on(state if over else None):
            written = time.monotonic()
        if to_results and follower.results and not over:
            _write(out, {"state": "results"})
            return
        if over:
            _write(out, {**state, "sums": follower.sums()})
            return
        if time.monotonic() - written > BEAT_SECONDS:
            out.write(b"\n")
            out.flush()
            written = time.monotonic()
        time.sleep(POLL_SECONDS)


class _Follower:
    def __init__(self, folder: Path, paths: HostPaths, run: str, offsets: dict[str, int], out: IO[bytes]) -> None:
        self.paths = {"results": folder / "results.jsonl", "events": folder / "events.jsonl"}
        self._offsets, self._out = offsets, out
        self.results = False  # whether any were passed on
        order = read_json(paths.run(run).order) or {"worker": "none"}
        self._log = paths.agent(order["worker"]).log
        self._log_start: int | None = None

    def sums(self) -> dict[str, str]:
        """The SHA-256 of each file that exists."""
        sums = {}
        for name, path in self.paths.items():
            with suppress(FileNotFoundError):
                sums[name] = sha256_of(path)
        return sums

    def pass_on(self, ended: dict[str, Any] | None) -> bool:
        """Write what is new; returns whether there was anything."""
        wrote = [self._lines(name) for name in ("events", "results")]
        self.results = self.results or wrote[1]
        wrote.append(self._log_part(ended))
        return any(wrote)

    def _lines(self, name: str) -> bool:
        path, wrote = self.paths[name], False
        while data := _read(path, self._offsets[name], PIECE):
            whole = data.rfind(b"\n") + 1
            if not whole and len(data) == PIECE:
                # One line longer than a piece: a prompt of a megabyte.
                data = _read(path, self._offsets[name], size_of(path))
                whole = data.rfind(b"\n") + 1
            if not whole:
                break
            self._piece(name, self._offsets[name], data[:whole])
            self._offsets[name] += whole
            wrote = True
        return wrote

    def _log_part(self, ended: dict[str, Any] | None) -> bool:
        """Write the run's part of the agent's log, as the agent may have had runs before this one."""
        if self._log_start is None:
            started = _first(self.paths["events"], "started")
            if started is None:
                return False
            self._log_start = int(started["log"])
        end = size_of(self._log)
        if ended and "log" in ended:
            end = int(ended["log"])
        wrote = False
        while (start := self._log_start + self._offsets["log"]) < end:
            data = _read(self._log, start, min(PIECE, end - start))
            if not data:
                break
            self._piece("log", self._offsets["log"], data)
            self._offsets["log"] += len(data)
            wrote = True
        return wrote

    def _piece(self, name: str, offset: int, data: bytes) -> None:
        _write(self._out, {"file": name, "offset": offset, "size": len(data)}, data)


def _read(path: Path, offset: int, most: int) -> bytes:
    """At most `most` bytes from `offset` on; none where the file does not exist yet, or not any more."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(most)
    except FileNotFoundError:
        return b""


def _first(path: Path, event: str) -> dict[str, Any] | None:
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") and (value := json.loads(line)).get("event") == event:
                return dict(value)
    return None


def _write(out: IO[bytes], head: dict[str, Any], data: bytes = b"") -> None:
    out.write(json.dumps(head, ensure_ascii=True).encode() + b"\n" + data)
    out.flush()
