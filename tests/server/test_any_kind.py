"""Another kind of work through a server: `words`, of `tests/plugins`, which the package does not know."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import httpx2
import pytest
from servers.cosmos_server import CosmosServer

from cosmos_workflow.api import decide, open_store, with_identities
from cosmos_workflow.cli import main
from cosmos_workflow.client import Client
from cosmos_workflow.errors import BadInputError, Conflict, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.shapes import Planned

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[1] / "plugins" / "words"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind, for the client in this process."""
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    """With a text and a clip in its media folder."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "media").mkdir()
    (folder / "media" / "sea.txt").write_text("The sea, the wide sea.\n")
    clips.textured(folder / "media" / "shot.mp4", 320, 180, frames=6)
    path = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH", "")]))
    with CosmosServer(folder / "data", "--media", folder / "media", PYTHONPATH=path) as server:
        yield server


@pytest.fixture
def http(server: CosmosServer) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"{server.url}/api/v1", timeout=60) as http:
        yield http


@pytest.fixture
def harbour(tmp_path: Path) -> Path:
    (tmp_path / "harbour.txt").write_text("A harbour, the harbour\n")
    return tmp_path / "harbour.txt"


def done(client: Client, items: list[Any], **options: Any) -> str:
    run = client.run(items, kind="words", **options)
    for _ in client.events(run.id):
        pass
    return run.id


def test_it_is_queued_followed_and_its_results_are_its_own(client: Client, harbour: Path) -> None:
    kind = get_kind("words")
    items = [kind.item("a", harbour, 2), {"text_file": "sea.txt", "id": "b"}, {"text_file": "sea.txt"}]
    run = client.show(done(client, items, settings={"ignore_case": False}))
    assert (run.kind, run.state, run.answered, run.source) == ("words", "done", 3, "harbour.txt and 2 more")
    results = client.results(run.id)
    assert [(result.id, result.count, result.size) for result in results] == [("a", 4, 2), ("b", 5, 4), ("p3", 5, 4)]
    assert all(isinstance(result, kind.result) and result.outputs for result in results)


def test_a_check_says_what_the_kind_says_and_the_identity_that_the_run_has(
    server: CosmosServer, client: Client, harbour: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [{"id": "a", "text_file": str(harbour), "size": 3}]
    (plan,) = client.check(items, kind="words")
    assert plan == Planned("a", "fits", "", "", [], True, plan.identity)
    # As whoever has the file would submit it.
    kind = get_kind("words")
    checked = kind.check([kind.item("a", harbour, 3)], kind.settings())
    (own,) = with_identities(checked, decide(kind, kind.settings()), open_store())
    assert own.identity == plan.identity
    assert client.check(items, kind="words", settings={"ignore_case": False})[0].identity != plan.identity
    run = done(client, items)
    monkeypatch.setenv("COSMOS_DATA", str(server._data))
    assert open_store().identities(run) == {"a": plan.identity}


def test_the_history_has_both_kinds(client: Client, http: httpx2.Client, harbour: Path) -> None:
    words = done(client, [{"id": "a", "text_file": str(harbour)}])
    (result,) = client.upsample([{"video": "shot.mp4", "prompt": "a harbour at night"}], engine="describe")
    (counted, asked) = client.prompts("harb", run=words), client.prompts("harb", kind="upsample")
    assert [(prompt.kind, prompt.clip, prompt.question, prompt.answer) for prompt in counted] == [
        ("words", "harbour.txt", "A harbour, the harbour\n", "4 words, most of all 'harbour'"),
    ]
    assert (asked[0].question, asked[0].answer) == ("a harbour at night", result.upsampled_prompt)
    assert {prompt.kind for prompt in client.prompts("harbour")} == {"words", "upsample"}
    marked = client.mark(counted[0].number, rating=4, tags=["sea"])
    assert (marked.rating, marked.result.count) == (4, 4)
    entry = http.get(f"/prompts/{marked.number}").json()
    assert (entry["result"]["most_frequent"], entry["media"]) == (
        "harbour",
        http.get("/media").json()["items"][0]["id"],
    )


def test_an_export_has_the_fields_of_each_kind(client: Client, http: httpx2.Client, harbour: Path) -> None:
    words = done(client, [{"id": "a", "text_file": str(harbour)}])
    client.upsample([{"video": "shot.mp4", "prompt": "a lighthouse"}], engine="describe", name="clips")
    (line,) = [json.loads(line) for line in http.get("/export", params={"run": words}).text.splitlines()]
    assert (line["kind"], line["count"], line["text_file"], line["clip"]) == ("words", 4, *["harbour.txt"] * 2)
    table = http.get("/export", params={"run": words, "format": "csv"}).text
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert (row["most_frequent"], row["kind"], "upsampled_prompt" in row) == ("harbour", "words", False)
    rows = list(csv.DictReader(io.StringIO(http.get("/export", params={"format": "csv"}).text, newline="")))
    assert {(row["kind"], bool(row["upsampled_prompt"]), bool(row["count"])) for row in rows} == {
        ("words", False, True), ("upsample", True, False),
    }  # fmt: skip
    # Its answers are no prompts for videos.
    assert http.get("/export", params={"run": words, "format": "spec"}).text == ""
    number = client.prompts(run=words)[0].number
    assert http.get(f"/prompts/{number}/controlnet_spec").status_code == 409
    assert http.get(f"/prompts/{number}/thumbnail").status_code == 404


def test_an_item_that_cannot_be_read_is_refused_and_tried_again(client: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    (tmp_path / "needs.txt").write_text(f"needs {gate}\nwords")
    (tmp_path / "clip.mp4").write_bytes(clips.textured(tmp_path / "c.mp4", 64, 36, frames=2).read_bytes())
    with pytest.raises(BadInputError, match="type video/mp4"):
        client.run([{"text_file": str(tmp_path / "clip.mp4")}], kind="words")
    run = done(client, [{"id": "a", "text_file": str(tmp_path / "needs.txt")}])
    assert client.prompts(run=run)[0].result.error_kind == "not_yet"
    gate.touch()
    client.retry(run)
    for _ in client.events(run):
        pass
    assert client.results(run)[0].ok


def test_requests_are_held_to_the_shape_of_their_kind(http: httpx2.Client, client: Client) -> None:
    text, clip = {"text_file": "sea.txt"}, {"video": "shot.mp4"}
    for body, where in (
        ({"kind": "words", "items": [clip]}, "body.words.items.0.text_file"),
        ({"kind": "words", "items": [text | {"size": "4"}]}, "body.words.items.0.size"),
        ({"kind": "words", "items": [text | {"sise": 4}]}, "body.words.items.0.sise"),
        ({"kind": "words", "items": [text], "settings": {"fit": "off"}}, "body.words.settings.fit"),
        ({"kind": "words", "items": [text], "engine": "vllm"}, "body.words.engine"),
        ({"items": [text]}, "body.upsample.items.0.video"),
        ({"kind": "upsample", "items": [clip], "engine": "counter"}, "body.upsample.engine"),
        ({"kind": "sing", "items": [text]}, "body"),
        ({"kind": ["words"], "items": [text]}, "body"),
        ([], "body.upsample"),
    ):
        for path in ("/runs", "/check"):
            answer = http.post(path, json=body)
            assert (answer.status_code, answer.json()["where"]) == (422, where)
    assert (
        "kind is none of prepare, transfer, upsample, upscale, words"
        in http.post("/runs", json={"kind": "sing", "items": []}).text
    )
    refused = http.post("/runs", json={"kind": "words", "items": [text | {"size": 65}]})
    assert (refused.status_code, refused.json()["kind"]) == (422, "BadInputError")
    with pytest.raises(UsageError, match=r"items\[0\]\.sise"):
        client.run([text | {"sise": 4}], kind="words")
    with pytest.raises(UsageError, match="no kind of work named 'sing'"):
        client.run([text], kind="sing")


def test_the_shared_folder_lists_what_the_kinds_take(http: httpx2.Client) -> None:
    assert http.get("/shared").json() == ["sea.txt", "shot.mp4"]
    assert http.get("/shared/content", params={"path": "sea.txt"}).text.startswith("The sea")
    assert http.get("/shared/thumbnail", params={"path": "shot.mp4"}).status_code == 200
    # FFmpeg sees no text.
    refused = http.get("/shared/thumbnail", params={"path": "sea.txt"})
    assert (refused.status_code, refused.json()["what"]) == (422, "a text has no picture")


def test_items_of_a_kind_that_is_gone_are_shown_with_what_the_store_has(
    tmp_path: Path, harbour: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, batch = tmp_path / "data", tmp_path / "batch.jsonl"
    (tmp_path / "missing.jsonl").write_text('{"id": "b", "text_file": "nowhere.txt"}\n')
    batch.write_text('{"id": "a", "text_file": "harbour.txt"}\n')
    for name in (batch, tmp_path / "missing.jsonl"):
        main(["words", str(name), "-o", str(name.with_suffix(".out.jsonl"))])
    clip = clips.textured(tmp_path / "quay.mp4", 64, 36, frames=2)
    main(["upsample", str(clip), "-p", "a quay", "--engine", "describe", "-o", str(tmp_path / "quay.jsonl")])
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(PLUGIN)])
    capsys.readouterr()

    def cosmos(*words: str) -> str:
        assert main(list(words)) == 0
        return capsys.readouterr().out

    assert cosmos("runs", "list").count(" 1 ") >= 3
    listed = " ".join(cosmos("prompts", "list").split())
    assert "a quay" in listed and listed.count("unknown kind: not installed") == 2
    (line, _) = [json.loads(line) for line in cosmos("prompts", "list", "--json").splitlines() if "words" in line]
    assert (line["kind"], line["result"]["id"], line["clip"]) == ("words", "b", "")
    number = json.loads(cosmos("prompts", "search", "harbour", "--json"))["number"]
    shown = cosmos("prompts", "show", str(number))
    assert "unknown kind" in shown and "4 words, most of all 'harbour'" in shown
    exported = [json.loads(line) for line in cosmos("prompts", "export").splitlines()]
    assert [(row["kind"], row["id"]) for row in exported[1:]] == [("words", "b"), ("words", "a")]
    rows = list(csv.DictReader(io.StringIO(cosmos("prompts", "export", "--format", "csv"), newline="")))
    assert [(row["kind"], row["id"]) for row in rows[1:]] == [("words", "b"), ("words", "a")]
    with CosmosServer(data) as server, server.client() as client:
        assert [prompt.kind for prompt in client.prompts()] == ["upsample", "words", "words"]
        assert client.prompts("harbour")[0].result["most_frequent"] == "harbour"
        with httpx2.Client(base_url=server.url, timeout=60) as http:
            assert http.get("/api/v1/export", params={"format": "csv"}).text.count("words") >= 2
            assert http.get(f"/api/v1/prompts/{number}").json()["result"]["count"] == 4
            assert http.get(f"/api/v1/prompts/{number}/controlnet_spec").status_code == 409
            run = client.prompts("harbour")[0].run
            for path in ("/prompts", f"/runs/{run}", f"/prompts/compare?number={number}"):
                assert "words (unknown kind: not installed)" in http.get(path).text
            assert "cannot be read" in http.get("/prompts").text
            assert "1 of the selected is left out" in http.get("/", params={"number": number}).text


def test_ffmpeg_sees_no_text(client: Client, http: httpx2.Client, tmp_path: Path) -> None:
    """A playlist is a text, which is taken for a kind that counts words; it could name files of the server."""
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    media = client.upload(tmp_path / "list.m3u8")
    with pytest.raises(BadInputError, match="type text/plain"):
        client.check([{"video": media.id}])
    for path in ("thumbnail", "frames/0"):
        assert http.get(f"/media/{media.id}/{path}").status_code == 422
    content = http.get(f"/media/{media.id}/content")
    assert content.headers["content-type"].startswith("text/plain")
    with pytest.raises(BadInputError, match="neither a video nor a picture"):
        (tmp_path / "program").write_bytes(b"MZ\x90\x00 a program")
        client.upload(tmp_path / "program")


def test_the_reference_has_the_shapes_of_each_kind(server: CosmosServer) -> None:
    document = httpx2.get(f"{server.url}/openapi.json", timeout=60).json()
    schemas = document["components"]["schemas"]
    assert schemas["WordsItem"]["required"] == ["text_file"]
    assert schemas["NewWordsRun"]["properties"]["kind"]["const"] == "words"
    assert "kind" in schemas["NewWordsRun"]["required"]
    assert "kind" not in schemas["NewUpsampleRun"]["required"]
    body = document["paths"]["/api/v1/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {part["$ref"].rsplit("/", 1)[1] for part in body["oneOf"]} == {
        "NewPrepareRun",
        "NewTransferRun",
        "NewUpsampleRun",
        "NewUpscaleRun",
        "NewWordsRun",
    }
    assert "text_file" in httpx2.get(f"{server.url}/docs", timeout=60).text


def test_the_page_shows_it(server: CosmosServer, client: Client, harbour: Path, tmp_path: Path) -> None:
    shutil.copy(harbour, lost := tmp_path / "lost.txt")
    lost.write_text(f"needs {tmp_path / 'nothing'}\n")
    run = done(client, [{"id": "a", "text_file": str(harbour)}, {"id": "b", "text_file": str(lost)}], name="Harbours")
    numbers = [prompt.number for prompt in client.prompts(run=run)]
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        assert "words · local · counter" in http.get("/runs").text
        shown = http.get(f"/runs/{run}").text
        for text in ("<dd>words</dd>", "4 words, most of all", "there is no nothing yet"):
            assert text in shown
        for path in (f"/prompts?run={run}", "/prompts?search=harbour&kind=words"):
            shown = http.get(path).text
            assert "4 words, most of all" in shown and "controlnet_spec" not in shown and "<video" not in shown
        shown = http.get("/prompts/compare", params={"number": numbers}).text
        assert "4 words, most of all" in shown and "there is no nothing yet" in shown
        # The form is that of upsampling: it offers clips, and no texts.
        clip = client.upload(clips.textured(tmp_path / "new.mp4", 64, 36, frames=2))
        shown = http.get("/", params={"number": numbers}).text
        assert f'value="{clip.id}"' in shown and "harbour.txt" not in shown and "sea.txt" not in shown
        # It says what it leaves out.
        assert "2 of the selected are left out" in shown and f'words “a” of <a href="/runs/{run}">' in shown
        (clip_run,) = client.upsample([{"video": clip.id, "prompt": "a quay"}], engine="describe")
        both = [*numbers, client.prompts("quay")[0].number]
        shown = http.get("/", params={"number": both}).text
        assert "2 of the selected are left out" in shown and clip_run.prompt in shown
        assert "left out" not in http.get("/", params={"number": both[2:]}).text
    with pytest.raises(Conflict, match="nothing to try again"):
        client.retry(done(client, [{"text_file": str(harbour)}]))
