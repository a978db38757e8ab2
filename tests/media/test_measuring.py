"""What is said of a clip is true of clips whose truth is known."""

from __future__ import annotations

from pathlib import Path

import clips
import numpy as np
import pytest

from cosmos_workflow.engines.describe import describe
from cosmos_workflow.media import measure
from cosmos_workflow.media.palette import COLOURS


@pytest.mark.parametrize(
    ("dx", "dy", "moves", "phrase"),
    [
        (-4, 0, ("pan left",), "pans to the left"),
        (4, 0, ("pan right",), "pans to the right"),
        (0, -4, ("tilt up",), "tilts up"),
        (0, 4, ("tilt down",), "tilts down"),
        (3, -3, ("pan right", "tilt up"), "pans to the right and tilts up"),
        (0, 0, (), "remains static throughout"),
    ],
)
def test_pan_and_tilt(tmp_path: Path, dx: int, dy: int, moves: tuple[str, ...], phrase: str) -> None:
    measured = measure(clips.panning(tmp_path / "pan.mp4", dx, dy))
    assert len(measured.shots) == 1
    assert measured.shots[0].motion.moves == moves
    assert f"The camera {phrase}." in describe("", measured.to_dict())


@pytest.mark.parametrize(("rate", "move"), [(1.015, "zoom in"), (0.985, "zoom out")])
def test_zoom(tmp_path: Path, rate: float, move: str) -> None:
    measured = measure(clips.zooming(tmp_path / "zoom.mp4", rate))
    assert measured.shots[0].motion.moves == (move,)
    assert measured.shots[0].motion.subject == ""


def test_a_cut_at_one_second(tmp_path: Path) -> None:
    first, second = clips.texture(120, 160, seed=1), 255 - clips.texture(120, 160, seed=2)
    measured = measure(clips.write(tmp_path / "cut.mp4", [first] * 24 + [second] * 24))
    assert [(shot.start, shot.end) for shot in measured.shots] == [(0.0, 1.0), (1.0, 2.0)]
    assert "in 2 shots with cuts at 1.0 s" in describe("", measured.to_dict())


def test_a_pan_and_then_a_held_shot_are_told_apart(tmp_path: Path) -> None:
    world = clips.texture(240, 320 + 24 * 5)
    pan = [world[:, 5 * i :][:, :320] for i in range(24)]
    held = [255 - clips.texture(240, 320, seed=9)] * 24
    text = describe("", measure(clips.write(tmp_path / "two.mp4", [*pan, *held])).to_dict())
    assert "In the first shot the camera pans to the right. In the second shot the camera remains static." in text


def test_fast_motion_is_not_a_cut(tmp_path: Path) -> None:
    assert len(measure(clips.panning(tmp_path / "fast.mp4", 14, 0)).shots) == 1


def test_a_subject_that_moves_before_a_held_camera(tmp_path: Path) -> None:
    background, subject = clips.texture(240, 320), 255 - clips.texture(90, 90, seed=4)
    pictures = []
    for i in range(24):
        picture = background.copy()
        picture[80:170, 20 + 6 * i : 110 + 6 * i] = subject
        pictures.append(picture)
    measured = measure(clips.write(tmp_path / "subject.mp4", pictures))
    assert measured.shots[0].motion.moves == ()
    assert measured.shots[0].motion.subject == "right"
    assert "static throughout, while a subject moves to the right" in describe("", measured.to_dict())


@pytest.mark.parametrize("name", ["red", "blue", "green", "yellow", "black", "white", "teal", "brown"])
def test_a_scene_of_one_colour(tmp_path: Path, name: str) -> None:
    measured = measure(clips.write(tmp_path / "colour.mp4", [clips.flat(COLOURS[name])] * 6))
    assert measured.palette[0][0] == name
    assert measured.palette[0][1] > 0.95
    assert f"{name.capitalize()} dominates the palette." in describe("", measured.to_dict())


def test_two_colours_in_their_shares(tmp_path: Path) -> None:
    picture = clips.flat(COLOURS["blue"])
    picture[:30] = COLOURS["orange"]
    measured = measure(clips.write(tmp_path / "two.mp4", [picture] * 4))
    assert [name for name, _ in measured.palette] == ["blue", "orange"]
    assert measured.palette[0][1] == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize(
    ("course", "phrase"),
    [
        (np.linspace(1, 0, 24), "fades to black at the end"),
        (np.linspace(0, 1, 24), "fades in from black"),
        (np.linspace(0.4, 1, 24), "grows brighter"),
        (np.linspace(1, 0.4, 24), "grows darker"),
        (np.ones(24), "the light stays steady"),
    ],
)
def test_the_course_of_the_light(tmp_path: Path, course: np.ndarray, phrase: str) -> None:
    picture = clips.texture(120, 160).astype(float)
    path = clips.write(tmp_path / "light.mp4", [(picture * factor).astype(np.uint8) for factor in course])
    assert phrase in describe("", measure(path).to_dict())


@pytest.mark.parametrize(("dx", "moves"), [(0, ()), (4, ("pan right",))])
def test_a_fade_is_no_motion_and_hides_none(tmp_path: Path, dx: int, moves: tuple[str, ...]) -> None:
    world = clips.texture(240, 320 + 48 * dx).astype(float)
    course = np.concatenate([np.linspace(0, 1, 12), np.ones(24), np.linspace(1, 0, 12)])
    pictures = [(world[:, dx * i :][:, :320] * factor).astype(np.uint8) for i, factor in enumerate(course)]
    measured = measure(clips.write(tmp_path / "fade.mp4", pictures))
    assert [shot.motion.moves for shot in measured.shots] == [moves]
    assert measured.fade_in == pytest.approx(11 / 24, abs=0.05)
    assert measured.fade_out == pytest.approx(12 / 24, abs=0.05)


def test_a_dark_clip_and_a_cut_to_black_do_not_fade(tmp_path: Path) -> None:
    picture = clips.texture(120, 160)
    for pictures in ([clips.flat((8, 8, 8))] * 24, [picture] * 20 + [clips.flat((0, 0, 0))] * 4):
        measured = measure(clips.write(tmp_path / "dark.mp4", pictures))
        assert (measured.fade_in, measured.fade_out) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("level", "phrase"), [(10, "is dark "), (70, "dimly lit"), (128, "evenly lit"), (220, "brightly lit")]
)
def test_the_level_of_the_light(tmp_path: Path, level: int, phrase: str) -> None:
    path = clips.write(tmp_path / "level.mp4", [clips.flat((level, level, level))] * 4)
    assert phrase in describe("", measure(path).to_dict())


def test_blur_is_softer_than_the_same_picture_sharp(tmp_path: Path) -> None:
    import cv2

    sharp = clips.texture(240, 320)
    soft = cv2.GaussianBlur(sharp, (0, 0), 6)
    sharp_found = measure(clips.write(tmp_path / "sharp.mp4", [sharp] * 3))
    soft_found = measure(clips.write(tmp_path / "soft.mp4", [soft] * 3))
    assert soft_found.sharpness < sharp_found.sharpness / 2
    assert "softly focused" in describe("", soft_found.to_dict())


@pytest.mark.parametrize("place", ["left", "centre", "right"])
def test_where_the_detail_is(tmp_path: Path, place: str) -> None:
    picture = clips.flat((128, 128, 128), 240, 330)
    start = {"left": 0, "centre": 110, "right": 220}[place]
    picture[:, start : start + 110] = clips.texture(240, 110)
    measured = measure(clips.write(tmp_path / "place.mp4", [picture] * 3))
    assert measured.detail == place


def test_the_same_clip_gives_the_same_words(tmp_path: Path) -> None:
    path = clips.panning(tmp_path / "pan.mp4", 3, 1)
    assert measure(path) == measure(path)


def test_a_still_image(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "still.png"
    Image.fromarray(clips.texture(200, 100)).save(path)
    text = describe("a tower", measure(path).to_dict())
    assert text.startswith("A tower. The picture is a single still in portrait format.")
    assert "camera" not in text


def test_tiny_clips(tmp_path: Path) -> None:
    for size in [(1, 1), (2, 40)]:
        path = clips.write(tmp_path / "t.mkv", [clips.texture(*size)] * 3, codec="ffv1", pixel_format="bgr0")
        assert describe("x", measure(path).to_dict())
