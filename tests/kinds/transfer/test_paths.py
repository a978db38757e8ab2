"""From where the relative paths of a spec start."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmos_workflow.kinds.transfer.formats import has_relative_paths, located, moved, with_paths
from cosmos_workflow.kinds.transfer.spec import Control, Region, Spec, WeightMap


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the program is started; another one is that of the spec."""
    folder = tmp_path / "started"
    folder.mkdir()
    (tmp_path / "specs").mkdir()
    (folder / "clip.mp4").touch()
    monkeypatch.chdir(folder)
    return folder


def test_the_folder_of_the_spec_comes_first(tmp_path: Path, started: Path) -> None:
    specs = tmp_path / "specs"
    for form in ("transfer2.5", "cosmos3", "own"):
        assert located("clip.mp4", specs, form) == str(specs / "clip.mp4")
    assert located("clip.mp4", specs, "transfer1") == str(started / "clip.mp4")
    assert located("gone.mp4", specs, "transfer1") == str(specs / "gone.mp4")
    (specs / "clip.mp4").touch()
    assert located("clip.mp4", specs, "transfer1") == str(specs / "clip.mp4")


def test_what_is_not_relative_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    absolute = str(tmp_path.absolute() / "a.mp4")
    assert located(absolute, Path("specs"), "transfer1") == absolute
    assert located("~/a.mp4", Path("specs"), "transfer1") == absolute
    assert located("https://example.org/a.mp4", Path("specs"), "cosmos3") == "https://example.org/a.mp4"
    assert located("", Path("specs"), "own") == ""
    assert located("a\0b.mp4", Path("specs"), "transfer1") == str(Path("specs") / "a\0b.mp4")


def test_every_path_of_a_spec_is_changed() -> None:
    spec = Spec(
        video="v", prompt_path="p", negative_prompt_path="n", style_image="s", anchor_mask="a",
        controls={"edge": Control(path="e", mask="m", weight=WeightMap(path="w"), checkpoint="c.pt"), "vis": Control()},
        regions=(Region(prompt="x", mask="r"), Region(prompt="y")),
    )  # fmt: skip
    changed = with_paths(spec, lambda path: f"/{path}")
    assert changed == Spec(
        video="/v", prompt_path="/p", negative_prompt_path="/n", style_image="/s", anchor_mask="/a",
        controls={"edge": Control(path="/e", mask="/m", weight=WeightMap(path="/w"), checkpoint="c.pt")}
        | {"vis": Control()},
        regions=(Region(prompt="x", mask="/r"), Region(prompt="y")),
    )  # fmt: skip


def test_paths_of_a_spec_that_moves_to_another_folder(tmp_path: Path, started: Path) -> None:
    spec = Spec(
        video="clip.mp4", prompt_path="https://a.b/c.txt", style_image=str(tmp_path / "s.png"),
        controls={"edge": Control(path="maps/edge.mp4", weight=WeightMap(path="edge.pt"), checkpoint="own.pt")},
    )  # fmt: skip
    made = moved(spec, "own", tmp_path / "specs", tmp_path / "out")
    assert made == spec.model_copy(update={
        "video": "../specs/clip.mp4",
        "controls": {"edge": Control(path="../specs/maps/edge.mp4", weight=WeightMap(path="../specs/edge.pt"),
                                     checkpoint="own.pt")},
    })  # fmt: skip
    of_transfer1 = moved(spec, "transfer1", tmp_path / "specs", tmp_path / "out")
    assert (of_transfer1.video, of_transfer1.controls["edge"].path) == ("../started/clip.mp4", "maps/edge.mp4")


@pytest.mark.parametrize(
    "path", ["/data/clip.mp4", "C:\\clips\\clip.mp4", "\\\\server\\clips\\a.mp4", "~/a.mp4", "s3://a/b.mp4"]
)
def test_absolute_paths_of_any_system_stay(tmp_path: Path, path: str) -> None:
    spec = Spec(video=path, controls={"edge": Control()})
    assert moved(spec, "own", tmp_path / "specs", tmp_path / "out").video == path
    assert not has_relative_paths(spec)
