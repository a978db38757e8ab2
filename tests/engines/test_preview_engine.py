"""The preview: what stands in each panel, where chunks begin, and that its words fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from numpy.typing import NDArray

from cosmos_workflow.engines import preview
from cosmos_workflow.engines.preview import BLUE, GAP, GREY, PANEL, write_preview
from cosmos_workflow.kinds.transfer.work import Applied, Work

WIDTH, HEIGHT, FRAMES, CHUNK = 480, 320, 12, 5


def work(*controls: Applied, width: int = WIDTH, height: int = HEIGHT) -> Work:
    """Twelve frames in chunks of five that repeat one: the chunks begin at 0, 5 and 9, and 13 frames are made."""
    return Work(
        "transfer2.5-2b", "transfer2.5", "a city", "", controls, width, height, width, height, FRAMES, 24.0, CHUNK, 1,
        0, 3, 35, 3.0, 7,
    )  # fmt: skip


def given(hint: str) -> Applied:
    return Applied(hint, 1.0, 1.0)


def frames_of(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def coloured(
    path: Path, colour: tuple[int, int, int], *, frames: int = FRAMES, size: tuple[int, int] = (480, 320)
) -> Path:
    return clips.write(path, (clips.flat(colour, size[1], size[0]) for _ in range(frames)))


def test_each_panel_shows_its_file_in_its_colours(tmp_path: Path) -> None:
    colours = {"video": (200, 30, 30), "depth": (30, 30, 200), "depth_mask": (240, 240, 240)}
    inputs = {name: coloured(tmp_path / f"{name}.mp4", colour) for name, colour in colours.items()}
    write_preview("shot", work(given("depth")), inputs, tmp_path / "preview.mp4")
    shown = frames_of(tmp_path / "preview.mp4")
    assert len(shown) == FRAMES
    head = shown[0].shape[0] - 2 * (HEIGHT + 2 * GAP + 18) - 52
    for number, colour in enumerate(colours.values()):
        x = GAP + number % 2 * (PANEL + GAP) + PANEL // 2
        y = head + number // 2 * (HEIGHT + 2 * GAP + 18) + HEIGHT // 2
        assert np.abs(shown[:, y, x].astype(int) - colour).max() < 12


def test_the_bar_of_time_has_the_chunks_and_what_fills_up_the_last(tmp_path: Path) -> None:
    clip = coloured(tmp_path / "clip.mp4", (90, 90, 90))
    write_preview("shot", work(Applied("edge", 1.0, 1.0, "medium", True)), {"video": clip}, tmp_path / "preview.mp4")
    last = frames_of(tmp_path / "preview.mp4")[0]
    width = last.shape[1]
    row = last[last.shape[0] - 52 + 10].astype(int)

    def at(frame: float) -> int:
        return GAP + round((width - 2 * GAP) * frame / 13)

    assert np.abs(row[at(3.5)] - BLUE).max() < 40
    orange = {int(x) for x in np.flatnonzero(row[:, 0] > row[:, 2] + 60)}
    assert all(min(abs(x - at(seam)) for seam in (5, 9)) <= 3 for x in orange)
    assert all(min(abs(x - at(seam)) for x in orange) <= 3 for seam in (5, 9))
    assert np.abs(row[at(12.5)] - GREY).max() < 25


def test_a_control_that_ends_early_keeps_its_last_picture(tmp_path: Path) -> None:
    inputs = {"depth": coloured(tmp_path / "depth.mp4", (30, 200, 30), frames=3)}
    write_preview("shot", work(given("depth")), inputs, tmp_path / "preview.mp4")
    shown = frames_of(tmp_path / "preview.mp4")
    middle = shown[:, shown.shape[1] // 2, -GAP - PANEL // 2].astype(int)
    assert np.abs(middle - (30, 200, 30)).max() < 12


@pytest.mark.parametrize(("size", "words"), [((480, 320), ""), ((640, 320), "25% narrower"), ((240, 160), "scaled to")])
def test_it_says_what_is_stretched(
    size: tuple[int, int], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    write = preview._write
    monkeypatch.setattr(
        preview, "_write", lambda picture, text, *more: (lines.append(text), write(picture, text, *more))
    )
    inputs = {"video": coloured(tmp_path / "clip.mp4", (90, 90, 90), size=size)}
    write_preview("shot", work(), inputs, tmp_path / "preview.mp4")
    text = " ".join(lines)
    assert words in text
    assert ("scaled to" in text) == bool(words)
    assert ("than it was" in text) == ("narrower" in words)


def test_words_stay_in_their_panel(tmp_path: Path) -> None:
    """In narrow panels a title takes several lines instead of reaching into the next."""
    tall = work(replace(given("depth"), weight=0.5), given("seg"), width=192, height=320)
    inputs = {name: coloured(tmp_path / f"{name}.mp4", (0, 0, 0)) for name in ("video", "depth", "seg")}
    write_preview("a name of many words that a person gave", tall, inputs, tmp_path / "preview.mp4")
    shown = frames_of(tmp_path / "preview.mp4")[0].max(axis=2)
    panel = PANEL * 192 // 320
    assert shown.shape[1] <= 2 * panel + 3 * GAP + 2
    top = int(np.argmax(shown[:, GAP + panel // 2] < 12))  # where the first panel begins, which is black
    assert shown[top:-52, GAP + panel + 1 : 2 * GAP + panel - 1].max() < 60
    assert shown[:, -2:].max() < 60
