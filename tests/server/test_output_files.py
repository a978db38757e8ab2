"""Files that items have made, over HTTP: listed, played, downloaded, shown."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from servers.cosmos_server import CosmosServer
from servers.cutting_proxy import CuttingProxy

from cosmos_workflow.client import Client
from cosmos_workflow.client._sync import downloads
from cosmos_workflow.errors import BadInputError, NotFound, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.server.shapes import OutputFile

PLUGIN = Path(__file__).parents[1] / "plugins" / "words"
SIZE = 200_000
NOISE = Random(0).randbytes(SIZE)
SHA = hashlib.sha256(NOISE).hexdigest()
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind, for the client in this process."""
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("server")
    path = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH", "")]))
    (folder / "token").write_text(TOKEN)
    words = ("--token-file", folder / "token")
    with CosmosServer(folder / "data", *words, token=TOKEN, PYTHONPATH=path) as server:
        yield server


@pytest.fixture
def http(server: CosmosServer) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=60) as http:
        yield http


@pytest.fixture
def run(client: Client, tmp_path: Path) -> str:
    """A run of two items, of which the second has made a large file too."""
    (tmp_path / "a.txt").write_text("A harbour, the harbour\n")
    (tmp_path / "b.txt").write_text(f"also {SIZE} bytes\nThe sea\n")
    items = [{"id": "a", "text_file": str(tmp_path / "a.txt")}, {"id": "b/c", "text_file": str(tmp_path / "b.txt")}]
    run = client.run(items, kind="words")
    for _ in client.events(run.id):
        pass
    return run.id


@pytest.mark.slow
def test_they_are_listed_with_what_is_known_of_them(client: Client, http: httpx2.Client, run: str) -> None:
    files = client.files(run)
    assert [(file.item, file.name, file.media_type) for file in files] == [
        ("a", "picture.png", "image/png"), ("b/c", "more/noise.bin", "application/octet-stream"),
        ("b/c", "picture.png", "image/png"),
    ]  # fmt: skip
    assert (files[1].sha256, files[1].size, files[0].width, files[0].height) == (SHA, SIZE, 2, 12)
    first = http.get(f"/runs/{run}/files", params={"limit": 2}).json()
    rest = http.get(f"/runs/{run}/files", params={"limit": 2, "cursor": first["next"]}).json()
    assert [file["name"] for file in first["items"] + rest["items"]] == [file.name for file in files]
    assert rest["next"] is None
    of_item = http.get(f"/prompts/{files[1].number}/files").json()
    assert [file["name"] for file in of_item] == ["more/noise.bin", "picture.png"]
    assert http.get(f"/prompts/{files[1].number}").json()["files"] == of_item
    assert client.results(run)[1].outputs["more/noise.bin"] == SHA


def test_a_part_of_a_file_and_a_file_that_is_known(client: Client, http: httpx2.Client, run: str) -> None:
    number = client.files(run)[1].number
    url = f"/prompts/{number}/files/more/noise.bin"
    whole = http.get(url)
    assert (whole.content, whole.headers["etag"]) == (NOISE, f'"{SHA}"')
    assert whole.headers["content-disposition"].startswith("attachment")
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = http.get(url, headers={"range": "bytes=1000-1999", "if-range": f'"{SHA}"'})
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206, NOISE[1000:2000], f"bytes 1000-1999/{SIZE}",
    )  # fmt: skip
    assert http.get(url, headers={"range": "bytes=1000-", "if-range": '"another"'}).status_code == 200
    known = http.get(url, headers={"if-none-match": f'W/"x", "{SHA}"'})
    assert (known.status_code, known.content) == (304, b"")
    picture = http.get(f"/prompts/{number}/files/picture.png")
    assert (picture.headers["content-type"], picture.headers["content-disposition"][:6]) == ("image/png", "inline")
    for name in ("none.png", "../results.jsonl", "more", "%2e%2e/results.jsonl", "results.jsonl"):
        assert http.get(f"/prompts/{number}/files/{name}").status_code == 404
    assert httpx2.get(f"{http.base_url}prompts/{number}/files/picture.png").status_code == 401


def test_they_are_downloaded_over_a_line_that_is_cut_again_and_again(
    server: CosmosServer, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "RETRY_SECONDS", (0.05,) * 20)
    with CuttingProxy(server.port, itertools.chain([20_000], itertools.repeat(70_000))) as proxy:
        with Client(f"http://127.0.0.1:{proxy.port}", token=TOKEN) as client:
            came: list[int] = []
            paths = client.download(run, tmp_path / "out", came.append)
        assert len(proxy.carried) > 3
    assert {id: sorted(files) for id, files in paths.items()} == {
        "a": ["picture.png"], "b/c": ["more/noise.bin", "picture.png"],
    }  # fmt: skip
    assert paths["b/c"]["more/noise.bin"].read_bytes() == NOISE
    assert came[-1] < SIZE + 100_000  # each line went on where the one before stopped
    assert not (tmp_path / "out" / ".cosmos-files").exists()
    with server.client() as client:
        again: list[int] = []
        assert client.download(run, tmp_path / "out", again.append) == paths
        assert again == []
        paths["a"]["picture.png"].write_bytes(b"mine")
        with pytest.raises(BadInputError, match="another file is there"):
            client.download(run, tmp_path / "out")
        assert paths["a"]["picture.png"].read_bytes() == b"mine"


def test_a_file_that_is_gone_or_changed_on_the_server_is_told(
    server: CosmosServer, client: Client, http: httpx2.Client, run: str, tmp_path: Path
) -> None:
    number = client.files(run)[0].number
    (path,) = (server._data / "runs" / run).glob("results/a/picture.png")
    path.write_bytes(b"another picture")
    refused = http.get(f"/prompts/{number}/files/picture.png")
    assert (refused.status_code, refused.json()["what"]) == (404, "this file is gone or has changed")
    assert refused.json()["remedy"]
    with pytest.raises(NotFound, match="gone or has changed"):
        client.download(run, tmp_path / "out")
    path.unlink()
    assert http.get(f"/prompts/{number}/files/picture.png").status_code == 404


def test_the_page_shows_pictures_and_offers_all_of_them(server: CosmosServer, client: Client, run: str) -> None:
    number = client.files(run)[1].number
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as http:
        for path in (f"/runs/{run}", f"/prompts?run={run}"):
            shown = http.get(path).text
            assert f'<img src="/api/v1/prompts/{number}/files/picture.png" alt="picture.png of b/c"' in shown
            assert f'<a href="/api/v1/prompts/{number}/files/more/noise.bin" download>more/noise.bin</a>' in shown
            assert "noise.bin of" not in shown


def test_a_folder_that_somebody_writes_into_is_not_downloaded_into(client: Client, run: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with ResultsFile(out, get_kind("words")) as file:
        assert file.outputs
        file.outputs.scratch.mkdir()
        (file.outputs.scratch / f"{SHA}.part").write_bytes(NOISE[:1000])  # what the other one has fetched by now
        with pytest.raises(UsageError, match="another process is writing"):
            client.download(run, out)
        assert (file.outputs.scratch / f"{SHA}.part").read_bytes() == NOISE[:1000]
    assert client.download(run, out)["b/c"]["more/noise.bin"].read_bytes() == NOISE


def test_a_file_that_comes_damaged_each_time_is_the_error_of_its_item_alone(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = downloads.Downloads._fetch_rest

    def damaged(self: downloads.Downloads, url: str, made: OutputFile, *rest: Any) -> str:
        digest = old(self, url, made, *rest)
        return "0" * 64 if made.name == "more/noise.bin" else digest

    (tmp_path / "a.txt").write_text("A harbour, the harbour\n")
    (tmp_path / "b.txt").write_text("also 10 bytes\nThe sea\n")
    item, out = get_kind("words").item, tmp_path / "out"
    items = [item("b", tmp_path / "b.txt"), item("a", tmp_path / "a.txt")]
    submitted = client.submit(items, kind="words", out=out).run
    assert submitted
    with monkeypatch.context() as context:
        context.setattr(downloads.Downloads, "_fetch_rest", damaged)
        results = client.drive(submitted.id, items=items)
    assert [(result.id, result.error_kind, list(result.outputs)) for result in results] == [
        ("b", "damaged", []), ("a", "", ["picture.png"]),
    ]  # fmt: skip
    assert "damaged twice" in results[0].error
    assert (out / "a" / "picture.png").exists() and not (out / "b").exists()
    client.drive(submitted.id, items=items)
    assert (out / "b" / "more" / "noise.bin").exists()


def test_heads_and_tags(client: Client, http: httpx2.Client, run: str) -> None:
    url = f"/prompts/{client.files(run)[1].number}/files/more/noise.bin"
    head = http.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(SIZE))
    assert head.headers["etag"] == f'"{SHA}"'
    assert http.get(url, headers={"if-none-match": "*"}).status_code == 304
    assert http.head(url.replace("noise", "none")).status_code == 404
