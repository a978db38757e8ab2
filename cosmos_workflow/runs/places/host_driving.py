"""Taking a run from state to state until it is over; every step may be done again after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import Conflict, HostFull, HostUnreachable, RunFailed
from cosmos_workflow.kinds.kind import Outcome, get_kind
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.places import host_steps
from cosmos_workflow.runs.places.arriving import Arriving
from cosmos_workflow.runs.places.parcel import Parcel
from cosmos_workflow.runs.places.place import Keep
from cosmos_workflow.ssh import HostProgram
from cosmos_workflow.store import RunRecord, State, Store

__all__ = ["attempts", "drive"]

STRANDED_TRIES = 3


def attempts(run: RunRecord) -> list[str]:
    """What the host knows a run's attempts by, the latest last."""
    return [f"{run.id}-{number}" for number in range(1, run.attempt + 1)]


class Driver:
    """One run being driven."""

    def __init__(
        self, store: Store, run: RunRecord, parcel: Parcel, program: HostProgram, listener: Listener, keep: Keep,
        patience: Patience,
    ) -> None:  # fmt: skip
        self._store, self._run, self._parcel, self._program = store, run, parcel, program
        self._listen, self._keep_results = listener, keep
        self._arriving = Arriving(program, keep.outputs, self._keep, listener.fetched) if keep.outputs else None
        self._kind = get_kind(run.kind)
        self._patience = patience
        self.name = attempts(run)[-1]
        # Those that this attempt asks, and that have no good answer yet; an earlier attempt's error is void.
        ids = {task.id for task in parcel.tasks()}
        unanswered = [item for item in store.items(run.id) if not item.ok and item.result.id in ids]
        self._waiting = {
            item.result.id: replace(item, result=replace(item.result, error="", error_kind="")) for item in unanswered
        }
        # What came home as an error before whoever followed this attempt was killed.
        self._failed = {item.result.id for item in unanswered if item.ok is False}

    async def start(self) -> None:
        """Upload and submit: from here on it runs without us."""
        if self._run.state not in ("queued", "planned", "uploading"):
            return
        self._move("uploading")
        try:
            await self._hold(self._upload_and_submit, self._patience.reach)
        except HostUnreachable as error:
            remedy = f"{error.remedy}; to wait longer for it: cosmos runs attach {self._run.id} --wait 1h"
            raise HostUnreachable(error.what, where=error.where, remedy=remedy) from error
        try:
            self._move("running")
        except Conflict:  # cancelled meanwhile, before the host had it
            await self._hold(lambda: host_steps.cancel(self._program, self.name), self._patience.reach)
            raise

    async def finish(self) -> None:
        """Follow, fetch and clean up. Raises RunFailed where the run ended without all of its answers."""
        trouble = await self._hold(self._follow)
        # What came damaged or not at all has no answer. An agent that broke down after its last one lost nothing.
        missing = self._waiting.keys() - self._failed
        if trouble and (missing or trouble.kind == "cancelled"):
            raise trouble
        self._move("fetching")
        # Those that this attempt never asked, as their files were lost when it had begun, wait for another one.
        missing |= {item.result.id for item in self._store.items(self._run.id, only_open=True)}
        if missing:
            raise RunFailed(
                f"{len(missing)} items are without an answer", kind="incomplete", where=self._run.id,
                remedy=f"cosmos runs retry {self._run.id}",
            )  # fmt: skip
        await self._hold(lambda: host_steps.clean_up(self._program, attempts(self._run)))
        self._move("done")

    async def _upload_and_submit(self) -> None:
        await host_steps.upload(self._program, self._parcel, self._listen.sent)
        settings = self._run.settings
        engine = ChosenEngine(**settings["engine"])
        await host_steps.submit(self._program, self.name, self._parcel, engine, settings["keep_warm"])

    async def _follow(self) -> RunFailed | None:
        await self._replay()
        for _ in range(STRANDED_TRIES):
            ended = await self._follow_and_fetch()
            if ended["state"] == "gone" and ended["waits"]:
                # Its agent ended before it came to this run: nothing of it has run.
                await self._upload_and_submit()
                continue
            break
        return self._trouble(ended)

    async def _follow_and_fetch(self) -> dict[str, Any]:
        """Follow to the end; files of results are fetched in between, before the results count."""
        while True:
            ended = await host_steps.follow(
                self._program, self.name, self._parcel, self._hear, to_results=self._arriving is not None
            )
            if self._arriving:
                await self._arriving.fetch()
            if ended["state"] != "results":
                return ended

    def _trouble(self, ended: dict[str, Any]) -> RunFailed | None:
        """What a run that did not end well ended with."""
        failure = host_steps.failure(ended, self._run.id, self._run.place)
        if failure is None:
            return None
        remedy = f"cosmos runs retry {self._run.id}"
        remedy = f"{failure.remedy}; then {remedy}" if failure.remedy else remedy
        if failure.kind == "worker_killed" and ended["tail"]:
            remedy += "; its last lines:" + "".join(f"\n  {line}" for line in ended["tail"].splitlines()[-5:])
        return RunFailed(failure.what, kind=failure.kind, where=failure.where, remedy=remedy)

    def _hear(self, file: str, data: bytes) -> None:
        if file == "results":
            self._take(host_steps.outcomes_in(data))
        elif file == "events":
            for line in data.splitlines():
                self._listen.event(json.loads(line))
        else:
            self._listen.log(data)

    async def _replay(self) -> None:
        """What an earlier listener had on this disk already, and may not have put into the store."""
        path = self._parcel.mirror("results")
        if path.exists():
            self._take(host_steps.outcomes_in(path.read_bytes()))
        if self._arriving:
            await self._arriving.fetch()

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        wanted = [outcome for outcome in outcomes if outcome.id in self._waiting and outcome.id not in self._failed]
        if self._arriving:
            self._arriving.add(wanted)
        else:
            self._keep(wanted)

    def _keep(self, outcomes: Sequence[Outcome]) -> None:
        results = []
        for outcome in outcomes:
            if outcome.id in self._waiting and outcome.id not in self._failed:
                item = self._waiting[outcome.id]
                results.append((self._kind.finished(item.result, outcome), item.identity))
        self._keep_results(results)
        for result, _ in results:
            if result.ok:
                del self._waiting[result.id]
            else:
                self._failed.add(result.id)

    async def _hold(self, step: Callable[[], Any], give_up: float | None = None) -> Any:
        give_up = self._patience.follow if give_up is None else give_up
        return await self._program.manager.persistently(step, self._listen.lost, give_up=give_up)

    def _move(self, state: State) -> None:
        self._store.move(self._run.id, state)
        self._listen.state(state)


async def drive(
    store: Store,
    run: RunRecord,
    parcel: Parcel,
    program: HostProgram,
    listener: Listener,
    keep: Keep,
    *,
    detach: bool = False,
    patience: Patience,
) -> None:
    """Take a run as far as it goes; with `detach`, until the host has it.

    Raises RunFailed (the run is then failed or cancelled, and says so in the store), or HostError and what
    else needs a person before it can go on; the run then stays where it is, and may be driven again.
    """
    driver = Driver(store, run, parcel, program, listener, keep, patience)
    try:
        await driver.start()
        if not detach:
            await driver.finish()
    except RunFailed as error:
        state: State = "cancelled" if error.kind == "cancelled" else "failed"
        store.move(run.id, state, error=error.what, kind=error.kind, remedy=error.remedy)
        listener.state(state)
        raise
    except HostFull as error:
        store.move(run.id, "failed", error=str(error), kind="disk_full", remedy=error.remedy)
        listener.state("failed")
        raise
