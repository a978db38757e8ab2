"""`cosmos prepare`, from frames on disk to videos in the folder of the results."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from PIL import Image

from cosmos_workflow.cli import main


@pytest.fixture(autouse=True)
def shots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two shots with a picture and objects; the second lacks a frame of its picture."""
    monkeypatch.chdir(tmp_path)
    old = time.time() - 3600
    for shot in ("a", "b"):
        for name in ("color", "mask"):
            for number in range(1, 5):
                if (shot, name, number) == ("b", "color", 3):
                    continue
                path = tmp_path / "film" / shot / f"{name}.{number:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(clips.texture(54, 96, seed=number)).save(path)
                os.utime(path, (old, old))
    return tmp_path / "film"


def test_a_folder_of_shots_and_the_same_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "film", "-o", "out"]) == 1
    told = capsys.readouterr()
    assert "96x54, 4 frames at 24 a second, 0.167 s: edge.mp4, rgb.mp4, seg.mp4, vis.mp4" in told.out
    assert "rgb: frame 3 is missing; render these, or give --missing hold or --missing black" in told.err.replace(
        "\n", " "
    )
    assert {path.name for path in (tmp_path / "out" / "a").iterdir()} == {
        "edge.mp4", "rgb.mp4", "seg.mp4", "vis.mp4", "manifest.json", "sheet.jpg",
    }  # fmt: skip
    assert not (tmp_path / "out" / "b").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "a").iterdir()}
    assert main(["prepare", "film/a", "-o", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "a"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "a").iterdir()} == before


def test_a_changed_frame_or_setting_is_other_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "film/a", "-o", "out", "--edge", "low"]) == 0
    manifest = tmp_path / "out" / "a" / "manifest.json"
    first = json.loads(manifest.read_text())
    assert "low: thresholds 50 and 100" in first["clips"]["edge"]["how"]
    assert main(["prepare", "film/a", "-o", "out", "--edge", "60:140"]) == 0
    second = json.loads(manifest.read_text())
    assert "thresholds 60 and 140" in second["clips"]["edge"]["how"]
    Image.fromarray(clips.texture(54, 96, seed=99)).save("film/a/color.0002.png")
    assert main(["prepare", "film/a", "-o", "out", "--edge", "60:140"]) == 0
    third = json.loads(manifest.read_text())
    assert third["clips"]["rgb"]["sha256"] != second["clips"]["rgb"]["sha256"]
    assert third["clips"]["seg"]["sha256"] == second["clips"]["seg"]["sha256"]


def test_patterns_and_given_controls(tmp_path: Path) -> None:
    arguments = ["--seg", "film/a/mask.<F4>.png", "--edge", "film/a/mask.%04d.png", "--blur", "off", "--fps", "12"]
    assert (
        main(["prepare", "film/a/color.####.png", *arguments, "--for", "transfer2.5", "--tier", "256", "-o", "out"])
        == 0
    )
    (folder,) = [path for path in (tmp_path / "out").iterdir() if path.is_dir()]
    with av.open(str(folder / "edge.mp4")) as container:
        assert [(frame.width, frame.height) for frame in container.decode(video=0)] == [(320, 192)] * 2
    assert not (folder / "vis.mp4").exists()


def test_a_dry_run_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "film", "--for", "transfer1", "--dry-run", "--json"]) == 1
    a, b = map(json.loads, capsys.readouterr().out.splitlines())
    assert (a["verdict"], b["verdict"]) == ("risky", "bad_input")
    assert "clips under 121 frames come out noisy" in a["reason"]
    assert a["note"].startswith("1280x704, 4 frames at 24 a second, 1 chunk; 96x54 cropped to 96x53 at 0,1")
    assert b["note"] == ""
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("film", "data", "workdir", "config")] == []


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "what shall be prepared?"),
        (["none"], "none"),
        (["film", "--seg", "film/a/mask.%04d.png"], "there are 2 shots in it"),
        (["film/a", "--edge", "strong.%04d.png"], "no image matches this pattern"),
        (["light.%04d.tif", "--view", "Filmic"], "no view 'Filmic'"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], match: str, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((54, 96), 0.5, np.float32)).save("light.0001.tif")
    assert main(["prepare", *arguments, "-o", "out"]) in (1, 2)
    assert match in capsys.readouterr().err.replace("\n", " ")
