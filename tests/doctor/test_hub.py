"""Whether the user's token opens repositories, asked of a server of the test by both clients: ours and the host's."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import hub as answers
from servers.hub import TOKEN, HubServer, hub_server

from cosmos_workflow.agent import hub as hub_module
from cosmos_workflow.agent.hub import Fetch, Hub, fetch
from cosmos_workflow.doctor import Finding
from cosmos_workflow.doctor.model_files import judge_files, wanted_files
from cosmos_workflow.doctor.video import fetch_here
from cosmos_workflow.limits import get_transfer_model

MODEL = get_transfer_model("transfer1-7b")
GUARD = "meta-llama/Llama-Guard-3-8B"

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub_server() as running:
        yield running


@pytest.fixture(params=[fetch, fetch_here], ids=["urllib", "httpx"])
def client(request: pytest.FixtureRequest) -> Fetch:
    return request.param  # type: ignore[no-any-return]


def hub(url: str, token: str = TOKEN, **more: str) -> Hub:
    return Hub.of({"HF_ENDPOINT": url, "HF_TOKEN": token, "HF_HOME": "/nowhere", **more})


def judged(place: Hub, client: Fetch, repository: str = GUARD) -> Finding:
    """What is said of access to a repository; nothing of it may hold the token."""
    files = [
        {"folder": "/c", "missing": ["config.json"], "free": 10**12, "problem": ""} for _ in wanted_files(MODEL, "")
    ]
    facts: dict[str, Any] = {
        "files": files, "endpoint": place.endpoint, "token": bool(place.token),
        "token_from": place.token_from, "access": place.access([repository], client),
    }  # fmt: skip
    by_name = {finding.name: finding for finding in judge_files(MODEL, "", facts)}
    finding = by_name[f"access to {repository}"]
    assert TOKEN not in json.dumps([facts, finding.__dict__])
    assert finding.status == "ok" or finding.remedy
    return finding


@pytest.mark.parametrize(
    ("answer", "status", "detail", "remedy"),
    [
        ((200, "", ""), "ok", "the token of HF_TOKEN has it", ""),
        (answers.GATED, "missing", "the account of the token", "Expand and get access"),
        (answers.LOCKED, "missing", "the account of the token", "accept its terms"),
        (answers.FINE_GRAINED, "missing", "no right to gated repositories", "/settings/tokens"),
        (answers.INVALID, "missing", "does not accept the token of HF_TOKEN", "make another"),
        (answers.GONE, "missing", "not there under this name", "it may have moved"),
        ((404, "", ""), "unknown", "answers 404", "try again later"),
        ((500, "", ""), "unknown", "answers 500", "try again later"),
        ((429, "", ""), "unknown", "answers 429", "try again later"),
    ],
)
def test_what_the_hub_answers(
    server: HubServer, client: Fetch, answer: answers.Answer, status: str, detail: str, remedy: str
) -> None:
    server.answers[GUARD] = answer
    finding = judged(hub(server.url), client)
    assert (finding.status, detail in finding.detail, remedy in finding.remedy) == (status, True, True), finding
    assert server.asked == [(f"/api/models/{GUARD}/auth-check", f"Bearer {TOKEN}")]


def test_without_a_token_nothing_is_missing(server: HubServer, client: Fetch) -> None:
    server.answers[GUARD] = answers.LOCKED
    finding = judged(hub(server.url, ""), client)
    assert (finding.status, finding.remedy) == ("unknown", "hf auth login there, or set HF_TOKEN")
    assert "no token: neither HF_TOKEN nor /nowhere/token" in finding.detail
    assert server.asked[0][1] == ""
    server.answers.clear()
    assert judged(hub(server.url, ""), client).detail == "open to all"


def test_no_connection(client: Fetch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        finding = judged(hub(url), client)
    assert (finding.status, "could not be asked: no connection" in finding.detail) == ("unknown", True)
    assert "its terms must be accepted first" in finding.detail


def test_a_hub_that_does_not_answer(server: HubServer, client: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TIMEOUT", 0.3)
    server.hangs.add(GUARD)
    finding = judged(hub(server.url), client)
    assert (finding.status, "no answer within" in finding.detail) == ("unknown", True)


def test_all_answers_together_have_a_bound(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "ALL", 0.3)
    server.hangs.add(GUARD)
    facts = hub(server.url).access([GUARD, "a/b"], fetch)
    assert "no answer" in facts[GUARD]["failed"]


def test_offline_asks_nobody(server: HubServer, client: Fetch) -> None:
    finding = judged(hub(server.url, HF_HUB_OFFLINE="1"), client)
    assert (finding.status, "HF_HUB_OFFLINE is set" in finding.detail, server.asked) == ("unknown", True, [])


def test_a_repository_that_was_renamed_and_a_token_that_stays(server: HubServer, client: Fetch) -> None:
    server.redirects[GUARD] = "/api/models/new/name/auth-check"
    assert judged(hub(server.url), client).status == "ok"
    assert server.asked[-1] == ("/api/models/new/name/auth-check", f"Bearer {TOKEN}")
    with hub_server() as other:
        server.redirects[GUARD] = f"{other.url}/api/models/{GUARD}/auth-check"
        judged(hub(server.url), client)
        assert other.asked == [(f"/api/models/{GUARD}/auth-check", "")]


@pytest.mark.parametrize("token", [f"{TOKEN} x", f"{TOKEN}…", f"{TOKEN}\x01", f"a\nb {TOKEN}"])
def test_what_is_no_token_is_not_sent(server: HubServer, client: Fetch, token: str) -> None:
    finding = judged(hub(server.url, token), client)
    assert (finding.status, "holds no token" in finding.detail, server.asked) == ("unknown", True, [])


def test_where_the_token_and_the_cache_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(f"  {TOKEN}\r\n")
    place = Hub.of({"HF_HOME": str(tmp_path)})
    assert (place.token, place.token_from) == (TOKEN, str(tmp_path / "token"))
    assert (place.cache, place.endpoint) == (tmp_path / "hub", "https://huggingface.co")
    assert TOKEN not in repr(place)
    assert Hub.of({"HF_HOME": str(tmp_path), "HF_TOKEN": "other"}).token == "other"
    assert Hub.of({"HF_TOKEN_PATH": str(tmp_path / "none"), "HF_HUB_CACHE": "/c"}).token == ""
    assert Hub.of({"XDG_CACHE_HOME": str(tmp_path)}).cache == tmp_path / "huggingface" / "hub"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Hub.of({}).cache == tmp_path / ".cache" / "huggingface" / "hub"
