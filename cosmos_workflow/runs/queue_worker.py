"""The worker: takes runs from the queue and drives each at its place, until it is stopped.

Several workers may share one store, in one process or in many: the worker that holds a run's lease drives it.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from cosmos_workflow.errors import Conflict, CosmosError, NotFound, StoreError
from cosmos_workflow.runs.listening import Listener
from cosmos_workflow.runs.runs import Runs
from cosmos_workflow.store import LEASE_SECONDS, RunRecord

__all__ = ["Worker"]

AT_ONCE = 16  # places at the same time; each place has one run at a time
POLL_SECONDS = 0.5
BEAT_SECONDS = 1.0
TROUBLE_SECONDS = 5.0  # until the next attempt, when the store or a host does not answer
STORE_TROUBLE = (StoreError, SQLAlchemyError)

log = logging.getLogger("cosmos_workflow.worker")

T = TypeVar("T")


class Worker:
    """`start` drives runs in threads of this process; `stop` returns unfinished runs to the queue."""

    def __init__(self, runs: Runs, *, at_once: int = AT_ONCE, lease: float = LEASE_SECONDS) -> None:
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{token_hex(3)}"
        self._runs = runs
        self._at_once = at_once
        self._lease = lease
        self._active: dict[str, tuple[RunRecord, threading.Event, threading.Thread]] = {}
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._threads = [threading.Thread(target=task, daemon=True) for task in (self._take, self._beat)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def look(self) -> None:
        """Look into the queue now: a run may have been added."""
        self._look.set()

    @property
    def idle(self) -> bool:
        return not self._active

    def stop(self, patience: float = 10.0) -> None:
        """Start no more runs. A local run stops at its next answer, one on a host goes on there; both are returned to
        the queue. Waits up to `patience` seconds for the threads.
        """
        self._stopping.set()
        self._look.set()
        end = time.monotonic() + patience
        for _, stop, _ in list(self._active.values()):
            stop.set()
        for thread in [*self._threads, *(thread for _, _, thread in list(self._active.values()))]:
            thread.join(max(0.0, end - time.monotonic()))
        # A run that goes on at its host is not waited for: the next worker to claim it follows it there.
        for run, _, _ in list(self._active.values()):
            self._runs.store.queue.release(run, self.name)
        self._runs.engine.close()

    def _take(self) -> None:
        while not self._stopping.is_set():
            self._look.clear()
            run = self._steadily(self._claim)
            if run:
                stop = threading.Event()
                thread = threading.Thread(target=self._drive, args=(run, stop), daemon=True)
                self._active[run.id] = run, stop, thread
                thread.start()
            else:
                self._runs.engine.cool()
                self._look.wait(POLL_SECONDS)

    def _claim(self) -> RunRecord | None:
        return self._runs.store.queue.claim(self.name, self._lease) if len(self._active) < self._at_once else None

    def _drive(self, run: RunRecord, stop: threading.Event) -> None:
        try:
            stop.wait(self._driven(run, stop))
        finally:
            self._steadily(lambda: self._runs.store.queue.release(run, self.name))
            del self._active[run.id]
            self._look.set()

    def _driven(self, run: RunRecord, stop: threading.Event) -> float:
        """Drive a run as far as it goes; the seconds to wait before a worker tries it again."""
        try:
            self._runs.drive(run.id, Listener(), stop=stop)
        except Conflict as error:
            # The run was cancelled just now, or another process of this machine still drives it.
            log.info("%s", error)
            return POLL_SECONDS
        except STORE_TROUBLE as error:
            log.warning("run %s waits: the store does not answer: %s", run.id, error)
            return TROUBLE_SECONDS
        except CosmosError as error:
            log.warning("run %s: %s", run.id, error)
            with suppress(NotFound):  # it was removed just now
                if not self._ended(run):
                    self._report(run, error)
                    return TROUBLE_SECONDS
        except Exception as error:
            # A bug, or a full disk: the run records the error, and the worker goes on with the queue.
            log.exception("run %s", run.id)
            self._fail(run, f"{type(error).__name__}: {error}")
        return 0.0

    def _beat(self) -> None:
        renewed: dict[str, float] = {}
        while not self._stopping.wait(BEAT_SECONDS):
            now = time.monotonic()
            for id, (run, stop, _) in list(self._active.items()):
                held = self._renew(run)
                if held:
                    renewed[id] = now
                # When the store does not answer, another worker may take the run once the lease has expired.
                elif held is not None or now - renewed.setdefault(id, now) > self._lease:
                    stop.set()

    def _renew(self, run: RunRecord) -> bool | None:
        """Renew the lease. Whether this worker still holds it; None if the store does not answer."""
        try:
            return self._runs.store.queue.renew(run, self.name, self._lease) and not self._ended(run)
        except NotFound:
            return False
        except STORE_TROUBLE as error:
            log.warning("the store does not answer: %s", error)
            return None

    def _steadily(self, action: Callable[[], T]) -> T | None:
        """Do it, and repeat it while the store does not answer; None if this worker is stopped meanwhile."""
        while True:
            with suppress(*STORE_TROUBLE):
                return action()
            log.warning("the store does not answer")
            if self._stopping.wait(TROUBLE_SECONDS):
                return None

    def _ended(self, run: RunRecord) -> bool:
        return self._runs.store.get(run.id).finished

    def _report(self, run: RunRecord, error: CosmosError) -> None:
        """Record why a run waits at a host that does not answer; its state stays as it is."""
        current = self._runs.store.get(run.id)
        self._runs.store.move(current.id, current.state, error=str(error), kind="waiting", remedy=error.remedy)

    def _fail(self, run: RunRecord, what: str) -> None:
        if not self._ended(run):
            self._runs.store.move(run.id, "failed", error=what, kind="broken", remedy="see the server's log")
