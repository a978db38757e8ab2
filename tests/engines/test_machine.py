"""The memory in use, sampled. No GPU is here: the driver is a FAKE, which may hang."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from cosmos_workflow.engines import machine
from cosmos_workflow.engines.gpus import Gpu
from cosmos_workflow.engines.machine import Sampler, device, memory_used


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def samplers() -> int:
    return sum(thread.name == "cosmos-sampler" for thread in threading.enumerate())


def ask(monkeypatch: pytest.MonkeyPatch, read: Callable[[], list[Gpu]]) -> list[str]:
    """Let samplers read the GPUs so; returns what happens to the FAKE driver."""
    happened: list[str] = []

    @contextmanager
    def asking(timeout: float) -> Iterator[Callable[[], list[Gpu]]]:
        happened.append("start")
        yield read
        happened.append("end")

    monkeypatch.setattr(machine, "asking", asking)
    monkeypatch.setattr(machine, "SAMPLE_SECONDS", 0.01)
    monkeypatch.setattr(machine, "FIRST_SECONDS", 0.05)
    return happened


def test_memory_in_use_is_in_mib() -> None:
    assert memory_used([])["process_mib"] > 0
    assert memory_used([Gpu(0, "a", 9, 4, 5), Gpu(1, "b", 9, 2, 7), Gpu(2, "c", None, None)]) == {"gpu_mib": 12}


def test_each_peak_is_noted_at_once_and_what_stays_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    used, over, clock = iter([10, 20, 20, 20, 30, 25]), threading.Event(), [0.0]

    def read() -> list[Gpu]:
        """After six looks, time has gone by."""
        mib = next(used, None)
        if mib is None:
            mib, clock[0] = 25, machine.NOTE_SECONDS
        return [Gpu(0, "a", 99, 99 - mib, mib)]

    def note(event: str, **values: int) -> None:
        notes.append(values["gpu_mib"])
        if len(notes) == 4:
            over.set()

    happened = ask(monkeypatch, read)
    monkeypatch.setattr(machine, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    notes: list[int] = []
    with Sampler(note):
        assert over.wait(60)
    assert notes == [10, 20, 30, 25]
    until(lambda: not samplers())
    assert happened == ["start", "end"]  # once, however often it was read


def test_a_driver_that_hangs_holds_one_thread_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()

    def read() -> list[Gpu]:
        goes_on.wait(60)
        return [Gpu(0, "a", 9, 4, 5)]

    happened = ask(monkeypatch, read)
    notes: list[str] = []
    for _ in range(5):
        with Sampler(lambda event, **values: notes.append(event)):
            pass
        until(lambda: samplers() == 1)
    assert happened == ["start"]
    goes_on.set()
    until(lambda: not samplers())
    assert notes == []  # what comes too late is not noted
    with Sampler(lambda event, **values: notes.append(event)):
        until(lambda: notes)


def test_the_device_is_named() -> None:
    assert device()["cores"] == os.cpu_count()
