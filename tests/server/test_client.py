"""The clients themselves: their signatures, their two forms, and connections that break."""

from __future__ import annotations

import asyncio
import http.server
import inspect
import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import clips
import pytest
from servers.cosmos_server import CosmosServer
from servers.cutting_proxy import CuttingProxy
from servers.unwell import QuietServer

from cosmos_workflow.client import AsyncClient, Client, Event
from cosmos_workflow.client._async import runs as async_runs
from cosmos_workflow.client._sync import runs, uploads
from cosmos_workflow.errors import BadInputError, HostError, UsageError
from cosmos_workflow.kinds.upsample.shapes import SettingsIn
from cosmos_workflow.server import shapes
from cosmos_workflow.server.api.machine import show_limits
from cosmos_workflow.store import Filters
from scripts import sync_client

pytestmark = pytest.mark.slow

SHARED = "inner/shot.mp4"

# The content type and the body for a request, and whether all of the body comes before the connection breaks.
Answer = Callable[[http.server.BaseHTTPRequestHandler], tuple[str, bytes, bool]]
WebServer = Callable[[Answer], AbstractContextManager[str]]


@pytest.fixture
def web_server() -> WebServer:
    """A web server that is no cosmos server, by what it answers; its URL."""

    @contextmanager
    def serve(answer: Answer) -> Iterator[str]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, body, whole = answer(self)
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body) + (not whole)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with QuietServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()

    return serve


def methods(kind: type) -> dict[str, Callable[..., object]]:
    return {name: method for name, method in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}


def keywords(name: str) -> dict[str, object]:
    parameters = inspect.signature(methods(Client)[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", methods(AsyncClient))
def test_a_method_has_a_true_signature_and_is_the_same_in_both_clients(name: str) -> None:
    awaited, method = methods(AsyncClient)[name], methods(Client)[name]
    signature, expected = inspect.signature(method), inspect.signature(awaited)
    assert signature.parameters == expected.parameters
    assert signature.return_annotation == expected.return_annotation.removeprefix("Async")
    assert not {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL} & {
        parameter.kind for parameter in signature.parameters.values()
    }
    for parameter in list(signature.parameters.values())[1:]:
        assert parameter.annotation not in (parameter.empty, "Any"), parameter
    assert inspect.iscoroutinefunction(awaited) or inspect.isasyncgenfunction(awaited)
    assert not inspect.iscoroutinefunction(method) and not inspect.isasyncgenfunction(method)
    assert method.__doc__ and method.__doc__ == awaited.__doc__


def test_both_clients_have_the_same_methods() -> None:
    assert methods(Client).keys() == methods(AsyncClient).keys()
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    assert Client.__doc__ == AsyncClient.__doc__


def test_keywords_and_their_defaults_are_those_of_the_server() -> None:
    def defaults(shape: type[shapes.Shape]) -> dict[str, object]:
        return {name: field.default for name, field in shape.model_fields.items() if name not in ("items", "settings")}

    run = keywords("run")
    assert run.pop("settings") is None
    assert run == defaults(shapes.NewRun)
    upsample = keywords("upsample")
    assert upsample.pop("on_event") is None
    assert upsample == {name: value for name, value in keywords("run").items() if name != "kind"}
    check = keywords("check")
    assert {name: check.pop(name) for name in ("kind", "place", "engine")} == defaults(shapes.Check)
    assert check.keys() == {"settings", *SettingsIn.model_fields}
    assert set(check.values()) == {None}  # what is not given is the server's to say
    assert keywords("change") == defaults(shapes.RunChange)
    assert keywords("mark").keys() == shapes.PromptChange.model_fields.keys()
    assert keywords("limits").keys() == inspect.signature(show_limits).parameters.keys() - {"ctx"}
    filters = {name: value for name, value in vars(Filters()).items() if name != "words"}
    assert keywords("prompts") == {"most": 0, **filters}


def test_the_sync_client_is_made_of_the_async_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sync_client.main(["--check"]) == 0
    copy = tmp_path / "client"
    shutil.copytree(sync_client.CLIENT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sync_client, "CLIENT", copy)
    before = {path.name: path.read_bytes() for path in (copy / "_sync").iterdir()}
    with (copy / "_async" / "prompts.py").open("a", encoding="utf-8") as file:
        file.write("\n\nasync def added() -> None: ...\n")
    (copy / "_sync" / "runs.py").unlink()
    (copy / "_sync" / "left.py").write_text("")
    assert sync_client.main(["--check"]) == 1
    assert {line.split()[0].rsplit("/", 1)[1] for line in capsys.readouterr().err.splitlines()} == {
        *("prompts.py", "runs.py", "left.py")
    }
    assert sync_client.main([]) == 0
    after = {path.name: path.read_bytes() for path in (copy / "_sync").iterdir()}
    assert after.pop("prompts.py") == before.pop("prompts.py") + b"\n\ndef added() -> None: ...\n"
    assert after == before


def test_events_go_on_behind_the_last_one_when_the_connection_breaks(
    server: CosmosServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RECONNECT_SECONDS", 0.01)
    run = client.run([{"video": SHARED, "prompt": f"a city {n}"} for n in range(40)], engine="describe").id
    whole = list(client.events(run))
    # Each connection is cut a little later than the one before, until the rest comes whole.
    with CuttingProxy(server.port, itertools.count(1_000, 300)) as proxy:
        with Client(f"http://127.0.0.1:{proxy.port}") as other:
            assert list(other.events(run)) == whole
        assert len(proxy.carried) > 2


def test_a_broken_stream_is_asked_for_from_the_last_event_on(
    web_server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(async_runs, "RECONNECT_SECONDS", 0.01)
    asked: list[str | None] = []
    streams = [
        b": ping\n\nevent: state\nid: 7\ndata: {}\n\nevent: result\nid: 9\nda",
        b"id: 8\n\n",
        b'event: result\r\nid: 9\r\ndata: {"id":\r\ndata: "a"}\r\n\r\n',
    ]

    def answer(request: http.server.BaseHTTPRequestHandler) -> tuple[str, bytes, bool]:
        if request.path.endswith("/health"):
            return "application/json", b'{"version": "1"}', True
        number = len(asked) % len(streams)
        asked.append(request.headers["last-event-id"])
        return "text/event-stream", streams[number], number == len(streams) - 1

    async def awaited(url: str) -> list[Event]:
        async with AsyncClient(url) as client:
            return [event async for event in client.events("some", after="5")]

    with web_server(answer) as url:
        with Client(url) as client:
            events = list(client.events("some", after="5"))
        assert events == [Event("state", {}, "7"), Event("result", {"id": "a"}, "9")]
        assert asyncio.run(awaited(url)) == events
    assert asked == ["5", "7", "7"] * 2


@pytest.mark.parametrize("id", ["a\u2028b", "c\x85d", "ü 🤖"])
def test_an_event_holds_any_id(client: Client, id: str) -> None:
    run = client.run([{"video": SHARED, "prompt": "x", "id": id}], engine="describe").id
    assert [event.data["id"] for event in client.events(run) if event.name == "result"] == [id]


def test_another_servers_page_is_no_answer(web_server: WebServer) -> None:
    with web_server(lambda request: ("text/html", b"<html>welcome</html>", True)) as url, Client(url) as client:
        with pytest.raises(HostError, match="not that of a cosmos server"):
            client.runs()
        with pytest.raises(HostError, match="no stream of events"):
            next(client.events("some"))


def test_wrong_values_are_named_before_anything_is_sent() -> None:
    with Client("http://127.0.0.1:9") as client:
        for call, where in (
            (lambda: client.run([{"video": "a.mp4"}, {"video": "b.mp4", "promt": "x"}]), r"items\[1\]\.promt"),
            (lambda: client.run([{"video": "a.mp4"}], priority=5000), "priority"),
            (lambda: client.run([{"video": "a.mp4"}], settings={"frames": 0}), r"settings\.frames"),
            (lambda: client.check([], seed=0.5), r"settings\.seed"),  # type: ignore[arg-type]
            (lambda: client.mark(1, rating=6), "rating"),
        ):
            with pytest.raises(UsageError, match=f"^{where}: "):
                call()


def test_a_file_that_becomes_shorter_while_it_is_uploaded(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 1_000)
    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=3)

    def shorten(sent: int) -> None:
        if sent:
            clip.write_bytes(clip.read_bytes()[:sent])

    with pytest.raises(BadInputError, match="became shorter"):
        client.upload(clip, shorten)
