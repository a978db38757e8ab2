"""A run is in the store as a whole or not at all, also where whoever submits it is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.api import decide, open_runs, submit
from cosmos_workflow.config import set_host
from cosmos_workflow.errors import Conflict
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.store import RunRecord
from cosmos_workflow.store.store import row_of

# Submits a batch of five in steps of two, and kills itself at the fourth.
KILLED = """
import os, signal, sys
from pathlib import Path
from runs.test_submitting import batch, put
from cosmos_workflow.store import store

row_of = store.row_of

def dying(run, position, *more):
    if position == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return row_of(run, position, *more)

store.ROWS_AT_ONCE, store.row_of = 2, dying
put(sys.argv[1], batch(Path(sys.argv[3])), Path(sys.argv[2]))
"""


def batch(clip: Path) -> list[Item]:
    return [Item(f"i{n}", f"prompt {n}", clip) for n in range(5)]


def put(place: str, items: list[Item], out: Path) -> RunRecord:
    submission = submit(items, decide(UPSAMPLE, Settings(), place=place, engine="describe"), out=out)
    assert submission.run
    return submission.run


@pytest.mark.slow
@pytest.mark.parametrize("place", ["local", "gpu"])
def test_a_client_killed_while_it_submits_is_in_nobodys_way(place: str, clip: Path, tmp_path: Path) -> None:
    set_host("gpu", {"ssh": "nowhere.invalid"})
    out, runs = tmp_path / "o.jsonl", open_runs()
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-c", KILLED, place, str(out), str(clip)]
    assert subprocess.run(command, cwd=tests, check=False, timeout=120).returncode < 0
    (partial,) = runs.store.runs()
    assert (partial.state, partial.error_kind, partial.remedy) == ("cancelled", "not_submitted", "submit it again")
    assert not runs.store.queue.waiting()
    with pytest.raises(Conflict, match="not submitted as a whole"):
        runs.retry(partial.id)
    run = put(place, batch(clip), out)
    assert (run.state, run.total) == ("planned", 5)


def test_a_submission_that_fails_leaves_nothing(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(run: str, position: int, *more: Any) -> dict[str, Any]:
        if position == 3:
            raise KeyboardInterrupt
        return row_of(run, position, *more)

    monkeypatch.setattr("cosmos_workflow.store.store.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("cosmos_workflow.store.store.row_of", failing)
    with pytest.raises(KeyboardInterrupt):
        put("local", batch(clip), tmp_path / "o.jsonl")
    store = open_runs().store
    assert store.runs() == []
    assert store.history.find() == []
