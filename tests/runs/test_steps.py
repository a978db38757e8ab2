"""How far an item is comes from the engine to whoever follows the run, from whatever place."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import pytest
from runs.helpers import host_processes
from servers.peers import host_settings
from servers.ssh_peer import SSHPeer

from cosmos_workflow import transfer
from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import driving, main
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.engines import EngineSettings, steps
from cosmos_workflow.engines.outputs import Step, run_tasks
from cosmos_workflow.engines.process import EngineProcess
from cosmos_workflow.errors import RunFailed
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.asking import item_from
from cosmos_workflow.kinds.transfer.item import Settings
from cosmos_workflow.kinds.transfer.plan import check_item
from cosmos_workflow.kinds.transfer.spec import Spec
from cosmos_workflow.runs import Listener
from cosmos_workflow.runs.places import local
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.ssh import Pins

FRAMES = 6
FIRST_AND_LAST = [(1, FRAMES, f"frame 1 of {FRAMES}"), (FRAMES, FRAMES, f"frame {FRAMES} of {FRAMES}")]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return clips.textured(tmp_path / "clip.mp4", 160, 96, frames=FRAMES)


@pytest.fixture(params=["local", "gpu"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield "local"
        return
    with SSHPeer(tmp_path / "peer") as peer:
        set_host("gpu", host_settings(peer))
        Pins(known_keys_file()).pin("gpu", peer.host_key)
        yield "gpu"
        for process in host_processes(peer):
            process.kill()


def test_steps_come_out_of_an_engine_of_its_own_process(clip: Path, tmp_path: Path) -> None:
    checked = check_item(item_from(Spec(prompt="a city", video=str(clip), controls={"edge": {}}), "shot"), Settings())
    assert checked.work
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    reports: list[Step] = []
    outcomes: list[Outcome] = []
    engine = EngineProcess("preview", EngineSettings())
    try:
        task = Task("shot", "transfer", checked.work.asks(), {"video": sha256})
        outputs = OutputFolder(tmp_path / "out")
        run_tasks(engine, [task], {sha256: clip}, outcomes.append, outputs, reports.append)
    finally:
        engine.close()
    assert [(step.done, step.total, step.text) for step in reports] == FIRST_AND_LAST
    assert [outcome.error for outcome in outcomes] == [""]


@pytest.mark.slow
def test_who_follows_a_run_hears_how_far_each_item_is(clip: Path, tmp_path: Path, place: str) -> None:
    events: list[dict[str, Any]] = []
    results = transfer(
        clip, "a city", controls=["edge"], seeds=[1, 2], size="256", engine="preview", place=place,
        out=tmp_path / "out", keep_warm=0, listener=Listener(event=events.append),
    )  # fmt: skip
    assert [result.error for result in results] == ["", ""]
    reports = [event for event in events if event["event"] == "step"]
    assert [event["id"] for event in reports] == ["clip-seed1"] * 2 + ["clip-seed2"] * 2
    assert [(event["done"], event["total"], event["text"]) for event in reports] == FIRST_AND_LAST * 2


def test_the_command_says_it(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "EVERY", 0.0)
    words = ["transfer", str(clip), "-p", "a city", "--edge", "--size", "256", "--engine", "preview"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    assert "frame 1 of" not in capfd.readouterr().err  # it was soon done
    monkeypatch.setattr(driving, "LINE_EVERY", 0.0)
    assert main([*words, "-o", str(tmp_path / "again")]) == 0
    shown = capfd.readouterr().err
    assert [f"clip: frame {n} of {FRAMES}" in shown for n in range(1, FRAMES + 1)] == [True] * FRAMES
    assert main([*words, "-o", str(tmp_path / "third"), "--json"]) == 0
    assert "frame 1 of" not in capfd.readouterr().err


def test_a_cancelled_run_ends_at_the_next_step(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine takes the end of its run for a failure of its item, and nothing of the item is kept."""
    monkeypatch.setattr(steps, "EVERY", 0.0)
    monkeypatch.setattr(local, "LOOK_SECONDS", 0.05)
    cancelled = threading.Event()

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["done"] == 2:
            (run,) = open_runs().store.runs()
            assert main(["runs", "cancel", run.id]) == 0
            cancelled.set()
        elif event["event"] == "step" and cancelled.is_set():
            time.sleep(0.3)  # so that the run looks into the store before its work is done

    with pytest.raises(RunFailed):
        transfer(
            clip, "a city", controls=["edge"], seeds=[1, 2, 3], size="256", engine="preview", out=tmp_path / "out",
            listener=Listener(event=hear),
        )  # fmt: skip
    (run,) = open_runs().store.runs()
    assert (run.state, run.failed) == ("cancelled", 0)
    assert not list((tmp_path / "out").glob("*/preview.mp4"))
