"""Six clips with two prompts each by HTTP, with a blocked one, too little memory and a dead server among them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from http_rig import facts_of
from servers.video_moods import BLOCKED, OOM, Mood
from servers.video_server import VideoServer
from twelve import write_batch

from cosmos_workflow.cli import main

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_batch(tmp_path)


def results() -> dict[str, dict[str, Any]]:
    return {line["id"]: line for line in map(json.loads, Path("out/results.jsonl").read_text().splitlines())}


@pytest.mark.parametrize("name", ["vllm-omni", "cosmos3-nim"])
def test_each_video_is_made_once(name: Any, batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (films := tmp_path / "films").mkdir()
    moods = {
        2: Mood(400, BLOCKED),
        5: Mood(500, OOM),
        7: Mood(dropped=True),
        8: Mood(503, "busy", {"Retry-After": "0"}),
    }
    words = ["transfer", str(batch), "--engine", "http", "-o", "out"]
    with VideoServer(name, films, lambda number: moods.get(number, Mood())) as server:
        assert main([*words, "--server-url", server.url]) == 1
        assert server.posts == 13
        made = results()
        kinds = Counter(line["error_kind"] for line in made.values())
        assert kinds == {"": 9, "blocked": 1, "out_of_memory": 1, "engine_failed": 1}
        for line in made.values():
            assert Path("out", line["id"], "video.mp4").exists() == (not line["error"])
        capsys.readouterr()
        main([*words, "--server-url", server.url])
        made = results()
        assert all(facts_of(Path("out", id, "video.mp4"))[3] == 9 for id, line in made.items() if not line["error"])
        again = Counter((form["seed"], form["prompt"]) for form in server.bodies)
        assert set(again.values()) <= {1, 2}
        assert sum(count == 2 for count in again.values()) == sum(kinds.values()) - kinds[""]
    assert not any(line["error"] for line in made.values())


def test_a_run_goes_on_after_its_server_died(batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (films := tmp_path / "films").mkdir()
    words = ["transfer", str(batch), "--engine", "http", "-o", "out", "--engine-option", "max_retries=1"]

    def mood(number: int) -> Mood:
        if number == 5:
            first.stop_listening()
            return Mood(dropped=True)
        return Mood()

    first = VideoServer("vllm-omni", films, mood)
    with first:
        assert main([*words, "--server-url", first.url]) == 3
    assert "the connection was closed without one" in " ".join(capsys.readouterr().err.split())
    with VideoServer("vllm-omni", films) as second:
        assert main([*words, "--server-url", second.url]) == 0
        assert second.posts == 8
    assert len(results()) == 12
    assert all(Path("out", id, "video.mp4").exists() for id in results())
