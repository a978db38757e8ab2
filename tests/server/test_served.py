"""`cosmos --server URL`: the command line against a server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from servers.cosmos_server import CosmosServer

from cosmos_workflow.cli import main


class Done(NamedTuple):
    stdout: str
    stderr: str


Cosmos = Callable[..., Done]
COSMOS = [sys.executable, "-m", "cosmos_workflow"]


@pytest.fixture
def cosmos(capfd: pytest.CaptureFixture[str]) -> Cosmos:
    """The command line with `--server`, in this process: a new Python for each command takes a second."""

    def run(server: CosmosServer, *words: object, code: int = 0) -> Done:
        capfd.readouterr()
        returned = main(["--server", server.url, *map(str, words)])
        done = Done(*capfd.readouterr())
        assert returned == code, done.stderr
        return done

    return run


@pytest.fixture
def batch(tmp_path: Path, clip_file: Path) -> Path:
    path = tmp_path / "batch.jsonl"
    entries = [{"id": f"i{n}", "prompt": f"größer {n}", "video": str(clip_file)} for n in range(3)]
    path.write_text("\n".join(map(json.dumps, entries)))
    return path


def test_check_says_what_it_says_here(server: CosmosServer, clip_file: Path) -> None:
    words = ("check", clip_file, "-p", "A futuristic city at sunset", "--fit", "off", "--json")
    remote, local = (
        json.loads(subprocess.run([*program, *words], capture_output=True, check=False).stdout)
        for program in ([*COSMOS, "--server", server.url], COSMOS)
    )
    assert {**remote, "id": ""} == {**local, "id": ""}


def test_a_batch_is_upsampled_and_gone_on_with(
    cosmos: Cosmos, server: CosmosServer, batch: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    process = cosmos(server, "upsample", batch, "-o", out, "--engine", "describe")
    assert "3 answered, 0 failed" in process.stderr
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [(line["id"], line["prompt"], Path(line["video"]).exists()) for line in lines] == [
        (f"i{n}", f"größer {n}", True) for n in range(3)
    ]
    assert "3 answered earlier" in cosmos(server, "upsample", batch, "-o", out).stderr


def test_runs_are_listed_cancelled_and_exported(
    cosmos: Cosmos, server: CosmosServer, batch: Path, tmp_path: Path
) -> None:
    cosmos(server, "runs", "pause")
    out = tmp_path / "o.jsonl"
    made = json.loads(cosmos(server, "upsample", batch, "-o", out, "--engine", "describe", "--detach", "--json").stdout)
    assert made["run"] in cosmos(server, "runs", "list", "--json").stdout
    assert "is cancelled" in cosmos(server, "runs", "cancel", made["run"]).stderr
    cosmos(server, "runs", "export", made["run"], code=3)
    cosmos(server, "runs", "resume")
    assert "is queued" in cosmos(server, "runs", "retry", made["run"]).stderr
    with server.client() as client:
        for _ in client.events(made["run"]):
            pass
    assert len(cosmos(server, "runs", "export", made["run"]).stdout.splitlines()) == 3


def test_hosts_and_limits(cosmos: Cosmos, server: CosmosServer) -> None:
    assert json.loads(cosmos(server, "limits", "--gpu", "L4").stdout)["memory"][0]["gpu"] == "L4"
    assert "python" in cosmos(server, "hosts", "check", "local").stdout
    assert cosmos(server, "hosts", "list").stdout == ""
    assert "cosmos hosts add" in cosmos(server, "hosts", "list").stderr


def test_what_a_server_does_not_do_is_said(cosmos: Cosmos, server: CosmosServer) -> None:
    assert "is not done by a server" in cosmos(server, "doctor", code=2).stderr


def test_nobody_there(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "cosmos_workflow", "--server", "http://127.0.0.1:9", "runs", "list"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, "no server answers" in done.stderr) == (3, True)


def test_results_on_standard_output(cosmos: Cosmos, server: CosmosServer, batch: Path) -> None:
    done = cosmos(server, "upsample", batch, "-o", "-", "--engine", "describe", "--seed", 2**63 - 1)
    assert {json.loads(line)["id"] for line in done.stdout.splitlines()} == {"i0", "i1", "i2"}
    assert "leave one out" in cosmos(server, "upsample", batch, "-o", "-", "--detach", code=2).stderr


def test_a_slip_in_a_key_is_told(cosmos: Cosmos, server: CosmosServer, batch: Path, clip_file: Path) -> None:
    batch.write_text(json.dumps({"id": "a", "promt": "dusk", "video": str(clip_file)}))
    assert "promt is not known: did you mean prompt?" in cosmos(server, "check", batch).stderr


def test_prompts_as_on_the_page(cosmos: Cosmos, server: CosmosServer, batch: Path, tmp_path: Path) -> None:
    run = json.loads(
        cosmos(
            server, "upsample", batch, "-o", tmp_path / "p.jsonl", "--engine", "describe", "--detach", "--json"
        ).stdout
    )["run"]
    with server.client() as client:
        for _ in client.events(run):
            pass
    lines = cosmos(server, "prompts", "list", "--run", run, "-n", 2, "--json").stdout.splitlines()
    numbers = [json.loads(line)["number"] for line in lines]
    assert len(numbers) == 2
    cosmos(server, "prompts", "rate", numbers[0], 5)
    cosmos(server, "prompts", "tag", numbers[0], "night")
    assert json.loads(cosmos(server, "prompts", "show", numbers[0], "--json").stdout)["rating"] == 5
    lines = cosmos(server, "prompts", "search", "größer", "--tag", "night", "--run", run, "--json").stdout
    assert [json.loads(line)["number"] for line in lines.splitlines()] == numbers[:1]
    assert len(cosmos(server, "prompts", "export", "--run", run).stdout.splitlines()) == 3
    assert run in cosmos(server, "runs", "list").stdout
