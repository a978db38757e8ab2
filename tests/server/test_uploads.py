"""Uploads in pieces, over lines that break."""

from __future__ import annotations

import itertools
from pathlib import Path

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer
from servers.cutting_proxy import CuttingProxy

from cosmos_workflow.client import Client
from cosmos_workflow.client._sync import uploads
from cosmos_workflow.errors import BadInputError


@pytest.mark.slow
def test_a_line_that_is_cut_again_and_again_brings_the_clip_all_the_same(
    server: CosmosServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 8_000)
    monkeypatch.setattr(uploads, "RETRY_SECONDS", (0.05,) * 20)
    clip = clips.textured(tmp_path / "clip.mp4", 640, 360, frames=40)
    assert clip.stat().st_size > 20_000
    with CuttingProxy(server.port, itertools.cycle([12_000])) as proxy:
        with Client(f"http://127.0.0.1:{proxy.port}") as client:
            media = client.upload(clip)
        assert len(proxy.carried) > 2
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        assert http.get(f"/api/v1/media/{media.id}/content").content == clip.read_bytes()


def test_what_an_upload_refuses(server: CosmosServer, clip_file: Path) -> None:
    data = clip_file.read_bytes()
    uploads = server.url + "/api/v1/uploads"
    with httpx2.Client(timeout=60) as http:
        begun = http.post(uploads, json={"name": "../../x/clip.mp4", "size": len(data)}).json()
        assert begun["name"] == "clip.mp4"
        url = f"{uploads}/{begun['id']}"
        assert http.patch(url, params={"offset": 5}, content=b"x").status_code == 409
        assert http.patch(url, params={"offset": 0}, content=data[:100]).json()["offset"] == 100
        assert http.get(url).json()["offset"] == 100
        assert http.patch(url, params={"offset": 100}, content=data).status_code == 409  # more than was announced
        assert http.get(url).json()["offset"] == 100
        done = http.patch(url, params={"offset": 100}, content=data[100:]).json()
        assert done["media"]["name"] in ("clip.mp4", clip_file.name)
        assert http.get(url).json() == done  # the answer may be lost on its way
        assert http.patch(url, params={"offset": len(data)}, content=b"").status_code == 409
        assert http.post(uploads, json={"name": "x", "size": 2**49}).status_code == 409
        gone = http.post(uploads, json={"name": "x.mp4", "size": 10}).json()["id"]
        assert http.delete(f"{uploads}/{gone}").status_code == 204
        assert http.get(f"{uploads}/{gone}").status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"MZ\x90\x00 a program",
        b"\x89PNG\r\n\x1a\n and no more",
    ],
)
def test_no_file_but_a_clip_is_taken_whatever_its_name(client: Client, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    with pytest.raises(BadInputError):
        client.upload(file)
