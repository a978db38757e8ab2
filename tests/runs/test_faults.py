"""What breaks on the way, on a real sshd: lines cut anywhere, a server away for 20 s, full disks, hostile text."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import clips
import pytest
from counts import cases
from runs.helpers import Gate, read_results, settled, upsample_there
from servers.cutting_proxy import CuttingProxy
from servers.peers import Peer

from cosmos_workflow.api import open_runs
from cosmos_workflow.config import load_config, set_host
from cosmos_workflow.errors import CosmosError, HostFull, RunFailed
from cosmos_workflow.kinds.upsample import Item, Result
from cosmos_workflow.runs import Listener, Runs

pytestmark = [
    pytest.mark.host,
    pytest.mark.timeout(900),
    pytest.mark.parametrize("peer", ["sshd"], indirect=True),
]

Batch = Callable[[int], list[Item]]


@pytest.fixture
def large_frames(tmp_path: Path) -> list[Item]:
    """Four items with a clip each: two megabytes of frames."""
    items = []
    for n in range(4):
        clip = clips.textured(tmp_path / f"clip{n}.mp4", 640, 360, frames=2 + n)
        items.append(Item(f"i{n}", f"prompt {n}", clip))
    return items


def through(peer: Peer, port: int) -> None:
    peer.config.write_text(peer.config.read_text().replace(f"Port {peer.port}", f"Port {port}"))


@pytest.mark.parametrize("seed", range(6))
def test_a_line_cut_at_any_byte_loses_nothing_and_doubles_nothing(
    runs: Runs, large_frames: list[Item], peer: Peer, tmp_path: Path, seed: int
) -> None:
    """Each new line is cut after a random number of bytes: while it logs in, uploads, follows, fetches."""
    rng = random.Random(seed)
    cuts = iter([rng.choice([2_000, 8_000, 50_000, 300_000]) + rng.randrange(9_000) for _ in range(4)])
    lost: list[float] = []
    with Gate(100) as server, CuttingProxy(peer.port, cuts) as proxy:
        through(peer, proxy.port)
        listener = Listener(lost=lambda error, wait: lost.append(wait))
        _, results = upsample_there(runs, large_frames, tmp_path / "o.jsonl", listener=listener, **server.settings())
    assert lost
    assert [result.upsampled_prompt for result in results] == [f"long prompt {n}" for n in range(4)]
    assert sorted(server.attempts.values()) == [1] * 4
    assert len(read_results(tmp_path / "o.jsonl")) == 4
    assert settled(peer)
    assert not list((peer.home / "ours" / "runs").iterdir())


@pytest.mark.parametrize("moment", ["uploading", "running", "fetching"])
def test_a_server_that_is_away_for_20_seconds(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path, moment: str
) -> None:
    lost: list[float] = []

    def away() -> None:
        peer.stop()
        timer = threading.Timer(20, peer.listen)
        timer.start()

    with Gate(100) as server:
        listener = Listener(
            state=lambda state: away() if state == moment else None, lost=lambda error, wait: lost.append(wait)
        )
        began = time.monotonic()
        _, results = upsample_there(runs, batch(5), tmp_path / "o.jsonl", listener=listener, **server.settings())
    assert time.monotonic() - began > 18
    assert len(lost) >= 3
    assert all(result.ok for result in results)
    assert sum(server.attempts.values()) == 5
    assert settled(peer)


@pytest.fixture
def small_disk(peer: Peer) -> Iterator[Path]:
    """The host's folder on a disk of 3 MB."""
    if os.geteuid() != 0:
        pytest.fail("mounting a small disk needs root")
    folder = peer.home / "ours"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_the_hosts_disk_is_full_while_it_uploads(
    runs: Runs, large_frames: list[Item], peer: Peer, small_disk: Path, tmp_path: Path
) -> None:
    (small_disk / "fill").write_bytes(b"x" * 2_500_000)
    with Gate(100) as server:
        with pytest.raises(HostFull, match="disk is full"):
            upsample_there(runs, large_frames, tmp_path / "o.jsonl", **server.settings())
        (run,) = runs.store.runs()
        assert (run.state, run.error_kind) == ("failed", "disk_full")
        (small_disk / "fill").unlink()
        runs.retry(run.id)
        results = runs.drive(run.id, Listener())
    assert [result.upsampled_prompt for result in results] == [f"long prompt {n}" for n in range(4)]
    assert settled(peer)


def test_the_hosts_disk_fills_up_while_it_answers(
    runs: Runs, batch: Batch, peer: Peer, small_disk: Path, tmp_path: Path
) -> None:
    def fill(result: Result) -> None:
        if result.id == "i1":
            with (small_disk / "fill").open("wb", buffering=0) as file:
                while True:
                    try:
                        file.write(b"x" * 4096)
                    except OSError:  # noqa: PERF203
                        break
            server.let(100)

    items = [replace(item, prompt=f"{item.prompt} " + "x" * 5_000) for item in batch(6)]
    with Gate(2) as server:
        with pytest.raises(RunFailed, match="disk is full") as caught:
            upsample_there(runs, items, tmp_path / "o.jsonl", listener=Listener(result=fill), **server.settings())
        assert caught.value.kind == "disk_full"
        (run,) = runs.store.runs()
        done = run.answered
        assert 2 <= done < 6
        assert settled(peer)
        (small_disk / "fill").unlink()
        runs.retry(run.id)
        results = runs.drive(run.id, Listener())
    assert [result.upsampled_prompt for result in results] == [f"long {item.prompt}" for item in items]
    assert len(read_results(tmp_path / "o.jsonl")) == 6


def test_a_frame_damaged_on_the_host_is_sent_again_by_retry(
    runs: Runs, large_frames: list[Item], peer: Peer, tmp_path: Path
) -> None:
    with Gate() as server:
        blocked = large_frames[0]
        upsample_there(runs, [blocked], tmp_path / "first.jsonl", detach=True, **server.settings())
        id, _ = upsample_there(runs, large_frames[1:], tmp_path / "o.jsonl", detach=True, **server.settings())
        blobs = sorted((peer.home / "ours" / "blobs").glob("*/*"), key=lambda path: path.stat().st_mtime_ns)
        newest = [path for path in blobs if path.read_bytes().startswith(b"\x89PNG")][-1]
        newest.write_bytes(b"rot" + newest.read_bytes()[3:])
        server.let(100)
        results = runs.drive(id, Listener())
        assert [result.error_kind for result in results if result.error] == ["damaged"]
        runs.retry(id)
        assert all(result.ok for result in runs.drive(id, Listener()))


def test_a_batch_damaged_on_the_host_is_sent_again_by_retry(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    with Gate() as server:
        upsample_there(runs, batch(1), tmp_path / "first.jsonl", detach=True, **server.settings())
        id, _ = upsample_there(runs, batch(3), tmp_path / "o.jsonl", detach=True, **server.settings())
        (order,) = (peer.home / "ours" / "runs").glob(f"{id}*/order.json")
        name = json.loads(order.read_text())["batch"]
        (peer.home / "ours" / "blobs" / name[:2] / name).write_text("rot")
        server.let(100)
        with pytest.raises(RunFailed, match="damaged on the host") as caught:
            runs.drive(id, Listener())
        assert caught.value.kind == "damaged"
        runs.retry(id)
        assert all(result.ok for result in runs.drive(id, Listener()))


def test_many_runs_at_once(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    items, count = batch(2), cases(100, 30)
    ids: list[str] = []
    troubles: list[BaseException] = []

    def start(n: int) -> None:
        try:
            ids.append(upsample_there(open_runs(), items, tmp_path / f"{n}.jsonl", detach=True)[0])
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=start, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    assert len(set(ids)) == count
    for id in ids:
        assert [result.ok for result in runs.drive(id, Listener())] == [True, True]
    assert {run.state for run in runs.store.runs()} == {"done"}
    assert settled(peer)
    assert not list((peer.home / "ours" / "runs").iterdir())
    assert {len(read_results(tmp_path / f"{n}.jsonl")) for n in range(count)} == {2}


HOSTILE = [
    "'", '"', "`touch pwned`", "$(touch pwned)", "; touch pwned", "| touch pwned", "& touch pwned", "&& touch pwned",
    "|| touch pwned", "> pwned", ">> pwned", "< /etc/passwd", "\ntouch pwned\n", "\r\ntouch pwned\r\n", "a\0b",
    "\x1b[2J",
    "\x1b]0;title\x07", "\x07\x08\x0b\x0c", "\x7f", "\u0085", "\u2028\u2029", "\u202egnp.exe", "\u200b\u200d\ufeff",
    "../../../../etc/passwd", "/etc/passwd", "..\\..\\windows\\system32", "C:\\con", "~/.ssh/id_rsa", "~root", "-rf /",
    "--help", "-o ProxyCommand=x", "%s%n%x", "%00", "{root}/{program}/{key}", "{{7*7}}", "${HOME}", "$HOME", "$$", "!!",
    "#!/bin/sh", "\\", "\\\\n", "*", "?", "[a-z]", "(a b)", "🤖🏳️‍🌈👩‍👩‍👧‍👦",
    "日本語 العربية עברית", "e\u0301 vs é", "ﬀ ﬃ",
    "[INST] x [/INST]",
    "</s><s>", "<|endoftext|>", "[IMG][IMG_BREAK][IMG_END]", '{"id": "x"}', '"}\n{"id": "y"}', " leading", "trailing ",
    "\t", "NUL", "x" * 1_000_000, "é" * 500_000,
]  # fmt: skip


def test_hostile_prompts_and_ids_arrive_unchanged_and_run_nothing(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path
) -> None:
    clip = batch(1)[0].video
    items = [Item(f"{n} {text[:200]}", text, clip) for n, text in enumerate(HOSTILE)]
    assert len(items) >= 50
    before = set(Path.home().iterdir())
    with Gate(10_000) as server:
        _, results = upsample_there(runs, items, tmp_path / "o.jsonl", settings=_long(), **server.settings())
        refused = [result for result in results if result.error]
        assert not refused, [result.error[:200] for result in refused]
        assert set(server.attempts) == set(HOSTILE)
    assert [result.prompt for result in results] == HOSTILE
    assert [result.id for result in results] == [item.id for item in items]
    assert {result.id: result.prompt for result in read_results(tmp_path / "o.jsonl")} == dict(
        zip([item.id for item in items], HOSTILE, strict=True)
    )
    assert not list(peer.home.rglob("*pwned*"))
    assert set(Path.home().iterdir()) == before
    assert settled(peer)


def _long() -> object:
    from cosmos_workflow.kinds.upsample import Settings

    return Settings(max_model_len=2_000_000)


NAMES = [
    "it's.mp4", '"q".mp4', "$(touch pwned).mp4", "`touch pwned`.mp4", "; touch pwned;.mp4", "a\nb.mp4", "-rf.mp4",
    "🤖 日本.mp4", "\u202egnp.mp4", "%s.mp4", "{root}.mp4", "* ? [a].mp4", " .mp4", "a\\b.mp4", "\x1b[31m.mp4",
]  # fmt: skip


def test_hostile_file_names(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    clip = batch(1)[0].video
    folder = tmp_path / "a $(touch pwned) folder"
    folder.mkdir()
    items = []
    for n, name in enumerate(NAMES):
        shutil.copy(clip, folder / name)
        items.append(Item(f"i{n}", "x", folder / name))
    out = folder / "results `touch pwned`.jsonl"
    _, results = upsample_there(runs, items, out)
    assert all(result.ok for result in results)
    assert [Path(result.video).name for result in read_results(out)] == NAMES
    assert not [path for path in tmp_path.rglob("*") if path.name == "pwned"]


def test_one_host_key_changed_and_nothing_is_sent(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    peer.stop()
    peer.new_host_key()
    peer.listen()
    with pytest.raises(CosmosError, match="not the one that was pinned"):
        upsample_there(runs, batch(1), tmp_path / "o.jsonl")
    assert not (peer.home / "ours").exists()
    (run,) = runs.store.runs()
    assert run.state == "uploading"  # trust the new key, and go on with it
    from cosmos_workflow.config import known_keys_file
    from cosmos_workflow.ssh import Pins

    Pins(known_keys_file()).pin("gpu", peer.host_key)
    assert runs.drive(run.id, Listener())[0].ok


NOISE = (
    "import os, sys\n"
    "if 'work' in sys.argv:\n"
    "    os.write(1, '🤖 ┌─┐ naïve\\n'.encode() + b'broken \\xff\\xfe\\xc3 utf-8\\x1b[2J\\n' + b'x' * 10_000_000)\n"
    "    os.write(2, b'\\nthe end\\n')\n"
)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_no_console_breaks_whatever_the_worker_prints(
    runs: Runs, batch: Batch, peer: Peer, tmp_path: Path, encoding: str
) -> None:
    import sys

    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "sitecustomize.py").write_text(NOISE)
    set_host("gpu", load_config().hosts["gpu"] | {"environment": {"PYTHONPATH": str(tmp_path / "noise")}})
    lines = ({"id": "日本 🤖", "prompt": "naïve 🤖", "video": str(item.video)} for item in batch(1))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}

    def cosmos(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "cosmos_workflow", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False)

    done = cosmos("upsample", "b.jsonl", "--on", "gpu", "--keep-warm", "0")
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = runs.store.runs()
    logged = runs.log(run).read_bytes()
    assert logged.count(b"x" * 10_000_000) == 1
    assert "🤖 ┌─┐ naïve\n".encode() + b"broken \xff\xfe\xc3 utf-8\x1b[2J\n" in logged
    assert logged.endswith(b"\nthe end\n")
    shown = cosmos("runs", "logs", run.id)
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert b"Traceback" not in shown.stderr
    assert b"\x1b" not in shown.stdout
    assert b"broken" in shown.stdout
    assert json.loads((tmp_path / "b.upsampled.jsonl").read_text(encoding="utf-8"))["id"] == "日本 🤖"


def test_what_is_left_when_all_is_over(runs: Runs, batch: Batch, peer: Peer, tmp_path: Path) -> None:
    """One run after another on one warm worker; then it leaves, and the folder holds no run."""
    with Gate(100) as server:
        for n in range(3):
            upsample_there(runs, batch(2), tmp_path / f"{n}.jsonl", **server.settings())
        assert settled(peer)
    left = {path.name for path in (peer.home / "ours").rglob("*") if path.is_file()}
    assert not {"order.json", "results.jsonl", "events.jsonl", "outcome.json"} & left
