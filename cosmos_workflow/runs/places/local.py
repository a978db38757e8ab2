"""Runs on this machine, with an engine that stays loaded from one to the next."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.engine_host import Sampler
from cosmos_workflow.engines import ChosenEngine, Engine, EngineSettings, make_engine
from cosmos_workflow.engines.logs import log_vllm_to
from cosmos_workflow.engines.process import EngineProcess
from cosmos_workflow.errors import Conflict, EngineError, NotFound, OutOfMemory, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.loop import answer
from cosmos_workflow.runs.places.place import Keep
from cosmos_workflow.runs.request import prepared_items
from cosmos_workflow.store import RunRecord, Store

__all__ = ["LocalRuns", "WarmEngine"]


STOP_SECONDS = 0.2  # how soon it is seen that somebody asks to stop


class Stopped(Exception):
    """The run was cancelled, or whoever drives it has to leave it."""


class WarmEngine:
    """The engine that answered last, kept loaded for the next run that asks for the same; vLLM's output is in `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._choice: dict[str, Any] | None = None
        self._given: dict[str, Engine] = {}
        self._engine: Engine | None = None
        self._cold_at = 0.0
        self._lock = threading.RLock()  # held while it answers

    def __enter__(self) -> WarmEngine:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def given(self, engine: Engine) -> ChosenEngine:
        """An engine that a script made, as a run's choice: it is used as it is."""
        self._given[key := f"given:{len(self._given)}"] = engine
        return ChosenEngine(engine.name, engine.model, engine.wants, "given", {}, key)

    def get(self, choice: dict[str, Any], keep_warm: float) -> tuple[Engine, bool]:
        """The engine, loaded, and whether it was so already; one of another choice is freed first."""
        warm = self._engine is not None and self._choice == choice
        if not warm:
            self.close()
            module = choice.get("module", "")
            self._engine = self._given.get(module) or self._make(choice["name"], choice["settings"], module)
            self._engine.load()
            self._choice = choice
        self._cold_at = time.monotonic() + keep_warm
        assert self._engine is not None
        return self._engine, warm

    def group(self) -> int:
        """The process group that it runs in, where it has one of its own; else 0."""
        return self._engine.group if isinstance(self._engine, EngineProcess) else 0

    def interrupt(self) -> None:
        """Let whoever waits for its answers have an error, where it can be ended from outside."""
        if isinstance(self._engine, EngineProcess):
            self._engine.interrupt()

    def cool(self) -> None:
        """Free the engine when its time is over, unless it answers."""
        if self._engine is not None and time.monotonic() > self._cold_at and self._lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._lock.release()

    def close(self) -> None:
        engine, self._engine, self._choice = self._engine, None, None
        if engine is not None:
            engine.close()

    def _make(self, name: str, values: dict[str, Any], module: str) -> Engine:
        settings = EngineSettings(**values)
        if name != "vllm" or os.name != "posix":
            return make_engine(name, settings, module)
        log_vllm_to(self.log)
        self.log.write_bytes(b"")
        # vLLM's processes outlive one that is killed, and hold the GPU; this one takes them along.
        return EngineProcess(name, settings, module)


class LogCopy:
    """A run's part of the engine's log, brought into a file of its own as it comes."""

    def __init__(self, source: Path, target: Path, on_data: Callable[[bytes], None]) -> None:
        self._source, self._target, self._on_data = source, target, on_data
        self._offset = source.stat().st_size if source.exists() else 0

    def copy(self) -> None:
        """What is new since."""
        if not self._source.exists():
            return
        with self._source.open("rb") as source:
            if source.seek(0, os.SEEK_END) < self._offset:
                self._offset = 0  # the engine was loaded anew
            source.seek(self._offset)
            data = source.read()
        if data:
            self._offset += len(data)
            self._target.parent.mkdir(parents=True, exist_ok=True)
            with self._target.open("ab") as target:
                target.write(data)
            self._on_data(data)


class LocalRuns:
    """Runs whose place is this machine; `engine` is shared by all that this process drives."""

    def __init__(self, store: Store, engine: WarmEngine) -> None:
        self._store = store
        self._engine = engine

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, *, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Answer what is open. After a crash, what was answered is not asked again."""
        kind = get_kind(run.kind)
        self._store.move(run.id, "running")
        listener.state("running")

        def keep_one(result: Any, identity: str) -> None:
            keep([(result, identity)])
            if stop.is_set():
                raise Stopped

        try:
            with self._engine as warm:
                log = LogCopy(warm.log, folder.parcel.mirror("log"), listener.log)
                with _interrupted(warm, stop):
                    self._answer(
                        run,
                        warm,
                        lambda engine: answer(kind, prepared_items(self._store, run, folder), engine, keep_one),
                        listener,
                        log,
                    )
        except Stopped:
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

    def _answer(
        self, run: RunRecord, warm: WarmEngine, ask: Callable[[Engine], None], listener: Listener, log: LogCopy
    ) -> None:
        choice = run.settings["engine"]
        heavy = bool(choice["settings"].get("model_path") or choice["settings"].get("server_url"))

        def note(event: str, **more: Any) -> None:
            log.copy()
            listener.event({"event": event, "time": round(time.time(), 3), **more})

        sampler = Sampler(note, warm.group) if heavy else None
        try:
            note("loading", engine=choice["name"])
            began = time.monotonic()
            engine, was_warm = warm.get(choice, run.settings["keep_warm"])
            note("warm") if was_warm else note("loaded", seconds=round(time.monotonic() - began, 1))
            ask(engine)
        except BaseException:
            # It may still answer what nobody waits for.
            if heavy:
                warm.close()
            raise
        finally:
            if sampler:
                sampler.close()
            log.copy()

    def cancel(self, run: RunRecord) -> None:
        """Whoever drives it sees that the store calls it cancelled, and stops."""

    def forget(self, run: RunRecord) -> None:
        """All of it is in the run's folder and in the store."""

    def results(self, run: RunRecord) -> Iterator[Any]:
        return (result for result, ok in self._store.results(run.id) if ok is not None)


@contextmanager
def _interrupted(warm: WarmEngine, stop: threading.Event) -> Iterator[None]:
    """End the engine's process as soon as somebody asks to stop: a model may load for minutes."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(STOP_SECONDS):
            if stop.is_set():
                warm.interrupt()
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
