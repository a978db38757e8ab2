"""Keeps an engine loaded from one request to the next, on a device that other processes may want too."""

from __future__ import annotations

import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from cosmos_workflow.engines.base import Engine
from cosmos_workflow.engines.choose import GIVEN, ChosenEngine, EngineSettings, engine_type, make_engine
from cosmos_workflow.engines.logs import log_vllm_to
from cosmos_workflow.engines.machine import Note, Sampler, device
from cosmos_workflow.engines.process import EngineProcess
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.limits import fingerprint
from cosmos_workflow.private import make_folder, touch, try_lock

__all__ = ["Keeper"]

STOP_SECONDS = 0.2  # how soon it is seen that somebody asks to stop
TRY_SECONDS = 0.5  # between two signs of life of a keeper that waits for a device


class Keeper:
    """One engine, loaded at the first request and kept for the next one of the same choice.

    `devices` are the locks that are held while an engine is loaded that has a model, one for each GPU, in an order that
    all keepers share: those of all processes take turns on each. One that waits makes a file that says so, and one that
    has nothing to do then frees its engine. There are none where something else deals out the devices. `apart` tells
    which engines, by their names, run in a process of their own; `log`, if given, is the file that such a vLLM writes
    to.
    """

    def __init__(
        self, devices: Sequence[Path], *, apart: Callable[[str], bool] = lambda name: False, log: Path | None = None
    ) -> None:
        self.log = log
        self._apart = apart
        self._devices = devices if os.name == "posix" else ()
        self._held: dict[Path, int] = {}  # the locks that are taken, with their file descriptors
        self._given: dict[str, Engine] = {}
        self._engine: Engine | None = None
        self._choice: ChosenEngine | None = None
        self._asleep = False
        self._cold_at = 0.0
        self._lock = threading.RLock()  # held while the engine answers

    @property
    def loaded(self) -> bool:
        """Whether an engine is loaded, or loads just now."""
        return self._engine is not None

    def given(self, engine: Engine) -> ChosenEngine:
        """An engine that a script made, as a choice: it is used as it is, and the script's to close."""
        self._given[key := f"{GIVEN}{secrets.token_hex(8)}"] = engine  # a name that no other process has
        folder = getattr(engine, "model_path", "")
        model = fingerprint(folder) if folder else getattr(engine, "stated_model", engine.model)
        return ChosenEngine(engine.name, engine.model, engine.wants, "given", {}, key, model)

    @contextmanager
    def lend(
        self, choice: ChosenEngine, note: Note | None = None, *, keep_warm: float = math.inf,
        stop: threading.Event | None = None,
    ) -> Iterator[Engine]:  # fmt: skip
        """The engine, loaded, for one request; then it stays loaded for `keep_warm` seconds, for `cool` to free it.

        An engine of another choice is freed first. `note` takes the events: `waiting` for the device, `loading`, then
        `loaded` with the seconds it took, or `warm`, both with the engine's properties; and `memory` until the request
        is over, if the engine has a model or a server. When `stop` is set, an engine in a process of its own is ended.
        Raises EngineUnavailable or OutOfMemory where the engine cannot be had.
        """
        note = _silent if note is None else note
        needs = "" if choice.module in self._given else engine_type(choice.name, choice.module).needs

        def settle() -> None:
            self._cold_at = time.monotonic() + keep_warm
            if self._engine is None or (stop and stop.is_set()):  # nothing to keep warm, or its process is ended
                with suppress(Exception):
                    self.close()

        with self._lock, ExitStack() as stack:
            stack.callback(settle)
            if stop:
                stack.enter_context(self._ended_by(stop))
            if self._choice and not _same(self._choice, choice):
                self.close()
            if needs == "model":
                self._take_devices(note, stop)
            if needs and note is not _silent:
                stack.enter_context(Sampler(note, self._group))
            yield self._ready(choice, note, device() if needs else {})

    def rest(self) -> None:
        """Call it between requests: where vLLM's sleep mode is on, the weights leave the GPU and come back quickly."""
        options = self._choice.settings.get("options", {}) if self._choice else {}
        if options.get("enable_sleep_mode") and not self._asleep:
            self._engine.sleep()  # type: ignore[union-attr]
            self._asleep = True

    def is_wanted(self) -> bool:
        """Whether another keeper waits for one of the devices."""
        return any(_wanted(path).exists() for path in list(self._held))

    def cool(self) -> None:
        """Free the engine when its time is over or another keeper waits for a device of it, unless it answers."""
        over = self._engine is not None and (time.monotonic() > self._cold_at or self.is_wanted())
        if over and self._lock.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Free the engine and its devices."""
        engine, choice, held = self._engine, self._choice, self._held
        self._engine, self._choice, self._held, self._asleep = None, None, {}, False
        try:
            if engine and choice and choice.module not in self._given:
                engine.close()
        finally:
            for lock in held.values():
                os.close(lock)

    def _group(self) -> int:
        """The process group that the engine runs in, where it has one of its own; else 0."""
        return self._engine.group if isinstance(self._engine, EngineProcess) else 0

    def _ready(self, choice: ChosenEngine, note: Note, machine: dict[str, Any]) -> Engine:
        if self._engine is not None:
            if self._asleep:
                self._engine.wake_up()  # type: ignore[attr-defined]
                self._asleep = False
            note("warm", properties={**machine, **self._engine.properties()})
            return self._engine
        started = time.monotonic()
        try:
            engine = self._given.get(choice.module) or self._make(choice)
            self._engine, self._choice = engine, choice
            note("loading", engine=choice.name)
            engine.load()
        except BaseException:
            with suppress(Exception):  # what it raises is not what went wrong
                self.close()
            raise
        seconds = round(time.monotonic() - started, 3)
        note("loaded", seconds=seconds, properties={**machine, **engine.properties()})
        return engine

    def _make(self, choice: ChosenEngine) -> Engine:
        settings = EngineSettings(**choice.settings)
        if not self._apart(choice.name):
            return make_engine(choice.name, settings, choice.module)
        if choice.name == "vllm" and self.log:
            log_vllm_to(self.log)
            self.log.write_bytes(b"")
        # vLLM's processes outlive one that is killed, and hold the GPU; this one takes them along.
        return EngineProcess(choice.name, settings, choice.module)

    def _take_devices(self, note: Note, stop: threading.Event | None) -> None:
        if self._held:
            return
        waits = False
        for path in self._devices:
            try:
                make_folder(path.parent)
                lock = try_lock(path)
            except OSError:
                return  # where nothing can be written or locked, nobody can take turns
            if lock is None:
                if not waits:
                    note("waiting", why="another model is on the device")
                waits = True
                lock = _waited_for(path, stop)
            self._held[path] = lock

    @contextmanager
    def _ended_by(self, stop: threading.Event) -> Iterator[None]:
        """End the engine's process as soon as somebody asks to stop: a model may load for minutes."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(STOP_SECONDS):
                if stop.is_set() and isinstance(self._engine, EngineProcess):
                    self._engine.interrupt()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()


def _wanted(path: Path) -> Path:
    """The file that says that a keeper waits for a device."""
    return path.with_suffix(".wanted")


def _waited_for(path: Path, stop: threading.Event | None) -> int:
    """The lock of a device, as soon as it is free. Raises EngineUnavailable where `stop` is set before."""
    try:
        while not (stop and stop.is_set()):
            touch(_wanted(path))
            if (lock := try_lock(path, patience=TRY_SECONDS)) is not None:
                return lock
    finally:
        _wanted(path).unlink(missing_ok=True)  # others who wait make it again
    raise EngineUnavailable("stopped while another model was on the device")


def _same(one: ChosenEngine, other: ChosenEngine) -> bool:
    """Whether both are the same engine with the same settings, whatever they were chosen for."""
    return (one.name, one.module, one.settings) == (other.name, other.module, other.settings)


def _silent(event: str, **more: Any) -> None:
    """Takes the events where nobody wants them."""
