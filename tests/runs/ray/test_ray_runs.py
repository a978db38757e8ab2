"""How long a cluster that does not answer is waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.kinds.upsample import Settings
from cosmos_workflow.runs import Listener, Patience
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.places import ray, ray_runs
from cosmos_workflow.runs.places.ray import Job, Output
from cosmos_workflow.store import Store

GIVE_UP = 1.0
GONE = HostUnreachable("the connection broke", where="ray://head:10001")


@dataclass
class Cluster:
    """A cluster that is followed for `lasting` seconds each time before the line to it breaks, `breaks` times; then it
    is gone, or ends the job.
    """

    lasting: float
    breaks: int
    gone: bool = False
    dashboard: str = ""
    followed: list[float] = field(default_factory=list)

    @contextmanager
    def connected(self, place: str) -> Iterator[Cluster]:
        if self.gone and len(self.followed) == self.breaks:
            raise GONE
        yield self

    def submit(self, job: Job) -> None:
        pass

    def follow(self, job: Job, on_event: Any) -> None:
        if len(self.followed) < self.breaks:
            time.sleep(self.lasting)
            self.followed.append(time.monotonic())
            raise GONE


def drive(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Drive a run there; its state at the end."""
    monkeypatch.setattr(ray, "connected", cluster.connected)
    monkeypatch.setattr(ray_runs, "RETRY_SECONDS", 0.05)
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    runs = ray_runs.RayRuns(store)
    engine = ChosenEngine("describe", "", "measurements", "as asked")
    run = runs.plan(Job("batch.jsonl", Output(str(tmp_path / "out")), engine, Settings(), "ray://head:10001"))
    folder = RunFolder(tmp_path / "run")
    runs.drive(
        run, folder, Listener(), lambda results: None, detach=False, patience=Patience(follow=GIVE_UP),
        stop=threading.Event(),
    )  # fmt: skip
    return store.get(run.id).state


def test_a_line_that_breaks_after_a_long_time_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(lasting=1.5 * GIVE_UP, breaks=2)
    assert drive(cluster, tmp_path, monkeypatch) == "done"
    assert len(cluster.followed) == 2


def test_a_cluster_is_given_up_so_long_after_the_last_contact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(lasting=1.5 * GIVE_UP, breaks=1, gone=True)
    with pytest.raises(HostUnreachable):
        drive(cluster, tmp_path, monkeypatch)
    assert time.monotonic() - cluster.followed[-1] >= GIVE_UP
