"""The tab *Transfer* and the page of a run of transfers, without a browser."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer

from cosmos_workflow.client import Client
from cosmos_workflow.server.page.files import laid_out
from cosmos_workflow.server.shapes import OutputFile

pytestmark = pytest.mark.timeout(300)

MP4 = "video/mp4"
ASKED = {"prompt": "a city", "video": "clip.mp4", "size": "256", "controls": {"depth": {"path": "depth.mp4"}}}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A media folder with clips, a spec, a folder as Prepare makes it, and specs that lead out of it."""
    outside = tmp_path_factory.mktemp("outside")
    clips.textured(outside / "secret.mp4", 96, 64, frames=4)
    (outside / "secret.txt").write_text("the password")
    folder = tmp_path_factory.mktemp("transfer") / "shared"
    folder.mkdir()
    for name in ("clip.mp4", "depth.mp4"):
        clips.textured(folder / name, 96, 64, frames=4)
    (folder / "night.json").write_text(json.dumps(ASKED))
    (folder / "thief.json").write_text(json.dumps(ASKED | {"video": str(outside / "secret.mp4")}))
    (folder / "reader.json").write_text(json.dumps(ASKED | {"prompt": "", "prompt_path": str(outside / "secret.txt")}))
    (folder / "prober.json").write_text(json.dumps(ASKED | {"video": str(outside / "none.mp4")}))
    (folder / "link.mp4").symlink_to(outside / "secret.mp4")
    (folder / "linked.json").write_text(json.dumps(ASKED | {"video": "link.mp4"}))
    made = folder / "controls" / "clip"
    made.mkdir(parents=True)
    clips.textured(made / "rgb.mp4", 96, 64, frames=4)
    clips.textured(made / "edge.mp4", 96, 64, frames=4)
    files = {"rgb": {"file": "rgb.mp4"}, "edge": {"file": "edge.mp4"}}
    (made / "manifest.json").write_text(json.dumps({"manifest": 1, "clips": files}))
    return folder


@pytest.fixture(scope="module")
def server(shared: Path) -> Iterator[CosmosServer]:
    with CosmosServer(shared.parent / "data", "--media", shared) as server:
        yield server


def check(http: httpx2.Client, **form: str) -> str:
    answer = http.post("/transfer/check", data=form)
    assert answer.status_code == 200
    return html.unescape(answer.text)


def run(http: httpx2.Client, client: Client, **form: str) -> tuple[str, str]:
    """The id of the run that the form begins, and its page when it has ended."""
    answer = http.post("/transfer/run", data=form)
    assert answer.status_code == 204, answer.text
    address = answer.headers["hx-redirect"]
    id = address.rsplit("/", 1)[-1]
    until = time.monotonic() + 120
    while client.show(id).state not in ("done", "failed", "cancelled"):
        assert time.monotonic() < until
        time.sleep(0.1)
    return id, html.unescape(http.get(address).text)


@pytest.mark.slow
def test_the_tab_offers_specs_prepared_folders_and_clips(http: httpx2.Client) -> None:
    text = http.get("/transfer?source=night.json").text
    assert 'aria-current="page">Transfer' in text
    assert '<option value="night.json" selected>' in text
    for name in ("controls", "controls/clip", "clip.mp4"):
        assert f'<option value="{name}">' in text
    assert "manifest.json" not in text
    assert '<option value="cosmos3-nano">' in text


def test_a_check_says_what_is_known_with_its_remedy(http: httpx2.Client, shared: Path) -> None:
    text = check(http, source="night.json", seeds="1-2")
    assert "<strong>night-seed2</strong>" in text
    assert "2 of 2 videos can be made" in text
    assert "4 frames are less than a chunk of 93" in text
    assert "engine preview: no model folder" in text
    assert str(shared) not in text
    text = check(http, source="night.json", engine="diffusers", model="transfer1-7b")
    assert '<p class="problem">diffusers has no pipeline for transfer1-7b' in text
    assert "0 of 1 video can be made" in text
    assert re.search(r'<button id="run"[^>]* disabled>', text)
    assert "<strong>clip</strong>" in check(http, source="controls", prompt="a city")
    assert "there is no prompt" in check(http, source="controls")
    assert "edge 0.9 to 0.474" in check(http, source="night.json", edge="0,9")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"seeds": "many"}, "these are no seeds: 'many'"),
        ({"edge": "much"}, "Edges, weight: 'much' is not a number"),
        ({"frames": "1.5"}, "Frames at most: '1.5' is not a whole number"),
        ({"source": "none.json"}, "no such clip"),
        ({"source": "../outside"}, "no such clip"),
        ({"engine": "vllm"}, "the engine vllm does not do transfer"),
        ({"source": "thief.json"}, "secret.mp4 does not lie in the server's media folder"),
        ({"source": "reader.json"}, "secret.txt does not lie in the server's media folder"),
        ({"source": "prober.json"}, "none.mp4 does not lie in the server's media folder"),
        ({"source": "linked.json"}, "link.mp4 does not lie in the server's media folder"),
    ],
)
def test_what_cannot_be_asked_is_told_and_not_run(http: httpx2.Client, form: dict[str, str], words: str) -> None:
    text = check(http, **{"source": "night.json"} | form)
    assert words in text
    assert "password" not in text
    answer = http.post("/transfer/run", data={"source": "night.json"} | form)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text


def test_a_run_shows_what_was_given_and_made_and_with_what(http: httpx2.Client, client: Client) -> None:
    _, page = run(http, client, source="night.json", seeds="7", engine="preview", name="at night")
    assert "<h1>at night</h1>" in page
    for words in ("<dt>seed</dt><dd>7</dd>", "<dt>steps</dt><dd>35</dd>", "<dt>controls</dt><dd>depth 1</dd>"):
        assert words in page
    assert "4 frames are less than a chunk of 93" in page
    players = re.findall(r'aria-label="([^"]*)" src="([^"]*)"', page)
    assert [label.split(",")[0] for label, _ in players] == ["video", "depth", "preview.mp4 of night"]
    for _, address in players:
        answer = http.get(address, headers={"range": "bytes=0-7"})
        assert (answer.status_code, answer.headers["content-type"]) == (206, MP4)
    for poster in re.findall(r'poster="([^"]*)"', page):
        assert http.get(poster).headers["content-type"] == "image/png"
    assert "Play all together" in page


def test_an_uploaded_clip_is_shown_and_named_as_people_call_it(
    http: httpx2.Client, client: Client, tmp_path: Path
) -> None:
    clip = clips.textured(tmp_path / "my clip.mp4", 96, 64, frames=4)
    media = client.upload(clip)
    form = {"source": media.id, "prompt": "a city", "edge": "0.5", "engine": "preview"}
    assert "<strong>my clip</strong>" in check(http, **form)
    id, page = run(http, client, **form)
    assert client.show(id).source == "my clip.mp4"
    assert f'src="/api/v1/media/{media.id}/content"' in page


def test_a_folder_of_frames_hides_no_video() -> None:
    def file(name: str, media_type: str) -> OutputFile:
        return OutputFile(
            name=name, sha256="0" * 64, size=1, media_type=media_type, width=1, height=1, frames=1, duration=1
        )

    frames = [file(f"frames/{number:05d}.png", "image/png") for number in range(40)]
    made = laid_out([*frames, file("log.txt", "text/plain"), file("sheet.jpg", "image/jpeg"), file("video.mp4", MP4)])
    assert [each.name for each in made.shown] == ["video.mp4", "sheet.jpg"]
    assert [each.name for each in made.links] == ["log.txt"]
    assert (made.folders, made.more) == ({"frames": 40}, 0)
    many = laid_out([file(f"{number}.mp4", MP4) for number in range(15)])
    assert (len(many.shown), many.more) == (12, 3)
