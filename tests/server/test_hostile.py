"""Requests that no client of ours sends: whatever comes, the server answers, and with no error of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import threading
import time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.cosmos_server import CosmosServer

from cosmos_workflow.server import serving

pytestmark = pytest.mark.slow

EXAMPLES = settings(max_examples=cases(60))
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
ODD_HOSTS = st.sampled_from(
    ["[", "]", "[::1", "::1]", "[]:80", "localhost:x", "localhost:99999999", "@", "a@b", "%", "//"]
)
NUMBERS = st.one_of(
    st.integers(), st.sampled_from([2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400]),
    st.floats().map(repr), st.text(max_size=20),
)  # fmt: skip


def ask(
    server: CosmosServer, method: str, path: str, body: bytes = b"", *, host: str = "localhost", **headers: str
) -> tuple[int, bytes]:
    """The status and the body of an answer; the request is sent as it is, however odd."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest


@EXAMPLES
@given(host=HEADER | ODD_HOSTS, origin=HEADER | ODD_HOSTS.map(lambda host: f"http://{host}"), cookie=HEADER)
def test_no_header_is_an_error_of_the_server(server: CosmosServer, host: str, origin: str, cookie: str) -> None:
    assert ask(server, "GET", "/api/v1/health", host=host)[0] in (200, 400, 403)
    status, _ = ask(server, "POST", "/runs/pause", b"on=x", origin=origin, cookie=f"cosmos_session={cookie}")
    assert 400 <= status < 500


@EXAMPLES
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from([10**400, "\ud800", "\0", "é"]),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    ),
    path=st.sampled_from(["/api/v1/runs", "/api/v1/prompts", "/api/v1/media", "/prompts"]),
)
def test_a_cursor_that_is_not_ours_is_refused(server: CosmosServer, value: Any, path: str) -> None:
    for cursor in (
        base64.urlsafe_b64encode(json.dumps(value).encode()).decode(),
        quote(json.dumps(value), safe=""),
        quote(f"{value}~x".encode("utf-8", "surrogatepass"), safe=""),
    ):
        status, _ = ask(server, "GET", f"{path}?cursor={cursor}")
        assert status == 422 or (status == 200 and re.fullmatch(r"[\d.]+(~x|%7Ex)?", cursor)), cursor


@EXAMPLES
@given(number=NUMBERS)
def test_no_number_is_an_error_of_the_server(server: CosmosServer, number: object) -> None:
    text = quote(str(number).encode("utf-8", "replace"), safe="")
    for path in (
        f"/?prompt={text}", f"/prompts?rating={text}&cursor={text}", f"/prompts/compare?number={text}",
        f"/api/v1/prompts/{text}", f"/api/v1/prompts?rating={text}&limit={text}", f"/api/v1/limits?memory_gib={text}",
        f"/api/v1/limits?max_model_len={text}&frames={text}", f"/api/v1/media/{'0' * 64}/frames/{text}",
        f"/api/v1/runs/x/log?last={text}", f"/limits?gpu={text}",
    ):  # fmt: skip
        assert ask(server, "GET", path)[0] < 500, path
    names = ("frames", "max_tokens", "max_model_len", "width", "height", "rating", "tags", "on", "rows", "prompts")
    form = urlencode({name: str(number).encode("utf-8", "replace") for name in names}).encode()
    sent = {"content_type": "application/x-www-form-urlencoded"}
    for path in ("/new/check", "/new/run", "/limits/check", "/prompts/1/mark", f"/prompts/{text}/mark"):
        assert ask(server, "POST", path, form, **sent)[0] < 500, path


@EXAMPLES
@given(word=st.sampled_from(["\ud800", "\0", "\udfff x", "a\x1b[2J", "\u2028"]) | st.text(max_size=30))
def test_no_word_is_an_error_of_the_server(server: CosmosServer, word: str) -> None:
    sent = {"content_type": "application/json"}
    item = {"video": word, "prompt": word, "id": word}
    for method, path, body in (
        ("POST", "/check", {"items": [item], "width": 320, "height": 180, "prompt": word}),
        ("POST", "/runs", {"items": [item | {"video": "inner/shot.mp4"}], "name": word, "held": True}),
        ("POST", "/uploads", {"name": word, "size": 10}),
        ("PATCH", "/prompts/1", {"tags": [word]}),
        ("PATCH", "/runs/x", {"before": word}),
    ):  # fmt: skip
        status, answer = ask(server, method, f"/api/v1{path}", json.dumps(body).encode(), **sent)
        assert status < 500, (path, answer)
    text = quote(word.encode("utf-8", "surrogatepass"), safe="")
    for path in (f"/api/v1/prompts?search={text}&tag={text}&run={text}", f"/runs/{text}", f"/api/v1/runs/{text}"):
        assert ask(server, "GET", path)[0] < 500, path


@pytest.mark.parametrize(
    "rows",
    [
        '[{"video": "inner/shot.mp4", "own": [1]}]', '[{"video": "inner/shot.mp4", "own": {"x": 1}}]', "[" * 100_000,
        '[{"video": 3}]', "{}", "", "x", '[{"video": "inner/shot.mp4", "own": {"seed": 1e400}}]',
        '[{"video": "inner/shot.mp4", "prompt": "\\ud800"}]',
    ],
)  # fmt: skip
def test_no_row_is_an_error_of_the_server(server: CosmosServer, rows: str) -> None:
    form = urlencode({"rows": rows}).encode()
    for path in ("/new/check", "/new/run"):
        status, _ = ask(server, "POST", path, form, content_type="application/x-www-form-urlencoded")
        assert status in (200, 422)


def test_no_name_of_a_batch_is_an_error_of_the_server(server: CosmosServer) -> None:
    for name in ("a.csv%00", "a." + "x" * 400, "", "a", ".csv/..", "%ff.json"):
        assert ask(server, "POST", f"/new/batch?name={name}", b"video,prompt\nx.mp4,y\n")[0] < 500, name


def test_five_hundred_rows_are_checked_and_as_many_ticks_are_taken(server: CosmosServer) -> None:
    sent = {"content_type": "application/x-www-form-urlencoded"}
    rows = json.dumps([{"video": "inner/shot.mp4", "key": str(n), "prompt": f"p{n}"} for n in range(500)])
    status, body = ask(server, "POST", "/new/check", urlencode({"rows": rows}).encode(), **sent)
    assert (status, b"Run 500 prompts" in body) == (200, True)
    ticks = urlencode([("number", str(n)) for n in range(1, 1201)] + [("tag", "many")]).encode()
    assert ask(server, "POST", "/prompts/tag", ticks, **sent)[0] == 200
    assert ask(server, "POST", "/prompts/tag", b"number=x", **sent)[0] == 422
    assert ask(server, "POST", "/prompts/remove", b"number=9999999999", **sent)[0] == 200


def test_head_answers_as_get_does_without_a_body(server: CosmosServer) -> None:
    for path in ("/", "/api/v1/runs", "/api/v1/events", "/static/page.js", "/nowhere", "/api/v1/export"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
            line.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            head, _, body = b"".join(iter(lambda: line.recv(65536), b"")).partition(b"\r\n\r\n")
        assert int(head.split()[1]) == (404 if path == "/nowhere" else 200), path
        assert body == b""


def test_a_page_that_is_not_there_is_a_page(server: CosmosServer) -> None:
    for path in ("/nowhere", "/runs/nothing", "/prompts/compare/x", "/limits/experiments/x"):
        status, body = ask(server, "GET", path, accept="text/html,*/*")
        assert (status, b"Page not found" in body, b"<nav" in body) == (404, True, True), path
    assert json.loads(ask(server, "GET", "/api/v1/runs/nothing", accept="text/html")[1])["kind"] == "NotFound"


def test_looking_changes_nothing(server: CosmosServer) -> None:
    """A link on another page sends a GET with the visitor's own session: a host must not be called by one."""
    assert ask(server, "GET", "/api/v1/hosts/local/check")[0] == 405
    assert ask(server, "GET", "/hosts/local/check")[0] == 405
    assert ask(server, "POST", "/api/v1/hosts/local/check")[0] == 200


def test_who_sends_its_request_drop_by_drop_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow clients hold a connection each; 30 s are shortened here, the protocol is the server's own."""
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        serving.HEADER_SECONDS = 0.5  # a deadline that was set from now on would end in the pause
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    deadlines: list[asyncio.TimerHandle] = []

    class Protocol(serving.PatientProtocol):
        def _wait_for_head(self) -> None:
            super()._wait_for_head()
            deadlines.append(self._deadline)

    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.5)
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", http=Protocol)
    config.timeout_keep_alive = 2
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
        thread.start()
        whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for begun in (b"", whole[:10], whole + whole[:10]):
            with socket.create_connection(listening.getsockname(), timeout=60) as line:
                line.sendall(begun)
                while line.recv(1000):  # ends when the server closes it
                    pass
        # A quick one is served, and a pause between two requests is none of a slow client.
        config.timeout_keep_alive = 600
        deadlines.clear()
        serving.HEADER_SECONDS = 60.0
        with socket.create_connection(listening.getsockname(), timeout=60) as line:
            for count in (1, 2):
                serving.HEADER_SECONDS = 60.0
                line.sendall(whole)
                assert b" 200 " in line.recv(1000)
                time.sleep(0.7)
                assert [deadline.cancelled() for deadline in deadlines] == [True] * count
        running.should_exit = running.force_exit = True
        thread.join(60)
        assert not thread.is_alive()
