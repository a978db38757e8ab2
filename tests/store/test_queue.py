"""The queue: who is next, who has it, and what happens when they die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from cosmos_workflow.errors import Conflict, NotFound
from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import NewItem, Store


def put(store: Store, id: str, place: str = "local", **how: object) -> None:
    results = [Result("a", "p", "v", "fits")]
    store.add(id, place, map(NewItem, results), out="", source=id, engine="describe", settings={}, queued=True, **how)  # type: ignore[arg-type]


def claim(store: Store, owner: str = "me", lease: float = 60.0) -> str:
    run = store.queue.claim(owner, lease)
    return run.id if run else ""


def order(store: Store) -> list[str]:
    return [run.id for run in store.queue.waiting()]


def test_by_priority_then_by_age(store: Store) -> None:
    for id, priority in (("old", 0), ("new", 0), ("urgent", 5), ("later", -1)):
        put(store, id, priority=priority)
    assert order(store) == ["urgent", "old", "new", "later"]
    store.queue.change("new", priority=9)
    assert order(store) == ["new", "urgent", "old", "later"]
    store.queue.move_before("later", "old")
    assert order(store) == ["new", "urgent", "later", "old"]
    store.queue.move_before("old")
    assert order(store) == ["old", "new", "urgent", "later"]
    store.queue.move_before("later", "new")
    assert order(store) == ["old", "later", "new", "urgent"]


def test_one_at_a_time_for_each_place(store: Store) -> None:
    for id, place in (("a", "local"), ("b", "local"), ("c", "gpu")):
        put(store, id, place)
    assert sorted([claim(store), claim(store, "you")]) == ["a", "c"]
    assert claim(store) == ""
    run = store.get("a")
    store.move("a", "running")
    store.queue.release(run, "you")  # not theirs
    assert claim(store) == ""
    store.move("a", "done")
    store.queue.release(run, "me")
    assert claim(store, "you") == "b"
    assert store.queue.holders() == {"b": "you", "c": "you"} or store.queue.holders() == {"b": "you", "c": "me"}


def test_a_dead_workers_run_is_taken_over_before_all_others(store: Store) -> None:
    put(store, "a")
    put(store, "urgent", priority=9)
    store.queue.change("urgent", held=True)
    assert claim(store, "dead") == "a"
    store.move("a", "running")
    store.queue.change("urgent", held=False)
    assert store.queue.renew(store.get("a"), "dead")
    assert claim(store, "heir") == ""
    assert store.queue.renew(store.get("a"), "dead", -1.0)  # as if its lease had ended a second ago
    assert claim(store, "heir") == "a"
    # It was not dead after all, and learns that it has to stop.
    assert not store.queue.renew(store.get("a"), "dead")
    store.queue.release(store.get("a"), "dead")
    assert store.queue.holders() == {"a": "heir"}


def test_given_back_before_its_end_it_goes_on_first(store: Store) -> None:
    put(store, "a")
    assert claim(store) == "a"
    store.move("a", "running")
    store.queue.release(store.get("a"), "me")
    put(store, "urgent", priority=9)
    assert claim(store, "you") == "a"


def test_held_and_paused(store: Store) -> None:
    put(store, "a", held=True)
    assert claim(store) == ""
    put(store, "b")
    store.queue.pause()
    assert store.queue.paused
    assert claim(store) == ""
    store.queue.pause(False)
    assert claim(store) == "b"
    # What runs goes on, whoever goes on with it.
    store.move("b", "running")
    store.queue.release(store.get("b"), "me")
    store.queue.pause()
    assert claim(store, "you") == "b"


def test_only_what_waits_can_be_moved(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    store.move("a", "running")
    for action in (
        lambda: store.queue.change("a", priority=1),
        lambda: store.queue.move_before("a"),
        lambda: store.queue.move_before("b", "nobody"),
    ):
        with pytest.raises(Conflict):
            action()
    with pytest.raises(NotFound):
        store.queue.move_before("nobody")


def test_cancelled_or_removed_it_is_not_run(store: Store) -> None:
    put(store, "a")
    put(store, "b")
    store.move("a", "cancelled")
    assert claim(store) == "b"
    store.move("b", "failed")
    store.remove("b")
    assert store.queue.holders() == {}
    put(store, "c")
    assert claim(store) == ""  # the place is free again when the lease of the run that was removed ends


def test_tried_again_it_waits_again(store: Store) -> None:
    put(store, "a")
    run = store.queue.claim("me")
    assert run
    store.move("a", "running")
    failed = Result("a", "p", "v", "fits", error="boom", error_kind="engine")
    store.save("a", [failed])
    store.move("a", "failed")
    store.queue.release(run, "me")
    assert store.again("a", ("engine",), queued=True) == 2
    assert store.get("a").failed == 1
    store.move("a", "failed")
    assert store.again("a", ("bad_input",), queued=True) == 3
    run = store.get("a")
    assert (run.state, run.failed, run.open) == ("queued", 0, 1)
    assert claim(store) == "a"


def work(url: str, owner: str, log: Path) -> None:
    store = Store(url)
    # Nobody who lives may lose a run on a busy machine: only the lease of the one that dies ends soon.
    while run := store.queue.claim(owner, 0.5 if owner == "dies" else 60.0):
        store.move(run.id, "running")
        with log.open("a") as file:
            file.write(f"{run.id}\n")
        if owner == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        store.save(run.id, [Result("a", "p", "v", "fits", upsampled_prompt="x")])
        store.move(run.id, "done")
        store.queue.release(run, owner)


@pytest.mark.slow
def test_four_workers_one_of_them_killed_take_each_run_once(url: str, tmp_path: Path) -> None:
    store = Store(url)
    ids = [f"r{n:02}" for n in range(40)]
    for n, id in enumerate(ids):
        put(store, id, f"place{n % 4}")
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(url, name, log)) for name in ("dies", "w1", "w2", "w3")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    time.sleep(0.6)
    work(url, "heir", log)  # where the others had ended before the lease did
    assert {run.state for run in store.runs()} == {"done"}
    begun = Counter(log.read_text().split())
    assert set(begun) == set(ids)
    twice = [id for id, count in begun.items() if count > 1]
    assert len(twice) <= 1  # the one that its worker died with
