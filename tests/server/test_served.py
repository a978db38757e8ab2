"""`cosmos --server URL`: the same commands as without it, with the same output and exit codes."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from servers.cosmos_server import CosmosServer
from servers.cutting_proxy import CuttingProxy

from cosmos_workflow.cli import main
from cosmos_workflow.client._sync import runs

pytestmark = pytest.mark.slow


class Done(NamedTuple):
    stdout: str
    stderr: str


Cosmos = Callable[..., Done]
COSMOS = [sys.executable, "-m", "cosmos_workflow"]


@pytest.fixture
def local(capfd: pytest.CaptureFixture[str]) -> Cosmos:
    """The command line, in this process: a new Python for each command takes a second."""

    def run(*words: object, code: int = 0) -> Done:
        capfd.readouterr()
        returned = main([*map(str, words)])
        done = Done(*capfd.readouterr())
        assert returned == code, done.stderr
        return done

    return run


@pytest.fixture
def remote(local: Cosmos, server: CosmosServer) -> Cosmos:
    """The same, with `--server`."""
    return lambda *words, code=0: local("--server", server.url, *words, code=code)


@pytest.fixture
def batch(tmp_path: Path, clip_file: Path) -> Path:
    path = tmp_path / "batch.jsonl"
    write(path, clip_file)
    return path


def write(path: Path, clip: Path, word: str = "größer") -> None:
    """Three items that can be answered, and one whose clip is not there."""
    entries = [{"id": f"i{n}", "prompt": f"{word if n == 1 else 'größer'} {n}", "video": str(clip)} for n in range(3)]
    entries.append({"id": "lost", "prompt": "x", "video": "none.mp4"})
    path.write_text("\n".join(map(json.dumps, entries)))


def rows(text: str) -> list[dict[str, object]]:
    return [{**json.loads(line), "seconds": 0} for line in text.splitlines()]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("check CLIP -p city --fit off --exact", 1),
        ("check CLIP -p city --json", 0),
        ("check BATCH --json", 1),
        ("check BATCH --exact", 1),
        ("check --size 960x540 --fit off -p city --exact", 1),
        ("check --size 1920x1080 --fit strict --json", 1),
        ("limits", 0),
        ("limits --json --gpu l4 --max-model-len 9216", 0),
        ("limits --size 940x529 --size 960x540 --fit off -p city --memory-gib 80", 0),
        ("upsample BATCH --dry-run --engine describe --json", 1),
        ("upsample BATCH -o OUT --engine describe --json", 1),
        ("upsample CLIP -p city -o OUT --engine describe --seed 9223372036854775807", 0),
        ("upsample BATCH -o - --engine describe", 1),
        ("upsample BATCH -o - --detach", 2),
        ("hosts list", 0),
        ("hosts check nowhere", 2),
        ("runs show nothing", 2),
        ("limits --gpu abacus", 2),
    ],
)
def test_a_command_prints_the_same_with_and_without_a_server(
    words: str, code: int, local: Cosmos, remote: Cosmos, batch: Path, clip_file: Path, tmp_path: Path
) -> None:
    names = {"CLIP": clip_file, "BATCH": batch}
    outputs = [
        run(*[{**names, "OUT": tmp_path / f"{number}.jsonl"}.get(word, word) for word in words.split()], code=code)
        for number, run in enumerate((local, remote))
    ]
    by_program = "--json" in words or "-o -" in words
    first, second = (rows(done.stdout) if by_program else done.stdout for done in outputs)
    if by_program and words.startswith("upsample") and "--dry-run" not in words:
        # A server counts exactly at once; without it, an upper bound is enough.
        exact = {"text_tokens": 0, "prompt_tokens": 0, "room": 0}
        first, second = (sorted(({**row, **exact} for row in each), key=str) for each in (first, second))
    assert first == second
    errors = [[line for line in done.stderr.splitlines() if line.startswith("error: ")] for done in outputs]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("words", ["upsample", "check", "limits", "runs attach", "runs list", "prompts list", "hosts"])
def test_help_is_the_same(words: str, local: Cosmos, remote: Cosmos) -> None:
    assert local(*words.split(), "--help").stdout == remote(*words.split(), "--help").stdout


def test_a_batch_is_gone_on_with_by_identity(remote: Cosmos, batch: Path, clip_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    words = ("upsample", batch, "-o", out, "--engine", "describe")
    assert "3 answered, 1 failed" in remote(*words, code=1).stderr
    lines = rows(out.read_text(encoding="utf-8"))
    assert sorted((line["id"], line["video"], bool(line["error"])) for line in lines) == [
        *((f"i{n}", str(clip_file), False) for n in range(3)), ("lost", str(tmp_path / "none.mp4"), True),
    ]  # fmt: skip
    assert "3 answered earlier" in remote(*words, code=1).stderr
    write(batch, clip_file, "smaller")
    changed = remote(*words, code=1).stderr
    assert "1 answered items are asked again, as they have changed: what is asked (1)" in changed
    assert "2 answered earlier" in changed
    now = {row["id"]: row for row in rows(out.read_text(encoding="utf-8"))}
    assert (len(now), now["i1"]["prompt"]) == (4, "smaller 1")
    assert "answered earlier" not in remote(*words, "--again", code=1).stderr
    assert len(out.read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("upsample BATCH --model-path /models", "--model-path"),
        ("upsample BATCH --server-url http://127.0.0.1:9/v1", "--server-url"),
        ("upsample BATCH --engine-option a=1", "--engine-option"),
        ("upsample BATCH --offload-each", "--offload-each"),
        ("upsample BATCH --engines 2", "--engines"),
        ("upsample BATCH --on ray", "--on ray"),
        ("upsample BATCH --max-model-len auto", "`auto`"),
        ("check BATCH --server-model m", "--server-model"),
        ("limits --model-path /models", "--model-path"),
        ("probe", "`probe`"),
        ("hosts add a b", "`add`"),
        ("worker", "`worker`"),
    ],
)
def test_what_a_server_does_not_do_is_refused(words: str, named: str, remote: Cosmos, batch: Path) -> None:
    done = remote(*[batch if word == "BATCH" else word for word in words.split()], code=2)
    assert named in done.stderr.splitlines()[0]
    assert "; leave" in done.stderr or "; give a number" in done.stderr


def test_what_is_for_servers_is_refused_without_one(local: Cosmos, batch: Path) -> None:
    assert "--priority is for a server; give --server URL" in local("upsample", batch, "--priority", 3, code=2).stderr


def test_runs_are_listed_cancelled_retried_and_exported(
    local: Cosmos, remote: Cosmos, server: CosmosServer, batch: Path, tmp_path: Path, clip_file: Path
) -> None:
    remote("runs", "pause")
    out = tmp_path / "o.jsonl"
    words = ("upsample", batch, "-o", out, "--engine", "describe", "--detach")
    detached = remote(*words, "--json")
    run = json.loads(detached.stdout)["run"]
    assert f"cosmos --server {server.url} runs attach {run} -o {out}" in detached.stderr
    # The same command again goes on with that run, and another one for the same file is refused.
    assert json.loads(remote(*words, "--json").stdout)["run"] == run
    write(batch, clip_file, "smaller")
    assert "asks something else" in remote(*words, code=2).stderr
    listed = {row["id"]: row for row in rows(remote("runs", "list", "--unfinished", "--json").stdout)}
    assert (listed[run]["state"], listed[run]["out"]) == ("queued", str(out))
    assert "is cancelled: 0 of 3 answered" in remote("runs", "cancel", run).stderr
    remote("runs", "resume")
    retried = remote("runs", "retry", run, code=1)
    assert "3 answered, 1 failed" in retried.stderr and f"saved: {out}" in retried.stderr
    assert sorted(str(row["id"]) for row in rows(out.read_text(encoding="utf-8"))) == ["i0", "i1", "i2", "lost"]
    assert [row["id"] for row in rows(remote("runs", "export", run).stdout)] == ["i0", "i1", "i2"]
    remote("runs", "attach", run, "-o", tmp_path / "again.jsonl", code=1)
    assert len((tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines()) == 4
    shown = remote("runs", "show", run).stdout
    assert "3 answered, 0 failed, 0 open" in shown
    assert len(json.loads(remote("runs", "show", run, "--json").stdout)["results"]) == 3
    remote("runs", "logs", run, "-f")
    remote("runs", "remove", run)
    assert f"no run '{run}'" in remote("runs", "show", run, code=2).stderr


def test_a_client_that_is_killed_or_interrupted_loses_nothing(
    server: CosmosServer, remote: Cosmos, batch: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    words = ("upsample", batch, "-o", out, "--engine", "describe")
    for ended in (signal.SIGKILL, signal.SIGINT):
        remote("runs", "pause")
        process = subprocess.Popen(
            [*COSMOS, "--server", server.url, *map(str, words)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert process.stderr is not None
        line = next(line for line in process.stderr if line.startswith("run: "))
        run = line.split()[1]
        process.send_signal(ended)
        rest = process.communicate(timeout=60)[1]
        if ended is signal.SIGINT:
            assert process.returncode == 130
            assert shlex.join(["cosmos", "--server", server.url, "runs", "attach", run, "-o", str(out)]) in rest
        # It ends while nobody of this machine looks; the same command fetches its answers, and asks nothing again.
        remote("runs", "resume")
        with server.client() as client:
            for _ in client.events(run):
                pass
        assert "3 answered earlier" in remote(*words, code=1).stderr
        assert rows(remote("runs", "list", "-n", 1, "--json").stdout)[0]["id"] == run
        ids = [str(row["id"]) for row in rows(out.read_text(encoding="utf-8"))]
        assert sorted(ids) == ["i0", "i1", "i2", "lost"]
        out.unlink()


def test_nobody_there(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "cosmos_workflow", "--server", "http://127.0.0.1:9", "runs", "list"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, "no server answers" in done.stderr) == (3, True)


def test_prompts_as_on_the_page(remote: Cosmos, server: CosmosServer, batch: Path, tmp_path: Path) -> None:
    run = json.loads(
        remote("upsample", batch, "-o", tmp_path / "p.jsonl", "--engine", "describe", "--detach", "--json").stdout
    )["run"]
    with server.client() as client:
        for _ in client.events(run):
            pass
    lines = remote("prompts", "list", "--run", run, "-n", 2, "--json").stdout.splitlines()
    numbers = [json.loads(line)["number"] for line in lines]
    assert len(numbers) == 2
    remote("prompts", "rate", numbers[0], 5)
    remote("prompts", "tag", numbers[0], "night")
    assert json.loads(remote("prompts", "show", numbers[0], "--json").stdout)["rating"] == 5
    matches = remote("prompts", "search", "größer", "--tag", "night", "--run", run, "--json").stdout
    assert [json.loads(line)["number"] for line in matches.splitlines()] == numbers[:1]
    assert len(remote("prompts", "export", "--run", run).stdout.splitlines()) == 3
    assert run in remote("runs", "list").stdout


def test_a_line_that_breaks_again_and_again_brings_each_result_once(
    local: Cosmos,
    remote: Cosmos,
    server: CosmosServer,
    clip_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "RECONNECT_SECONDS", 0.01)
    entries = [{"id": f"i{n}", "prompt": f"a city {n}", "video": str(clip_file)} for n in range(40)]
    (tmp_path / "batch.jsonl").write_text("\n".join(map(json.dumps, entries)))
    out, whole = tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    words = ("upsample", tmp_path / "batch.jsonl", "-o", whole, "--engine", "describe", "--json")
    run = json.loads(remote(*words, "--detach").stdout)["run"]
    # Each connection is cut a little later than the one before, until the rest comes whole.
    with CuttingProxy(server.port, itertools.count(4_000, 4_000)) as proxy:
        local("--server", f"http://127.0.0.1:{proxy.port}", "runs", "attach", run, "-o", out)
        assert len(proxy.carried) > 3
    remote(*words)
    by_id = [sorted(rows(path.read_text(encoding="utf-8")), key=lambda row: str(row["id"])) for path in (out, whole)]
    assert [row["id"] for row in by_id[0]] == sorted(f"i{n}" for n in range(40))
    assert [{**row, "video": ""} for row in by_id[0]] == [{**row, "video": ""} for row in by_id[1]]
