"""Which clips a folder has: never what was made of them, each with an id of its own, and the unclear ones told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import clips
import pytest
from PIL import Image

from cosmos_workflow.cli import main
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare import Item, Settings, check_item, items_in, items_of
from cosmos_workflow.kinds.prepare.kind import PREPARE

OLD = time.time() - 3600


def images(folder: Path, name: str, count: int = 2, size: tuple[int, int] = (64, 36)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        path = folder / f"{name}.{number:04d}.png"
        Image.fromarray(clips.texture(size[1], size[0], seed=number)).save(path)
        os.utime(path, (OLD, OLD))
    return folder / f"{name}.%04d.png"


@pytest.mark.parametrize(("source", "out"), [(".", None), ("shot", "shot/out"), ("shot", "shot")])
def test_what_was_made_is_no_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str, out: str | None
) -> None:
    images(tmp_path / "shot", "color")
    monkeypatch.chdir(tmp_path / "shot" if source == "." else tmp_path)
    where = ["-o", out] if out else []
    if out == source:  # results in a folder with other files are refused
        assert main(["prepare", source, *where]) == 2
        return
    for time_of in range(3):
        assert main(["prepare", source, *where, "--keep-frames"]) == 0
        told = capsys.readouterr().err
        assert ("1 answered earlier" in told) == (time_of > 0), told


def test_a_folder_that_was_made_can_be_given_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images(tmp_path / "shot", "color")
    assert main(["prepare", "shot", "-o", "out"]) == 0
    (item,), _ = items_in(tmp_path / "out" / "shot")
    names = {name: path.name for name, path in item.sources.items()}
    assert names == {"rgb": "rgb.mp4", "edge": "edge.mp4", "vis": "vis.mp4"}


def test_files_on_their_way_into_their_places_are_no_sources(tmp_path: Path) -> None:
    """As after a run that was killed: no line yet, and a part of the files."""
    images(tmp_path / "shot", "color")
    (tmp_path / "shot" / "out" / ".cosmos-files").mkdir(parents=True)
    clips.textured(tmp_path / "shot" / "out" / "rgb.mp4", 64, 36, frames=2)
    assert [item.id for item in items_in(tmp_path / "shot")[0]] == ["shot"]


def test_each_shot_has_an_id_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a/b", "a-b", "a-b-2", "a_b"):
        images(tmp_path / "film" / folder, "color", 1)
    ids = [item.id for item in items_in(tmp_path / "film")[0]]
    assert len(set(ids)) == 4
    assert ids == [item.id for item in items_in(tmp_path / "film")[0]]
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "film", "-o", "out", "--edge", "off", "--blur", "off"]) == 0
    assert {path.parent.name for path in (tmp_path / "out").glob("*/rgb.mp4")} == set(ids)


def test_an_unclear_shot_stops_no_other(tmp_path: Path) -> None:
    film = tmp_path / "film"
    images(film / "a", "color")
    for name in ("color", "z", "depth"):
        images(film / "b", name)
    clear, unclear = items_in(film)[0]
    assert check_item(clear, Settings()).runs
    for item in (unclear, PREPARE.load_item(PREPARE.dump_item(unclear))):
        checked = check_item(item, Settings())
        assert checked.verdict == "bad_input"
        assert checked.reason == "2 clips of b show depth: b/depth.%04d.png, b/z.%04d.png"
        assert checked.remedy == "say which: --depth 'b/depth.%04d.png'"


def test_a_given_path_drops_nothing_else(tmp_path: Path) -> None:
    """Only where there is nothing else is what is given alone."""
    for name in ("color", "mask", "id", "z", "depth"):
        images(tmp_path / "shot", name)
    (item,), _ = items_of(tmp_path / "shot", {"depth": Path("z.%04d.png")})
    assert "show seg" in item.problem
    both = {"depth": Path("z.%04d.png"), "seg": Path("id.%04d.png")}
    (item,), _ = items_of(tmp_path / "shot", both)
    assert {name: path.name for name, path in item.sources.items()} == {
        "rgb": "color.%04d.png", "depth": "z.%04d.png", "seg": "id.%04d.png",
    }  # fmt: skip
    images(tmp_path / "alone", "z")
    (item,), _ = items_of(tmp_path / "alone", {"depth": Path("z.%04d.png")})
    assert set(item.sources) == {"depth"}
    with pytest.raises(BadInputError, match="no such file or folder"):
        items_of(tmp_path / "none", {})


def test_a_source_that_is_not_there_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    for name in ("none", "none.mp4", "none.%04d.png"):
        assert main(["prepare", name]) == 2
    assert {path.name for path in tmp_path.iterdir()} - before <= {"data", "workdir", "config"}
    assert not check_item(Item("a", tmp_path / "none.mp4"), Settings()).runs


def test_a_pattern_names_its_results_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images(tmp_path / "shot", "color")
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "shot/color.<F4>.png", "--edge", "off", "--blur", "off"]) == 0
    assert (tmp_path / "shot.controls" / "results.jsonl").is_file()
