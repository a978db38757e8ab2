"""Runs on hosts, by SSH."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import HostError
from cosmos_workflow.kinds.kind import Packed, get_kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.places import host_steps
from cosmos_workflow.runs.places.host_driving import attempts, drive
from cosmos_workflow.runs.places.place import Keep
from cosmos_workflow.runs.request import prepared_items
from cosmos_workflow.ssh import Host, HostProgram, Pins, line_to, run_steps
from cosmos_workflow.store import RunRecord, Store

__all__ = ["HostRuns", "LookAtHost"]

STOP_SECONDS = 0.2  # how soon it is seen that somebody asks to stop

T = TypeVar("T")
LookAtHost = Callable[[Host, ChosenEngine, Callable[[str], None]], None]
"""Raises HostError where a host lacks what an engine needs, and tells what looks wrong."""


class HostRuns:
    """`hosts` finds a host by its name, or raises NotFound; `look` is called before anything is sent there."""

    def __init__(self, store: Store, hosts: Callable[[str], Host], pins: Pins, look: LookAtHost) -> None:
        self._store = store
        self._hosts = hosts
        self._pins = pins
        self._look = look

    def _pack(self, run: RunRecord, folder: RunFolder, keep: Keep) -> None:
        """Put everything that the host needs into the run's folder; an item that cannot be read is answered so."""
        # What an earlier attempt has packed needs not be read again.
        parcels = map(folder.parcel_of, range(1, run.attempt))
        before = {task.id: task for parcel in parcels if parcel.batch.exists() for task in parcel.tasks()}
        refused: list[tuple[Any, str]] = []

        def packed() -> Iterator[Packed]:
            for item in prepared_items(self._store, run, folder, before):
                if item.packed:
                    yield item.packed
                else:
                    refused.append((item.result, item.identity))

        wants, kind = ChosenEngine(**run.settings["engine"]).wants, get_kind(run.kind)
        folder.parcel.pack(packed(), kind.window(wants), makes_files=kind.makes_files)
        keep(refused)

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, *, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """The host goes on by itself, whether or not anybody stays."""
        if run.state in ("queued", "planned"):
            self._require(run, listener)
        if not folder.parcel.batch.exists():
            self._pack(run, folder, keep)
        self._drive(run, folder, listener, keep, detach, patience, stop)
        if not detach and not self._store.may_be_tried_again(run.id, get_kind(run.kind).hopeless):
            shutil.rmtree(folder.parcel.blobs, ignore_errors=True)

    def cancel(self, run: RunRecord) -> bool:
        if run.state in ("planned", "queued"):
            return False
        state = self._with_host(run, lambda program: host_steps.cancel(program, attempts(run)[-1]))
        return bool(state["state"] != "unknown")

    def forget(self, run: RunRecord) -> None:
        # One that is done left nothing there, and one that never began neither.
        if run.state != "done":
            self._with_host(run, lambda program: host_steps.clean_up(program, attempts(run)))

    def results(self, run: RunRecord) -> Iterator[Any]:
        return (result for result, ok in self._store.results(run.id) if ok is not None)

    def _drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        async def go(program: HostProgram) -> None:
            driving = asyncio.ensure_future(
                drive(self._store, run, folder.parcel, program, listener, keep, detach=detach, patience=patience)
            )
            try:
                while not driving.done() and not stop.is_set():
                    await asyncio.wait({driving}, timeout=STOP_SECONDS)
            finally:
                # A host that cannot be reached is tried for an hour: whoever is told to stop must not wait for it.
                driving.cancel()
                with suppress(asyncio.CancelledError):
                    await driving

        self._with_host(run, go)

    def _require(self, run: RunRecord, listener: Listener) -> None:
        try:
            self._look(self._hosts(run.place), ChosenEngine(**run.settings["engine"]), listener.warning)
        except HostError as error:
            self._store.move(run.id, "failed", error=str(error), kind="host_not_ready", remedy=error.remedy)
            listener.state("failed")
            raise

    def _with_host(self, run: RunRecord, action: Callable[[HostProgram], Coroutine[Any, Any, T]]) -> T:
        async def connected() -> T:
            async with line_to(self._hosts(run.place), self._pins) as manager:
                return await action(HostProgram(manager, _modules(run)))

        return run_steps(connected())


def _modules(run: RunRecord) -> tuple[str, ...]:
    """What the host needs of other distributions: the kind's modules, and the package that the engine is in."""
    engine = str((run.settings.get("engine") or {}).get("module", "")).partition(":")[0].partition(".")[0]
    return tuple(filter(None, (*get_kind(run.kind).modules, engine)))
