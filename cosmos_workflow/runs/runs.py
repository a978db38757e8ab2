"""The runs of this machine: one object for the store, the run's folders, and the places they are at."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import Conflict, HostError, NotFound, RunFailed, UsageError, from_system
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.keeping import Keeping, opened_files, reopen_lost
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.places.host import HostRuns, LookAtHost
from cosmos_workflow.runs.places.local import LocalRuns, keeper_here
from cosmos_workflow.runs.places.place import Place, require_detachable
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.runs.places.ray_runs import RayRuns
from cosmos_workflow.runs.recording import recorded
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.runs.stopping import stopped_in_time
from cosmos_workflow.runs.submitting import Identified, Request, new_items
from cosmos_workflow.ssh import Host, Pins
from cosmos_workflow.store import NOT_SUBMITTED, UNFINISHED, RunRecord, Store, new_id

if TYPE_CHECKING:
    from cosmos_workflow.runs.places.ray import Job

__all__ = ["Runs"]

FETCH_SECONDS = 30.0  # for what a cancelled run has answered to come home
POLL_SECONDS = 0.2


class Runs:
    """Start, follow, cancel, retry and remove runs.

    `hosts` finds a host by its name, or raises NotFound; `look` looks at one before anything is sent there.
    """

    def __init__(
        self, store: Store, data: Path, hosts: Callable[[str], Host], pins: Pins,
        look: LookAtHost = lambda host, engine, warn: None,
    ) -> None:  # fmt: skip
        self.store = store
        self.engine = keeper_here(data)
        self._data = data
        self._on_hosts = HostRuns(store, hosts, pins, look)
        self._on_ray = RayRuns(store)
        self._here = LocalRuns(store, self.engine)

    def submit(self, request: Request, items: Iterable[Identified]) -> RunRecord:
        """A new run, in the store with all of its items before anything of it starts; nothing is sent yet.

        A queued one is taken by a worker when its place is free. Items that the check refuses are answered at once.
        """
        id, place = new_id(), request.place
        path = str(request.out) if request.out else ""
        # A queued run of a host has its results file beside it, and so has one whose results go into a pipe.
        if not path and request.kind.makes_files:
            path = str(self.folder(id) / "results")
        elif not path and place != "local":
            path = str(self.folder(id) / "results.jsonl")
        settings = {
            "engine": {**asdict(request.engine), "settings": dict(request.engine.settings)},
            "settings": request.kind.dump_settings(request.settings),
            "keep_warm": request.keep_warm,
            "again": request.again,
        } | ({"stop_after": request.stop_after.to_plain()} if request.stop_after else {})
        self.folder(id).mkdir(parents=True, exist_ok=True)  # it says that the run is this machine's
        self.store.add(
            id, place, new_items(request, items), kind=request.kind.name, out=path, source=request.source,
            engine=request.engine.name, settings=settings, queued=request.queued, priority=request.priority,
            held=request.held,
        )  # fmt: skip
        return self.store.get(id)

    def take_over(self, request: Request, items: Iterable[Identified]) -> RunRecord | None:
        """The unfinished run that does this work already, to be gone on with; None where there is none.

        A local run that nobody drives any more, and that asks something else or was asked of a script's own engine, is
        ended. Runs of other machines, which a shared store has too, write to files of theirs. Raises UsageError where a
        run still goes on, at any place, that writes the same results and asks something else.
        """
        if request.out is None:
            return None
        asked = {item.checked.item.id: item.identity for item in items}
        for run in self.store.runs(states=UNFINISHED):
            if run.out != str(request.out) or not self.folder(run.id).is_dir():
                continue
            given = ChosenEngine(**run.settings["engine"]).is_given  # by a script: no other can go on with it
            same = (run.kind, run.place, given) == (request.kind.name, request.place, False)
            if same and asked.items() <= self.store.identities(run.id).items():
                if request.stop_after and run.settings.get("stop_after") != request.stop_after.to_plain():
                    what = f"run {run.id} does this work already, without this --stop-after"
                    raise UsageError(what, where=run.out, remedy=f"cosmos runs cancel {run.id}, then give it again")
                return run
            if run.place == "local" and not self.is_followed(run):
                self.store.move(run.id, "cancelled", error="another run does its work now", kind="superseded")
                continue
            remedy = f"follow it: cosmos runs attach {run.id}; or end it: cosmos runs cancel {run.id}"
            raise UsageError(
                f"run {run.id} on {run.place} writes to this output and asks something else",
                where=run.out,
                remedy=remedy,
            )
        return None

    def plan_on_ray(self, job: Job) -> RunRecord:
        """A new run of a cluster's job, or the one with the same output that has not ended."""
        return self._on_ray.plan(job)

    def drive(
        self, id: str, listener: Listener, *, detach: bool = False, patience: Patience = Patience(),  # noqa: B008
        stop: threading.Event | None = None, stream: ResultsFile | None = None,
    ) -> list[Any]:  # fmt: skip
        """Take a run as far as it goes, and write its results into its results file as they come.

        On Ray they are written there, and none are returned: see `each_result`. `stream`, if given, takes them in the
        place of the results file; in a folder of its own it gets copies of the output files. `stop` asks to leave a
        local run where it is; others go on by themselves.

        A run that has ended only gets those lines of its results file that are missing there; of an answer whose files
        are gone, `listener` is warned instead.
        Raises RunFailed where it ended without all of its answers, HostError where the host cannot be asked,
        UsageError to detach what runs here, CosmosError where this machine's disk takes nothing; what has come by then
        stands.
        """
        if detach:
            require_detachable(self.store.get(id).place)
        folder = self._folder(self.store.get(id))
        with folder.alone():
            run = self.store.get(id)
            folder = self._folder(run)
            if not (run.finished or detach):
                run = reopen_lost(self.store, run)
            with (
                _from_system(f"cosmos runs attach {run.id}"),
                opened_files(self.store, run, stream, detach) as files,
            ):
                keeping = Keeping(self.store, run, files, self.copy_files)
                keeping.write_known(listener)
                if not run.finished:
                    recorder = recorded(listener, folder, run)
                    with stopped_in_time(self.store, run, folder.path, partial(self._end, run), recorder.warning):
                        self._at(run).drive(
                            run, folder, recorder, keeping.keep(recorder), detach=detach, patience=patience,
                            stop=stop or threading.Event(),
                        )  # fmt: skip
        return [] if detach or is_ray(run.place) else self.results(run.id)

    def cancel(self, id: str, *, forget: bool = False, reason: str = "cancelled") -> RunRecord:
        """End a run wherever it is; what has been answered is fetched first, and stays. `reason` is kept with it.

        With `forget`, a host or cluster that is gone is not asked. Raises HostError where it cannot be, NotFound
        where the settings do not have it any more; the remedy names this way out.
        """
        run = self.store.get(id)
        if not run.finished:
            if not _let_go(run, forget):
                with _way_out(run, "cancel"):
                    if self._at(run).cancel(run):
                        self._fetch(run)
            with suppress(Conflict):  # whoever drives it was faster
                self.store.move(run.id, "cancelled", error=reason, kind="cancelled")
                self._folder(run).note("state", state="cancelled")
        return self.store.get(run.id)

    def _end(self, run: RunRecord, reason: str) -> None:
        """End a run that this process drives: the drive sees it, and fetches what there is."""
        if run.place == "local":
            self.store.move(run.id, "cancelled", error=reason, kind="cancelled")
        else:
            self._at(run).cancel(self.store.get(run.id))

    def _fetch(self, run: RunRecord) -> None:
        """Bring home what a host has answered of a run that was cancelled there."""
        if run.state == "uploading":
            with suppress(Conflict):
                self.store.move(run.id, "running")  # the host has it: it is followed, and not sent again
        try:
            self.drive(run.id, Listener(), patience=Patience(reach=FETCH_SECONDS, follow=FETCH_SECONDS))
        except RunFailed:
            return  # it was cancelled, as it should be
        except Conflict:  # another process drives it, and fetches what there is
            deadline = time.monotonic() + FETCH_SECONDS
            while not self.store.get(run.id).finished and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)

    def retry(self, id: str, *, queued: bool = False) -> RunRecord:
        """One more attempt for the items without an answer, in the queue or to be driven.

        A cancelled run whose last items were answered before the cancel was seen is done. Raises Conflict where
        another has none to try.
        """
        run = self.store.get(id)
        with self._folder(run).alone():
            run = self.store.get(run.id)
            if not run.finished:
                raise Conflict("the run has not ended", where=run.id, remedy=f"cosmos runs attach {run.id}")
            if run.error_kind == NOT_SUBMITTED:
                raise Conflict(run.error, where=run.id, remedy=run.remedy)
            hopeless = get_kind(run.kind).hopeless
            if not is_ray(run.place) and not self.store.may_be_tried_again(run.id, hopeless):
                if self.store.finish_cancelled(run.id):
                    self._folder(run).note("state", state="done")
                    return self.store.get(run.id)
                raise Conflict(
                    "nothing to try again: every item is answered or cannot be", where=run.id,
                    remedy=f"see them: cosmos runs show {run.id}",
                )  # fmt: skip
            self.store.again(run.id, hopeless, queued=queued or run.rank is not None)
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

    def copy_files(self, run: RunRecord, result: Any, file: ResultsFile, source: OutputFolder | None = None) -> None:
        """Put the output files of a result into the folder of a results file, before its line is written.

        `source` is the run's own folder, where it is known already. Raises NotFound for a file that is gone or has
        changed.
        """
        source = source or self._own_folder(run)
        outputs = file.outputs
        assert outputs is not None
        for name, sha256 in result.outputs.items():
            if outputs.has(result.id, name, sha256):
                continue
            with self._opened_file(run, source, result.id, name, sha256) as opened:
                whole = outputs.fill(opened, sha256)
            if not whole:
                error = _changed(run, result.id, name)
                if is_ray(run.place):  # whether its files are whole, a cluster does not look
                    error.remedy = f"remove {run.out}/files/{sha256}, then {error.remedy}"
                raise error
        file.place(result)

    def output_file(self, run: RunRecord, id: str, name: str, sha256: str) -> Path:
        """The path of an output file of a run on this machine. Raises NotFound where it is gone or has changed."""
        source = self._own_folder(run)
        if is_ray(run.place) or source.differing(id, {name: sha256}):
            raise _changed(run, id, name)
        return source.path(id, name)

    def _own_folder(self, run: RunRecord) -> OutputFolder:
        return OutputFolder(Path(run.out), self.store.hashes)

    def _opened_file(
        self, run: RunRecord, source: OutputFolder, id: str, name: str, sha256: str
    ) -> AbstractContextManager[BinaryIO]:
        if is_ray(run.place):
            return self._on_ray.opened_file(run, sha256)
        if source.differing(id, {name: sha256}):
            raise _changed(run, id, name)
        return source.path(id, name).open("rb")

    def folder(self, id: str) -> Path:
        """Where a run's files are kept on this machine."""
        return self._data / "runs" / id

    def log(self, run: RunRecord) -> Path:
        """The file with the agent's output of the latest attempt, as far as it has come."""
        return self._folder(run).parcel.mirror("log")

    def log_from(self, run: RunRecord, start: int, most: int = 1 << 16) -> bytes:
        """What stands in the log from a byte on, `most` bytes at once."""
        path = self.log(run)
        if not path.exists():
            return b""
        with path.open("rb") as file:
            file.seek(start)
            return file.read(most)

    def pause(self, on: bool) -> None:
        """Let no worker start a further run, or let them again; those that run go on."""
        self.store.queue.pause(on)

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

    def _at(self, run: RunRecord) -> Place:
        if is_ray(run.place):
            return self._on_ray
        return self._here if run.place == "local" else self._on_hosts

    def _folder(self, run: RunRecord) -> RunFolder:
        return RunFolder(self.folder(run.id), run.attempt)


def _changed(run: RunRecord, id: str, name: str) -> NotFound:
    remedy = "submit the same work again: what is missing is done anew"
    return NotFound("this file is gone or has changed", where=f"{run.id}: {id}/{name}"[:300], remedy=remedy)


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
