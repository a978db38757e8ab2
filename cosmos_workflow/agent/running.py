"""The agent's work: take runs from its spool, answer them, keep each answer on disk, stay warm."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import Appender, read_json, sealed, sha256_of, size_of, tail, unsealed, write_json
from cosmos_workflow.agent.paths import AgentPaths, HostPaths, RunPaths
from cosmos_workflow.engines import ChosenEngine, Engine, classify, root_cause
from cosmos_workflow.engines.keeper import Keeper
from cosmos_workflow.engines.outputs import Step, run_tasks
from cosmos_workflow.errors import CosmosError, EngineError, OutOfMemory
from cosmos_workflow.kinds.kind import WINDOW, Outcome, Task, load_tasks
from cosmos_workflow.private import FILE, hand_over, make_folder, touch, try_lock, waiting_lock

__all__ = ["work"]

POLL_SECONDS = 0.1

Lend = Callable[[Callable[..., None]], AbstractContextManager[Engine]]
"""Gives the engine, loaded, and its events to a function: `Keeper.lend`."""


class Broken(Exception):
    """A run failed: the next run must have a new process."""


def work(paths: HostPaths, key: str, settings: dict[str, Any], log_start: int) -> None:
    """Answer what is in the spool until nothing has come for the last batch's `keep_warm` seconds.

    Raises Broken after a run that failed, when its outcome is on disk.
    What the agent prints from byte `log_start` of its log to the end of its first run belongs to that run, and so on.
    """
    agent = paths.agent(key)
    keeper = Keeper(paths.devices(settings["device"]))
    values = dict(settings["engine"])
    choice = ChosenEngine(values.pop("name"), "", "", module=values.pop("module", ""), settings=values)
    keep_warm, idle_since = float(settings["keep_warm"]), time.monotonic()
    try:
        while True:
            if waiting := agent.waiting():
                keep_warm = _work_on(paths, agent, waiting[0], partial(keeper.lend, choice), keep_warm, log_start)
                agent.rested.unlink(missing_ok=True)
                touch(agent.rested)
                keeper.rest()  # not before: it may take seconds, and a run that is locked cannot be removed
                log_start = agent.log.stat().st_size
                idle_since = time.monotonic()
                continue
            if time.monotonic() - idle_since >= keep_warm or keeper.is_wanted():
                with waiting_lock(agent.door):
                    # A client takes it after putting its run into the spool: we see the run, or it sees `leaving`.
                    if not agent.waiting():
                        touch(agent.leaving)
                        return
            time.sleep(POLL_SECONDS)
    finally:
        keeper.close()


def _work_on(paths: HostPaths, agent: AgentPaths, name: str, lend: Lend, keep_warm: float, log_start: int) -> float:
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
            Run(paths, run, order["batch"], agent).answer(lend, log_start)
    finally:
        os.close(lock)
    return float(order["keep_warm"])


class Damaged(Exception):
    """A file that was uploaded is missing, or has changed."""


@dataclass(frozen=True)
class Made:
    """The output files of a run's tasks: kept by their content beside the input files (see `engines.outputs`)."""

    paths: HostPaths
    run: RunPaths

    @property
    def scratch(self) -> Path:
        return self.run.folder / "files"

    @property
    def pieces(self) -> Path:
        return self.paths.pieces

    def take(self, file: Path) -> str:
        with file.open("r+b") as opened:
            os.fsync(opened.fileno())
        sha256 = sha256_of(file)
        make_folder(self.paths.blob(sha256).parent)
        file.chmod(FILE)
        hand_over(file)
        os.utime(file)  # it is as old as its outcome, whatever the engine says
        file.replace(self.paths.blob(sha256))
        return sha256


class Run:
    """One run that the agent works on: its events, its results, its outcome."""

    def __init__(self, paths: HostPaths, run: RunPaths, batch: str, agent: AgentPaths) -> None:
        self._paths, self._run, self._batch, self._log = paths, run, batch, agent.log
        self._events, self._results = Appender(run.events), Appender(run.results)
        self._writing = threading.Lock()  # the sampler's thread notes events too

    def answer(self, lend: Lend, log_start: int) -> None:
        """Do every task that has no outcome yet, and record how the run ended."""
        self.note("started", log=log_start)
        try:
            with lend(self.note) as engine:
                batch = json.loads(self._blob(self._batch).read_bytes())
                made = Made(self._paths, self._run) if batch.get("makes_files", True) else None
                todo, size = self._open_tasks(load_tasks(batch)), batch.get("window", WINDOW)
                while window := list(islice(todo, size)):
                    files = {sha256: path for _, paths in window for sha256, path in paths.items()}
                    run_tasks(engine, [task for task, _ in window], files, self._keep, made, self._step)
            outcome = {"state": "done"}
        except Exception as error:
            traceback.print_exc()
            outcome = _failure(error, tail(self._log, 20_000))
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

    def _open_tasks(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, dict[str, Path]]]:
        """The tasks without an outcome, each with its input files by their SHA-256, verified."""
        values = map(unsealed, self._run.results.read_bytes().split(b"\n"))
        done = {value["id"] for value in values if value}
        for task in tasks:
            if task.id in done:
                continue
            try:
                yield task, {sha256: self._blob(sha256) for sha256 in task.inputs.values()}
            except Damaged as error:
                self._keep(Outcome(task.id, error=str(error), error_kind="damaged"))

    def _blob(self, sha256: str) -> Path:
        path = self._paths.blob(sha256)
        try:
            digest = sha256_of(path)
        except OSError as error:
            raise Damaged(f"an uploaded file is gone from the host ({error.strerror})") from error
        if digest != sha256:
            path.unlink(missing_ok=True)
            raise Damaged("an uploaded file is damaged on the host: its content does not match its name")
        return path

    def _keep(self, outcome: Outcome) -> None:
        self._results.add(sealed(asdict(outcome)))
        self.note("error" if outcome.error else "item", id=outcome.id, seconds=outcome.seconds, kind=outcome.error_kind)

    def _step(self, step: Step) -> None:
        self.note("step", **asdict(step))

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
