"""Which engine an agent holds, and when: sleep between batches, and turns on one device.

The engine is a FAKE that only notes what is asked of it: sleep mode needs a GPU, and none is here.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cosmos_workflow.agent import engine_host
from cosmos_workflow.agent.engine_host import EngineHost, Sampler, device, memory_used
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.engines import ENGINES, EngineSettings


class FakeEngine:
    def __init__(self, asked: list[str]) -> None:
        self.asked = asked

    def properties(self) -> dict[str, Any]:
        return {"version": "fake"}

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.asked.append(name)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setitem(ENGINES, "vllm", lambda settings: FakeEngine(calls))
    return calls


def make(folder: Path, **options: Any) -> EngineHost:
    settings = {"name": "vllm", **asdict(EngineSettings(model_path="/m", options=options))}
    return EngineHost(HostPaths(folder), settings, "0")


def nothing(event: str, **more: Any) -> None:
    pass


def test_a_warm_engine_sleeps_between_batches_where_it_can(tmp_path: Path, asked: list[str]) -> None:
    host = make(tmp_path, enable_sleep_mode=True)
    events: list[str] = []
    host.ready(lambda event, **more: events.append(event))
    host.rest()
    host.rest()
    host.ready(lambda event, **more: events.append(event))
    host.close()
    assert asked == ["load", "sleep", "wake_up", "close"]
    assert events == ["loading", "loaded", "warm"]


def test_without_sleep_mode_it_stays_as_it_is(tmp_path: Path, asked: list[str]) -> None:
    host = make(tmp_path)
    host.ready(nothing)
    host.rest()
    host.ready(nothing)
    host.close()
    assert asked == ["load", "close"]


def test_two_models_take_turns_on_one_device(tmp_path: Path, asked: list[str]) -> None:
    first, second = make(tmp_path), make(tmp_path)
    first.ready(nothing)
    assert not first.is_wanted()
    events: list[str] = []
    waiting = threading.Thread(target=lambda: second.ready(lambda event, **more: events.append(event)))
    waiting.start()
    deadline = time.monotonic() + 60
    while not first.is_wanted():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert asked == ["load"]  # the second has not loaded beside the first
    first.close()
    waiting.join(60)
    assert asked == ["load", "close", "load"]
    assert events == ["waiting", "loading", "loaded"]
    assert not second.is_wanted()
    second.close()


def test_memory_in_use_is_in_mib() -> None:
    assert sum(memory_used().values()) > 0


def test_each_peak_is_noted_at_once_and_what_stays_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    used, looks, clock = iter([10, 20, 20, 20, 30, 25]), threading.Event(), [0.0]

    def memory_used(group: int) -> dict[str, int]:
        """After six looks, time has gone by."""
        value = next(used, None)
        if value is None:
            looks.set()
            clock[0] = engine_host.NOTE_SECONDS
        return {"gpu_mib": value or 25}

    monkeypatch.setattr(engine_host, "memory_used", memory_used)
    monkeypatch.setattr(engine_host, "SAMPLE_SECONDS", 0.001)
    monkeypatch.setattr(engine_host, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    notes: list[int] = []
    sampler = Sampler(lambda event, **values: notes.append(values["gpu_mib"]))
    assert looks.wait(60)
    sampler.close()
    assert notes == [10, 20, 30, 25]


def test_the_device_is_named() -> None:
    assert device()["cores"] == os.cpu_count()
