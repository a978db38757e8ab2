"""A host over SSH, with a real sshd on loopback: uploads against scp, the overhead of a run, a warm worker, events."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import Fact, Row, compare
from cosmos_workflow.api import find_host, open_runs, upsample
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.runs import Listener
from cosmos_workflow.ssh import HostProgram, Pins, Sent, SSHManager, send_blobs
from scripts.demo import draw_clip
from tests.servers.processes import of_folder
from tests.servers.sshd import SSHD

VLLM = Path(__file__).parent.parent / ".vllm"
FILES, SIZE = 100, 1_000_000  # frames of fifty items
LARGE = 2_000_000_000  # bytes of one output file


def rows() -> Iterator[Row | Fact]:
    with tempfile.TemporaryDirectory() as name, _host(Path(name)) as sshd:
        yield from uploads(Path(name), sshd)
        yield from overhead(Path(name))
        yield from warmth(Path(name))
        yield from large_result(Path(name))


@contextmanager
def _host(folder: Path) -> Iterator[SSHD]:
    os.environ |= {"XDG_CONFIG_HOME": str(folder / "config"), "COSMOS_DATA": str(folder / "data")}
    with SSHD(folder / "sshd") as sshd:
        entry = {"ssh": "there", "workdir": str(folder / "ours"), "ssh_config": str(sshd.config)}
        set_host("gpu", entry | {"python": sys.executable})
        model = {
            "python": str(VLLM / "venv" / "bin" / "python"), "model_path": str(VLLM / "tiny-pixtral"),
            "environment": {"VLLM_CPU_KVCACHE_SPACE": "1"}, "engine_options": {"load_format": "dummy"},
        }  # fmt: skip
        set_host("model", entry | model)
        for host in ("gpu", "model"):
            Pins(known_keys_file()).pin(host, sshd.host_key)
        yield sshd


def uploads(folder: Path, sshd: SSHD) -> Iterator[Row | Fact]:
    pins, host = Pins(known_keys_file()), find_host("gpu")
    turn = 0

    def fresh() -> dict[str, Path]:
        nonlocal turn
        turn += 1
        (folder / f"blobs{turn}").mkdir()
        blobs = {}
        for _ in range(FILES):
            data = os.urandom(SIZE)
            sha256 = hashlib.sha256(data).hexdigest()
            blobs[sha256] = folder / f"blobs{turn}" / sha256
            blobs[sha256].write_bytes(data)
        return blobs

    async def send(blobs: dict[str, Path]) -> Sent:
        async with SSHManager(host, pins) as manager:
            return await send_blobs(HostProgram(manager), blobs)

    def scp(source: Path) -> None:
        options = ["-q", "-r", "-F", str(sshd.config), "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"]
        target = f"there:{folder}/scp{turn}"
        subprocess.run(["scp", *options, "-o", "UserKnownHostsFile=/dev/null", str(source), target], check=True)

    ours, peer = [], []
    for _ in range(5):
        blobs = fresh()
        ours.append(_seconds(lambda blobs=blobs: asyncio.run(send(blobs))))
        peer.append(_seconds(lambda: scp(folder / f"blobs{turn}")))
    yield Row(
        f"upload of {FILES} frames of 1 MB, verified", "100 MB", statistics.median(ours), "scp -r, not verified",
        statistics.median(peer), "≥ 0.9×",
    )  # fmt: skip
    again = asyncio.run(send(blobs))
    yield Fact("the same upload again", f"{again.bytes} bytes of {again.known} files", "0 bytes")


def overhead(folder: Path) -> Iterator[Row | Fact]:
    draw_clip(folder / "clip.mp4", 640, 360, frames=24)
    items = [Item("one", "A city at sunset", folder / "clip.mp4")]
    runs, turn, delays = open_runs(), 0, []

    def on_host() -> None:
        nonlocal turn
        turn += 1
        listener = Listener(event=lambda event: delays.append(time.time() - event["time"]))
        upsample(items, place="gpu", out=folder / f"there{turn}.jsonl", keep_warm=0.0, runs=runs, listener=listener)

    def locally() -> None:
        nonlocal turn
        turn += 1
        upsample(items, out=folder / f"here{turn}.jsonl")

    row = compare(
        "one item on a host", "a run", on_host, "the same here (`describe`)", locally, aim="≤ 1.5 s more", repeats=9
    )
    yield row
    yield Fact("what the host adds to a run of one item", f"{row.ours - row.peer:.2f} s", "≤ 1.5 s")
    at_most = sorted(delays)[int(len(delays) * 0.95)]
    value = f"{statistics.median(delays) * 1000:.0f} ms, {at_most * 1000:.0f} ms for 95 of 100"
    yield Fact(f"from an event on the host until it arrives here, of {len(delays)}", value, "≤ 500 ms")


def warmth(folder: Path) -> Iterator[Row | Fact]:
    items = [Item(f"i{n}", f"A city at sunset, {n}", folder / "clip.mp4") for n in range(4)]
    settings, runs = Settings(max_tokens=30, temperature=0.0), open_runs()
    events: list[dict[str, Any]] = []

    def run(name: str, keep_warm: float) -> float:
        listener = Listener(event=events.append)
        return _seconds(
            lambda: upsample(
                items, place="model", out=folder / f"{name}.jsonl", settings=settings, keep_warm=keep_warm, runs=runs,
                listener=listener,
            )
        )  # fmt: skip

    cold = run("cold", 300.0)
    warm = [run(f"warm{n}", 300.0) for n in range(2)] + [run("last", 0.0)]
    assert [event["event"] for event in events].count("warm") == 3
    yield Row(
        "4 prompts, worker warm (CPU vLLM)", "a batch", statistics.median(warm), "worker cold: start, load, compile",
        cold, "",
    )  # fmt: skip


def large_result(folder: Path) -> Iterator[Fact]:
    """How much memory each side has while a result of 2 GB comes home, of the kind that tests bring as a plugin."""
    plugin, out = Path(__file__).parent.parent / "tests" / "plugins" / "words", folder / "large"
    (folder / "large.txt").write_text(f"also {LARGE} bytes\nwords\n")
    (folder / "large.jsonl").write_text(json.dumps({"id": "large", "text_file": str(folder / "large.txt")}) + "\n")
    command = ["-m", "cosmos_workflow", "words", folder / "large.jsonl", "-o", out, "--on", "gpu", "--keep-warm", "0s"]
    environment = {**os.environ, "PYTHONPATH": str(plugin)}
    peaks: dict[str, int] = {}
    with subprocess.Popen([sys.executable, *map(str, command)], env=environment, stdout=subprocess.DEVNULL) as client:
        while client.poll() is None:
            for process in [psutil.Process(client.pid), *of_folder(folder / "ours")]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    side = "client" if process.pid == client.pid else "host"
                    name = f"{side}, {process.pid}"
                    peaks[name] = max(peaks.get(name, 0), process.memory_info().rss)
            time.sleep(0.05)
    made = next(out.rglob("noise.bin")).stat().st_size
    for side, what, aim in (("host", "largest process on the host", "≤ 100 MB"), ("client", "the client", "")):
        peak = max(size for name, size in peaks.items() if name.startswith(side))
        yield Fact(f"memory while a result of {made / 1e9:.0f} GB comes home: {what}", f"{peak / 1e6:.0f} MB", aim)


def _seconds(action: Any) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
