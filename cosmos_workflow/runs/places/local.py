"""Runs on this machine, with an engine that stays loaded from one to the next."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.paths import devices_here
from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.engines.keeper import Keeper
from cosmos_workflow.engines.logs import LogPart
from cosmos_workflow.engines.outputs import Step
from cosmos_workflow.errors import Conflict, EngineError, NotFound, OutOfMemory, RunFailed, StoreError, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.loop import answer
from cosmos_workflow.runs.places.place import Keep
from cosmos_workflow.runs.request import prepared_items
from cosmos_workflow.store import RunRecord, Store

__all__ = ["LocalRuns", "keeper_here"]

LOOK_SECONDS = 1.0  # how soon it is seen that another process has cancelled a run


def keeper_here(folder: Path) -> Keeper:
    """What keeps the engine of this machine's runs; `folder` takes its log."""
    # A process of its own, as vLLM's processes outlive one that is killed, and hold the GPU; and as nothing works any
    # more in the process of diffusers after an error of the card, which must not be that of a server.
    apart = os.name == "posix"
    return Keeper(
        devices_here(), apart=lambda name: apart and name in ("vllm", "diffusers", "program"), log=folder / "engine.log"
    )


class Stopped(BaseException):
    """The run was cancelled, or whoever drives it has to leave it; no engine takes it for an error of its own."""


class LogCopy:
    """A run's part of the engine's log, brought into a file of its own as it comes."""

    def __init__(self, source: Path, target: Path, on_data: Callable[[bytes], None]) -> None:
        self._source, self._target, self._on_data = LogPart(source), target, on_data

    def copy(self) -> None:
        """What is new since."""
        if data := self._source.read():
            self._target.parent.mkdir(parents=True, exist_ok=True)
            with self._target.open("ab") as target:
                target.write(data)
            self._on_data(data)


class LocalRuns:
    """Runs whose place is this machine; `keeper` is shared by all that this process drives."""

    def __init__(self, store: Store, keeper: Keeper) -> None:
        self._store = store
        self._keeper = keeper

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, *, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Answer what is open. After a crash, what was answered is not asked again."""
        self._store.move(run.id, "running")
        listener.state("running")
        try:
            with self._watching(run, stop):
                self._answer(run, folder, listener, keep, stop)
        except Stopped:
            now = self._store.get(run.id)
            if now.finished:
                raise RunFailed(
                    now.error, kind="cancelled", where=run.id, remedy=f"cosmos runs retry {run.id}"
                ) from None
            return
        except (Conflict, NotFound):
            raise
        except (EngineError, UsageError) as error:
            if stop.is_set():
                return
            error_kind = "out_of_memory" if isinstance(error, OutOfMemory) else "engine_failed"
            self._store.move(run.id, "failed", error=str(error), kind=error_kind, remedy=error.remedy)
            listener.state("failed")
            raise
        self._store.move(run.id, "done")
        listener.state("done")

    @contextmanager
    def _watching(self, run: RunRecord, stop: threading.Event) -> Iterator[None]:
        """Set `stop` when another process has cancelled or removed the run."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LOOK_SECONDS) and not stop.is_set():
                with suppress(StoreError):
                    try:
                        cancelled = self._store.get(run.id).finished
                    except NotFound:
                        cancelled = True
                    if cancelled and not ended.is_set():
                        stop.set()

        watcher = threading.Thread(target=watch, name="cosmos-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _answer(self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, stop: threading.Event) -> None:
        choice, keep_warm = ChosenEngine(**run.settings["engine"]), run.settings["keep_warm"]
        assert self._keeper.log is not None
        log = LogCopy(self._keeper.log, folder.parcel.mirror("log"), listener.log)

        def note(event: str, **more: Any) -> None:
            log.copy()
            listener.event({"event": event, "time": round(time.time(), 3), **more})

        def step(done: Step) -> None:
            note("step", **asdict(done))
            if stop.is_set():
                raise Stopped

        def keep_one(result: Any, identity: str) -> None:
            keep([(result, identity)])
            if stop.is_set():
                raise Stopped

        try:
            with self._keeper.lend(choice, note, keep_warm=keep_warm, stop=stop) as engine:
                try:
                    items = prepared_items(self._store, run, folder)
                    answer(get_kind(run.kind), items, engine, keep_one, keep.outputs, step)
                except BaseException:
                    self._keeper.close()  # it may still answer what nobody waits for
                    raise
        finally:
            log.copy()

    def cancel(self, run: RunRecord) -> bool:
        """Whoever drives it sees that the store calls it cancelled, and stops."""
        return False

    def forget(self, run: RunRecord) -> None:
        """All of it is in the run's folder and in the store."""

    def results(self, run: RunRecord) -> Iterator[Any]:
        return (result for result, ok in self._store.results(run.id) if ok is not None)
