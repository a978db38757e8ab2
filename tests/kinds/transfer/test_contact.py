"""The contact sheet of several videos."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clips
import pytest

from cosmos_workflow.kinds.transfer import contact


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, int], list[int]]]:
    """The title, the pictures of each row and the numbers of the frames of each sheet that is written."""
    written: list[tuple[str, dict[str, int], list[int]]] = []

    def write(path: Path, title: str, rows: Any, numbers: list[int]) -> None:
        written.append((title, {name: len(pictures) for name, pictures in rows.items()}, numbers))

    monkeypatch.setattr(contact, "write_sheet", write)
    return written


def made(folder: Path, id: str, frames: int) -> SimpleNamespace:
    (folder / id).mkdir()
    clips.textured(folder / id / "video.mp4", 32, 32, frames=frames)
    return SimpleNamespace(id=id, frames=frames, outputs={"video.mp4": ""})


def test_rows_of_videos_of_other_lengths_show_the_same_frames(tmp_path: Path, sheets: list[Any]) -> None:
    results = [made(tmp_path, "long", 9), made(tmp_path, "short", 3), made(tmp_path, "gone", 5)]
    (tmp_path / "gone" / "video.mp4").unlink()
    results.append(SimpleNamespace(id="none", frames=4, outputs={}))
    assert contact.write_contact(tmp_path, results) == tmp_path / "contact.jpg"
    assert sheets == [(f"{tmp_path.name}: 2 videos", {"long": 3, "short": 3}, [1, 2, 3])]


def test_a_sheet_says_how_many_videos_are_not_on_it(
    tmp_path: Path, sheets: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact, "MOST_ROWS", 2)
    results = [made(tmp_path, name, 3) for name in ("a", "b", "c")]
    assert contact.write_contact(tmp_path, results)
    assert (sheets[0][0], list(sheets[0][1])) == (f"{tmp_path.name}: the first 2 of 3 videos", ["a", "b"])


def test_one_video_has_no_sheet(tmp_path: Path, sheets: list[Any]) -> None:
    assert contact.write_contact(tmp_path, [made(tmp_path, "a", 3)]) is None
    assert sheets == []
