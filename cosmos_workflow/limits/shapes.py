"""The aspect ratios and sizes that people use."""

from __future__ import annotations

__all__ = ["ASPECTS", "FIELD_TESTS", "USUAL_SIZES", "size_at"]

ASPECTS = {
    "16:9": (16, 9),
    "3:2": (3, 2),
    "4:3": (4, 3),
    "1:1": (1, 1),
    "3:4": (3, 4),
    "9:16": (9, 16),
    "21:9": (21, 9),
}
# Sizes that cameras, editors and the field tests of 2025-09-01 use.
USUAL_SIZES = (
    *((320, 180), (420, 236), (500, 281), (640, 360), (640, 480), (720, 405), (854, 480), (928, 522), (940, 529)),
    *((960, 540), (1280, 704), (1280, 720), (1920, 1080), (3840, 2160)),
)
# Results that people wrote down on 2025-09-01, with two frames and "A futuristic city at sunset"; and one size between.
FIELD_TESTS = {
    (320, 180): "works",
    (420, 236): "works",
    (500, 281): "works",
    (640, 360): "works",
    (720, 405): "works",
    (854, 480): "works",
    (928, 522): "not tested",
    (940, 529): "works",
    (960, 540): "fails",
    (1280, 720): "fails",
}


def size_at(aspect: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Width and height of an aspect ratio from the longer side, in pixels; the shorter is rounded, halves upwards.

    >>> size_at((16, 9), 1280), size_at((9, 16), 911)
    ((1280, 720), (512, 911))
    """
    longer, shorter = max(aspect), min(aspect)
    short = max(1, (2 * long_side * shorter + longer) // (2 * longer))
    return (long_side, short) if aspect[0] >= aspect[1] else (short, long_side)
