"""Gaps, sizes, broken frames and frames that are still being written are told by their numbers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import clips
import numpy as np
import pytest
from counts import cases
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.numbering import Missing
from cosmos_workflow.media.survey import changed, survey

OLD = time.time() - 3600


def write(folder: Path, name: str, numbers: set[int] | range, size: tuple[int, int] = (32, 18)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = folder / f"{name}.{number:04d}.png"
        Image.new("RGB", size, (number % 255, 0, 0)).save(path)
        _finished(path)
    return folder / f"{name}.%04d.png"


def _finished(path: Path) -> None:
    import os

    os.utime(path, (OLD, OLD))


def test_a_whole_clip(tmp_path: Path) -> None:
    rgb, depth = write(tmp_path, "color", range(1, 5)), write(tmp_path, "depth", range(1, 5))
    seen = survey({"rgb": rgb, "depth": depth})
    assert (seen.numbers, seen.problems, seen.notes) == ((1, 2, 3, 4), (), ())
    assert [file.name for file in seen.tracks["rgb"].frames if isinstance(file, Path)] == [
        f"color.{n:04d}.png" for n in range(1, 5)
    ]
    assert (seen.tracks["depth"].width, seen.tracks["depth"].height) == (32, 18)


@pytest.mark.parametrize("missing", ["error", "hold", "black"])
def test_gaps_and_ends_that_are_missing(tmp_path: Path, missing: Missing) -> None:
    rgb, depth = write(tmp_path, "color", {1, 2, 5, 6}), write(tmp_path, "depth", range(3, 8))
    seen = survey({"rgb": rgb, "depth": depth}, missing=missing)
    assert seen.numbers == tuple(range(1, 8))
    texts = seen.problems if missing == "error" else seen.notes
    assert texts[0].startswith("rgb: 3 frames (3-4, 7) are missing")
    assert texts[1].startswith("depth: 2 frames (1-2) are missing")
    assert (seen.notes if missing == "error" else seen.problems) == ()
    names = [frame.name if isinstance(frame, Path) else None for frame in seen.tracks["rgb"].frames]
    held = ["color.0001.png", "color.0002.png", "color.0002.png", "color.0002.png", "color.0005.png", "color.0006.png",
            "color.0006.png"]  # fmt: skip
    if missing == "hold":
        assert names == held
        assert seen.tracks["depth"].frames[0] == seen.tracks["depth"].frames[2]
    else:
        assert names == [name if i in (0, 1, 4, 5) else None for i, name in enumerate(held)]


def test_several_sizes_and_shapes(tmp_path: Path) -> None:
    rgb = write(tmp_path, "color", range(1, 9))
    write(tmp_path, "color", {3, 4, 7}, (64, 36))
    (problem,) = survey({"rgb": rgb}).problems
    assert "most are 32x18, but 64x36: 3-4, 7" in problem
    depth = write(tmp_path, "z", range(1, 9), (40, 40))
    assert any("depth is 40x40, of another shape than rgb (32x18)" in text
               for text in survey({"rgb": rgb, "depth": depth}).problems)  # fmt: skip
    half = write(tmp_path, "seg", range(1, 9), (16, 9))
    write(tmp_path, "color", {3, 4, 7})
    assert survey({"rgb": rgb, "seg": half}).problems == ()


def test_broken_and_empty_frames(tmp_path: Path) -> None:
    rgb = write(tmp_path, "color", range(1, 8))
    whole = (tmp_path / "color.0002.png").read_bytes()
    (tmp_path / "color.0002.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "color.0003.png").write_bytes(whole[:-4])
    (tmp_path / "color.0005.png").write_bytes(b"")
    (tmp_path / "color.0006.png").write_bytes(b"this is no picture at all")
    for number in (2, 3, 5, 6):
        _finished(tmp_path / f"color.{number:04d}.png")
    texts = survey({"rgb": rgb}).problems
    assert [text.split(";")[0] for text in texts] == [
        "rgb: 2 frames (2-3) are not readable (it ends early)",
        "rgb: frame 5 is not readable (it is empty)",
        "rgb: frame 6 is not readable (the image cannot be decoded)",
    ]
    held = survey({"rgb": rgb}, missing="hold")
    assert held.problems == ()
    assert len(held.notes) == 3
    frames = held.tracks["rgb"].frames
    assert frames[0] == frames[1] == frames[2] != frames[3] == frames[4] == frames[5]


def test_frames_that_are_still_being_written(tmp_path: Path) -> None:
    rgb = write(tmp_path, "color", range(1, 6))
    for number in (4, 5):
        (tmp_path / f"color.{number:04d}.png").touch()
    stop = threading.Event()

    def render() -> None:
        while not stop.wait(0.05):
            with (tmp_path / "color.0005.png").open("ab") as file:
                file.write(b"more")

    thread = threading.Thread(target=render)
    thread.start()
    try:
        (problem,) = survey({"rgb": rgb}, settled=1.0).problems
    finally:
        stop.set()
        thread.join()
    assert problem == "rgb: frame 5 is still being written; wait for the renderer"


def test_a_frame_that_changes_after_it_was_looked_at(tmp_path: Path) -> None:
    track = survey({"rgb": write(tmp_path, "color", range(1, 6))}).tracks["rgb"]
    assert changed(track) == []
    Image.new("RGB", (32, 18), (1, 2, 3)).save(tmp_path / "color.0002.png")
    (tmp_path / "color.0004.png").unlink()
    assert [path.name for path in changed(track)] == ["color.0002.png", "color.0004.png"]


def test_videos_beside_images(tmp_path: Path) -> None:
    rgb = clips.write(tmp_path / "rgb.mp4", [clips.flat((i, i, i), 18, 32) for i in range(6)], fps=30)
    depth = write(tmp_path, "depth", range(1001, 1005))
    seen = survey({"rgb": rgb, "depth": depth}, missing="hold")
    assert seen.numbers == tuple(range(1001, 1007))
    assert seen.tracks["rgb"].frames == (0, 1, 2, 3, 4, 5)
    assert (seen.tracks["rgb"].fps, seen.tracks["rgb"].is_video, seen.tracks["depth"].is_video) == (30, True, False)
    assert seen.notes == ("depth: 2 frames (1005-1006) are missing; the frame before is held",)


def test_numbers_of_something_else(tmp_path: Path) -> None:
    rgb = write(tmp_path, "color", {1})
    Image.new("RGB", (32, 18)).save(tmp_path / "color.20261126.png")
    assert "the numbers go from 1 to 20261126" in survey({"rgb": rgb}).problems[0]


def test_only_some_numbers(tmp_path: Path) -> None:
    rgb = write(tmp_path, "color", {1, 2, 3, 7, 8, 9})
    assert survey({"rgb": rgb}, within=(7, 9)).numbers == (7, 8, 9)
    for within, words in (((20, 30), "from 20 to 30"), ((20, None), "from 20 on"), ((None, 0), "up to 0")):
        with pytest.raises(BadInputError, match=f"no frame {words}"):
            survey({"rgb": rgb}, within=within)
    beyond = survey({"rgb": rgb}, within=(0, 10))
    assert beyond.numbers == tuple(range(11))
    assert beyond.problems[0].startswith("rgb: 5 frames (0, 4-6, 10) are missing")


def test_numbers_of_a_video(tmp_path: Path) -> None:
    """Its first frame lies over the first image, also where others are asked for."""
    video = clips.write(tmp_path / "d.mp4", [clips.flat((i, i, i), 18, 32) for i in range(12)])
    assert survey({"depth": video}, within=(5, 7)).tracks["depth"].frames == (5, 6, 7)
    assert "3 frames (12-14) are missing" in survey({"depth": video}, within=(5, 14)).problems[0]
    with pytest.raises(BadInputError, match="no frame from 12 on"):
        survey({"depth": video}, within=(12, None))
    rgb = write(tmp_path, "color", range(1001, 1013))
    both = survey({"rgb": rgb, "depth": video}, within=(1005, 1006))
    assert (both.numbers, both.tracks["depth"].frames, both.problems) == ((1005, 1006), (4, 5), ())
    assert survey({"rgb": rgb, "depth": video}, within=(None, 1002)).tracks["depth"].frames == (0, 1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_an_even_video_has_its_frames(tmp_path: Path, suffix: str) -> None:
    video = clips.write(tmp_path / f"a.{suffix}", [clips.flat((i, i, i), 18, 32) for i in range(40)], fps=30)
    seen = survey({"rgb": video}, settled=0)
    assert (seen.tracks["rgb"].frames, round(seen.tracks["rgb"].fps, 3)) == (tuple(range(40)), 30)
    assert (seen.problems, seen.notes) == ((), ())


def test_a_video_of_no_constant_rate(tmp_path: Path) -> None:
    """A frame that stands for a second is shown for a second."""
    times = [0, 40, 80, 120, 160, 200, 1200, 1240, 1280, 1320, 1360, 1400]
    pictures = [clips.flat((i, i, i), 18, 32) for i in range(12)]
    video = clips.write(tmp_path / "a.mkv", pictures, fps=25, times=times.__getitem__)
    seen = survey({"rgb": video}, settled=0)
    assert seen.tracks["rgb"].frames == (*range(5), *[5] * 25, *range(6, 12))
    assert seen.tracks["rgb"].fps == 25
    assert "its 12 frames come at no constant rate" in seen.notes[0]


def test_a_video_that_was_cut_off(tmp_path: Path) -> None:
    pictures = [clips.texture(90, 160, seed=i) for i in range(24)]
    video = clips.write(tmp_path / "a.mp4", pictures, options={"g": "1", "bf": "0"})
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 6 // 10])
    (problem,) = survey({"rgb": video}, settled=0).problems
    assert problem.startswith("rgb: ")
    assert "-23) are missing" in problem


def test_a_video_that_is_still_being_written(tmp_path: Path) -> None:
    video = clips.write(tmp_path / "a.ts", [clips.texture(90, 160, seed=i) for i in range(24)])
    whole = video.read_bytes()
    stop = threading.Event()

    def record() -> None:
        while not stop.wait(0.05):
            with video.open("ab") as file:
                file.write(whole[:188])

    thread = threading.Thread(target=record)
    thread.start()
    try:
        seen = survey({"rgb": video}, settled=1.0)
    finally:
        stop.set()
        thread.join()
    assert seen.problems == ("rgb: the video is still being written; wait for the renderer",)
    assert changed(seen.tracks["rgb"]) == [video]


@bounds(max_examples=cases(25))
@given(
    present=st.dictionaries(st.integers(-5, 30), st.sampled_from(["good", "good", "good", "cut", "empty", "large"]),
                            min_size=1, max_size=20),
)  # fmt: skip
def test_the_right_list_or_the_right_complaint(
    tmp_path_factory: pytest.TempPathFactory, present: dict[int, str]
) -> None:
    folder = tmp_path_factory.mktemp("clip")
    small, large = (_png(size) for size in ((16, 9), (32, 18)))
    for number, state in present.items():
        data = {"good": small, "cut": small[:-9], "empty": b"", "large": large}[state]
        path = folder / f"a.{'-' * (number < 0)}{abs(number):03d}.png"
        path.write_bytes(data)
        _finished(path)
    seen = survey({"rgb": folder / "a.%03d.png"})
    assert seen.numbers == tuple(range(min(present), max(present) + 1))
    absent = [n for n in seen.numbers if n not in present]
    wrong = [n for n, state in present.items() if state in ("cut", "empty")]
    sizes = {state for state in present.values() if state in ("good", "large")}
    assert any(" missing;" in text for text in seen.problems) == bool(absent)
    assert any("not readable" in text for text in seen.problems) == bool(wrong)
    assert any("several sizes" in text for text in seen.problems) == (len(sizes) == 2)
    assert any("no frame can be read" in text for text in seen.problems) == (not sizes)
    frames = dict(zip(seen.numbers, seen.tracks["rgb"].frames, strict=True))
    assert {n for n, frame in frames.items() if frame is None} == {*absent, *wrong}


def _png(size: tuple[int, int]) -> bytes:
    import io

    file = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(file, "png")
    return file.getvalue()
