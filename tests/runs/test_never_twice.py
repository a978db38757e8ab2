"""No answer is lost, doubled or given up for a failure, and no work is done that nobody waits for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runs.helpers import Faulty, Gate, read_results, settled, upsample_there
from servers.peers import Peer

from cosmos_workflow.api import decide, open_runs, submit, upsample
from cosmos_workflow.cli import main
from cosmos_workflow.config import load_config, set_host
from cosmos_workflow.errors import Conflict, HostError, RunFailed, UsageError
from cosmos_workflow.kinds.kind import Task
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs import Listener, Runs
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.places import host_steps
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.store import NewItem, Store

pytestmark = pytest.mark.slow

Batch = Callable[[int], list[Item]]


def lines(path: Path) -> list[tuple[str, bool]]:
    """Each line's id, and whether it is an answer."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(row["id"], not row["error"]) for row in rows]


def test_asked_again_a_failure_does_not_take_the_place_of_an_answer(batch: Batch, tmp_path: Path) -> None:
    out, items = tmp_path / "o.jsonl", batch(2)
    upsample(items, out=out)
    (tmp_path / "clip.mp4").rename(tmp_path / "elsewhere.mp4")
    results = upsample(items, out=out, again=True)
    assert [result.error_kind for result in results] == ["bad_input"] * 2
    assert [result.ok for result in read_results(out)] == [True, True]
    upsample([*items, Item("more", "x", tmp_path / "elsewhere.mp4")], out=out)
    assert lines(out) == [("i0", True), ("i1", True), ("more", True)]


def test_a_failure_stands_once_however_often_it_is_written(batch: Batch, tmp_path: Path) -> None:
    (item,) = batch(1)
    (good,) = upsample([item])
    bad = UPSAMPLE.finish(
        good, UPSAMPLE.refusal(next(iter(UPSAMPLE.check([Item("i0", "p", Path("none"))], Settings()))))
    )
    with ResultsFile(tmp_path / "o.jsonl", UPSAMPLE) as file:
        assert file.write(bad, "x")
        assert not file.write(bad, "x")
        assert file.write(good, "x")
    assert lines(tmp_path / "o.jsonl") == [("i0", True)]


def test_what_runs_here_cannot_be_detached(batch: Batch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upsample", str(batch(1)[0].video), "-o", str(tmp_path / "o.jsonl"), "--detach"]) == 2
    assert "cannot be detached" in capsys.readouterr().err
    assert open_runs().store.runs() == []
    with pytest.raises(UsageError, match="cannot be detached"):
        upsample(batch(1), out=tmp_path / "o.jsonl", detach=True)
    assert open_runs().store.runs() == []


def test_attached_after_its_end_a_run_writes_what_its_results_file_lacks(batch: Batch, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    upsample([*batch(2), Item("lost", "p", tmp_path / "none.mp4")], out=out)
    before = sorted(lines(out))
    (run,) = open_runs().store.runs()
    out.write_text("".join(line + "\n" for line in out.read_text().splitlines() if '"i0"' in line))
    for _ in range(2):
        assert main(["runs", "attach", run.id]) == 1
        assert sorted(lines(out)) == before


def test_cancelled_by_another_process_a_local_run_stops(batch: Batch, tmp_path: Path) -> None:
    with Gate(1) as server:
        failures: list[RunFailed] = []

        def drive() -> None:
            try:
                upsample(batch(4), out=tmp_path / "o.jsonl", **server.settings())
            except RunFailed as failure:
                failures.append(failure)

        driver = threading.Thread(target=drive)
        driver.start()
        runs = open_runs()
        deadline = time.monotonic() + 60
        while not (runs.store.runs() and runs.store.runs()[0].answered):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (run,) = runs.store.runs()
        assert runs.cancel(run.id).state == "cancelled"
        time.sleep(2)  # longer than it takes to be seen
        server.let(10)
        driver.join(60)
        assert [failure.kind for failure in failures] == ["cancelled"]
        assert runs.store.get(run.id).answered < 4
    assert runs.store.get(run.id).state == "cancelled"


def test_a_run_that_is_not_written_whole_is_nobodys(url: str) -> None:
    def rows(count: int, error: Exception | None = None) -> Iterator[NewItem]:
        for n in range(count):
            yield NewItem(UPSAMPLE.result(str(n), "p", "v", "fits"))
        if error:
            raise error

    store = Store(url)
    for count in (3, 2500):
        with pytest.raises(KeyError):
            store.add("broken", "local", rows(count, KeyError("x")), out="", source="", engine="e", settings={})
        assert store.runs() == []

    def watched() -> Iterator[NewItem]:
        yield from rows(2500)
        (run,) = store.runs()
        states.append((run.state, run.error_kind))

    states: list[tuple[str, str]] = []
    store.add("whole", "local", watched(), out="", source="", engine="e", settings={}, queued=True)
    assert states == [("cancelled", "not_submitted")]
    run = store.get("whole")
    assert (run.state, run.error, run.total) == ("queued", "", 2500)


def test_one_output_has_one_run_at_all_places_of_a_machine(runs: Runs, batch: Batch, tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    with Gate() as server:
        id, _ = upsample_there(runs, batch(1), out, detach=True, **server.settings())
        with pytest.raises(UsageError, match=f"run {id} on gpu writes to this output"):
            upsample(batch(1), out=out, runs=runs)
        runs.folder(id).rename(tmp_path / "another machine")  # whose store this is as well
        assert [result.ok for result in upsample(batch(1), out=out, runs=runs)] == [True]
        (tmp_path / "another machine").rename(runs.folder(id))
        runs.cancel(id)


def test_tried_again_where_nothing_was_packed(runs: Runs, batch: Batch, tmp_path: Path) -> None:
    settings = load_config().hosts["gpu"]
    set_host("gpu", settings | {"model_path": str(tmp_path / "none")})
    with pytest.raises(HostError):
        upsample_there(open_runs(), batch(1), tmp_path / "o.jsonl", engine="vllm")
    (run,) = runs.store.runs()
    runs.retry(run.id)
    with pytest.raises(HostError, match="has no vllm"):
        open_runs().drive(run.id, Listener())
    decision = decide(UPSAMPLE, Settings(), place="gpu", engine="describe")
    planned = submit(batch(1), decision, runs=runs).run
    assert planned
    runs.cancel(planned.id)
    runs.retry(planned.id)
    assert [result.ok for result in runs.drive(planned.id, Listener())] == [True]


def test_cancelled_before_the_host_had_it_nothing_is_sent(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever drove it died while it was uploading."""
    decision = decide(UPSAMPLE, Settings(), place="gpu", engine="describe")
    run = submit(batch(3), decision, out=tmp_path / "o.jsonl", runs=runs).run
    assert run
    runs.store.move(run.id, "uploading")
    cancelled = runs.cancel(run.id)
    assert (cancelled.state, cancelled.answered) == ("cancelled", 0)
    assert not list((peer.home / "ours" / "runs").glob("*/results.jsonl"))
    # And one that is cancelled while whoever drives it uploads ends on the host as well.
    upload = host_steps.upload

    async def cancelling(*arguments: object) -> object:
        sent = await upload(*arguments)  # type: ignore[arg-type]
        runs.store.move(again.id, "cancelled")
        return sent

    monkeypatch.setattr(host_steps, "upload", cancelling)
    with Gate() as server:
        (settings,) = [server.settings()["engine_settings"]]
        decision = decide(UPSAMPLE, Settings(), place="gpu", engine="server", engine_settings=settings)  # type: ignore[arg-type]
        again = submit(batch(3), decision, out=tmp_path / "p.jsonl", keep_warm=0, runs=runs).run
        assert again
        with pytest.raises(Conflict):
            runs.drive(again.id, Listener())
        assert settled(peer)


def test_attached_again_what_failed_on_the_host_stands_and_counts_once(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    """Whoever followed it died as the first error came home."""
    out, clip = tmp_path / "o.jsonl", batch(1)[0].video
    items = [Item("lost", "p", tmp_path / "none.mp4"), Item("bad", "refused", clip), *batch(2)]

    class Died(Exception):
        pass

    def die(result: object) -> None:
        if result.id == "bad":  # type: ignore[attr-defined]
            raise Died

    with Faulty() as server:
        id, _ = upsample_there(runs, items, out, detach=True, **server.settings())
        assert settled(peer)
        with pytest.raises(Died):
            runs.drive(id, Listener(result=die))
        runs.drive(id, Listener())
    assert sorted(lines(out)) == [("bad", False), ("i0", True), ("i1", True), ("lost", False)]
    run = runs.store.get(id)
    assert (run.state, run.answered, run.failed, run.total) == ("done", 2, 2, 4)
    counts = [json.loads(line) for line in runs.progress_file(id).read_text().splitlines()]
    assert max(event["answered"] + event["failed"] for event in counts if event["event"] == "result") <= 4


def test_a_batch_that_the_version_before_packed_is_taken_by_the_agent(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    decision = decide(UPSAMPLE, Settings(), place="gpu", engine="describe")
    run = submit(batch(2), decision, out=tmp_path / "o.jsonl", runs=runs).run
    assert run

    def renew(state: str) -> None:
        if state == "uploading":
            parcel = RunFolder(runs.folder(run.id)).parcel
            old = {"conversations": [old_form(task) for task in parcel.tasks()]}
            parcel.batch.write_text(json.dumps(old), encoding="utf-8")

    assert [result.ok for result in runs.drive(run.id, Listener(state=renew))] == [True, True]


def old_form(task: Task) -> dict[str, object]:
    """A task of upsampling as it was packed before there were kinds."""
    frames = [{**frame, "sha256": task.inputs[f"frame-{n}"]} for n, frame in enumerate(task.asks["frames"])]
    return {"id": task.id, **task.asks, "frames": frames}
