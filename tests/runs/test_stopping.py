"""`--stop-after`: a run ends at its cost, what is done stays, and a retry does the rest."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from runs.helpers import Gate

from cosmos_workflow.api import decide, submit
from cosmos_workflow.cli import main
from cosmos_workflow.config import price_of
from cosmos_workflow.errors import BadInputError, RunFailed
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs import Listener, Runs
from cosmos_workflow.runs.stopping import StopAfter

pytestmark = pytest.mark.slow

REASON = "cost cap of $50 reached: 50 minutes at $60 an hour"


def begin(runs: Runs, id: str, attempt: int, left: float) -> None:
    """An attempt that has `left` seconds of its 50 minutes."""
    path = runs.folder(id) / f"began-{attempt}"
    path.touch()
    os.utime(path, (time.time(), time.time() - 3000 + left))


@pytest.mark.parametrize("place", ["local", "gpu"])
def test_at_its_cost_a_run_ends_and_a_retry_does_the_rest(
    place: str, runs: Runs, batch: Callable[[int], list[Item]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Gate(1) as server:
        decision = decide(UPSAMPLE, Settings(), place=place, **server.settings())  # type: ignore[arg-type]
        cap = StopAfter.of("$50", 60.0, place)
        run = submit(batch(4), decision, out=tmp_path / "o.jsonl", keep_warm=0, stop_after=cap, runs=runs).run
        assert run
        begin(runs, run.id, 1, left=3)
        failures: list[RunFailed] = []
        warnings: list[str] = []

        def drive() -> None:
            try:
                runs.drive(run.id, Listener(warning=warnings.append))
            except RunFailed as failure:
                failures.append(failure)

        driver = threading.Thread(target=drive)
        driver.start()
        deadline = time.monotonic() + 120
        while not runs.store.get(run.id).finished:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.let(100)  # what runs here ends with the item that it is at
        driver.join(120)
        ended = runs.store.get(run.id)
        assert (ended.state, ended.error, ended.error_kind) == ("cancelled", REASON, "cancelled")
        assert [failure.what for failure in failures] == [REASON]
        assert f"cosmos runs retry {run.id}" in failures[0].remedy
        assert warnings == [f"{REASON}; nothing new begins, and what is done comes home"]
        assert ended.answered < 4
        assert main(["runs", "retry", run.id, "--detach"]) == 2
        assert main(["runs", "retry", run.id]) == 0
    assert runs.store.get(run.id).answered == 4
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 4


def test_it_is_refused_where_it_cannot_be_kept(
    tmp_path: Path, batch: Callable[[int], list[Item]], capsys: object
) -> None:
    clip = str(batch(1)[0].video)
    for words, remedy in (
        (["--stop-after", "$5"], "price in cosmos.toml"),
        (["--stop-after", "5"], "give a cost as '$5'"),
        (["--stop-after", "2h", "--on", "ray"], "leave out --stop-after"),
        (["--stop-after", "2h", "--detach"], "leave out --detach"),
    ):
        assert main(["upsample", clip, "-o", str(tmp_path / "o.jsonl"), "--engine", "describe", *words]) == 2
        assert remedy in capsys.readouterr().err  # type: ignore[attr-defined]
    with pytest.raises(BadInputError, match="not a price"):
        price_of("cheap", "gpu")
