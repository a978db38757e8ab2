"""Runs on a Ray cluster: the store holds their state and counts; their items and answers are in their output."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from cosmos_workflow.errors import CosmosError, HostFull, HostUnreachable, UsageError
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.places.place import Keep
from cosmos_workflow.store import UNFINISHED, RunRecord, State, Store, new_id

if TYPE_CHECKING:
    from cosmos_workflow.runs.places.ray import Job

__all__ = ["RayRuns"]

RETRY_SECONDS = 10.0


class RayRuns:
    """The runs whose place is a cluster."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def plan(self, job: Job) -> RunRecord:
        """A new run, or the unfinished one with the same output.

        Raises UsageError if that run's job differs in more than its number of engines.
        """
        for run in self._store.runs(states=UNFINISHED, place=job.place):
            if run.out != job.output.url:
                continue
            unfinished = replace(_job(run), engines=job.engines, gpus_per_engine=job.gpus_per_engine)
            if unfinished.to_plain() != job.to_plain():
                remedy = f"follow it: cosmos runs attach {run.id}; or end it: cosmos runs cancel {run.id}"
                raise UsageError(
                    f"run {run.id} writes to this output with other settings", where=run.out, remedy=remedy
                )
            return run
        id, settings = new_id(), {"job": job.to_plain()}
        self._store.add(
            id, job.place, [], kind=job.output.kind, out=job.output.url, source=job.source, engine=job.engine.name,
            settings=settings,
        )  # fmt: skip
        return self._store.get(id)

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, *, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Start the job, or find it on its cluster, and follow it to its end, or with `detach` until it is submitted.

        Raises RunFailed and other CosmosErrors for a job that ended early, HostUnreachable if no cluster answers, or
        none has for `patience.follow` seconds since the last contact.
        """
        from cosmos_workflow.runs.places.ray import connected

        job, events = _job(run), folder.parcel.mirror("events")
        events.parent.mkdir(parents=True, exist_ok=True)

        def record(event: dict[str, Any]) -> None:
            self._store.count(run.id, total=event["total"], answered=event["answered"], failed=event["failed"])
            with events.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event) + "\n")
            listener.event(event)

        began, contact = run.state == "running", time.monotonic()
        while True:
            reached = False
            try:
                with connected(run.place) as cluster:
                    cluster.submit(job)
                    began = reached = True
                    self._move(run, listener, "running")
                    submitted = {"event": "submitted", "dashboard": cluster.dashboard, "time": round(time.time(), 3)}
                    listener.event(submitted)
                    if detach:
                        return
                    cluster.follow(job, record)
                break
            except HostUnreachable as error:
                contact = time.monotonic() if reached else contact
                if not began or detach or time.monotonic() - contact > patience.follow:
                    raise
                listener.lost(error, RETRY_SECONDS)
                time.sleep(RETRY_SECONDS)
            except CosmosError as error:
                self._failed(run, listener, error)
                raise
        self._move(run, listener, "done")

    def cancel(self, run: RunRecord) -> bool:
        """End the job on its cluster; what is written is kept, and needs no fetching."""
        from cosmos_workflow.runs.places.ray import connected

        if run.state != "planned":
            with connected(run.place) as cluster:
                cluster.cancel(_job(run))
        return False

    def forget(self, run: RunRecord) -> None:
        """Its output is kept, as it belongs to the user."""

    def opened_file(self, run: RunRecord, sha256: str) -> AbstractContextManager[BinaryIO]:
        """The bytes of an output file in its output. Raises NotFound."""
        return _job(run).output.opened_file(sha256)

    def results(self, run: RunRecord) -> Iterator[Any]:
        """The results in its output: the answers, then the dead letters."""
        return _job(run).output.results()

    def _failed(self, run: RunRecord, listener: Listener, error: CosmosError) -> None:
        kind = "disk_full" if isinstance(error, HostFull) else getattr(error, "kind", "failed")
        state: State = "cancelled" if kind == "cancelled" else "failed"
        self._store.move(run.id, state, error=str(error), kind=kind, remedy=error.remedy)
        listener.state(state)

    def _move(self, run: RunRecord, listener: Listener, state: State) -> None:
        self._store.move(run.id, state)
        listener.state(state)


def _job(run: RunRecord) -> Job:
    from cosmos_workflow.runs.places.ray import Job

    return Job.from_plain(run.settings["job"])
