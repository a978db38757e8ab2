"""The button *Upscale* of a run of transfers, on the stand-in for Transfer1."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from pathlib import Path

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer
from servers.nvidia_programs import write_layout

from cosmos_workflow.client import Client
from cosmos_workflow.media.video import probe

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("upscale")
    layout = write_layout(folder / "nvidia")
    layout.order()
    (folder / "shared").mkdir()
    clips.textured(folder / "shared" / "clip.mp4", 320, 176, frames=2)
    (folder / "cosmos.toml").write_text(
        f'model_path = "{layout.repository}"\n[engine_options]\npython = "{layout.bin / "python"}"\n'
    )
    with CosmosServer(folder / "data", "--media", folder / "shared", HF_HOME=str(layout.cache)) as server:
        yield server


def ended(http: httpx2.Client, client: Client, answer: httpx2.Response) -> str:
    """The id of the run to which an answer leads, when it has ended."""
    assert answer.status_code == 204, answer.text
    id = answer.headers["hx-redirect"].rsplit("/", 1)[-1]
    until = time.monotonic() + 120
    while client.show(id).state not in ("done", "failed", "cancelled"):
        assert time.monotonic() < until
        time.sleep(0.1)
    return id


def test_a_run_is_upscaled_by_a_button(http: httpx2.Client, client: Client, tmp_path: Path) -> None:
    form = {"source": "clip.mp4", "prompt": "a city", "edge": "1", "model": "transfer1-7b", "engine": "program"}
    run = ended(http, client, http.post("/transfer/run", data=form))
    assert client.show(run).state == "done", http.get(f"/runs/{run}").text
    assert f'hx-post="/runs/{run}/upscale"' in http.get(f"/runs/{run}").text
    bigger = ended(http, client, http.post(f"/runs/{run}/upscale", data={"whole": "1"}))
    page = html.unescape(http.get(f"/runs/{bigger}").text)
    assert client.show(bigger).state == "done", page
    assert "clip.mp4, upscaled" in page
    assert f"/runs/{bigger}/upscale" not in page
    (made,) = client.prompts(run=bigger)
    (video,) = [file for file in made.files if file.name == "video.mp4"]
    path = tmp_path / "video.mp4"
    path.write_bytes(http.get(f"/api/v1/prompts/{made.number}/files/{video.name}").content)
    facts = probe(path)
    assert (facts.width, facts.height, facts.frames) == (3840, 2112, 2)


def test_a_run_without_videos_says_so(http: httpx2.Client, client: Client) -> None:
    form = {"source": "clip.mp4", "prompt": "a city", "edge": "1", "size": "256", "engine": "preview"}
    run = ended(http, client, http.post("/transfer/run", data=form))
    answer = http.post(f"/runs/{run}/upscale", data={"whole": "1"})
    assert answer.status_code == 200
    assert "no item of it has a video.mp4" in html.unescape(answer.text)
