"""Each line of "safe by default", with the attack spelled out: plain HTTP, as a browser or a script sends it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from servers.cosmos_server import CosmosServer
from starlette.responses import Response

from cosmos_workflow.cli import cosmos
from cosmos_workflow.errors import UsageError
from cosmos_workflow.server.guard import CLIENTS_COUNTED, COOKIE, Guard, with_retry_after
from cosmos_workflow.server.sessions import Sessions

pytestmark = pytest.mark.slow

TOKEN = "a-token-that-nobody-guesses"


def send(
    server: CosmosServer, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    if data is not None and "content-type" not in named:
        named["content-type"] = "application/json"
    line.request(method, path, data, named)
    answer = line.getresponse()
    response = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    line.close()
    return response


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(TOKEN + "\n")
    options = ("--token-file", folder / "token", "--host", "0.0.0.0", "--name", "studio.example")
    with CosmosServer(folder / "data", *options, token=TOKEN) as server:
        yield server


def test_it_listens_where_only_this_machine_can_ask(server: CosmosServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    other = next(
        (address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)), "127.0.0.1"
    )
    if not other.startswith("127."):
        with pytest.raises(OSError):
            socket.create_connection((other, server.port), timeout=2)


def test_elsewhere_it_does_not_start_without_a_token(tmp_path: Path) -> None:
    refused = CliRunner().invoke(cosmos, ["serve", "--host", "0.0.0.0", "--port", "0"], standalone_mode=False)
    assert isinstance(refused.exception, UsageError)
    assert "there is no token" in str(refused.exception)
    (tmp_path / "short").write_text("guess-me")
    words = ["serve", "--host", "0.0.0.0", "--token-file", str(tmp_path / "short")]
    refused = CliRunner().invoke(cosmos, words, standalone_mode=False)
    assert "too short" in str(refused.exception)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "", "localhost.evil.example"]
)
def test_a_name_that_an_attacker_points_at_127_0_0_1_is_not_answered(server: CosmosServer, host: str) -> None:
    """DNS rebinding: the browser takes evil.example for this server and lets that page read its answers."""
    assert send(server, "GET", "/api/v1/prompts", host=host)[0] == 403
    assert send(server, "POST", "/api/v1/check", {}, host=host)[0] == 403


def test_our_own_names_are_answered(server: CosmosServer, guarded: CosmosServer) -> None:
    for host in ("localhost", f"127.0.0.1:{server.port}", "[::1]:8420"):
        assert send(server, "GET", "/api/v1/prompts", host=host)[0] == 200
    bearer = f"Bearer {TOKEN}"
    for host in ("studio.example", "STUDIO.example:8420", "10.1.2.3"):
        assert send(guarded, "GET", "/api/v1/prompts", host=host, authorization=bearer)[0] == 200
    assert send(guarded, "GET", "/api/v1/prompts", host="evil.example", authorization=bearer)[0] == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]
)
def test_a_form_on_another_page_changes_nothing(server: CosmosServer, origin: str) -> None:
    """CSRF: a page elsewhere sends a form to 127.0.0.1 with the visitor's own rights."""
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert send(server, "POST", "/runs/pause", b"on=true", origin=origin, **form)[0] == 403
    assert send(server, "PATCH", "/api/v1/queue", {"paused": True}, origin=origin)[0] == 403
    assert send(server, "POST", "/runs/pause", b"on=true", sec_fetch_site="cross-site", **form)[0] == 403
    with server.client() as client:
        assert not client.queue().paused
    ours = f"http://127.0.0.1:{server.port}"
    assert send(server, "PATCH", "/api/v1/queue", {"paused": False}, origin=ours)[0] == 200


def test_nothing_is_told_without_the_token(guarded: CosmosServer) -> None:
    for path in ("/api/v1/prompts", "/api/v1/runs", "/metrics", "/openapi.json", "/docs", "/", "/api/v1/events"):
        status, headers, body = send(guarded, "GET", path)
        assert (status, b"token" in body) == (401, True), path
        assert headers["www-authenticate"] == "Bearer"
    assert send(guarded, "GET", "/api/v1/health")[0] == 200
    status, headers, _ = send(guarded, "GET", "/prompts", accept="text/html")
    assert (status, headers["location"]) == (303, "/login")
    with guarded.client() as client:
        assert client.prompts() == []


def test_guessing_is_slow(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with CosmosServer(tmp_path / "data", "--token-file", tmp_path / "token", token=TOKEN) as server:
        form = {"content_type": "application/x-www-form-urlencoded"}
        pair = send(server, "POST", "/login", f"token={TOKEN}".encode(), **form)[1]["set-cookie"].split(";")[0]
        tried = [send(server, "GET", "/api/v1/runs", authorization=f"Bearer guess-{n}")[0] for n in range(15)]
        assert tried == [401] * 10 + [429] * 5
        status, headers, _ = send(server, "POST", "/login", b"token=guess", **form)
        assert status == 429
        assert 0 < int(headers["retry-after"]) <= 61
        # Others behind the same address are not locked out by it: neither the token, nor a session, nor a log-in.
        assert send(server, "GET", "/api/v1/runs", authorization=f"Bearer {TOKEN}")[0] == 200
        assert send(server, "GET", "/api/v1/runs", cookie=pair)[0] == 200
        assert send(server, "POST", "/login", f"token={TOKEN}".encode(), **form)[0] == 303


def test_the_wait_is_told_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, guard = 1000.0, Guard(TOKEN)
    monkeypatch.setattr("cosmos_workflow.server.guard.time.monotonic", lambda: now)
    for tries in range(10):
        assert guard.may_try("203.0.113.9") == 0.0
        guard.was_wrong("203.0.113.9")
        now += 1.5 if tries < 9 else 0
    assert guard.may_try("203.0.113.9") == 60.0 - 13.5
    assert guard.may_try("203.0.113.10") == 0.0
    assert with_retry_after(Response(), 46.5).headers["retry-after"] == "47"
    now = 1060.5  # the first is more than a minute old
    assert guard.may_try("203.0.113.9") == 0.0


def test_what_a_browser_may_keep(server: CosmosServer) -> None:
    """Pages change; our own files are named by their content or asked for anew."""
    assert send(server, "GET", "/api/v1/health")[1]["cache-control"] == "no-cache"
    assert "no-cache" not in send(server, "GET", "/static/style.css")[1].get("cache-control", "")


def test_logging_in_gives_a_cookie_that_scripts_and_other_sites_do_not_have(guarded: CosmosServer) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert send(guarded, "POST", "/login", b"token=wrong", **form)[0] == 403
    status, headers, _ = send(guarded, "POST", "/login", f"token={TOKEN}".encode(), **form)
    cookie = headers["set-cookie"]
    assert status == 303
    assert all(word in cookie.lower() for word in ("httponly", "samesite=strict", "max-age="))
    assert TOKEN not in cookie
    pair = cookie.split(";")[0]
    assert send(guarded, "GET", "/api/v1/runs", cookie=pair)[0] == 200
    until, number, signature = pair.removeprefix(f"{COOKIE}=").split(".")
    for forged in (
        f"{int(until) + 1}.{number}.{signature}", f"{until}.{number[::-1]}.{signature}", f"{until}.{number}.{'0' * 64}",
        "", ".", "..", until, f"{until}.{signature}", f"{until}.{number}", "\xff",
    ):  # fmt: skip
        assert send(guarded, "GET", "/api/v1/runs", cookie=f"{COOKIE}={forged}")[0] == 401
    # The cookie alone does not let another page's form through.
    status = send(guarded, "PATCH", "/api/v1/queue", {"paused": True}, cookie=pair, origin="http://evil.example")[0]
    assert status == 403


def test_a_session_ends_with_its_time_and_with_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.datastructures import Headers

    guard = Guard(TOKEN)
    shown = Headers({"cookie": f"{COOKIE}={guard.sessions.begin()}"})
    assert guard.lets_in(shown)
    assert not Guard(TOKEN + "x").lets_in(shown)
    later = time.time() + 31 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    assert not guard.lets_in(shown)


def test_logging_out_ends_the_session_on_the_server_and_no_other(tmp_path: Path) -> None:
    """A cookie that was copied before is worth nothing afterwards, also once the server was started again."""
    (tmp_path / "token").write_text(TOKEN)
    form = {"content_type": "application/x-www-form-urlencoded"}
    with CosmosServer(tmp_path / "data", "--token-file", tmp_path / "token", token=TOKEN) as server:
        copied, other = (
            send(server, "POST", "/login", f"token={TOKEN}".encode(), **form)[1]["set-cookie"].split(";")[0]
            for _ in range(2)
        )
        assert send(server, "POST", "/logout", b"", cookie=copied, **form)[0] == 303
        assert send(server, "GET", "/api/v1/runs", cookie=copied)[0] == 401
        server.kill()
        server.start()
        assert send(server, "GET", "/api/v1/runs", cookie=copied)[0] == 401
        assert send(server, "GET", "/api/v1/runs", cookie=other)[0] == 200


def test_ended_sessions_are_forgotten_when_they_would_have_ended_anyway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(TOKEN, tmp_path / "ended")
    sessions.end(sessions.begin())
    later = time.time() + 31 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    cookie = sessions.begin()
    sessions.end(cookie)
    assert not Sessions(TOKEN, tmp_path / "ended").holds(cookie)
    assert len((tmp_path / "ended").read_text().splitlines()) == 1


def test_a_proxy_that_is_named_tells_who_asks_and_by_which_way(tmp_path: Path) -> None:
    """Behind a proxy all come from one address; nobody else may pretend to be it."""
    (tmp_path / "token").write_text(TOKEN)
    form = {"content_type": "application/x-www-form-urlencoded"}
    options = ("--token-file", tmp_path / "token")
    right = f"token={TOKEN}".encode()
    with CosmosServer(tmp_path / "data", *options, "--behind-proxy", "127.0.0.1", token=TOKEN) as server:
        by_https = {"x_forwarded_proto": "https", "x_forwarded_for": "203.0.113.9", **form}
        assert "secure" in send(server, "POST", "/login", right, **by_https)[1]["set-cookie"].lower()
        guesses = [send(server, "POST", "/login", b"token=guess", **by_https)[0] for _ in range(11)]
        assert guesses == [403] * 10 + [429]
        assert send(server, "POST", "/login", b"token=guess", x_forwarded_for="203.0.113.10", **form)[0] == 403
    with CosmosServer(tmp_path / "data", *options, "--behind-proxy", "198.51.100.0/24", token=TOKEN) as server:
        assert "secure" not in send(server, "POST", "/login", right, **by_https)[1]["set-cookie"].lower()
        pretended = [
            send(server, "POST", "/login", b"token=guess", x_forwarded_for=f"203.0.113.{n}", **form)[0]
            for n in range(11)
        ]
        assert pretended == [403] * 10 + [429]


def test_a_proxy_needs_a_token_and_an_address(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    for words, reason in (
        (["--behind-proxy", "127.0.0.1"], "there is no token"),
        (["--behind-proxy", "proxy.example", "--token-file", str(tmp_path / "token")], "not an address"),
    ):
        refused = CliRunner().invoke(cosmos, ["serve", "--port", "0", *words], standalone_mode=False)
        assert isinstance(refused.exception, UsageError)
        assert reason in str(refused.exception)


def test_only_a_bearer_token_counts_and_few_addresses_are_remembered() -> None:
    from starlette.datastructures import Headers

    guard = Guard(TOKEN)
    assert guard.lets_in(Headers({"authorization": f"Bearer {TOKEN}"}))
    for wrong in (f"Basic {TOKEN}", f"Bear {TOKEN}", TOKEN, f"Bearer{TOKEN}", "Bearer "):
        assert not guard.lets_in(Headers({"authorization": wrong}))
    for number in range(CLIENTS_COUNTED + 5):
        guard.was_wrong(f"client {number}")
        assert len(guard._wrong) <= CLIENTS_COUNTED


def test_every_answer_forbids_what_it_does_not_need(server: CosmosServer) -> None:
    for path in ("/", "/api/v1/runs", "/static/page.js", "/nowhere", "/docs"):
        _, headers, _ = send(server, "GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "video",
    [
        "../secret.mp4", "inner/../../secret.mp4", "/etc/passwd", "way-out.mp4", "file:///etc/passwd",
        "inner\\..\\..\\secret.mp4", "http://127.0.0.1/x.mp4", "inner/shot.mp4\0", "concat:inner/shot.mp4|/etc/passwd",
        "0" * 64, "",
    ],
)  # fmt: skip
def test_a_path_does_not_leave_the_media_folder(server: CosmosServer, video: str) -> None:
    """Whoever may send items must not read the server's other files by them."""
    asked = {"items": [{"video": video}]}
    assert send(server, "POST", "/api/v1/check", asked)[0] in (404, 422)
    assert send(server, "POST", "/api/v1/runs", asked)[0] in (404, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
        "/api/v1/media/..%2f..%2fstore.db/content", "/api/v1/uploads/..%2fstore",
        "/limits/experiments/x/..%2f.svg",
    ],
)  # fmt: skip
def test_no_url_reaches_another_file(server: CosmosServer, path: str) -> None:
    status, _, body = send(server, "GET", path)
    assert status in (404, 405, 422)
    assert b"import" not in body
    assert b"root:" not in body


def test_no_request_fills_the_memory(server: CosmosServer) -> None:
    """A body without end: all but a clip's pieces is read whole before it is looked at."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    head = ["POST /api/v1/check HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    line.sendall("\r\n".join([*head, "Transfer-Encoding: chunked", "", ""]).encode())
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    sent = 0
    try:
        while sent < 100:
            line.sendall(chunk)
            sent += 1
    except OSError:
        pass  # it does not even read on
    assert b" 413 " in line.recv(200)
    line.close()


def test_what_others_wrote_is_shown_as_text(server: CosmosServer) -> None:
    """Stored XSS: prompts, names and tags come from anybody whose file one has."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    with server.client() as client:
        run = client.run([{"video": "inner/shot.mp4", "prompt": evil, "id": evil}], engine="describe", name=evil)
        for _ in client.events(run.id):
            pass
        number = client.prompts(run=run.id)[0].number
        client.mark(number, tags=[evil])
    for path in ("/", "/runs", f"/runs/{run.id}", "/prompts", f"/prompts/compare?number={number}", "/docs"):
        body = send(server, "GET", path)[2].decode()
        assert "<script>alert" not in body
        assert "<img src=x" not in body
    assert "&lt;script&gt;alert(1)" in send(server, "GET", "/prompts")[2].decode()
    _, headers, body = send(server, "GET", f"/api/v1/export?run={run.id}&format=csv")
    assert headers["content-disposition"].startswith("attachment")


def test_a_spreadsheet_runs_no_formula_out_of_a_prompt(server: CosmosServer) -> None:
    with server.client() as client:
        run = client.run(
            [{"video": "inner/shot.mp4", "prompt": '=HYPERLINK("http://evil.example")'}], engine="describe"
        )
        for _ in client.events(run.id):
            pass
    text = send(server, "GET", f"/api/v1/export?run={run.id}&format=csv")[2].decode()
    assert ",\"'=HYPERLINK" in text
