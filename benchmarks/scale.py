"""A batch on Ray: the cost of a prompt compared with a local run and with a plain `map_batches`, two workers against
one, memory at a million rows, planning a million items, and the simulation against measured runs.

`python -m benchmarks.scale` takes about 15 minutes and writes a section of docs/SCALE.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import Fact, Row, machine, table
from benchmarks.scale_sim import Rates, simulate
from cosmos_workflow.api import upsample
from cosmos_workflow.kinds.upsample import Item, Settings, check_items
from tests import clips
from tests.servers.ray_cluster import RayCluster

BEGIN, END = "<!-- measured by `python -m benchmarks.scale` -->", "<!-- end of measured -->"
ITEMS, MILLION = 10_000, 1_000_000
CLIPS = 50
POISON = str(Path(__file__).parent.parent / "tests" / "servers" / "poison")
ITEM_SECONDS = 0.05  # for which an engine waits on each item, in place of a GPU's work


def rows() -> Iterator[Row | Fact]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = [clips.textured(folder / f"clip{n}.mp4", 320, 180, frames=6) for n in range(CLIPS)]
        large = clips.textured(folder / "large.mp4", 1280, 720, frames=2)
        yield planning(videos, "320×180")
        yield planning([large], "1280×720, made smaller")
        yield from overhead(folder, videos)
        yield speed_up(folder)
        yield from memory(folder, videos)
        yield from simulation(folder, videos)


def planning(videos: list[Path], what: str) -> Fact:
    items = (Item(f"p{n}", f"A futuristic city number {n} at sunset", videos[n % len(videos)]) for n in range(MILLION))
    began = time.perf_counter()
    runs = sum(item.plan.runs for item in check_items(items, Settings()))
    seconds = time.perf_counter() - began
    assert runs == MILLION
    return Fact(f"planning 1,000,000 items ({what}), one core", f"{seconds:.1f} s", "≤ 10 s")


def overhead(folder: Path, videos: list[Path]) -> Iterator[Row]:
    """One pipeline on one machine with two cores; all start-up is counted except that of Ray itself."""
    batch = write_batch(folder / "overhead.jsonl", ITEMS, videos)
    began = time.perf_counter()
    upsample(batch, out=folder / "local.jsonl")
    local = (time.perf_counter() - began) / ITEMS
    with RayCluster(nodes=1, cpus=2) as cluster:
        ours = float(measured(cluster, "ours", batch, folder / "overhead", 2)["seconds"]) / ITEMS
        plain = float(measured(cluster, "plain", batch, folder / "plain", 2)["seconds"]) / ITEMS
    what = f"{ITEMS:,} prompts over {CLIPS} clips on Ray (`describe`)"
    yield Row(what, "prompt", ours, "the local run, a file synced for each", local, "≤ 1 ms more")
    yield Row(what, "prompt", ours, "a plain `map_batches` loop that keeps nothing safe", plain, "")


def speed_up(folder: Path) -> Row:
    """Work for CPUs: 240 clips of 2 s, to be decoded and measured by raylets of one core each."""
    drawn = [clips.textured(folder / f"long{n}.mp4", 640, 360, frames=48) for n in range(10)]
    # Each is a file of its own, so that no measurement serves two items.
    videos = [Path(shutil.copy(drawn[n % 10], folder / f"copy{n}.mp4")) for n in range(240)]
    batch = write_batch(folder / "speed.jsonl", len(videos), videos)
    seconds: dict[int, float] = {}
    for workers in (1, 2):
        with RayCluster(nodes=workers, cpus=1, pinned=True) as cluster:
            measured(cluster, "ours", batch, folder / f"warm{workers}", workers, 4)
            times = measured(cluster, "ours", batch, folder / f"speed{workers}", workers, 4)
            seconds[workers] = float(times["answering"])
    what = "decoding and measuring 240 clips on Ray, two workers"
    return Row(what, "batch", seconds[2], "one worker", seconds[1], "≥ 1.8×")


def memory(folder: Path, videos: list[Path]) -> Iterator[Fact]:
    """The most memory that all processes of cluster and driver hold at once (PSS, so that shared pages count once)."""
    peaks = {}
    for count in (ITEMS, MILLION):
        batch = write_batch(folder / "memory.jsonl", count, videos)
        with RayCluster(nodes=1, cpus=2) as cluster, Sampler(cluster.pids) as sampler:
            times = measured(cluster, "ours", batch, folder / "memory", 2)
        shutil.rmtree(folder / "memory")
        peaks[count] = sampler.peak
        yield Fact(f"peak memory of cluster and driver, {count:,} rows", f"{sampler.peak / 2**30:.2f} GiB", "")
    more = peaks[MILLION] / peaks[ITEMS] - 1
    yield Fact(f"more memory at {MILLION:,} rows than at {ITEMS:,}", f"{more:.0%}", "within 20 %")
    rate = MILLION / float(times["seconds"])
    yield Fact(f"{MILLION:,} prompts on two cores (`describe`)", f"{times['seconds']:.0f} s, {rate:,.0f}/s", "")


def simulation(folder: Path, videos: list[Path]) -> Iterator[Fact]:
    """Take the rates from a small run of one engine, and compare the forecast with longer runs of one and two."""
    small, large = 400, 2400
    batches = {
        count: write_batch(folder / f"sim{count}.jsonl", count, videos[:4], f"WAIT {ITEM_SECONDS}")
        for count in (small, large)
    }
    with RayCluster(nodes=2, cpus=1, PYTHONPATH=POISON) as cluster:
        measured(cluster, "ours", batches[small], folder / "sim-warm", 1)
        times = measured(cluster, "ours", batches[small], folder / "sim-small", 1)
        pieces = 4
        item = ITEM_SECONDS
        piece = max(0.0, float(times["answering"]) / (pieces - 1) - small / pieces * item)
        start = float(times["first"]) - small / pieces * item - piece
        rates = Rates(start=start, load=0.0, item=item, piece=piece)
        for engines in (1, 2):
            seconds = float(measured(cluster, "ours", batches[large], folder / f"sim{engines}", engines)["seconds"])
            forecast = simulate(large, rates, engines).seconds
            yield Fact(
                f"simulated against measured, {large:,} items of {item * 1000:.0f} ms, {engines} engine(s)",
                f"{forecast:.1f} s against {seconds:.1f} s ({forecast / seconds - 1:+.1%})", "within 10 %",
            )  # fmt: skip


def write_batch(path: Path, count: int, videos: list[Path], more: str = "") -> Path:
    with path.open("w") as file:
        for n in range(count):
            prompt = f"A futuristic city number {n} at sunset {more}"
            file.write(json.dumps({"id": f"p{n}", "prompt": prompt, "video": str(videos[n % len(videos)])}) + "\n")
    return path


def measured(cluster: RayCluster, which: str, batch: Path, out: Path, engines: int, piece: int = 0) -> dict[str, Any]:
    """One run with a driver process of its own: its seconds in all, to the first part, and from there to the last."""
    command = [sys.executable, "-m", "benchmarks.ray_driver", which, *map(str, (batch, out, engines, piece))]
    environment = cluster.environment() | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    times: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return times


class Sampler:
    """The peak memory of process trees, sampled twice a second, in bytes."""

    def __init__(self, pids: list[int]) -> None:
        self.peak = 0
        self._roots = [psutil.Process(pid) for pid in [*pids, os.getpid()]]
        self._own = psutil.Process().memory_full_info().pss
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(0.5):
            total = -self._own
            for root in self._roots:
                for process in [root, *root.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += process.memory_full_info().pss
            self.peak = max(self.peak, total)


def main() -> None:
    """Measure, and write the section into docs/SCALE.md."""
    page = Path(__file__).parent.parent / "docs" / "SCALE.md"
    results = []
    for row in rows():
        print(row, flush=True)
        results.append(row)
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{machine()}\n\n{table(results)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
