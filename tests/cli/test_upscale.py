"""`cosmos upscale` on the stand-in for Transfer1."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import clips
import pytest
from servers.nvidia_programs import Layout, write_layout

from cosmos_workflow.cli import main
from cosmos_workflow.media.video import probe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return write_layout(tmp_path_factory.mktemp("nvidia"))


@pytest.fixture
def words(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options by which a command finds the stand-in."""
    layout.order()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(layout.cache))
    return [
        "--keep-warm",
        "0",
        "--model-path",
        str(layout.repository),
        "--engine-option",
        f"python={layout.bin / 'python'}",
    ]


def test_videos_and_those_of_a_run_are_upscaled(
    words: list[str], layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        clips.textured(Path(f"{name}.mp4"), 320, 176, frames=2)
    made = ["transfer", "a.mp4", "-p", "a city", "--edge", "--model", "transfer1", "--engine", "program", "-o", "run"]
    subprocess.run([sys.executable, "-m", "cosmos_workflow", *made, *words], check=True, capture_output=True)
    assert main(["upscale", "run", "b.mp4", *words, "-o", "big", "--prompt", "a city"]) == 0
    results = [json.loads(line) for line in Path("big/results.jsonl").read_text().splitlines()]
    assert {result["id"] for result in results} == {"a", "b"}
    for result in results:
        facts = probe(Path("big", result["id"], "video.mp4"))
        assert (facts.width, facts.height, facts.frames) == (3840, 2112, 2)
    starts = len(layout.events("start"))
    assert main(["upscale", "run", "b.mp4", *words, "-o", "big", "--prompt", "a city"]) == 0
    assert len(layout.events("start")) == starts  # made already
    capsys.readouterr()


def test_without_what_it_needs_it_says_which_could(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips.textured(Path("a.mp4"), 320, 176, frames=2)
    assert main(["upscale", "a.mp4"]) == 3
    assert "the engine program can: give --model-path FOLDER, or --on HOST" in capsys.readouterr().err
    assert main(["upscale", "a.mp4", "--dry-run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["kind"], shown["verdict"]) == ("a", "upscale", "risky")
    assert main(["upscale", str(tmp_path), *words]) == 2
    assert "give videos, or the folder of a run of transfers" in capsys.readouterr().err
    assert main(["upscale", "none.mp4", *words]) == 2
    assert "none.mp4" in capsys.readouterr().err


def test_videos_of_two_items_are_two(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("night/city", "night/forest", "x", "y"):
        Path(folder).mkdir(parents=True)
        clips.textured(Path(folder, "video.mp4" if "night" in folder else "a.mp4"), 320, 176, frames=2)
    clips.textured(Path("a-2.mp4"), 320, 176, frames=2)
    assert main(["upscale", "night/city/video.mp4", *words]) == 0
    assert Path("city.4k/city/video.mp4").is_file()
    capsys.readouterr()
    assert main(["upscale", "x/a.mp4", "y/a.mp4", "a-2.mp4", "night/forest/video.mp4", "--dry-run", "--json"]) == 0
    shown = [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["a", "a-2", "a-2-2", "forest"]
