"""Queued runs and the workers that drive them: local places with the `describe` engine, which needs no GPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import clips
import pytest
from counts import cases
from runs.helpers import BAD_KINDS, Faulty, Gate, enqueue
from sqlalchemy.exc import OperationalError

from cosmos_workflow.agent.paths import devices_here
from cosmos_workflow.api import open_runs
from cosmos_workflow.engines import ENGINES, EngineSettings
from cosmos_workflow.errors import Conflict, UsageError
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.private import is_locked, try_lock
from cosmos_workflow.runs import Runs, Worker, queue_worker
from cosmos_workflow.runs.places.local import LogCopy
from cosmos_workflow.store import RunRecord


@pytest.fixture
def runs() -> Runs:
    return open_runs()


@pytest.fixture
def items(tmp_path: Path) -> Callable[[int], list[Item]]:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=6)
    return lambda count: [Item(f"i{n}", f"prompt {n}", clip) for n in range(count)]


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as server:
        yield server


def until(what: Callable[[], object], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def ended(runs: Runs, *which: RunRecord) -> bool:
    return all(runs.store.get(run.id).finished for run in which)


def stops(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> list[threading.Event]:
    """For each drive that a worker begins, the event that tells it to stop."""
    drive, events = runs.drive, []

    def driven(id: str, *words: object, stop: threading.Event, **more: object) -> object:
        events.append(stop)
        return drive(id, *words, stop=stop, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "drive", driven)
    return events


def worked(runs: Runs, *which: RunRecord) -> None:
    worker = Worker(runs)
    worker.start()
    until(lambda: ended(runs, *which))
    worker.stop()


def test_what_the_queue_is_given_it_does_once_in_its_order(runs: Runs, items: Callable[[int], list[Item]]) -> None:
    made = [enqueue(items(2), engine="describe", runs=runs, priority=n % 3) for n in range(9)]
    worked(runs, *made)
    done = [runs.store.get(record.id) for record in made]
    assert {(record.state, record.answered, record.failed) for record in done} == {("done", 2, 0)}
    by_time = sorted(done, key=lambda record: record.updated)
    assert [record.priority for record in by_time] == sorted((record.priority for record in done), reverse=True)
    assert all(result.upsampled_prompt for record in made for result in runs.results(record.id))
    events = [json.loads(line) for line in runs.progress_file(done[0].id).read_text().splitlines()]
    assert [record["state"] for record in events if record["event"] == "state"] == ["running", "done"]
    assert [record["id"] for record in events if record["event"] == "result"] == ["i0", "i1"]


def test_what_cannot_run_is_answered_by_its_plan(runs: Runs, items: Callable[[int], list[Item]]) -> None:
    bad = Item("gone", "x", Path("gone.mp4"))
    run = enqueue([*items(1), bad], engine="describe", runs=runs)
    assert (run.failed, run.open) == (1, 1)
    worked(runs, run)
    assert runs.store.get(run.id).answered == 1
    with pytest.raises(Conflict, match="nothing to try again"):
        runs.retry(run.id)
    with pytest.raises(UsageError, match="no host"):
        enqueue(items(1), place="nowhere", runs=runs)


def test_tried_again_nothing_hopeless_is_asked(runs: Runs, items: Callable[[int], list[Item]]) -> None:
    run = enqueue(items(1 + len(UPSAMPLE.hopeless)), engine="describe", runs=runs)
    failed = [result for result, _ in runs.store.results(run.id)]
    kinds = ("unreachable", *UPSAMPLE.hopeless)
    runs.store.save(
        run.id, [replace(result, error="no", error_kind=kind) for result, kind in zip(failed, kinds, strict=True)]
    )
    runs.store.move(run.id, "failed")
    again = runs.retry(run.id)
    assert (again.state, again.failed, again.open) == ("queued", len(UPSAMPLE.hopeless), 1)
    worked(runs, run)
    record = runs.store.get(run.id)
    assert (record.state, record.answered, record.failed) == ("done", 1, len(UPSAMPLE.hopeless))


def test_bad_answers_cost_only_their_items(runs: Runs, items: Callable[[int], list[Item]]) -> None:
    (good,) = items(1)
    bad = [Item(name, name, good.video) for name in BAD_KINDS]
    with Faulty() as server:
        run = enqueue([*bad[:4], good, *bad[4:]], runs=runs, **server.settings())  # type: ignore[arg-type]
        worked(runs, run)
    record = runs.store.get(run.id)
    assert (record.state, record.answered, record.failed) == ("done", 1, len(bad))
    results = {result.id: result for result in runs.results(run.id)}
    assert results.pop(good.id).upsampled_prompt == "long prompt 0"
    assert {id: result.error_kind for id, result in results.items()} == BAD_KINDS


def test_a_cancelled_run_stops_at_its_next_answer(
    runs: Runs, items: Callable[[int], list[Item]], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_events = stops(runs, monkeypatch)
    run = enqueue(items(5), runs=runs, **gate.settings())  # type: ignore[arg-type]
    worker = Worker(runs)
    worker.start()
    gate.let(1)
    until(lambda: runs.store.get(run.id).answered == 1)
    assert runs.cancel(run.id).state == "cancelled"
    assert stop_events[0].wait(60)  # the worker looks each second
    gate.let(1)
    until(lambda: worker.idle)
    gate.let(9)
    other = enqueue(items(1), engine="describe", runs=runs)
    until(lambda: ended(runs, other))
    assert runs.store.get(run.id).answered == 2
    again = runs.retry(run.id)
    assert (again.state, again.attempt) == ("queued", 2)
    until(lambda: ended(runs, run))
    worker.stop()
    assert runs.store.get(run.id).answered == 5


def test_a_run_that_is_cancelled_at_its_last_answer_is_done_when_it_is_tried_again(
    runs: Runs, items: Callable[[int], list[Item]], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_events = stops(runs, monkeypatch)
    run = enqueue(items(2), runs=runs, **gate.settings())  # type: ignore[arg-type]
    worker = Worker(runs)
    worker.start()
    gate.let(1)
    until(lambda: runs.store.get(run.id).answered == 1)
    runs.cancel(run.id)
    assert stop_events[0].wait(60)
    gate.let(1)
    until(lambda: worker.idle)
    worker.stop()
    assert (runs.store.get(run.id).state, runs.store.get(run.id).open) == ("cancelled", 0)
    again = runs.retry(run.id)
    assert (again.state, again.attempt, again.error) == ("done", 1, "")
    with pytest.raises(Conflict, match="nothing to try again"):
        runs.retry(run.id)


def test_a_stopped_worker_gives_back_what_it_has(
    runs: Runs, items: Callable[[int], list[Item]], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_events = stops(runs, monkeypatch)
    run = enqueue(items(3), runs=runs, **gate.settings())  # type: ignore[arg-type]
    worker = Worker(runs)
    worker.start()
    gate.let(1)
    until(lambda: runs.store.get(run.id).answered == 1)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    assert stop_events[0].wait(60)
    gate.let(5)
    stopping.join(60)
    assert runs.store.get(run.id).state == "running"
    heir = Worker(runs)
    heir.start()
    until(lambda: ended(runs, run))
    heir.stop()
    assert runs.store.get(run.id).answered == 3


def test_an_engine_that_cannot_be_had_fails_the_run_and_not_the_queue(
    runs: Runs, items: Callable[[int], list[Item]]
) -> None:
    nobody = EngineSettings(server_url="http://127.0.0.1:9/v1", server_model="m", options={"max_retries": 0})
    broken = enqueue(items(1), engine="server", engine_settings=nobody, runs=runs)
    good = enqueue(items(1), engine="describe", runs=runs)
    worked(runs, broken, good)
    assert runs.store.get(good.id).state == "done"
    record = runs.store.get(broken.id)
    assert (record.state, bool(record.error), bool(record.remedy)) == ("failed", True, True)


@pytest.mark.host
@pytest.mark.timeout(900)
def test_many_runs_two_worker_processes_and_one_of_them_killed(
    url: str, items: Callable[[int], list[Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSMOS_STORE_URL", url)
    runs, count = open_runs(), cases(1000)
    made = [enqueue(items(1), engine="describe", runs=runs) for _ in range(count)]
    command = [sys.executable, "-m", "cosmos_workflow", "worker"]
    workers = [subprocess.Popen(command, start_new_session=True) for _ in range(2)]
    try:
        until(lambda: runs.store.counts().get("done", 0) >= 5, 120)
        os.kill(workers[0].pid, signal.SIGKILL)
        until(lambda: runs.store.counts().get("done", 0) == count, 700)
        workers[1].send_signal(signal.SIGTERM)
        assert workers[1].wait(60) == 0
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert {(record.answered, record.failed) for record in runs.store.runs()} == {(1, 0)}
    events = [json.loads(line) for record in made for line in runs.progress_file(record.id).read_text().splitlines()]
    answered = Counter(event["event"] for event in events)["result"]
    assert count <= answered <= count + 1  # the one that was just being kept when its worker died


def test_a_run_waits_while_another_program_has_the_device_and_says_so(
    runs: Runs, items: Callable[[int], list[Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is `describe` under a name of one that has a model."""
    monkeypatch.setitem(ENGINES, "transformers", replace(ENGINES["describe"], needs="model"))
    (path,) = devices_here()
    lock = try_lock(path)
    assert lock is not None
    settings = EngineSettings(model_path="/m")
    run, next_run = (enqueue(items(1), engine="transformers", engine_settings=settings, runs=runs) for _ in range(2))

    def steps() -> list[str]:
        progress = runs.progress_file(run.id)
        lines = progress.read_text().splitlines() if progress.exists() else []
        return [event["event"] for event in map(json.loads, lines) if event["event"] not in ("state", "memory")]

    worker = Worker(runs)
    worker.start()
    until(lambda: steps() == ["waiting"])
    os.close(lock)
    until(lambda: ended(runs, run, next_run))
    assert steps() == ["waiting", "loading", "loaded", "result"]
    assert is_locked(path)  # it is warm
    worker.stop()
    assert not is_locked(path)


def test_a_run_has_its_part_of_the_engines_log(tmp_path: Path) -> None:
    engine, mine, pieces = tmp_path / "engine.log", tmp_path / "1" / "worker.log", []
    engine.write_bytes(b"of an earlier run\n")
    copy = LogCopy(engine, mine, pieces.append)
    copy.copy()
    assert not mine.exists()
    with engine.open("ab") as file:
        file.write(b"loading\n")
    copy.copy()
    copy.copy()
    engine.write_bytes(b"anew\n")  # the engine was loaded again
    copy.copy()
    assert mine.read_bytes() == b"".join(pieces) == b"loading\nanew\n"


def test_a_defect_fails_its_run_and_a_store_that_is_away_does_not(
    runs: Runs, items: Callable[[int], list[Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, waits = (enqueue(items(1), engine="describe", runs=runs) for _ in range(2))
    drive, away = runs.drive, [True]

    def driven(id: str, *words: object, **more: object) -> object:
        if id == broken.id:
            raise ZeroDivisionError("a defect")
        if away:
            away.clear()
            raise OperationalError("", {}, Exception("the server closed the connection"))
        return drive(id, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "drive", driven)
    monkeypatch.setattr(queue_worker, "TROUBLE_SECONDS", 0.2)
    worked(runs, broken, waits)
    assert (runs.store.get(broken.id).state, runs.store.get(broken.id).error_kind) == ("failed", "broken")
    assert "ZeroDivisionError: a defect" in runs.store.get(broken.id).error
    assert runs.store.get(waits.id).state == "done"


class Beats:
    """A store that is away when `away` says so; each beat of the worker takes a second of a clock of its own."""

    def __init__(self, runs: Runs, monkeypatch: pytest.MonkeyPatch, away: Callable[[int], bool]) -> None:
        self.count = 0
        self._away = away
        monkeypatch.setattr(queue_worker, "BEAT_SECONDS", 0.005)
        monkeypatch.setattr(queue_worker, "time", SimpleNamespace(monotonic=lambda: float(self.count)))
        monkeypatch.setattr(runs.store.queue, "renew", self._renew)

    def _renew(self, *_: object) -> bool:
        self.count += 1
        if self._away(self.count):
            raise OperationalError("", {}, Exception("the server closed the connection"))
        return True


def looked_at(runs: Runs, monkeypatch: pytest.MonkeyPatch, look: Callable[[threading.Event], object]) -> None:
    """Whoever drives the run of the queue sees by `look` whether it has to stop."""
    looks: list[object] = []
    monkeypatch.setattr(runs, "drive", lambda id, listener, *, stop: looks.append(look(stop)))
    worker = Worker(runs, lease=15.0)
    worker.start()
    until(lambda: looks, 120)
    worker.stop()


def test_a_store_that_is_away_for_longer_than_the_lease_stops_the_run(
    runs: Runs, items: Callable[[int], list[Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker, which still has the store, takes the run then: both must not answer it."""
    enqueue(items(1), engine="describe", runs=runs)
    beats = Beats(runs, monkeypatch, lambda beat: beat > 3)
    stopped: list[bool] = []
    looked_at(runs, monkeypatch, lambda stop: stopped.append(stop.wait(60)))
    assert all(stopped)
    assert beats.count > 15


def test_a_store_that_is_back_before_the_lease_ends_stops_nothing(
    runs: Runs, items: Callable[[int], list[Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(items(1), engine="describe", runs=runs)
    beats = Beats(runs, monkeypatch, lambda beat: beat % 10 != 0)
    stopped: list[bool] = []

    def look(stop: threading.Event) -> None:
        until(lambda: stop.is_set() or beats.count > 60)
        stopped.append(stop.is_set())

    looked_at(runs, monkeypatch, look)
    assert stopped[0] is False  # the worker may take the run once more, and is stopped then by the end of the test
