"""The modes' arithmetic, with a FAKE engine; the real one is in test_vllm_lab.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.fakes import ArithmeticRig

from cosmos_workflow.errors import EngineUnavailable, OutOfMemory, UsageError
from cosmos_workflow.lab import MODES, BenchSettings, Timing, bench, mode_rows, studies
from cosmos_workflow.limits import get_model
from cosmos_workflow.store import Experiments, Store

MODEL = get_model("cosmos-upsampler-12b")
SETTINGS = BenchSettings(batches=(2, 4), sizes=((320, 180),), repeats=2)


@pytest.fixture
def experiments(tmp_path: Path) -> Experiments:
    return Store(f"sqlite:///{tmp_path / 'store.db'}").experiments


class Loading(ArithmeticRig):
    """Takes 35 s for a load, 5 s to end and 1 s for a call, and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded, self.loads, self.order = False, 0, []

    def ask(self, conversations, *, stay=True):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        call = super().ask(conversations)
        parts = (
            {"start": 10.0, "load": 20.0, "compile": 5.0}
            if not self.loaded
            else dict.fromkeys(("start", "load", "compile"), 0.0)
        )
        self.loads += not self.loaded
        self.loaded = stay
        seconds = sum(parts.values()) + 1.0 + (0 if stay else 5.0)
        return replace(call, seconds=seconds, parts={**parts, "prompts": 1.0})


def test_what_each_mode_costs(experiments: Experiments) -> None:
    rig, order = Loading(), []
    done = bench(rig, MODEL, SETTINGS, experiments, on_timing=order.append)
    assert done.state == "done"
    (study,) = studies(experiments)
    assert len(study.timings) == 4 * 2 * 2
    rows = {(row.mode, row.batch): row for row in mode_rows(study.timings, price_per_hour=3.6)}
    assert {key: row.seconds for key, row in rows.items()} == {
        ("offload-each", 2): 2 * 41.0, ("one-at-a-time", 2): 35 + 2 + 5.0, ("batch", 2): 41.0, ("warm", 2): 1.0,
        ("offload-each", 4): 4 * 41.0, ("one-at-a-time", 4): 35 + 4 + 5.0, ("batch", 4): 41.0, ("warm", 4): 1.0,
    }  # fmt: skip
    assert rows["offload-each", 4].parts == {"start": 40.0, "load": 80.0, "compile": 20.0, "prompts": 4.0}
    assert rows["batch", 4].gain == pytest.approx(1 - 41 / 164)
    assert rows["offload-each", 4].gain is None
    assert rows["batch", 4].cost == pytest.approx(1000 * 41 / 4 / 3600 * 3.6)
    assert rows["batch", 4].tokens_per_second == 4 * 300
    assert all(row.repeats == 2 for row in rows.values())
    # One load before all; 2 + 4 for offload-each, one for each of the others, twice.
    assert rig.loads == 1 + 2 * (2 + 4 + 3 * 2)
    assert [timing.mode for timing in order] != sorted(
        [timing.mode for timing in order], key=list(MODES).index
    )  # shuffled


def test_each_prompt_has_pictures_of_its_own(experiments: Experiments) -> None:
    first, second = Timing("batch", 3, 64, 32, 0), Timing("batch", 3, 64, 32, 1)
    pictures = [
        frame.png
        for timing in (first, second)
        for conversation in timing.conversations(SETTINGS)
        for frame in conversation.frames
    ]
    assert len(set(pictures)) == len(pictures) == 12


def test_it_is_gone_on_with(experiments: Experiments) -> None:
    measured: list[Timing] = []

    def stop(timing: Timing) -> None:
        measured.append(timing)
        if len(measured) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench(Loading(), MODEL, SETTINGS, experiments, on_timing=stop)
    done = bench(Loading(), MODEL, SETTINGS, experiments, on_timing=measured.append)
    assert done.state == "done"
    assert len(measured) == 16
    assert len({timing.key for timing in measured}) == 16


def test_a_budget_holds(experiments: Experiments, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    class Slow(Loading):
        def ask(self, conversations, *, stay=True):  # type: ignore[no-untyped-def]
            call = super().ask(conversations, stay=stay)
            now[0] += call.seconds
            return call

    stopped = bench(Slow(), MODEL, SETTINGS, experiments, max_minutes=5)
    assert stopped.state == "running"
    assert 100 < now[0] <= 300 + 164  # what it did not know yet may be longer than all before


def test_a_measurement_that_fails_is_told_of(experiments: Experiments) -> None:
    settings = BenchSettings(modes=("batch",), sizes=((320, 180), (640, 360)), repeats=1)
    rig = ArithmeticRig(breaks=lambda conversation: bool(conversation.frames) and conversation.frames[0].width == 640)
    bench(rig, MODEL, settings, experiments)
    (study,) = studies(experiments)
    small, large = mode_rows(study.timings)
    assert (small.failed, large.failed, large.repeats) == (0, 1, 0)
    assert {timing.error_kind for timing in study.timings} == {"", "out_of_memory"}


def test_what_cannot_be_measured(experiments: Experiments) -> None:
    with pytest.raises(UsageError, match="unknown mode: fast"):
        bench(Loading(), MODEL, BenchSettings(modes=("fast",)), experiments)
    with pytest.raises((EngineUnavailable, OutOfMemory)):
        bench(ArithmeticRig(breaks=lambda conversation: True), MODEL, SETTINGS, experiments)
