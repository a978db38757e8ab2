"""Videos by NVIDIA's cloud functions (NVCF): a request is taken once, then its answer is polled for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from http_rig import Rig, facts_of, nim_work
from servers.video_moods import OOM, Mood, colour_of
from servers.video_server import FUNCTION, STATUS, VideoServer

from cosmos_workflow.engines.http import asking
from cosmos_workflow.engines.http.finding import is_nvcf
from cosmos_workflow.errors import EngineUnavailable

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAUSE", 0.01)
    monkeypatch.setenv("COSMOS_API_KEY", "secret")


def polls(server: VideoServer) -> int:
    return sum(path.startswith(STATUS) for _, path in server.asked)


@pytest.mark.parametrize("large", [False, True])
def test_a_video_is_polled_for(large: bool, rig: Rig, films: Path, long: Path) -> None:
    with VideoServer("transfer2.5-nim", films, nvcf=True, large=large, key="secret") as server:
        rig.run(server.url, [("a", nim_work(seed=2), {"video": long})], timeout=100)
    outcome = rig.outcomes["a"]
    assert outcome.ok, outcome.error
    _, _, _, frames, _, colour = facts_of(rig.output("a", "video.mp4"))
    assert frames == 93
    assert all(abs(value - asked) < 12 for value, asked in zip(colour, colour_of(2), strict=True))
    assert [(step.done, step.total) for step in rig.steps] == [(33, 100), (66, 100)]
    assert (server.posts, polls(server)) == (1, 3)
    assert server.asked[0] == ("POST", FUNCTION)
    assert server.headers[0]["nvcf-poll-seconds"] == "99"
    assert "taken as request 1" in rig.output("a", "log.txt").read_text()
    log = rig.output("a", "log.txt").read_text()
    assert ("the answer is at" in log, "signature" in log) == (large, False)


def twice(mood: Mood) -> Callable[[int], Mood]:
    return lambda number: mood if number in (1, 3) else Mood()


@pytest.mark.parametrize("mood", [Mood(dropped=True), Mood(503, "gateway", {"Retry-After": "0"})])
def test_polling_goes_on_after_a_lost_line(mood: Mood, rig: Rig, films: Path, long: Path) -> None:
    with VideoServer("transfer2.5-nim", films, nvcf=True, key="secret", poll_mood=twice(mood)) as server:
        rig.run(server.url, [("a", nim_work(), {"video": long})])
    assert rig.outcomes["a"].ok, rig.outcomes["a"].error
    assert server.posts == 1


def test_what_fails_behind_the_gate_fails_its_video_alone(rig: Rig, films: Path, long: Path) -> None:
    moods = {1: Mood(500, OOM)}
    with VideoServer("transfer2.5-nim", films, lambda n: moods.get(n, Mood()), nvcf=True, key="secret") as server:
        rig.run(server.url, [(str(seed), nim_work(seed=seed), {"video": long}) for seed in (1, 2)])
    assert rig.outcomes["1"].error_kind == "out_of_memory"
    assert rig.outcomes["2"].ok
    assert server.posts == 2


def test_a_video_that_takes_too_long_names_its_request(rig: Rig, films: Path, long: Path) -> None:
    with VideoServer("transfer2.5-nim", films, nvcf=True, key="secret", polls=10**9) as server:
        rig.run(server.url, [("a", nim_work(), {"video": long})], timeout=4)
    assert rig.outcomes["a"].error_kind == "engine_failed"
    assert "no answer in 4 s; it is at work as request 1" in rig.outcomes["a"].error


def test_a_wrong_key_ends_the_run(rig: Rig, films: Path, long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOS_API_KEY", "another")
    refused = pytest.raises(EngineUnavailable, match="401")
    with VideoServer("transfer2.5-nim", films, nvcf=True, key="secret") as server, refused:
        rig.run(server.url, [("a", nim_work(), {"video": long})])


def test_the_hosts_of_nvcf_are_known() -> None:
    assert is_nvcf("https://api.nvcf.nvidia.com/v2/nvcf/pexec/functions/f1")
    assert is_nvcf("https://f1.invocation.api.nvcf.nvidia.com")
    assert not is_nvcf("https://nvcf.nvidia.com.example.org")
    assert not is_nvcf("http://localhost:8000")
