"""The server under load: requests of `wrk` with 100,000 prompts in the store, watchers, the rate of the queue."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx2

from benchmarks.measure import Fact
from cosmos_workflow.api import decide, open_runs, submit
from cosmos_workflow.config import Config
from cosmos_workflow.kinds.upsample import Item, Result, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs import Worker
from cosmos_workflow.store import NewItem, Store
from scripts.demo import draw_clip
from tests.servers.cosmos_server import CosmosServer

PROMPTS, RUN = 100_000, 1000
WATCHERS, WATCHED = 50, 200
CROWD = 500
QUEUED = 1000
SECONDS, LINES = 8, 4
WORDS = [f"{a}{b}" for a in ("city", "robot", "road", "snow", "night", "glass", "river", "tower") for b in range(60)]

# The report of wrk itself is rounded; this prints what the table needs.
REPORT = """
done = function(summary, latency, requests)
  io.write(string.format("P50 %d P95 %d N %d BAD %d\\n", latency:percentile(50), latency:percentile(95),
    summary.requests, summary.errors.status + summary.errors.read + summary.errors.connect + summary.errors.timeout))
end
"""


def facts() -> Iterator[Fact]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "clip.mp4"
        draw_clip(clip, frames=8)
        fill(Store(f"sqlite:///{folder / 'data' / 'store.db'}"))
        with CosmosServer(folder / "data") as server:
            with server.client() as client:
                media = client.upload(clip).id
            check = {"items": [{"video": media, "prompt": "A futuristic city at sunset"}], "settings": {"fit": "off"}}
            for what, path, body in (
                ("health, which asks no store", "/health", None),
                ("list: 50 prompts", "/prompts?limit=50", None),
                ("search: a word in every 60th prompt", "/prompts?limit=50&search=robot7", None),
                ("search: two words and a beginning", "/prompts?limit=50&search=robot7+city1+tow", None),
                ("search: a word in every prompt", "/prompts?limit=50&search=prompt", None),
                ("list: 50 runs", "/runs?limit=50", None),
                ("check of one item", "/check", check),
            ):
                half, most, count = loaded(folder, server, path, body)
                value = f"{half:.1f} ms, {most:.1f} ms for 95 of 100, of {count:,}"
                yield Fact(
                    f"{what}; {PROMPTS:,} prompts stored, {LINES} at once",
                    value,
                    "≤ 50 ms" if path != "/health" else "",
                )
            yield watchers(server, clip)
            yield asyncio.run(crowd(server))
        yield queue(folder, clip)


def fill(store: Store) -> None:
    """Fill the store with runs of a thousand answered prompts each."""
    random = Random(1)
    for run in range(PROMPTS // RUN):
        texts = [" ".join(random.choices(WORDS, k=8)) for _ in range(RUN)]
        waiting = [Result(f"p{n}", f"prompt {text}", f"clip{n % 50}.mp4", "fits") for n, text in enumerate(texts)]
        store.add(f"r{run:04}", "local", map(NewItem, waiting), out="", source="filled", engine="describe", settings={})
        store.move(f"r{run:04}", "running")
        store.save(f"r{run:04}", [replace(result, upsampled_prompt=f"{result.prompt}. " * 8) for result in waiting])
        store.move(f"r{run:04}", "done")
    store.database.close()


def loaded(folder: Path, server: CosmosServer, path: str, body: object) -> tuple[float, float, int]:
    """Median and 95th percentile in ms, and the number of requests. Raises AssertionError where one failed."""
    program = shutil.which("wrk")
    assert program, "wrk is not installed: apt install wrk"
    lines = [REPORT]
    if body is not None:
        lines.append(
            "wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\n"
            f"wrk.body = {json.dumps(json.dumps(body))}"
        )
    script = folder / "wrk.lua"
    script.write_text("\n".join(lines))
    command = [program, "-t1", f"-c{LINES}", f"-d{SECONDS}s", "-s", str(script), f"{server.url}/api/v1{path}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures = re.search(r"P50 (\d+) P95 (\d+) N (\d+) BAD (\d+)", output)
    assert figures and figures[4] == "0", output
    return int(figures[1]) / 1000, int(figures[2]) / 1000, int(figures[3])


def watchers(server: CosmosServer, clip: Path) -> Fact:
    """Fifty clients that watch one run of two hundred items."""
    with server.client() as client:
        client.pause()
        run = client.run([{"video": str(clip), "prompt": f"{n}"} for n in range(WATCHED)], engine="describe").id
    seen: list[list[str]] = [[] for _ in range(WATCHERS)]

    def watch(ids: list[str]) -> None:
        with server.client() as client:
            ids += [event.data["id"] for event in client.events(run) if event.name == "result"]

    threads = [threading.Thread(target=watch, args=(ids,)) for ids in seen]
    for thread in threads:
        thread.start()
    time.sleep(1)
    with server.client() as client:
        client.pause(False)
    for thread in threads:
        thread.join()
    lost = sum(WATCHED - len(ids) for ids in seen)
    return Fact(f"events lost by {WATCHERS} watchers of {WATCHED} results", f"{lost} of {WATCHERS * WATCHED:,}", "none")


async def crowd(server: CosmosServer) -> Fact:
    """How long other requests wait while five hundred pages are open."""
    limits = httpx2.Limits(max_connections=CROWD + 10)
    async with httpx2.AsyncClient(base_url=f"{server.url}/api/v1", limits=limits, timeout=60) as http:

        async def look(times: int = 50) -> float:
            """The 95th percentile of the seconds that a request takes."""
            seconds = []
            for _ in range(times):
                began = time.perf_counter()
                (await http.get("/runs?limit=1")).raise_for_status()
                seconds.append(time.perf_counter() - began)
            return sorted(seconds)[int(0.95 * times)]

        async def watch(watching: asyncio.Semaphore) -> None:
            async with http.stream("GET", "/events") as stream:
                async for _ in stream.aiter_lines():
                    watching.release()  # once for the first event is enough: nothing runs now
                    await asyncio.Event().wait()

        alone, watching = await look(), asyncio.Semaphore(0)
        tasks = [asyncio.create_task(watch(watching)) for _ in range(CROWD)]
        for _ in range(CROWD):
            await watching.acquire()
        beside = await look()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    what = f"list of one run while {CROWD} watch, 95 of 100"
    return Fact(what, f"{beside * 1000:.0f} ms ({alone * 1000:.0f} ms without them)", "≤ 100 ms")


def queue(folder: Path, clip: Path) -> Fact:
    """A thousand runs of one item, driven by one worker on SQLite."""
    runs = open_runs(Config(store_url=f"sqlite:///{folder / 'queue.db'}"))
    decision = decide(UPSAMPLE, Settings(), engine="describe")
    for n in range(QUEUED):
        submit([Item(f"i{n}", "a city", clip)], decision, queued=True, runs=runs)
    worker, began = Worker(runs), time.perf_counter()
    worker.start()
    while runs.store.counts().get("done", 0) < QUEUED:
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    worker.stop()
    return Fact(
        f"{QUEUED:,} queued `describe` runs, one worker, SQLite", f"{QUEUED / seconds:.0f} runs/s", "≥ 50 runs/s"
    )


if __name__ == "__main__":
    for fact in facts():
        print(f"{fact.what}: {fact.value} ({fact.aim})", flush=True)
