"""The agent's work: take runs from its spool, answer them, keep each answer on disk, stay warm."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from cosmos_workflow.agent.engine_host import EngineHost, Sampler
from cosmos_workflow.agent.files import (
    Appender,
    read_json,
    sealed,
    size_of,
    tail,
    try_lock,
    unsealed,
    waiting_lock,
    write_json,
)
from cosmos_workflow.agent.paths import AgentPaths, HostPaths, RunPaths
from cosmos_workflow.agent.private import touch
from cosmos_workflow.engines import classify, root_cause
from cosmos_workflow.errors import CosmosError, EngineError, OutOfMemory
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.media import Frame

__all__ = ["work"]

POLL_SECONDS = 0.1
WINDOW = 256  # conversations whose frames are in memory at once


class Broken(Exception):
    """A run failed: the next run must have a new process."""


def work(paths: HostPaths, key: str, settings: dict[str, Any], log_start: int) -> None:
    """Answer what is in the spool until nothing has come for the last batch's `keep_warm` seconds.

    Raises Broken after a run that failed, when its outcome is on disk.
    What the agent prints from byte `log_start` of its log to the end of its first run belongs to that run, and so on.
    """
    agent = paths.agent(key)
    engine = EngineHost(paths, settings["engine"], settings["device"])
    keep_warm, idle_since = float(settings["keep_warm"]), time.monotonic()
    try:
        while True:
            if waiting := agent.waiting():
                keep_warm = _work_on(paths, agent, waiting[0], engine, keep_warm, log_start)
                log_start = agent.log.stat().st_size
                idle_since = time.monotonic()
                continue
            if time.monotonic() - idle_since >= keep_warm or engine.is_wanted():
                with waiting_lock(agent.door):
                    # A client takes it after putting its run into the spool: we see the run, or it sees `leaving`.
                    if not agent.waiting():
                        touch(agent.leaving)
                        return
            time.sleep(POLL_SECONDS)
    finally:
        engine.close()


def _work_on(
    paths: HostPaths, agent: AgentPaths, name: str, engine: EngineHost, keep_warm: float, log_start: int
) -> float:
    """One run; returns how long to stay warm after it."""
    run = paths.run(name)
    order = read_json(run.order)
    lock = try_lock(run.lock, create=False) if order else None
    # Locked before it leaves the spool: at every moment one of the two shows that the run is not lost.
    agent.take_out(name)
    if lock is None or order is None:
        return keep_warm  # removed meanwhile, or another agent has it
    try:
        if not run.outcome.exists() and not run.cancelled.exists():
            Run(paths, run, order["batch"], agent).answer(engine, log_start)
    finally:
        os.close(lock)
    engine.rest()  # not before: it may take seconds, and a run that is locked cannot be removed
    return float(order["keep_warm"])


class Damaged(Exception):
    """A file that was uploaded is missing, or has changed."""


class Run:
    """One run that the agent works on: its events, its results, its outcome."""

    def __init__(self, paths: HostPaths, run: RunPaths, batch: str, agent: AgentPaths) -> None:
        self._paths, self._run, self._batch, self._log = paths, run, batch, agent.log
        self._events, self._results = Appender(run.events), Appender(run.results)
        self._writing = threading.Lock()  # the sampler's thread notes events too

    def answer(self, host: EngineHost, log_start: int) -> None:
        """Answer every conversation that has no answer yet, and record the outcome."""
        self.note("started", log=log_start)
        sampler = Sampler(self.note)
        try:
            engine = host.ready(self.note)
            todo = self._open_conversations()
            while window := list(islice(todo, WINDOW)):
                engine.answer(window, self._keep)
            outcome = {"state": "done"}
        except Exception as error:
            traceback.print_exc()
            outcome = _failure(error, tail(self._log, 20_000))
        finally:
            sampler.close()
        outcome["log"] = str(self._log_size())
        self.note(outcome["state"], **{key: value for key, value in outcome.items() if key not in ("state", "log")})
        # Last, as it ends the run for all who follow it. A full disk takes neither.
        write_json(self._run.outcome, outcome)
        if outcome["state"] == "failed":
            raise Broken

    def note(self, event: str, **more: Any) -> None:
        """Record an event, visible at once to all who follow the run."""
        with self._writing:
            self._events.add({"event": event, "time": round(time.time(), 3), **more})

    def _open_conversations(self) -> Iterator[Conversation]:
        values = map(unsealed, self._run.results.read_bytes().split(b"\n"))
        answered = {value["id"] for value in values if value}
        for entry in json.loads(self._blob(self._batch))["conversations"]:
            if entry["id"] in answered:
                continue
            try:
                frames = tuple(self._frame(frame) for frame in entry["frames"])
            except Damaged as error:
                self._keep(Answer(entry["id"], error=str(error), error_kind="damaged"))
                continue
            yield Conversation(**{**entry, "frames": frames})

    def _frame(self, frame: dict[str, Any]) -> Frame:
        return Frame(self._blob(frame["sha256"]), frame["width"], frame["height"], frame["seconds"])

    def _blob(self, sha256: str) -> bytes:
        path = self._paths.blob(sha256)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Damaged(f"an uploaded file is gone from the host ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            path.unlink(missing_ok=True)
            raise Damaged("an uploaded file is damaged on the host: its content does not match its name")
        return data

    def _keep(self, answer: Answer) -> None:
        self._results.add(sealed(asdict(answer)))
        self.note("error" if answer.error else "item", id=answer.id, seconds=answer.seconds, kind=answer.error_kind)

    def _log_size(self) -> int:
        return size_of(self._log)


def _failure(error: Exception, log: str) -> dict[str, str]:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _failed("disk_full", "the host's disk is full", "free space there, then retry")
    if isinstance(error, Damaged):
        return _failed("damaged", str(error), "")
    if isinstance(error, OutOfMemory):
        return _failed("out_of_memory", error.what, error.remedy)
    if isinstance(error, EngineError):
        what = root_cause(error.what, log)
        kind = classify(what)
        return _failed("engine" if kind in ("other", "rejected") else kind, what, error.remedy)
    if isinstance(error, CosmosError):
        return _failed("engine", error.what, error.remedy)
    return _failed("engine", f"{type(error).__name__}: {error}", "see the agent's log")


def _failed(kind: str, what: str, remedy: str) -> dict[str, str]:
    return {"state": "failed", "kind": kind, "what": what, "remedy": remedy}
