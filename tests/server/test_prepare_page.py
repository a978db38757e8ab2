"""The tab *Prepare* without a browser: its rows, its pictures, and the run that it begins."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import clips
import cv2
import httpx2
import numpy as np
import pytest
from servers.cosmos_server import CosmosServer

from cosmos_workflow.client import Client
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.controls import blur_of, blurred, edges, thresholds_of
from cosmos_workflow.media.framing import frame_for, framed
from cosmos_workflow.media.types import ENDINGS
from cosmos_workflow.server.folders import MAGIC, unpack

PNG = b"\x89PNG\r\n\x1a\n"


def picture(number: int, width: int = 640, height: int = 360) -> np.ndarray:
    return clips.texture(height, width, number)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    """A server whose media folder has two shots: one whole, one with a gap."""
    folder = tmp_path_factory.mktemp("prepare")
    for shot, numbers in {"harbour": (1, 2, 3), "street": (1, 2, 4)}.items():
        (folder / "shared" / shot).mkdir(parents=True)
        for number in numbers:
            colour = cv2.cvtColor(picture(number), cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(folder / "shared" / shot / f"color.{number:04d}.png"), colour)
            ramp = np.tile(np.linspace(0, 255, 640).astype(np.uint8), (360, 1))
            cv2.imwrite(str(folder / "shared" / shot / f"depth.{number:04d}.png"), ramp)
    (folder / "outside").mkdir()
    (folder / "outside" / "color.0001.png").write_bytes((folder / "shared/harbour/color.0001.png").read_bytes())
    (folder / "shared" / "way-out").symlink_to(folder / "outside")
    with CosmosServer(folder / "data", "--media", folder / "shared") as server:
        yield server


def addresses(text: str, look: str) -> list[str]:
    found = re.findall(r'(?:src|href)="(/prepare/frame\?[^"]*)"', text)
    return [address for each in found if f"look={look}" in (address := html.unescape(each))]


def decoded(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def test_the_tab_offers_the_folders_of_the_server(http: httpx2.Client) -> None:
    text = http.get("/prepare").text
    assert 'aria-current="page">Prepare' in text
    for option in (".", "harbour", "street", "harbour/color.%04d.png"):
        assert f'<option value="{option}">' in text
    assert "way-out" not in text
    for group in ("Fit", "What is there", "Light and colour", "Depth and objects"):
        assert f"<summary>{group}</summary>" in text


def test_the_tab_sends_what_the_server_takes_by_its_name(http: httpx2.Client, tmp_path: Path) -> None:
    (endings,) = re.findall(r'data-endings="([^"]*)"', http.get("/prepare").text)
    assert endings.split() == sorted(ENDINGS)
    assert all(re.fullmatch(r"\.[a-z0-9]+", ending) for ending in ENDINGS)
    files = {f"shot/a{number}{ending}": PNG for number, ending in enumerate(ENDINGS)}
    for names in (files, {**files, "shot/a.tga": PNG}):
        listed = [[name, len(data)] for name, data in names.items()]
        (tmp_path / "packed").write_bytes(MAGIC + json.dumps(listed).encode() + b"\n" + b"".join(names.values()))
        (tmp_path / f"out{len(names)}").mkdir()
        taken = nullcontext() if names is files else pytest.raises(BadInputError, match="by its name")
        with taken:
            unpack(tmp_path / "packed", tmp_path / f"out{len(names)}")


def test_rows_say_what_is_there_and_what_is_missing_by_number(http: httpx2.Client, server: CosmosServer) -> None:
    text = http.post("/prepare/check", data={"source": ".", "model": "transfer1"}).text
    assert text.count('class="card shot"') == 2
    assert "1280×704, 3 frames at 24 a second" in text
    assert "picture · 3 frames" in text
    assert "depth · 3 frames" in text
    assert ">picture: frame 3 is missing" in text
    assert "\ndepth: frame 3 is missing" in text
    assert "“Missing frames” hold" in text
    assert "1 of 2 clips can be made" in text
    assert "640x360 cropped to 640x352" in text
    assert 'class="away"' in text
    assert str(server._data.parent) not in text  # where the server has it is nobody's business
    padded = http.post("/prepare/check", data={"source": "harbour", "size": "640x640", "fit": "pad"}).text
    assert 'class="added"' in padded
    assert 'class="away"' not in padded
    held = http.post("/prepare/check", data={"source": ".", "missing": "hold"}).text
    assert "2 of 2 clips can be made" in held


@pytest.mark.slow
def test_the_preview_is_what_is_made(http: httpx2.Client) -> None:
    form = {"source": "harbour", "model": "transfer1", "edge": "60:140", "blur": "high", "at": "50"}
    text = http.post("/prepare/check", data=form).text
    assert "thresholds 60 and 140" in text
    whole = framed(picture(2), frame_for((640, 360), (1280, 704)))
    (address,) = set(addresses(text, "edge"))
    answer = http.get(address)
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert np.array_equal(decoded(answer.content), edges(whole, thresholds_of("60:140")[0]))
    (address,) = set(addresses(text, "vis"))
    blur = blurred(whole, blur_of("high", "transfer1")[0])
    assert np.abs(decoded(http.get(address).content).astype(int) - blur).mean() < 2  # it comes as JPEG
    other = http.post("/prepare/check", data=form | {"edge": "low"}).text
    assert addresses(other, "vis") == addresses(text, "vis")
    assert addresses(other, "edge") != addresses(text, "edge")
    off = http.post("/prepare/check", data=form | {"edge": "off"}).text
    assert addresses(off, "edge") == []


def test_a_thumbnail_is_the_whole_source_also_of_a_clip_with_a_gap(http: httpx2.Client) -> None:
    text = http.post("/prepare/check", data={"source": "street", "size": "320x320"}).text
    small = [address for look in ("rgb", "depth") for address in addresses(text, look) if "whole=1" in address]
    assert len(small) == 2
    for address in small:
        assert decoded(http.get(address).content).shape == (180, 320, 3)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"source": "none"}, "no such clip"),
        ({"source": "../outside"}, "no such clip"),
        ({"source": "way-out"}, "no such clip"),
        ({"source": "/etc"}, "no such clip"),
        ({"source": "harbour", "file_depth": "../../outside/color.%04d.png"}, "no such clip"),
        ({"source": "harbour", "ocio": "/etc/passwd", "view": "Filmic"}, "a server opens no file"),
        ({"source": "harbour", "fps": "many"}, "Frames a second"),
        ({"source": "harbour", "missing": "perhaps"}, "Missing frames"),
        ({"source": "harbour", "edge": "strong"}, "strength of edges"),
        ({"source": "harbour", "size": "641x360"}, "641x360"),
    ],
)
def test_what_cannot_be_used_is_said(http: httpx2.Client, form: dict[str, str], words: str) -> None:
    answer = http.post("/prepare/check", data=form)
    assert answer.status_code == 200
    assert words in answer.text
    assert "disabled" in answer.text
    assert 'role="alert"' in http.post("/prepare/run", data=form).text


def test_hostile_pictures_are_refused(http: httpx2.Client) -> None:
    for query in ({"source": "harbour", "of": "nothing", "look": "rgb"}, {"source": "../outside", "of": "x"}, {},
                  {"source": "harbour", "of": "harbour", "look": "normal", "at": "1e9"},
                  {"source": "harbour", "of": "harbour", "look": "rgb", "at": "nan"}):  # fmt: skip
        assert 400 <= http.get("/prepare/frame", params=query).status_code < 500, query


def test_ticked_clips_are_made_and_play(http: httpx2.Client, client: Client) -> None:
    form = {"source": ".", "known": ["harbour", "street"], "shot": ["harbour"], "blur": "off", "size": "320x180"}
    answer = http.post("/prepare/run", data=form)
    assert answer.status_code == 204, answer.text
    id = answer.headers["hx-redirect"].rpartition("/")[2]
    client.drive(id)
    (prompt,) = client.entries(id)
    assert prompt.ok, prompt.result
    assert prompt.result.id == "harbour"
    assert {"rgb.mp4", "depth.mp4", "edge.mp4"} <= set(prompt.result.outputs)
    assert client.show(id).source == "harbour"
    page = http.get(f"/runs/{id}").text
    assert page.count("<video") >= 3
    nothing = http.post("/prepare/run", data=form | {"shot": []})
    assert "No clip that can be made is chosen" in nothing.text
