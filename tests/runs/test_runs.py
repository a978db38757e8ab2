"""Runs on asyncssh's own server with the `describe` engine, or with a server that answers when told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from runs.helpers import BAD_KINDS, Faulty, Gate, read_results, settled, upsample_there
from servers.peers import Peer

from cosmos_workflow.agent.bundling import bundle
from cosmos_workflow.api import find_host, open_runs, upsample
from cosmos_workflow.config import load_config, set_host
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import HostError, HostUnreachable, RunFailed, UsageError
from cosmos_workflow.kinds.upsample import Item, Result
from cosmos_workflow.runs import Listener, Runs

pytestmark = pytest.mark.slow

Batch = Callable[[int], list[Item]]


def test_a_host_gives_what_this_machine_gives(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    items = [*batch(20), Item("lost", "x", tmp_path / "none.mp4")]
    _, remote = upsample_there(runs, items, tmp_path / "there.jsonl")
    local = upsample(items, out=tmp_path / "here.jsonl")
    differing = ("place", "seconds")

    def plain(results: list[Result]) -> list[dict]:
        return [{key: value for key, value in vars(result).items() if key not in differing} for result in results]

    assert plain(remote) == plain(local)
    assert {result.place for result in remote} == {"gpu"}
    lines = {result.id: result for result in read_results(tmp_path / "there.jsonl")}
    assert lines == {result.id: result for result in remote}
    (run,) = runs.store.runs(place="gpu")
    assert (run.state, run.answered, run.failed) == ("done", 20, 1)
    assert not list((peer.home / "ours" / "runs").iterdir())
    assert not (runs.folder(run.id) / "blobs").exists()
    assert settled(peer)


def test_bad_answers_cost_only_their_items(runs: Runs, batch: Batch, tmp_path: Path) -> None:
    (good,) = batch(1)
    bad = [Item(name, name, good.video) for name in BAD_KINDS]
    with Faulty() as server:
        _, results = upsample_there(runs, [*bad, good], tmp_path / "o.jsonl", **server.settings())
    assert {result.id: result.error_kind for result in results} == {**BAD_KINDS, good.id: ""}
    assert results[-1].upsampled_prompt == "long prompt 0"
    (run,) = runs.store.runs()
    assert (run.state, run.answered, run.failed) == ("done", 1, len(bad))


def test_the_same_results_file_again_asks_only_for_what_is_new(runs: Runs, batch: Batch, tmp_path: Path) -> None:
    upsample_there(runs, batch(2), tmp_path / "o.jsonl")
    upsample_there(runs, batch(3), tmp_path / "o.jsonl")
    assert [run.total for run in runs.store.runs()] == [1, 2]
    assert upsample_there(runs, batch(3), tmp_path / "o.jsonl")[0] == ""
    assert [result.id for result in read_results(tmp_path / "o.jsonl")] == ["i0", "i1", "i2"]


def test_frames_travel_once_and_arrive_unchanged(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    sent: list[tuple[int, int]] = []
    with Gate(8) as server:
        for n in range(2):
            items = [Item(f"{n}.{item.id}", item.prompt, item.video) for item in batch(3)]
            _, results = upsample_there(
                runs,
                items,
                tmp_path / f"{n}.jsonl",
                listener=Listener(sent=lambda *counts: sent.append(counts)),
                **server.settings(),
            )
            assert [result.upsampled_prompt for result in results] == [f"long prompt {k}" for k in range(3)]
            assert {result.note for result in results} == {""}
    blobs = list((peer.home / "ours" / "blobs").glob("*/*"))
    assert sum(path.read_bytes().startswith(b"\x89PNG") for path in blobs) == 2  # of six requests
    assert len(blobs) == 2 + 2  # and two batches
    program = {len(bundle()[1])}  # the worker itself, once
    totals = {total for _, total in sent} - program
    assert sum(totals) == sum(path.stat().st_size for path in blobs)
    assert {
        total for came, total in sent if came == total
    } - program == totals  # each upload ends with all of its bytes


# Where the client dies, and the state that its run is then in; "saving" is between its copy of a result and its store.
DEATHS = {state: state for state in ("planned", "uploading", "running", "fetching")} | {"saving": "running"}

# The client of a user who pulls the plug: it kills itself when its run reaches a state.
KILLED_CLIENT = """
import os, signal, sys
from cosmos_workflow.store import Store
from cosmos_workflow.cli import main

wanted, arguments = sys.argv[1], sys.argv[2:]
add, move = Store.add, Store.move

def killing_add(self, *args, **more):
    add(self, *args, **more)
    if wanted == "planned":
        os.kill(os.getpid(), signal.SIGKILL)

def killing_move(self, id, state, **more):
    move(self, id, state, **more)
    if wanted == state:
        os.kill(os.getpid(), signal.SIGKILL)

def killing_save(self, id, results):
    if wanted == "saving" and self.get(id).state == "running":
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, id, results)

save = Store.save
Store.add, Store.move, Store.save = killing_add, killing_move, killing_save
main(arguments)
"""


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        pytest.param(moment, state, marks=[] if moment in ("uploading", "saving") else pytest.mark.host)
        for moment, state in DEATHS.items()
    ],
)
def test_a_client_killed_at_any_moment_loses_nothing(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path, moment: str, state: str
) -> None:
    lines = [{"id": item.id, "prompt": item.prompt, "video": str(item.video)} for item in batch(5)]
    lines.append({"id": "lost", "prompt": "x", "video": "none.mp4"})
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Gate(100) as server:
        arguments = ["upsample", "b.jsonl", "--on", "gpu", "--engine", "server", "--server-url", server.url]
        arguments += ["--server-model", "m", "--keep-warm", "0"]
        done = subprocess.run(
            [sys.executable, "-c", KILLED_CLIENT, moment, *arguments], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        (run,) = runs.store.runs()
        assert run.state == state
        # Any command finds it.
        process = subprocess.run(
            [sys.executable, "-m", "cosmos_workflow", "limits", "--json"], cwd=tmp_path, capture_output=True, check=True
        )
        assert f"unfinished: {run.id} ({state})".encode() in process.stderr
        results = runs.drive(run.id, Listener())
        assert [result.upsampled_prompt for result in results] == [f"long prompt {n}" for n in range(5)] + [""]
        assert {text: count for text, count in server.attempts.items() if count > 1} == {}  # none was asked twice
    assert runs.store.get(run.id).state == "done"
    assert sorted(result.id for result in read_results(tmp_path / "b.upsampled.jsonl")) == sorted(
        line["id"] for line in lines
    )
    assert settled(peer)


def test_detached_it_runs_without_us(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    with Gate() as server:
        id, results = upsample_there(runs, batch(3), tmp_path / "o.jsonl", detach=True, **server.settings())
        assert (runs.store.get(id).state, results) == ("running", [])
        peer.stop()  # no line is left
        server.let(3)
        assert settled(peer)
        peer.listen()
    assert len(runs.drive(id, Listener())) == 3
    assert len(read_results(tmp_path / "o.jsonl")) == 3


def test_a_line_that_is_lost_while_it_runs_is_no_loss(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    lost: list[HostUnreachable] = []
    with Gate() as server:

        def on_result(result: Result) -> None:
            if result.id == "i1":
                threading.Thread(target=cut).start()

        def cut() -> None:
            peer.stop()
            server.let(2)
            time.sleep(1.5)
            peer.listen()

        server.let(2)
        listener = Listener(result=on_result, lost=lambda error, wait: lost.append(error))
        _, results = upsample_there(runs, batch(4), tmp_path / "o.jsonl", listener=listener, **server.settings())
    assert lost
    assert [result.id for result in results] == ["i0", "i1", "i2", "i3"]
    assert sum(server.attempts.values()) == 4


def test_a_killed_worker_fails_the_run_and_retry_asks_for_the_rest(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    with Gate() as server:

        def on_result(result: Result) -> None:
            if result.id == "i2":
                (pids,) = (peer.home / "ours" / "workers").glob("*/pids.json")
                os.killpg(json.loads(pids.read_text())["group"], signal.SIGKILL)

        server.let(3)
        with pytest.raises(RunFailed, match="killed by SIGKILL") as caught:
            upsample_there(
                runs, batch(6), tmp_path / "o.jsonl", listener=Listener(result=on_result), **server.settings()
            )
        assert caught.value.kind == "worker_killed"
        (run,) = runs.store.runs()
        assert (run.state, run.answered, run.error_kind) == ("failed", 3, "worker_killed")
        assert len(read_results(tmp_path / "o.jsonl")) == 3
        server.let(10)
        run = runs.retry(run.id)
        assert (run.state, run.attempt) == ("planned", 2)
        results = runs.drive(run.id, Listener())
    assert [result.upsampled_prompt for result in results] == [f"long prompt {n}" for n in range(6)]
    asked_again = {text for text, count in server.attempts.items() if count > 1}
    assert asked_again <= {"prompt 3"}  # which was under way
    assert sorted(result.id for result in read_results(tmp_path / "o.jsonl")) == [f"i{n}" for n in range(6)]
    with pytest.raises(UsageError, match="nothing to try again"):
        runs.retry(run.id)
    assert not list((peer.home / "ours" / "runs").iterdir())


def test_an_engine_that_fails_is_named(runs: Runs, batch: Batch, tmp_path: Path) -> None:
    settings = EngineSettings(server_url="http://127.0.0.1:9/v1", server_model="m", options={"max_retries": 0})
    with pytest.raises(RunFailed) as caught:
        upsample_there(runs, batch(1), tmp_path / "o.jsonl", engine="server", engine_settings=settings)
    assert caught.value.kind == "unreachable"
    assert "cosmos runs retry" in caught.value.remedy


def test_cancelled_it_ends_on_the_host_and_keeps_what_it_has(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    with Gate(2) as server:
        id, _ = upsample_there(runs, batch(5), tmp_path / "o.jsonl", detach=True, **server.settings())
        deadline = time.monotonic() + 60
        while sum(server.attempts.values()) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert runs.cancel(id).state == "cancelled"
        assert settled(peer)
        assert runs.cancel(id).state == "cancelled"
        server.let(10)
        assert runs.retry(id).attempt == 2
        results = runs.drive(id, Listener())
        assert all(result.ok for result in results)


def test_two_clients_do_not_drive_one_run(runs: Runs, batch: Batch, tmp_path: Path) -> None:
    with Gate() as server:
        id, _ = upsample_there(runs, batch(2), tmp_path / "o.jsonl", detach=True, **server.settings())
        other = threading.Thread(target=lambda: open_runs().drive(id, Listener()))
        other.start()
        deadline = time.monotonic() + 60
        while not runs.is_followed(runs.store.get(id)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(UsageError, match="another process is driving this run"):
            runs.drive(id, Listener())
        server.let(2)
        other.join(60)
    assert runs.store.get(id).state == "done"
    assert len(read_results(tmp_path / "o.jsonl")) == 2


def test_results_damaged_on_the_host_are_not_taken(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    id, _ = upsample_there(runs, batch(3), tmp_path / "o.jsonl", detach=True)
    assert settled(peer)
    (path,) = (peer.home / "ours" / "runs").glob("*/results.jsonl")
    path.write_bytes(path.read_bytes().replace(b"prompt 1", b"prompt X", 1).replace(b"Prompt 1", b"Prompt X", 1))
    with pytest.raises(RunFailed, match="1 items are without an answer"):
        runs.drive(id, Listener())
    assert [result.id for result in read_results(tmp_path / "o.jsonl")] == ["i0", "i2"]
    runs.retry(id)
    assert [result.upsampled_prompt[:9] for result in runs.drive(id, Listener())] == [
        "Prompt 0.",
        "Prompt 1.",
        "Prompt 2.",
    ]


def test_a_run_whose_folder_is_gone_on_the_host(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    import shutil

    id, _ = upsample_there(runs, batch(1), tmp_path / "o.jsonl", detach=True)
    assert settled(peer)
    shutil.rmtree(peer.home / "ours" / "runs")
    with pytest.raises(RunFailed, match="no longer has this run"):
        runs.drive(id, Listener())
    runs.retry(id)
    assert runs.drive(id, Listener())[0].ok


def test_removed_nothing_is_left_here_or_there(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    id, _ = upsample_there(runs, batch(1), tmp_path / "o.jsonl", detach=True)
    with pytest.raises(UsageError, match="has not ended"):
        runs.remove(id)
    runs.cancel(id)
    runs.remove(id)
    assert runs.store.runs() == []
    assert not runs.folder(id).exists()
    assert not list((peer.home / "ours" / "runs").iterdir())


def test_a_host_that_cannot_run_vllm_is_told_of_before_anything_is_sent(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    for values, message in (
        ({"model_path": str(tmp_path / "none")}, "has no vllm"),
        (
            {"model_path": "/none", "runtime": "docker", "image": "x@sha256:1", "runtime_command": ["no-docker"]},
            "no-docker",
        ),
    ):
        set_host("gpu", load_config().hosts["gpu"] | values)
        with pytest.raises(HostError, match=message) as caught:
            upsample_there(open_runs(), batch(1), tmp_path / "o.jsonl", engine="vllm")
        assert caught.value.remedy
        failed = runs.store.runs()[0]
        assert (failed.state, failed.error_kind, failed.remedy) == ("failed", "host_not_ready", caught.value.remedy)
    assert not (peer.home / "ours" / "blobs").exists()


def test_a_host_that_is_not_configured(runs: Runs) -> None:
    with pytest.raises(UsageError, match="no host named 'moon'") as caught:
        find_host("moon")
    assert "gpu" in caught.value.remedy
