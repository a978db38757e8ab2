"""The worker: takes runs from the queue and drives each at its place, until it is stopped.

Several workers may share one store, in one process or in many: each run is driven by whoever has its lease.
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

from cosmos_workflow.errors import Conflict, CosmosError, NotFound
from cosmos_workflow.runs.places.host_driving import Listener
from cosmos_workflow.runs.runs import Runs
from cosmos_workflow.store import LEASE_SECONDS, RunRecord

__all__ = ["Worker"]

AT_ONCE = 16  # places; each has one run at a time
POLL_SECONDS = 0.5
BEAT_SECONDS = 1.0
TROUBLE_SECONDS = 5.0  # until the next try, where the store or a host cannot be asked

log = logging.getLogger("cosmos_workflow.agent")

T = TypeVar("T")


class Worker:
    """`start` takes runs in threads of this process, `stop` gives back what has not ended."""

    def __init__(self, runs: Runs, *, at_once: int = AT_ONCE, lease: float = LEASE_SECONDS) -> None:
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{token_hex(3)}"
        self._runs = runs
        self._at_once = at_once
        self._lease = lease
        self._active: dict[str, tuple[RunRecord, threading.Event, threading.Thread]] = {}
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._take, self._beat)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def look(self) -> None:
        """Something may have come into the queue."""
        self._look.set()

    @property
    def idle(self) -> bool:
        return not self._active

    def stop(self, patience: float = 10.0) -> None:
        """Begin nothing more. A local run stops at its next answer, a host's goes on there; both are given back."""
        self._stopping.set()
        self._look.set()
        end = time.monotonic() + patience
        for _, stop, _ in list(self._active.values()):
            stop.set()
        for thread in [*self._threads, *(thread for _, _, thread in list(self._active.values()))]:
            thread.join(max(0.0, end - time.monotonic()))
        # What a host goes on with is not waited for: whoever comes next goes on with it.
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
        """Take it as far as it goes; seconds to wait before anybody tries again."""
        try:
            self._runs.drive(run.id, Listener(), stop=stop)
        except (Conflict, NotFound) as error:
            # Cancelled or removed just now, or another process of this machine still has it.
            log.info("%s", error)
            return POLL_SECONDS
        except CosmosError as error:
            log.warning("run %s: %s", run.id, error)
            if not self._ended(run):
                self._report(run, error)
                return TROUBLE_SECONDS
        except SQLAlchemyError as error:
            log.warning("run %s waits: the store does not answer: %s", run.id, error)
            return TROUBLE_SECONDS
        except Exception as error:
            # A defect of ours, or a disk that is full: the run says so, and the queue goes on.
            log.exception("run %s", run.id)
            self._fail(run, f"{type(error).__name__}: {error}")
        return 0.0

    def _beat(self) -> None:
        renewed: dict[str, float] = {}
        while not self._stopping.wait(BEAT_SECONDS):
            now = time.monotonic()
            for id, (run, stop, _) in list(self._active.items()):
                mine = self._is_mine(run)
                if mine:
                    renewed[id] = now
                # Where the store does not say, it is somebody else's when the lease is over.
                elif mine is not None or now - renewed.setdefault(id, now) > self._lease:
                    stop.set()

    def _is_mine(self, run: RunRecord) -> bool | None:
        """Renew the lease; None where the store does not answer."""
        try:
            return self._runs.store.queue.renew(run, self.name, self._lease) and not self._ended(run)
        except NotFound:
            return False
        except SQLAlchemyError as error:
            log.warning("the store does not answer: %s", error)
            return None

    def _steadily(self, action: Callable[[], T]) -> T | None:
        """Do it, again and again where the store does not answer, until this worker is stopped."""
        while True:
            with suppress(SQLAlchemyError):
                return action()
            log.warning("the store does not answer")
            if self._stopping.wait(TROUBLE_SECONDS):
                return None

    def _ended(self, run: RunRecord) -> bool:
        return self._runs.store.get(run.id).finished

    def _report(self, run: RunRecord, error: CosmosError) -> None:
        """A host that cannot be asked now: the run waits at its place, and says why."""
        now = self._runs.store.get(run.id)
        self._runs.store.move(now.id, now.state, error=str(error), kind="waiting", remedy=error.remedy)

    def _fail(self, run: RunRecord, what: str) -> None:
        if not self._ended(run):
            self._runs.store.move(run.id, "failed", error=what, kind="broken", remedy="see the server's log")
