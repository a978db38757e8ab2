"""A host that cannot be reached, before and after it has the run, and for good; a disk that is full on this side."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from runs.helpers import Gate, read_results, settled, upsample_there
from servers.peers import Peer

from cosmos_workflow.cli import main
from cosmos_workflow.cli.driving import Terminal
from cosmos_workflow.cli.progress import Progress, Sending, sent_line
from cosmos_workflow.cli.unfinished import tell_of_unfinished
from cosmos_workflow.config import load_config, set_host
from cosmos_workflow.errors import HostUnreachable, NotFound
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.runs import Listener, Patience, Runs

pytestmark = pytest.mark.slow

Batch = Callable[[int], list[Item]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_batch(items: list[Item]) -> str:
    lines = ({"id": item.id, "prompt": item.prompt, "video": str(item.video)} for item in items)
    Path("b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return "b.jsonl"


def test_a_host_that_cannot_be_reached_is_given_up_and_nothing_goes_on_there(
    runs: Runs, batch: Batch, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_batch(batch(1))
    peer.stop()
    assert Patience().reach == 60
    assert main(["upsample", path, "--on", "gpu", "--keep-warm", "0", "--wait", "6s"]) == 3
    (run,) = runs.store.runs()
    text = capsys.readouterr().err
    assert run.state == "uploading"
    assert "next try in 1 s" in text
    assert "goes on there" not in text
    assert f"cosmos runs attach {run.id} --wait 1h" in text
    peer.listen()
    assert main(["runs", "attach", run.id, "--json"]) == 0
    assert settled(peer)


def test_no_patience_at_all_is_no_try_more(
    runs: Runs, batch: Batch, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_batch(batch(1))
    peer.stop()
    assert main(["upsample", path, "--on", "gpu", "--keep-warm", "0", "--wait", "0"]) == 3
    (run,) = runs.store.runs()
    assert main(["runs", "attach", run.id, "--wait", "0s"]) == 3
    assert "next try" not in capsys.readouterr().err
    peer.listen()


def test_only_a_run_that_was_submitted_goes_on_there(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    listener = Terminal(Progress(1, enabled=False, quiet=False), False).listener()
    error = HostUnreachable("no connection", where="gpu")
    for state in ("uploading", "running", "fetching"):
        listener.state(state)
        listener.lost(error, 1.0)
        assert ("goes on there" in capsys.readouterr().err) == (state != "uploading")


@pytest.mark.parametrize("how", ["gone", "not in the settings"])
def test_cancel_and_remove_have_a_way_out(
    runs: Runs, batch: Batch, peer: Peer, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    with Gate() as server:
        id, _ = upsample_there(runs, batch(1), Path("o.jsonl"), detach=True, **server.settings())
        entry = load_config().hosts["gpu"]
        if how == "gone":
            peer.stop()
        else:
            set_host("gpu", None)
        expected = 3 if how == "gone" else 2
        for verb in ("cancel", "remove"):
            assert main(["runs", verb, id]) == (expected if verb == "cancel" or how == "gone" else 2)
            text = capsys.readouterr().err
            assert f"cosmos runs {verb} {id} --forget" in text
            assert "gpu" in text
            tell_of_unfinished()
            assert (id in capsys.readouterr().err) == (verb == "cancel")
            if verb == "cancel":
                assert main(["runs", "cancel", id, "--forget"]) == 0
                assert f"{id} is cancelled" in capsys.readouterr().err
        assert main(["runs", "remove", id, "--forget"]) == 0
        with pytest.raises(NotFound):
            runs.store.get(id)
        assert not runs.folder(id).exists()
        if how == "gone":
            peer.listen()
        set_host("gpu", entry)
        server.let(1)  # what was left there ends by itself
        assert settled(peer)


def test_remove_forgets_a_run_that_has_not_ended(runs: Runs, batch: Batch, peer: Peer) -> None:
    with Gate(9) as server:
        id, _ = upsample_there(runs, batch(1), Path("o.jsonl"), detach=True, **server.settings())
        peer.stop()
        assert main(["runs", "remove", id]) == 2
        assert main(["runs", "remove", id, "--forget"]) == 0
        assert not runs.store.runs()
        assert settled(peer)
        peer.listen()


# A client that may write no more than 2 MB into a file: its disk, for what it hears, is full.
SMALL_DISK = """
import resource, sys
from cosmos_workflow.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
sys.exit(main(sys.argv[1:]))
"""
NOISE = "import os, sys\nif 'work' in sys.argv: os.write(1, b'x' * 5_000_000)\n"


def test_a_disk_that_is_full_here_is_no_line_that_broke(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "sitecustomize.py").write_text(NOISE)
    set_host("gpu", load_config().hosts["gpu"] | {"environment": {"PYTHONPATH": str(tmp_path / "noise")}})
    words = ["upsample", write_batch(batch(3)), "--on", "gpu", "--keep-warm", "0"]
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, *words], capture_output=True, text=True, timeout=250, check=False
    )
    (run,) = runs.store.runs()
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"error: {runs.log(run)}: File too large; free space there")
    assert last.endswith(f"cosmos runs attach {run.id}")
    assert "next try" not in done.stderr
    results = runs.drive(run.id, Listener())  # with room again
    assert all(result.ok for result in results)
    assert len(read_results(tmp_path / "b.upsampled.jsonl")) == 3
    assert settled(peer)


def test_a_slow_upload_shows_bytes_rate_and_eta(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    sending = Sending(Progress(1, enabled=True, quiet=False), quiet=False)
    for second in range(21):
        clock[0] = 100.0 + second
        sending(second * 50_000, 2_000_000)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "sent 300.0 kB of 2.0 MB, 50.0 kB/s, ETA 0:00:34",
        "sent 600.0 kB of 2.0 MB, 50.0 kB/s, ETA 0:00:28",
        "sent 900.0 kB of 2.0 MB, 50.0 kB/s, ETA 0:00:22",
    ]
    quiet = Sending(Progress(1, enabled=True, quiet=True), quiet=True)
    for second in range(21):
        clock[0] = 200.0 + second
        quiet(second * 50_000, 2_000_000)
    assert capsys.readouterr() == ("", "")
    assert sent_line(0, 10, 0.0).endswith("ETA not known")


@pytest.mark.parametrize("batch", [False, True], ids=["a bar", "the words of the batch's bar"])
def test_on_a_terminal_an_upload_is(monkeypatch: pytest.MonkeyPatch, batch: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    progress = Progress(1, enabled=batch, quiet=False)
    sending = Sending(progress, quiet=False)
    with progress:
        for came in (0, 500_000, 1_000_000):
            sending(came, 2_000_000)
        deadline = time.monotonic() + 60
        while ("sent 1.0 MB of 2.0 MB" if batch else "1.0/2.0 MB") not in screen.getvalue():
            assert time.monotonic() < deadline, screen.getvalue()
            time.sleep(0.05)  # a terminal is drawn ten times a second
        sending.close()
