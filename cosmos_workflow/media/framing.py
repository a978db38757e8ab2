"""How a picture is brought to another size: cropped, padded or stretched; and which of its frames are shown when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from cosmos_workflow.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["ANCHORS", "FITS", "Fit", "Framing", "anchor_of", "even", "frame_for", "framed", "rate_of", "resampled"]

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")
# Where the part that stays is, by its share of what is free: 0 is left and top, 1 right and bottom.
ANCHORS = {"centre": (0.5, 0.5), "center": (0.5, 0.5), "left": (0.0, 0.5), "right": (1.0, 0.5), "top": (0.5, 0.0),
           "bottom": (0.5, 1.0), "top-left": (0.0, 0.0), "top-right": (1.0, 0.0), "bottom-left": (0.0, 1.0),
           "bottom-right": (1.0, 1.0)}  # fmt: skip


@dataclass(frozen=True)
class Framing:
    """From `source` to `size` (widths and heights): the part at `x`, `y` of `part`'s size is scaled to `inner`, and put
    at `left`, `top`.
    """

    source: tuple[int, int]
    x: int
    y: int
    part: tuple[int, int]
    inner: tuple[int, int]
    left: int
    top: int
    size: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Whether nothing changes."""
        return self.source == self.size and self.part == self.source and self.inner == self.size

    def words(self) -> str:
        """What is done, in words; empty if nothing is."""
        if self.is_whole:
            return ""
        width, height = self.source
        steps = []
        if self.part != self.source:
            lost = 100 * (1 - self.part[0] * self.part[1] / (width * height))
            steps.append(f"cropped to {self.part[0]}x{self.part[1]} at {self.x},{self.y} ({lost:.1f} % taken away)")
        if self.inner != self.part:
            how = (
                "scaled"
                if abs(self.inner[0] * self.part[1] / (self.inner[1] * self.part[0]) - 1) < 0.01
                else "stretched"
            )
            steps.append(f"{how} to {self.inner[0]}x{self.inner[1]}")
        if self.inner != self.size:
            steps.append(f"padded to {self.size[0]}x{self.size[1]}")
        return f"{width}x{height} " + ", ".join(steps)


def even(size: tuple[int, int]) -> tuple[int, int]:
    """The largest even width and height within a size, as H.264 needs them.

    >>> even((641, 360)), even((1, 1))
    ((640, 360), (2, 2))
    """
    return max(2, size[0] // 2 * 2), max(2, size[1] // 2 * 2)


def frame_for(
    source: tuple[int, int], size: tuple[int, int], fit: Fit = "crop", anchor: tuple[float, float] = (0.5, 0.5)
) -> Framing:
    """How a picture of `source`'s size becomes one of `size`.

    >>> frame_for((1920, 1080), (1280, 704)).words()
    '1920x1080 cropped to 1920x1056 at 0,12 (2.2 % taken away), scaled to 1280x704'
    >>> frame_for((1920, 1080), (960, 704), "pad").words()
    '1920x1080 scaled to 960x540, padded to 960x704'
    """
    (width, height), (wide, high) = source, size
    if fit == "stretch":
        return Framing(source, 0, 0, source, size, 0, 0, size)
    if fit == "pad":
        scale = min(Fraction(wide, width), Fraction(high, height))
        inner = min(wide, max(1, round(width * scale))), min(high, max(1, round(height * scale)))
        left, top = _at(wide - inner[0], anchor[0]), _at(high - inner[1], anchor[1])
        return Framing(source, 0, 0, source, inner, left, top, size)
    scale = max(Fraction(wide, width), Fraction(high, height))
    part = min(width, max(1, round(wide / scale))), min(height, max(1, round(high / scale)))
    x, y = _at(width - part[0], anchor[0]), _at(height - part[1], anchor[1])
    return Framing(source, x, y, part, size, 0, 0, size)


def _at(free: int, share: float) -> int:
    return int(free * share + 0.5)


def framed(pixels: Pixels, framing: Framing, *, sharp: bool = False, fill: int = 0) -> Pixels:
    """A picture of `framing.source`'s size in `framing.size`.

    Shrinking averages areas, growing is bilinear; `sharp` takes the nearest pixel instead, so that no new values come
    up. `fill` is the value around a padded picture.
    """
    import cv2
    import numpy as np

    width, height = framing.part
    pixels = pixels[framing.y : framing.y + height, framing.x : framing.x + width]
    if framing.inner != framing.part:
        shrinks = framing.inner[0] * framing.inner[1] < width * height
        how = cv2.INTER_NEAREST_EXACT if sharp else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        pixels = cv2.resize(np.ascontiguousarray(pixels), framing.inner, interpolation=how)
    if framing.inner != framing.size:
        wide, high = framing.size
        out = np.full((high, wide, *pixels.shape[2:]), fill, pixels.dtype)
        out[framing.top : framing.top + framing.inner[1], framing.left : framing.left + framing.inner[0]] = pixels
        pixels = out
    return np.ascontiguousarray(pixels)


def anchor_of(text: str) -> tuple[float, float]:
    """What stays when a picture is cropped: a word of ANCHORS, or shares "0.5,0.2". Raises UsageError."""
    if text in ANCHORS:
        return ANCHORS[text]
    if match := re.fullmatch(r"\s*([01]?\.?[0-9]*)\s*,\s*([01]?\.?[0-9]*)\s*", text):
        try:
            x, y = float(match[1]), float(match[2])
        except ValueError:
            x = y = -1.0
        if 0 <= x <= 1 and 0 <= y <= 1:
            return x, y
    raise UsageError(f"the anchor is {text!r}", remedy=f"choose one of {', '.join(ANCHORS)}, or shares such as 0.5,0.2")


def rate_of(fps: float) -> Fraction:
    """Frames a second as a fraction; the rates of television are exact.

    >>> rate_of(23.976), rate_of(24), rate_of(12.5)
    (Fraction(24000, 1001), Fraction(24, 1), Fraction(25, 2))
    """
    for whole in (24, 30, 48, 60, 120):
        if abs(fps - whole / 1.001) < 0.002:
            return Fraction(whole * 1000, 1001)
    return Fraction(fps).limit_denominator(1001)


def resampled(count: int, fps: float, wanted: float) -> list[int]:
    """For each frame at the `wanted` rate, the index of the frame that is shown then in a clip of `count` frames.

    >>> resampled(6, 30, 24), resampled(2, 12, 24)
    ([0, 1, 2, 3, 5], [0, 0, 1, 1])
    """
    source, target = rate_of(fps), rate_of(wanted)
    frames = max(1, round(count * target / source))
    return [min(count - 1, int(index * source / target)) for index in range(frames)]
