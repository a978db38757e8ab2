"""The runs of this machine: one object for the store, the run's folders, and the hosts they are on."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import FileLock, Timeout

from cosmos_workflow.connection import Host, HostProgram, Pins, SSHManager
from cosmos_workflow.engines import Answer, Conversation
from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.execution import remote
from cosmos_workflow.execution.parcel import Parcel
from cosmos_workflow.execution.preparing import Preparer, finished, pending, refusal
from cosmos_workflow.execution.ray import is_ray
from cosmos_workflow.jobs import ray_runs
from cosmos_workflow.jobs.driving import GIVE_UP_SECONDS, Listener, attempts, drive
from cosmos_workflow.prompts import Checked, Item, Result, ResultsFile, Settings, check_items
from cosmos_workflow.store import RunRecord, Store, new_id
from cosmos_workflow.worker.files import write_json

if TYPE_CHECKING:
    from cosmos_workflow.execution.ray import Job

__all__ = ["Runs"]

# Asking again cannot change what is wrong with the item itself.
HOPELESS = {"bad_input", "too_long", "cut_short", "too_many_images"}

LOCK_SECONDS = 1.0  # whoever only looks whether a run is driven holds its lock for a moment

T = TypeVar("T")


class Runs:
    """Start, follow, cancel, retry and remove runs. `hosts` finds a host by its name, or raises UsageError."""

    def __init__(self, store: Store, data: Path, hosts: Callable[[str], Host], pins: Pins) -> None:
        self.store = store
        self._data = data
        self._hosts = hosts
        self._pins = pins

    def plan(
        self, items: Sequence[Item], host: Host, engine: remote.RemoteEngine, settings: Settings, *,
        out: Path, source: str, keep_warm: float,
    ) -> RunRecord:  # fmt: skip
        """A new run, in the store and with everything that the host needs in its folder; nothing has been sent."""
        id = new_id()
        settings = replace(settings, limits=settings.model.name)
        kept = {"items": [_plain(item) for item in items], "settings": asdict(settings)}
        write_json(self.folder(id) / "items.json", kept)
        checked = list(check_items(items, settings))
        waiting = [pending(one, engine, host.name) for one in checked]
        told = {"engine": {**asdict(engine), "settings": dict(engine.settings)}, "keep_warm": keep_warm}
        self.store.add(
            id, host.name, waiting, out=str(out.absolute()), source=source, engine=engine.name, settings=told
        )
        self._pack(id, 1, checked, waiting, engine, settings)
        return self.store.get(id)

    def plan_on_ray(self, job: Job) -> RunRecord:
        """A new run of a cluster's job, or the one with the same output that has not ended."""
        return ray_runs.plan(self.store, job)

    def drive(
        self, id: str, listener: Listener, *, detach: bool = False, give_up: float = GIVE_UP_SECONDS
    ) -> list[Result]:
        """Take a run as far as it goes, and write its results into its results file as they come.

        On Ray they are written there, and none are returned: see `each_result`.

        Raises RunFailed where it ended without all of its answers, HostError where the host cannot be asked;
        what has come by then stands.
        """
        with self._alone(id):
            run = self.store.get(id)
            if run.finished:
                return self.results(run.id)
            if is_ray(run.place):
                events = self._parcel(run).mirror("events")
                events.parent.mkdir(parents=True, exist_ok=True)
                ray_runs.drive(self.store, run, events, listener, detach=detach, give_up=give_up)
                return []
            if not self._parcel(run).batch.exists():
                self._pack_again(run)
            if detach:
                self._with_host(run, lambda program: self._drive(run, program, listener, True, give_up))
                return []
            with ResultsFile(run.out) as file:

                def keep(result: Result) -> None:
                    file.write(result)
                    listener.result(result)

                self._catch_up(run, file, keep)
                heard = replace(listener, result=keep)
                self._with_host(run, lambda program: self._drive(run, program, heard, False, give_up))
            if not self._to_try_again(run.id):
                shutil.rmtree(self.folder(run.id) / "blobs", ignore_errors=True)
            return self.results(run.id)

    def cancel(self, id: str) -> RunRecord:
        """End a run wherever it is; what has been answered stays."""
        run = self.store.get(id)
        if not run.finished and is_ray(run.place):
            ray_runs.cancel(self.store, run)
        elif not run.finished:
            if run.state != "planned":
                self._with_host(run, lambda program: remote.cancel(program, attempts(run)[-1]))
            self.store.move(run.id, "cancelled", error="cancelled", kind="cancelled")
        return self.store.get(run.id)

    def retry(self, id: str) -> RunRecord:
        """One more attempt for the items without an answer. Raises UsageError where there are none."""
        with self._alone(id):
            run = self.store.get(id)
            if not run.finished:
                raise UsageError("the run has not ended", where=run.id, remedy=f"cosmos runs attach {run.id}")
            if is_ray(run.place):
                self.store.again(run.id)
                return self.store.get(run.id)
            todo = self._to_try_again(run.id)
            if not todo:
                raise UsageError(
                    "nothing to try again: every item is answered or cannot be", where=run.id,
                    remedy=f"see them: cosmos runs show {run.id}",
                )  # fmt: skip
            earlier = self._parcel(run)
            if not earlier.batch.exists():
                self._pack_again(run)
            entries = [entry for entry in earlier.entries() if entry["id"] in todo]
            number = self.store.again(run.id)
            Parcel(self.folder(run.id) / str(number), self.folder(run.id) / "blobs").write(entries)
            return self.store.get(run.id)

    def remove(self, id: str, *, keep_on_host: bool = False) -> None:
        """Forget a run that has ended, here and on its host (unless that is gone: `keep_on_host`)."""
        with self._alone(id):
            run = self.store.get(id)
            if not run.finished:
                raise UsageError("the run has not ended", where=run.id, remedy=f"cosmos runs cancel {run.id}")
            if run.state != "done" and not keep_on_host and not is_ray(run.place):
                self._with_host(run, lambda program: remote.clean_up(program, attempts(run)))
            self.store.remove(run.id)
        shutil.rmtree(self.folder(run.id), ignore_errors=True)

    def results(self, id: str) -> list[Result]:
        """Each item's result, in the batch's order; one that has no answer yet says so as its error."""
        return [
            replace(result, error="no answer yet", error_kind="open") if ok is None else result
            for result, ok in self.store.results(id)
        ]

    def each_result(self, run: RunRecord) -> Iterator[Result]:
        """The results that there are, read one by one where there may be millions."""
        if is_ray(run.place):
            return ray_runs.results(run)
        return (result for result, ok in self.store.results(run.id) if ok is not None)

    def folder(self, id: str) -> Path:
        """Where a run's files are kept on this machine."""
        return self._data / "runs" / id

    def log(self, run: RunRecord) -> Path:
        """The worker's output of the latest attempt, as far as it has come."""
        return self._parcel(run).mirror("log")

    def events(self, run: RunRecord) -> list[dict[str, Any]]:
        """What the worker told of the latest attempt."""
        path = self._parcel(run).mirror("events")
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def is_followed(self, run: RunRecord) -> bool:
        """Whether a cosmos of this machine drives the run now."""
        try:
            with self._alone(run.id, wait=0):
                return False
        except UsageError:
            return True

    def _pack(
        self, id: str, attempt: int, checked: Iterable[Checked], waiting: Iterable[Result],
        engine: remote.RemoteEngine, settings: Settings,
    ) -> None:  # fmt: skip
        preparer = Preparer(engine.wants, settings)
        refused: list[Result] = []

        def conversations() -> Iterator[Conversation]:
            for one, result in zip(checked, waiting, strict=True):
                try:
                    if one.plan.runs:
                        yield preparer.prepare(one)
                    else:
                        refused.append(finished(result, refusal(one.plan)))
                except BadInputError as error:  # noqa: PERF203 - one bad clip, not the batch
                    refused.append(finished(result, Answer(result.id, error=str(error), error_kind="bad_input")))

        Parcel(self.folder(id) / str(attempt), self.folder(id) / "blobs").pack(conversations())
        self.store.save(id, refused)

    def _to_try_again(self, id: str) -> set[str]:
        return {one.id for one, ok in self.store.results(id) if not ok and one.error_kind not in HOPELESS}

    def _pack_again(self, run: RunRecord) -> None:
        """For a run whose client was killed while it planned."""
        kept = json.loads((self.folder(run.id) / "items.json").read_text(encoding="utf-8"))
        settings = Settings(**kept["settings"])
        items = [Item(**{**values, "video": Path(values["video"])}) for values in kept["items"]]
        checked = list(check_items(items, settings))
        waiting = [result for result, _ in self.store.results(run.id)]
        self._pack(run.id, run.attempt, checked, waiting, remote.RemoteEngine(**run.settings["engine"]), settings)

    def _catch_up(self, run: RunRecord, file: ResultsFile, keep: Callable[[Result], None]) -> None:
        """Results that the store has and the file lacks: what the plan refused, what an earlier client had."""
        there = {(one.id, one.prompt) for one in file.results}
        for result, ok in self.store.results(run.id):
            if ok is not None and (result.id, result.prompt) not in there:
                keep(result)

    async def _drive(
        self, run: RunRecord, program: HostProgram, listener: Listener, detach: bool, give_up: float
    ) -> None:
        parcel = self._parcel(run)
        await drive(self.store, run, parcel, program, listener, detach=detach, give_up=give_up)

    def _with_host(self, run: RunRecord, action: Callable[[HostProgram], Coroutine[Any, Any, T]]) -> T:
        async def connected() -> T:
            async with SSHManager(self._hosts(run.place), self._pins) as manager:
                return await action(HostProgram(manager))

        return asyncio.run(connected())

    def _parcel(self, run: RunRecord) -> Parcel:
        return Parcel(self.folder(run.id) / str(run.attempt), self.folder(run.id) / "blobs")

    @contextmanager
    def _alone(self, id: str, wait: float = LOCK_SECONDS) -> Iterator[None]:
        """One cosmos at a time drives a run."""
        run = self.store.get(id)
        self.folder(run.id).mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder(run.id) / "lock")
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            raise UsageError(
                "another cosmos follows this run", where=run.id, remedy=f"watch it: cosmos runs logs -f {run.id}"
            ) from None
        try:
            yield
        finally:
            lock.release()


def _plain(item: Item) -> dict[str, Any]:
    return {**asdict(item), "video": str(item.video.absolute()), "extra": dict(item.extra)}
