"""The runs of this machine: one object for the store, the run's folders, and the places they are at."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import Conflict, HostError, HostUnreachable, NotFound, from_system
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.places.host import HostRuns
from cosmos_workflow.runs.places.host_driving import Listener, Patience
from cosmos_workflow.runs.places.local import LocalRuns, WarmEngine
from cosmos_workflow.runs.places.place import PlaceRuns
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.runs.places.ray_runs import RayRuns
from cosmos_workflow.ssh import Host, Pins
from cosmos_workflow.store import NewItem, RunRecord, Store, new_id

if TYPE_CHECKING:
    from cosmos_workflow.runs.places.ray import Job

__all__ = ["Runs"]


class Runs:
    """Start, follow, cancel, retry and remove runs. `hosts` finds a host by its name, or raises UsageError."""

    def __init__(self, store: Store, data: Path, hosts: Callable[[str], Host], pins: Pins) -> None:
        self.store = store
        self.engine = WarmEngine(data / "engine.log")
        self._data = data
        self._on_hosts = HostRuns(store, hosts, pins)
        self._on_ray = RayRuns(store)
        self._here = LocalRuns(store, self.engine)

    def submit(
        self, kind: Kind, items: Iterable[Any], place: str, engine: ChosenEngine, settings: Any, *,
        out: Path | None = None, source: str, keep_warm: float, queued: bool = False, priority: int = 0,
        held: bool = False, checked: Iterable[Any] | None = None,
    ) -> RunRecord:  # fmt: skip
        """A new run, in the store with all of its items before anything of it starts; nothing is sent yet.

        A `queued` one is taken by a worker when its place is free. Items that the check refuses are answered at once.
        `checked` are the items as `kind.check` sees them, where the caller has checked them already.
        """
        id = new_id()
        path = str(out.absolute()) if out else ""
        # A queued run of a host has its results file beside it, and so has one whose results go into a pipe.
        if not path and place != "local":
            path = str(self.folder(id) / "results.jsonl")
        values = {
            "engine": {**asdict(engine), "settings": dict(engine.settings)}, "keep_warm": keep_warm,
            "settings": kind.dump_settings(settings),
        }  # fmt: skip
        new = (_new_item(kind, each, engine, place) for each in checked or kind.check(items, settings))
        self.store.add(
            id, place, new, kind=kind.name, out=path, source=source, engine=engine.name, settings=values,
            queued=queued, priority=priority, held=held,
        )  # fmt: skip
        return self.store.get(id)

    def plan_on_ray(self, job: Job) -> RunRecord:
        """A new run of a cluster's job, or the one with the same output that has not ended."""
        return self._on_ray.plan(job)

    def drive(
        self, id: str, listener: Listener, *, detach: bool = False, patience: Patience = Patience(),  # noqa: B008
        stop: threading.Event | None = None,
    ) -> list[Any]:  # fmt: skip
        """Take a run as far as it goes, and write its results into its results file as they come.

        On Ray they are written there, and none are returned: see `each_result`. `stop` asks to leave a local run
        where it is; others go on by themselves.

        Raises RunFailed where it ended without all of its answers, HostError where the host cannot be asked,
        CosmosError where this machine's disk takes nothing; what has come by then stands.
        """
        folder = self._folder(self.store.get(id))
        with folder.alone():
            run = self.store.get(id)
            folder = self._folder(run)
            if not run.finished:
                recorder = _recorded(listener, folder, run)
                with _from_system(f"cosmos runs attach {run.id}"):
                    self._at(run).drive(
                        run, folder, recorder, detach=detach, patience=patience, stop=stop or threading.Event()
                    )  # fmt: skip
        return [] if detach or is_ray(run.place) else self.results(run.id)

    def cancel(self, id: str, *, forget: bool = False) -> RunRecord:
        """End a run wherever it is; what has been answered stays.

        With `forget`, a host or cluster that is gone is not asked. Raises HostError where it cannot be, NotFound
        where the settings do not have it any more; the remedy names this way out.
        """
        run = self.store.get(id)
        if not run.finished:
            if not _let_go(run, forget):
                with _way_out(run, "cancel"):
                    self._at(run).cancel(run)
            self.store.move(run.id, "cancelled", error="cancelled", kind="cancelled")
            self._folder(run).note("state", state="cancelled")
        return self.store.get(run.id)

    def retry(self, id: str, *, queued: bool = False) -> RunRecord:
        """One more attempt for the items without an answer, in the queue or to be driven. Raises Conflict where
        there are none.
        """
        run = self.store.get(id)
        with self._folder(run).alone():
            run = self.store.get(run.id)
            if not run.finished:
                raise Conflict("the run has not ended", where=run.id, remedy=f"cosmos runs attach {run.id}")
            self._at(run).again(run, self._folder(run), queued=queued or run.rank is not None)
            return self.store.get(run.id)

    def remove(self, id: str, *, forget: bool = False) -> None:
        """Forget a run that has ended, here and on its host.

        With `forget`, a host or cluster that is gone is not asked, and the run need not have ended. Raises as
        `cancel` does.
        """
        run = self.store.get(id)
        folder = self._folder(run)
        with folder.alone():
            run = self.store.get(run.id)
            if not run.finished and not _let_go(run, forget):
                raise Conflict("the run has not ended", where=run.id, remedy=f"cosmos runs cancel {run.id}")
            if not _let_go(run, forget):
                with _way_out(run, "remove"):
                    self._at(run).forget(run)
            self.store.remove(run.id)
        folder.remove()

    def results(self, id: str) -> list[Any]:
        """Each item's result, in the batch's order; one that has no answer yet says so as its error."""
        return [
            replace(result, error="no answer yet", error_kind="open") if ok is None else result
            for result, ok in self.store.results(id)
        ]

    def each_result(self, run: RunRecord) -> Iterator[Any]:
        """The results that there are, read one by one where there may be millions."""
        return self._at(run).results(run)

    def folder(self, id: str) -> Path:
        """Where a run's files are kept on this machine."""
        return self._data / "runs" / id

    def log(self, run: RunRecord) -> Path:
        """The file with the agent's output of the latest attempt, as far as it has come."""
        return self._folder(run).parcel.mirror("log")

    def progress_file(self, id: str) -> Path:
        """The file with the events of a run as it is driven: a JSON object a line, which grows."""
        return RunFolder(self.folder(id)).progress_file

    def events(self, run: RunRecord) -> list[dict[str, Any]]:
        """The agent's events of the latest attempt."""
        path = self._folder(run).parcel.mirror("events")
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def is_followed(self, run: RunRecord) -> bool:
        """Whether a process of this machine drives the run now."""
        try:
            with self._folder(run).alone(wait=0):
                return False
        except Conflict:
            return True

    def _at(self, run: RunRecord) -> PlaceRuns:
        if is_ray(run.place):
            return self._on_ray
        return self._here if run.place == "local" else self._on_hosts

    def _folder(self, run: RunRecord) -> RunFolder:
        return RunFolder(self.folder(run.id), run.attempt)


def _new_item(kind: Kind, checked: Any, engine: ChosenEngine, place: str) -> NewItem:
    result = kind.begin(checked, engine, place)
    if not checked.runs:
        result = kind.finish(result, kind.refusal(checked))
    return NewItem(result, kind.dump_item(checked.item))


def _let_go(run: RunRecord, forget: bool) -> bool:
    """Whether its place is left alone; this machine is never gone."""
    return forget and run.place != "local"


@contextmanager
def _way_out(run: RunRecord, verb: str) -> Iterator[None]:
    """Where a place cannot be asked, the error's remedy says how to do without it."""
    try:
        yield
    except (HostError, NotFound) as error:
        way = f"if {run.place} is gone for good: cosmos runs {verb} {run.id} --forget"
        error.remedy = f"{error.remedy}; {way}" if error.remedy else way
        raise


@contextmanager
def _from_system(go_on: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read what is printed has gone
    except OSError as error:
        raise from_system(error, go_on) from error


def _recorded(listener: Listener, folder: RunFolder, run: RunRecord) -> Listener:
    """A listener that also writes what it is told into the progress file, for those who watch from elsewhere."""
    began, answered, failed = time.monotonic(), run.answered, run.failed

    def state(name: str) -> None:
        folder.note("state", state=name)
        listener.state(name)

    def result(result: Any) -> None:
        nonlocal answered, failed
        answered, failed = answered + result.ok, failed + (not result.ok)
        new = answered + failed - run.answered - run.failed
        seconds = time.monotonic() - began
        remaining = max(0, run.total - answered - failed)
        folder.note(
            "result", id=result.id, ok=result.ok, answered=answered, failed=failed, total=run.total,
            eta=round(remaining * seconds / new, 1) if new else None,
        )  # fmt: skip
        listener.result(result)

    def event(event: dict[str, Any]) -> None:
        nonlocal began
        if event["event"] in ("loaded", "warm"):
            began = time.monotonic()
        if event["event"] != "item":
            folder.note(
                event["event"], **{name: value for name, value in event.items() if name not in ("event", "time")}
            )
        listener.event(event)

    def lost(error: HostUnreachable, seconds: float) -> None:
        folder.note("lost", error=str(error), seconds=seconds)
        listener.lost(error, seconds)

    return replace(listener, state=state, result=result, event=event, lost=lost)
