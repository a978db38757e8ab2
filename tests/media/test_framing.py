"""Cropped, padded or stretched; and which frames are shown when."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import UsageError
from cosmos_workflow.media.framing import FITS, Fit, anchor_of, even, frame_for, framed, rate_of, resampled

SIDE = st.integers(2, 4000)


@given(SIDE, SIDE, SIDE, SIDE, st.sampled_from(FITS), st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_any_size_becomes_any_other(
    width: int, height: int, wide: int, high: int, fit: Fit, anchor: tuple[float, float]
) -> None:
    framing = frame_for((width, height), (wide, high), fit, anchor)
    assert framing.size == (wide, high)
    assert 0 <= framing.x <= framing.x + framing.part[0] <= width
    assert 0 <= framing.y <= framing.y + framing.part[1] <= height
    assert 0 <= framing.left <= framing.left + framing.inner[0] <= wide
    assert 0 <= framing.top <= framing.top + framing.inner[1] <= high
    if fit == "crop":
        assert framing.inner == (wide, high)
        assert width == framing.part[0] or height == framing.part[1]
        # Not stretched by more than the rounding of the part to whole pixels.
        assert abs(framing.part[0] * high - framing.part[1] * wide) <= max(wide, high)
    elif fit == "pad":
        assert framing.part == (width, height)
        assert framing.inner[0] == wide or framing.inner[1] == high


def test_what_is_cropped_is_where_the_anchor_says() -> None:
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[:, :100], picture[:, 300:] = 10, 200
    for anchor, value in (("left", 10), ("right", 200), ("centre", 0), ("0,0", 10), ("1,0.5", 200)):
        framing = frame_for((400, 100), (50, 50), "crop", anchor_of(anchor))
        assert np.unique(framed(picture, framing)).tolist() == [value]
    padded = framed(picture, frame_for((400, 100), (200, 200), "pad", anchor_of("bottom")), fill=7)
    assert (padded[:150] == 7).all()
    assert padded[150, 0, 0] == 10
    for anchor in ("middle", "2,0", "0.5", "a,b", ",", "-0.1,0"):
        with pytest.raises(UsageError, match="the anchor"):
            anchor_of(anchor)


def test_sharp_gives_no_new_values() -> None:
    labels = np.random.default_rng(0).integers(0, 5, (90, 160)).astype(np.float32)
    for size in ((320, 180), (64, 36), (100, 100)):
        out = framed(labels, frame_for((160, 90), size), sharp=True)
        assert out.shape == size[::-1]
        assert set(np.unique(out)) <= set(np.unique(labels))


def test_nothing_changes_where_nothing_has_to() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8)
    framing = frame_for((160, 90), (160, 90))
    assert framing.is_whole
    assert framing.words() == ""
    assert np.array_equal(framed(picture, framing), picture)
    assert frame_for((160, 90), (80, 80), "stretch").words() == "160x90 stretched to 80x80"
    assert even((161, 91)) == (160, 90)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(23.976, (24000, 1001)), (29.97, (30000, 1001)), (59.94, (60000, 1001)), (24, (24, 1)), (12.5, (25, 2))],
)
def test_rates(fps: float, rate: tuple[int, int]) -> None:
    assert rate_of(fps) == Fraction(*rate)


@given(st.integers(1, 500), st.sampled_from([10, 16, 23.976, 24, 25, 29.97, 30, 60]), st.sampled_from([10, 16, 24, 30]))
def test_resampling_shows_what_a_player_shows(count: int, fps: float, wanted: float) -> None:
    order = resampled(count, fps, wanted)
    assert order == sorted(order)
    assert abs(len(order) / rate_of(wanted) - count / rate_of(fps)) <= 1 / (2 * rate_of(wanted)) or len(order) == 1
    for index, shown in enumerate(order):
        time = index / rate_of(wanted)
        assert shown / rate_of(fps) <= time
        assert shown == count - 1 or (shown + 1) / rate_of(fps) > time
