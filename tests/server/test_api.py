"""The REST API on a real server, by the client that users have and by plain HTTP."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
import urllib.request
from pathlib import Path

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer
from servers.postgres import Postgres

from cosmos_workflow.client import AsyncClient, Client, Event
from cosmos_workflow.errors import BadInputError, Conflict, HostUnreachable, NotFound, RunFailed, UsageError
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.limits import overview
from cosmos_workflow.limits.models import UPSAMPLER
from cosmos_workflow.media import read_frames
from cosmos_workflow.store import Store

SHARED = "inner/shot.mp4"


def made(client: Client, count: int = 2, **how: object) -> str:
    items = [{"video": SHARED, "prompt": f"a city {n}"} for n in range(count)]
    return client.run(items, engine="describe", **how).id


def waited(client: Client, run: str) -> None:
    for _ in client.events(run):
        pass


@pytest.mark.slow
def test_the_whole_way(client: Client, clip_file: Path) -> None:
    plan = client.check([{"video": str(clip_file), "prompt": "A futuristic city at sunset"}], fit="off")[0]
    assert (plan.verdict, plan.prompt_tokens) == ("too_long", 4157)
    events: list[Event] = []
    items = [Item("one", "a city at night", clip_file), Item("two", "größer 🤖", clip_file)]
    results = client.upsample(items, engine="describe", on_event=events.append, name="first")
    assert [(result.id, bool(result.upsampled_prompt), result.frame_width) for result in results] == [
        ("one", True, 910),
        ("two", True, 910),
    ]
    assert [event.data["state"] for event in events if event.name == "state"] == ["running", "done"]
    (prompt,) = client.prompts("größ")
    assert (prompt.clip, prompt.result.id, prompt.ok) == ("größe 🤖.mp4", "two", True)
    assert client.mark(prompt.number, rating=5, tags=["best", "night"]).tags == ["best", "night"]
    assert [entry.number for entry in client.prompts(tag="best", rating=5)] == [prompt.number]
    assert client.mark(prompt.number, rating=None).rating is None
    run = client.show(prompt.run)
    assert (run.source, run.state, run.answered, run.open) == ("first", "done", 2, 0)
    client.remove(run.id)
    assert client.prompts("größ") == []


def test_the_async_client_says_the_same(server: CosmosServer, clip_file: Path) -> None:
    async def go() -> None:
        async with AsyncClient(server.url) as client:
            events: list[str] = []
            items = [{"video": str(clip_file), "prompt": "async"}]
            results = await client.upsample(items, engine="describe", on_event=lambda event: events.append(event.name))
            assert results[0].upsampled_prompt
            assert "result" in events
            with pytest.raises(NotFound, match="no run"):
                await client.show("nothing")

    asyncio.run(go())


def test_a_clip_is_sent_once_and_known_by_its_content(client: Client, clip_file: Path) -> None:
    sent: list[int] = []
    first = client.upload(clip_file, sent.append)
    again: list[int] = []
    assert client.upload(clip_file, again.append) == first
    assert again == []
    assert (first.width, first.height, first.frames) == (960, 540, 6)


def test_errors_come_back_as_what_they_were(client: Client, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video at all")
    with pytest.raises(BadInputError, match="neither a video nor a picture"):
        client.upload(tmp_path / "notes.mp4")
    with pytest.raises(NotFound, match="no such clip"):
        client.run([{"video": "nowhere.mp4", "prompt": "x"}])
    with pytest.raises(NotFound, match="no host"):
        client.run([{"video": SHARED}], place="nowhere")
    with pytest.raises(UsageError, match="needs a model"):
        client.run([{"video": SHARED}], engine="vllm")
    with pytest.raises(UsageError, match="one id for two items"):
        client.run([{"video": SHARED, "id": "a"}, {"video": SHARED, "id": "a"}])
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(HostUnreachable, match="no server answers"):
        nobody.health()


def test_the_queue_is_paused_ordered_held_and_cancelled(client: Client) -> None:
    assert client.pause().paused
    try:
        a, b, c = (made(client, name=name) for name in "abc")
        client.change(c, first=True)
        client.change(a, held=True)
        line = client.queue().runs
        assert [(run.source, run.position, run.held) for run in line] == [
            ("c", 1, False),
            ("a", 2, True),
            ("b", 3, False),
        ]
        client.change(b, before=c)
        assert [run.source for run in client.queue().runs] == ["b", "c", "a"]
        assert client.cancel(c).state == "cancelled"
        with pytest.raises(RunFailed, match="cancelled"):
            client.results(c)
        with pytest.raises(Conflict, match="does not wait"):
            client.change(c, priority=3)
        with pytest.raises(Conflict, match="has not ended"):
            client.remove(a)
    finally:
        client.pause(False)
    waited(client, b)
    assert client.show(b).state == "done"
    assert client.show(a).state == "queued"
    client.change(a, held=False)
    waited(client, a)
    assert client.retry(c).attempt == 2
    waited(client, c)
    assert client.show(c).answered == 2


def test_events_can_be_gone_on_with(client: Client) -> None:
    run = made(client, 5)
    waited(client, run)
    events = list(client.events(run))
    assert [event.data["id"] for event in events if event.name == "result"] == ["p1", "p2", "p3", "p4", "p5"]
    assert list(client.events(run, after=events[3].id)) == events[4:]


def test_fifty_watchers_miss_nothing(server: CosmosServer, client: Client) -> None:
    client.pause()
    run = made(client, 40)
    seen: list[list[str]] = [[] for _ in range(50)]

    def watch(mine: list[str]) -> None:
        with server.client() as watcher:
            mine += [event.data["id"] for event in watcher.events(run) if event.name == "result"]

    threads = [threading.Thread(target=watch, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    time.sleep(1)
    client.pause(False)
    for thread in threads:
        thread.join(60)
    assert all(mine == [f"p{n}" for n in range(1, 41)] for mine in seen)


def test_pages_hold_each_run_and_prompt_once(server: CosmosServer, client: Client) -> None:
    runs = [made(client, 3) for _ in range(7)]
    for run in runs:
        waited(client, run)
    seen: list[str] = []
    cursor = ""
    with httpx2.Client(base_url=server.url + "/api/v1", timeout=60) as http:
        while True:
            page = http.get("/runs", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
            seen += [run["id"] for run in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) >= 7
        assert http.get("/runs", params={"cursor": "nonsense"}).status_code == 422
        exported = http.get("/export", params={"run": runs[0]}).text.splitlines()
        assert [json.loads(line)["id"] for line in exported] == ["p3", "p2", "p1"]
        specs = http.get("/export", params={"run": runs[0], "format": "spec"}).text.splitlines()
        spec = json.loads(specs[0])
        assert (spec["input_video_path"], spec["edge"]) == ("shot.mp4", {"control_weight": 1.0})
        assert len(http.get("/export", params={"run": runs[0], "format": "csv"}).text.splitlines()) == 4


def test_what_is_known_already_is_not_sent_again(server: CosmosServer) -> None:
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        first = http.get("/api/v1/models")
        again = http.get("/api/v1/models", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert http.get("/api/v1/limits").headers["etag"] != first.headers["etag"]


def test_frames_thumbnails_and_ranges(server: CosmosServer, client: Client, clip_file: Path) -> None:
    media = client.upload(clip_file)
    with httpx2.Client(base_url=f"{server.url}/api/v1/media/{media.id}", timeout=60) as http:
        assert http.get("/frames/0?width=910&height=512").content[16:24] == (910).to_bytes(4, "big") + (512).to_bytes(
            4, "big"
        )
        assert http.get("/frames/99").status_code == 404
        expected = [frame.png for frame in read_frames(clip_file, 6)]
        assert [http.get(f"/frames/{index}").content for index in range(6)] == expected  # counted, then by time
        assert http.get("/thumbnail").content[16:24] == (320).to_bytes(4, "big") + (180).to_bytes(4, "big")
        part = http.get("/content", headers={"range": "bytes=4-7"})
        assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"ftyp", "video/mp4")
        assert http.get("/content").content == clip_file.read_bytes()


def test_limits_are_those_of_the_command_line(client: Client) -> None:
    assert client.limits(gpu="L4", prompt="a city") == json.loads(
        json.dumps(overview(UPSAMPLER, "a city", gpu="L4").to_dict())
    )
    assert client.models()[0].max_model_len == 4096
    assert {check.name for check in client.check_host("local")} >= {"python", "engine"}
    assert client.hosts() == []


def test_metrics_count_what_the_store_holds(server: CosmosServer, client: Client) -> None:
    waited(client, made(client))
    metrics = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
    done = next(line for line in metrics.splitlines() if line.startswith('cosmos_runs{state="done"}'))
    assert float(done.split()[-1]) == len(client.runs(state=["done"]))
    assert 'route="/api/v1/runs/{id}/events"' in metrics


@pytest.mark.host  # it waits for the dead server's lease to end
def test_a_killed_server_goes_on_with_what_was_running(tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=4)
    with CosmosServer(tmp_path / "data") as server, server.client() as client:
        client.pause()
        runs = [client.run([{"video": str(clip), "prompt": f"{n}"}] * 1, engine="describe").id for n in range(30)]
        client.pause(False)
        while not client.runs(state=["done"]):
            time.sleep(0.01)
        server.kill()
        server.start()
        with server.client() as again:
            for run in runs:
                waited(again, run)
            assert {run.state for run in again.runs()} == {"done"}
            assert len(again.prompts()) == 30
        assert server.stop() in (0, -signal.SIGTERM)


@pytest.mark.host
def test_all_of_it_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=4)
    with CosmosServer(tmp_path / "data", COSMOS_STORE_URL=postgres.fresh()) as server, server.client() as client:
        items = [{"video": str(clip), "prompt": f"größer {n} \0 zero"} for n in range(3)]
        results = client.upsample(items, engine="describe")
        assert all(result.upsampled_prompt for result in results)
        (prompt,) = client.prompts("größer 2")
        assert client.mark(prompt.number, rating=3, tags=["a"]).rating == 3
        assert [entry.number for entry in client.prompts(tag="a", rating=3, ok=True)] == [prompt.number]
        assert client.runs()[0].state == "done"
        assert not (tmp_path / "data" / "store.db").exists()


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1, -(2**63), 7.0])
def test_seeds_are_exact(server: CosmosServer, folder: Path, seed: float) -> None:
    with server.client() as client:
        run = made(client, 1, settings={"seed": int(seed)})
        assert client.check([{"video": SHARED, "seed": seed}], seed=seed)[0].runs
    kept = Store(f"sqlite:///{folder / 'data' / 'store.db'}").get(run)
    assert kept.settings["settings"]["seed"] == int(seed)


@pytest.mark.parametrize("seed", ["9223372036854775808", "-9223372036854775809", "1e18", "1.5", "NaN", "true", '"7"'])
def test_what_is_no_seed_is_refused(server: CosmosServer, seed: str) -> None:
    body = f'{{"items": [{{"video": "{SHARED}", "seed": {seed}}}]}}'
    reply = httpx2.post(f"{server.url}/api/v1/check", content=body, headers={"content-type": "application/json"})
    assert reply.status_code in (400, 422)
    assert "seed" in reply.text or seed == "NaN"
