"""Edges and blur against a plain rendering of NVIDIA's formulas, bit for bit; depth and objects by their own."""

from __future__ import annotations

import random
import time

import clips
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.media.controls import STRENGTHS, blur_of, blurred, edges, thresholds_of
from cosmos_workflow.media.depth import DepthRange, RangeFinder, grey_of, is_far, read_range
from cosmos_workflow.media.flat import FlatColours
from cosmos_workflow.media.segments import Palette, colours, packed

FRAME = cv2.GaussianBlur(clips.texture(352, 640, seed=4), (0, 0), 1.2)

# The preset table of Transfer1's fact sheet, §10: Canny's thresholds; the bilateral filter's diameter and two sigmas;
# how much smaller the picture is for it; and by how much it is made smaller and larger again behind it.
TRANSFER1 = {
    "none": ((20, 50), (1, 1, 1), 1, 1),
    "very_low": ((20, 50), (15, 100, 50), 1, 4),
    "low": ((50, 100), (15, 100, 50), 4, 4),
    "medium": ((100, 200), (30, 150, 100), 2, 10),
    "high": ((200, 300), (50, 300, 150), 1, 16),
    "very_high": ((300, 400), (50, 300, 150), 4, 16),
}
# Transfer2.5's fact sheet, §4: always the same filter.
TRANSFER25 = {"very_low": (1, 4), "low": (4, 4), "medium": (2, 10), "high": (1, 16), "very_high": (4, 16)}


def by_hand(frame: np.ndarray, bilateral: tuple[int, int, int], smaller: int, after: int) -> np.ndarray:
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (width // smaller, height // smaller), interpolation=cv2.INTER_AREA)
    small = cv2.bilateralFilter(small, *bilateral)
    whole = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    # torchvision's resize with antialiasing is Pillow's.
    tiny = Image.fromarray(whole).resize((int(width / after), int(height / after)), Image.Resampling.BICUBIC)
    return np.asarray(tiny.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_edges_are_cannys(strength: str) -> None:
    low, high = TRANSFER1[strength][0]
    thresholds, words = thresholds_of(strength)
    made = edges(FRAME, thresholds)
    plain = cv2.Canny(FRAME, low, high)
    assert made.shape == (352, 640, 3)
    assert all(np.array_equal(made[..., channel], plain) for channel in range(3))
    assert f"{low} and {high}" in words
    assert plain.any() or strength in ("high", "very_high")


@pytest.mark.slow
@pytest.mark.parametrize("strength", [name for name in STRENGTHS if name != "none"])
@pytest.mark.parametrize("model", ["transfer1", "transfer2.5", "cosmos3"])
def test_blur_is_nvidias(strength: str, model: str) -> None:
    bilateral, smaller, after = TRANSFER1[strength][1:]
    if model != "transfer1":
        bilateral, (smaller, after) = (30, 150, 100), TRANSFER25[strength]
    made = blurred(FRAME, blur_of(strength, model)[0])
    assert np.array_equal(made, by_hand(FRAME, bilateral, smaller, after))


def test_no_blur() -> None:
    assert np.array_equal(blurred(FRAME, blur_of("none", "transfer2.5")[0]), FRAME)
    assert np.array_equal(blurred(FRAME, blur_of("none", "transfer1")[0]), by_hand(FRAME, (1, 1, 1), 1, 1))


@pytest.mark.parametrize("seed", [0, 1, 7, 2025])
def test_what_nvidias_script_draws_by_its_seed(seed: int) -> None:
    np.random.seed(seed)
    low = np.random.randint(20, 100)
    high = min(255, low + np.random.randint(50, 150))
    thresholds, words = thresholds_of(f"seed:{seed}")
    assert thresholds == (low, high)
    assert "as NVIDIA's script does" in words
    random.seed(seed)
    assert blur_of(f"seed:{seed}", "transfer1")[0].after == random.randint(4, 17)


def test_thresholds_of_ones_own_and_what_is_none() -> None:
    assert thresholds_of("60:140")[0] == (60, 140)
    for text in ("", "strong", "140:60", "60", "seed:", "seed:99999999999", "60:140:2"):
        with pytest.raises(UsageError, match="strength of edges"):
            thresholds_of(text)
    with pytest.raises(UsageError, match="strength of the blur"):
        blur_of("60:140", "transfer1")


@given(
    st.lists(st.floats(0.0625, 900, width=32), min_size=2, max_size=50, unique=True),
    st.sampled_from(["inverse", "linear"]),
)
def test_grey_follows_the_formula_to_half_a_step(values: list[float], form: str) -> None:
    distances = np.array(values, np.float32)
    near, far = float(distances.min()), float(distances.max())
    grey = grey_of(distances, DepthRange(near, far), form)  # type: ignore[arg-type]
    exact = distances.astype(np.float64)
    share = (1 / exact - 1 / far) / (1 / near - 1 / far) if form == "inverse" else (far - exact) / (far - near)
    assert np.abs(grey - 255 * share).max() <= 0.5 + 1e-6
    assert (grey[distances.argmin()], grey[distances.argmax()]) == (255, 0)


def test_what_is_infinitely_far_is_black() -> None:
    sky = np.array([np.inf, -np.inf, np.nan, 0, -3, 1e10, 1e9, 65_504], np.float32)
    assert is_far(sky).all()
    for form in ("inverse", "linear"):
        assert not grey_of(sky, DepthRange(1, 5), form).any()  # type: ignore[arg-type]
    assert grey_of(np.float32([0.5, 9]), DepthRange(1, 5)).tolist() == [255, 0]
    assert grey_of(np.float32([3, 3]), DepthRange(3, 3)).tolist() == [255, 255]


def test_one_range_for_the_whole_clip() -> None:
    finder = RangeFinder()
    for near, far in ((2, 9), (1, 5), (3, 40)):
        finder.add(np.float32([near, far, 1e10, np.nan]))
    finder.add(np.float32([np.inf]))
    assert finder.range() == DepthRange(1, 40)
    percent = RangeFinder((1.0, 99.0))
    percent.add(np.arange(1, 10_001, dtype=np.float32))
    assert percent.range().near == pytest.approx(101, abs=2)
    assert percent.range().far == pytest.approx(9900, abs=2)
    with pytest.raises(BadInputError, match="no finite distance"):
        RangeFinder().range()


def test_ranges_as_people_write_them() -> None:
    assert read_range("0.5:40") == DepthRange(0.5, 40)
    assert read_range("1%:99%") == (1, 99)
    for text in ("", "40:0.5", "-1:5", "1%:2", "99%:1%", "1:2:3", "near:far"):
        with pytest.raises(UsageError, match="depth range"):
            read_range(text)


def test_colours_are_far_from_each_other() -> None:
    rgb = np.array([(0, 0, 0), *colours(24)], np.float32)[None] / 255
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(25, 1)]
    assert distances.min() > 35
    assert len(set(colours(500))) == 500


def test_an_object_keeps_its_colour() -> None:
    palette = Palette()
    first = palette.paint(np.array([[0, 7], [7, 3]], np.uint32))
    later = palette.paint(np.array([[9, 3], [0, 7]], np.uint32))
    assert first[0, 1].tolist() == later[1, 1].tolist() == list(palette.paint(np.array([[7]], np.uint32))[0, 0])
    assert first[1, 1].tolist() == later[0, 1].tolist()
    assert first[0, 0].tolist() == later[1, 0].tolist() == [0, 0, 0]
    legend = palette.legend({7: "car"})
    assert list(legend.values()) == ["background", "3", "car", "9"]
    kept = Palette(keep=True)
    picture = np.array([[[200, 1, 2], [3, 4, 5]]], np.uint8)
    assert np.array_equal(kept.paint(packed(picture)), picture)


@pytest.mark.slow
def test_many_objects() -> None:
    many = Palette()
    painted = many.paint(np.arange(6000, dtype=np.uint32).reshape(60, 100))
    assert len({tuple(colour) for colour in painted.reshape(-1, 3).tolist()}) == len(many.legend()) == 6000
    painted = Palette().paint(np.arange(2000, dtype=np.uint32).reshape(40, 50))
    assert len(np.unique(painted.reshape(-1, 3), axis=0)) == 2000


def test_thin_objects_keep_their_colour() -> None:
    """A pole and a light of one pixel, as CARLA renders them: borders are sharp, also in a frame where all is thin."""
    road, building, pole, light = 0x804080, 0x464646, 0x999999, 0xFAAA1E
    labels = np.full((48, 64), building, np.uint32)
    labels[:, 32:], labels[:, 20], labels[10, 40] = road, pole, light
    colours = FlatColours()
    colours.add(labels)
    assert not colours.is_soft
    assert np.array_equal(colours.clean(labels), labels)


def test_mixed_colours_become_the_nearest_but_what_is_flat_elsewhere_stays() -> None:
    near, far = np.full((48, 64), 0x0000FF, np.uint32), np.full((48, 64), 0x0000FF, np.uint32)
    near[10:30, 10:30], far[10:30, 20] = 0x00FF00, 0x00FF00  # wide in one frame, a line in the other
    near[9, 10:30] = near[30, 10:30] = 0x008080
    colours = FlatColours()
    for labels in (near, far):
        colours.add(labels)
    assert colours.is_soft
    assert set(np.unique(colours.clean(near))) == {0x0000FF, 0x00FF00}
    assert np.array_equal(colours.clean(far), far)


def test_many_mixed_colours_take_no_time() -> None:
    rng = np.random.default_rng(1)
    labels = np.kron(rng.integers(0, 1 << 24, (27, 48)), np.ones((20, 20), np.int64)).astype(np.uint32)
    steps = rng.random((540, 960))
    left, right = (labels >> 8 & 255), np.roll(labels, 20, axis=1) >> 8 & 255
    mixed = (left + (right.astype(np.int64) - left) * steps).astype(np.uint32) << 8 | rng.integers(
        0, 256, labels.shape, np.uint32
    )
    soft = np.where(np.arange(960)[None] % 20 < 2, mixed, labels).astype(np.uint32)
    colours = FlatColours()
    began = time.monotonic()
    colours.add(soft)
    colours._mixed, colours._others = 1, 0  # the mixture is of random colours
    cleaned = colours.clean(soft)
    assert time.monotonic() - began < 30  # seconds; one colour after another took minutes on a slow machine
    assert len(np.unique(soft)) > 30_000
    assert len(np.unique(cleaned)) <= 27 * 48
