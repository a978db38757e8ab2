"""Queued runs whose place is a host: the worker sends them, one after another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from runs.helpers import Gate, enqueue
from servers.peers import Peer

from cosmos_workflow.api import decide, submit
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs import Runs, Worker
from cosmos_workflow.runs.places import host_steps

pytestmark = pytest.mark.slow


def until(what: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_runs_for_a_host_wait_for_it_and_are_sent(runs: Runs, batch: Callable[[int], list[Item]]) -> None:
    first, second = (enqueue(batch(3), place="gpu", engine="describe", keep_warm=0.0, runs=runs) for _ in range(2))
    assert (first.state, first.place) == ("queued", "gpu")
    local = enqueue(batch(1), engine="describe", runs=runs)
    worker = Worker(runs)
    worker.start()
    until(lambda: all(runs.store.get(run.id).finished for run in (first, second, local)))
    worker.stop()
    for run in (first, second):
        record = runs.store.get(run.id)
        assert (record.state, record.answered, record.failed) == ("done", 3, 0)
        assert all(result.upsampled_prompt and result.place == "gpu" for result in runs.results(run.id))
        assert len(Path(record.out).read_text(encoding="utf-8").splitlines()) == 3
    ends = [runs.store.get(run.id).updated for run in (first, second)]
    assert ends == sorted(ends)
    events = [json.loads(line) for line in runs.progress_file(first.id).read_text().splitlines()]
    states = [run["state"] for run in events if run["event"] == "state"]
    assert states == ["uploading", "running", "fetching", "done"]


def test_cancelled_there_and_tried_again(runs: Runs, batch: Callable[[int], list[Item]]) -> None:
    with Gate() as gate:
        run = enqueue(batch(4), place="gpu", keep_warm=0.0, runs=runs, **gate.settings())  # type: ignore[arg-type]
        worker = Worker(runs)
        worker.start()
        gate.let(1)
        until(lambda: runs.store.get(run.id).answered == 1)
        assert runs.cancel(run.id).state == "cancelled"
        gate.let(10)
        until(lambda: worker.idle)
        assert runs.retry(run.id).state == "queued"
        worker.look()
        until(lambda: runs.store.get(run.id).finished)
        worker.stop()
        record = runs.store.get(run.id)
        assert (record.state, record.answered, record.attempt) == ("done", 4, 2)


def test_a_host_that_is_gone_does_not_stop_the_queue(
    runs: Runs, peer: Peer, batch: Callable[[int], list[Item]]
) -> None:
    run = enqueue(batch(1), place="gpu", engine="describe", keep_warm=0.0, runs=runs)
    peer.stop()
    local = enqueue(batch(1), engine="describe", runs=runs)
    worker = Worker(runs)
    worker.start()
    until(lambda: runs.store.get(local.id).finished)
    progress = runs.progress_file(run.id)  # there only when something was heard
    until(lambda: progress.exists() and '"lost"' in progress.read_text())
    assert not runs.store.get(run.id).finished
    until(lambda: runs.store.queue.holders() == {run.id: worker.name})  # the other is given back after its end
    worker.stop()
    assert runs.store.queue.holders() == {}
    assert worker.idle


def test_what_was_not_sent_is_cancelled_without_its_host(
    runs: Runs, peer: Peer, batch: Callable[[int], list[Item]], tmp_path: Path
) -> None:
    """It waits, or its client was killed while it planned: nothing of it is on the host, which may be gone."""
    queued = enqueue(batch(1), place="gpu", engine="describe", runs=runs)
    decision = decide(UPSAMPLE, Settings(), place="gpu", engine="describe")
    planned = submit(batch(1), decision, out=tmp_path / "o.jsonl", runs=runs).run
    assert planned
    assert (queued.state, planned.state) == ("queued", "planned")

    async def called(*words: object) -> None:
        raise AssertionError("the host was called")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(host_steps, "cancel", called)
        peer.stop()
        for run in (queued, planned):
            assert runs.cancel(run.id).state == "cancelled"
    peer.listen()
    assert not (peer.home / "ours").exists()
