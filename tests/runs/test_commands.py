"""`cosmos hosts`, `cosmos runs` and `cosmos upsample --on`, as a person types them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from runs.helpers import Gate
from servers.peers import Peer

from cosmos_workflow.cli import cosmos, main
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.runs import Listener, Runs

pytestmark = pytest.mark.slow

Batch = Callable[[int], list[Item]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def cosmos_says(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(cosmos, arguments, input=typed, standalone_mode=False)


def code(*arguments: str) -> int:
    return main(arguments)


def write_batch(items: list[Item]) -> str:
    lines = ({"id": item.id, "prompt": item.prompt, "video": str(item.video)} for item in items)
    Path("b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return "b.jsonl"


def test_from_a_new_host_to_a_result(peer: Peer, batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_batch(batch(3))
    assert code("hosts", "add", "gpu", "there", "--python", sys.executable, "--ssh-config", str(peer.config)) == 0
    assert code("upsample", path, "--on", "gpu") == 3
    assert "cosmos hosts trust gpu" in capsys.readouterr().err
    assert code("hosts", "trust", "gpu", "--fingerprint", "SHA256:wrong") == 3
    assert code("hosts", "trust", "gpu", "--fingerprint", peer.host_key.get_fingerprint()) == 0
    assert code("hosts", "check", "gpu", "--json") == 0
    checks = {check["name"]: check for check in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [checks[name]["status"] for name in ("reachable", "host key", "python", "agent", "disk")] == ["ok"] * 5
    assert code("doctor", "--on", "gpu") == 0
    capsys.readouterr()
    assert code("upsample", path, "--on", "gpu", "--json", "--keep-warm", "0") == 0
    output = capsys.readouterr()
    documents = [json.loads(line) for line in output.out.splitlines()]
    assert [(entry["id"], entry["place"], entry["engine"]) for entry in documents] == [
        (f"i{n}", "gpu", "describe") for n in range(3)
    ]
    assert "engine: describe on gpu" in output.err


def test_trust_asks_and_a_no_pins_nothing(peer: Peer, runs: Runs) -> None:
    code("hosts", "remove", "gpu")
    code("hosts", "add", "gpu", "there", "--ssh-config", str(peer.config))
    asked = cosmos_says("hosts", "trust", "gpu", typed="n\n")
    assert asked.exception is not None
    assert peer.host_key.get_fingerprint() in asked.output
    listed = cosmos_says("hosts", "list")
    assert "cosmos hosts trust gpu" in listed.output
    cosmos_says("hosts", "trust", "gpu", typed="y\n")
    assert "pinned" in cosmos_says("hosts", "list").output


def test_a_host_added_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert code("hosts", "add", "local", "x") == 2
    assert code("hosts", "add", "gpu", "x", "--env", "TOKEN") == 2
    assert code("hosts", "check", "gpu") == 2
    assert "no host named 'gpu'" in capsys.readouterr().err


def test_detach_list_show_attach_logs_export_remove(
    runs: Runs, batch: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_batch(batch(2))
    assert code("upsample", path, "--on", "gpu", "--detach", "--keep-warm", "0s", "-o", "o.jsonl") == 0
    text = capsys.readouterr().err
    (run,) = runs.store.runs()
    assert f"cosmos runs attach {run.id}" in text
    assert code("limits", "--json") == 0
    assert f"unfinished: {run.id} (running)" in capsys.readouterr().err
    assert code("runs", "list", "--json", "--unfinished") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "running"
    assert code("runs", "attach", run.id[:-2], "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert code("runs", "list") == 0
    assert "done" in capsys.readouterr().out
    assert code("runs", "show", run.id) == 0
    assert "loaded (seconds" in capsys.readouterr().out
    assert code("runs", "show", run.id, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["answered"], len(document["results"])) == (2, 2)
    assert "settings" not in document
    assert code("runs", "logs", run.id) == 0
    assert code("runs", "export", run.id, "-o", "e.jsonl") == 0
    assert Path("e.jsonl").read_text().count("\n") == 2
    assert code("runs", "retry", run.id) == 2
    assert "nothing to try again" in capsys.readouterr().err
    assert code("runs", "remove", run.id) == 0
    assert runs.store.runs() == []
    assert Path("o.jsonl").read_text().count("\n") == 2


def test_logs_that_follow_bring_the_run_home(runs: Runs, batch: Batch, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_batch(batch(2))
    code("upsample", path, "--on", "gpu", "--detach", "--keep-warm", "0")
    assert code("runs", "logs", "-f", runs.store.runs()[0].id) == 0
    assert runs.store.runs()[0].state == "done"
    assert Path("b.upsampled.jsonl").read_text().count("\n") == 2


def test_ctrl_c_leaves_it_running(
    runs: Runs, batch: Batch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = Runs.drive

    def interrupted(self: Runs, id: str, listener: Listener, **more: object) -> list:
        drive(self, id, listener, detach=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(Runs, "drive", interrupted)
    assert code("upsample", write_batch(batch(2)), "--on", "gpu", "--keep-warm", "0") == 130
    (run,) = runs.store.runs()
    assert f"go on with it: cosmos runs attach {run.id}" in capsys.readouterr().err
    monkeypatch.undo()
    assert run.state == "running"


def test_ctrl_c_while_it_answers_leaves_it_running_and_attach_goes_on(
    runs: Runs, batch: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Gate(1) as server:
        arguments = ["upsample", write_batch(batch(3)), "--on", "gpu", "--engine", "server", "--keep-warm", "0"]
        arguments += ["--server-url", server.url, "--server-model", "m"]
        process = subprocess.Popen([sys.executable, "-m", "cosmos_workflow", *arguments], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not runs.store.runs() or runs.store.runs()[0].answered < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        (run,) = runs.store.runs()
        assert f"go on with it: cosmos runs attach {run.id}".encode() in errors
        assert b"Traceback" not in errors
        server.let(10)
        assert code("runs", "attach", run.id, "--json") == 0
        assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["i0", "i1", "i2"]
    assert max(server.attempts.values()) == 1


def test_a_dry_run_connects_to_nothing(runs: Runs, batch: Batch, peer: Peer) -> None:
    assert code("upsample", write_batch(batch(2)), "--on", "gpu", "--dry-run") == 0
    assert runs.store.runs() == []
    assert not list(peer.home.iterdir())


@pytest.mark.parametrize("value", ["soon", "10 minutes", "-5", "1.5h"])
def test_times_that_are_none(value: str, runs: Runs, batch: Batch) -> None:
    assert code("upsample", write_batch(batch(1)), "--on", "gpu", "--keep-warm", value) == 2


def test_every_error_of_a_run_has_a_remedy(runs: Runs) -> None:
    for arguments in (["runs", "show", "x"], ["runs", "attach", "x"], ["runs", "cancel", "x"], ["runs", "logs", "x"]):
        with pytest.raises(CosmosError) as caught:
            cosmos.main(arguments, standalone_mode=False)
        assert caught.value.remedy


def test_results_of_a_host_on_standard_output(runs: Runs, batch: Batch, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_batch(batch(2))
    before = {*Path().iterdir()}
    assert code("upsample", path, "--on", "gpu", "--keep-warm", "0", "-o", "-") == 0
    assert {json.loads(line)["id"] for line in capfd.readouterr().out.splitlines()} == {"i0", "i1"}
    assert {*Path().iterdir()} - before <= {Path("data"), Path("config")}
    (run,) = runs.store.runs()
    assert code("runs", "export", run.id, "-o", "-") == 0
    output = capfd.readouterr()
    assert len(output.out.splitlines()) == 2
    assert "saved" not in output.err
    assert code("upsample", path, "--on", "gpu", "--detach", "-o", "-") == 2
    assert "leave --detach out" in capfd.readouterr().err
    assert len(runs.store.runs()) == 1
    Path("theirs.txt").write_text("years of work")
    assert code("runs", "export", run.id, "-o", "theirs.txt") == 2
    assert Path("theirs.txt").read_text() == "years of work"
