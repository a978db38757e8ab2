"""What an image costs in tokens: one small class for each rule, for one size or for many at once, in integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

__all__ = ["ImageRule", "PixtralImages", "QwenImages"]


class ImageRule(Protocol):
    """How a model turns an image of so many pixels into tokens."""

    def tokens(self, width: int, height: int) -> int:
        """Tokens of one image of `width` × `height` pixels; ValueError if the model cannot take it."""

    def tokens_many(self, widths: Integers, heights: Integers) -> Integers:
        """The same for many sizes, shape (n,); -1 where the model cannot take the size."""

    def max_image_tokens(self) -> int:
        """The most tokens that one image can cost, whatever its size."""

    def edges(self) -> list[int]:
        """The longest side, in pixels, that fits into k cells, for k = 1, 2, …: beyond it the cost rises."""


@dataclass(frozen=True)
class PixtralImages:
    """Pixtral: 16-pixel patches, the long side at most 1024, a break token after every row.

    Source: `ImageEncoder` of mistral-common, which is the reference in the tests.

    >>> PixtralImages().tokens(960, 540)
    2074
    """

    max_side: int = 1024
    patch: int = 16
    merge: int = 1

    @property
    def cell(self) -> int:
        """Pixels a token spans along each axis."""
        return self.patch * self.merge

    def tokens(self, width: int, height: int) -> int:
        ratio = max(height / self.max_side, width / self.max_side)
        if ratio > 1:
            # An extreme aspect ratio would round the short side to nothing.
            width = max(round(width / ratio), 1)
            height = max(round(height / ratio), 1)
        columns = (width - 1) // self.cell + 1
        rows = (height - 1) // self.cell + 1
        return rows * (columns + 1)

    def tokens_many(self, widths: Integers, heights: Integers) -> Integers:
        import numpy as np

        ratios = np.maximum(np.maximum(heights, widths) / self.max_side, 1.0)
        # np.rint rounds halves to even, as Python's round does.
        columns = (np.maximum(np.rint(widths / ratios), 1).astype(np.int64) - 1) // self.cell + 1
        rows = (np.maximum(np.rint(heights / ratios), 1).astype(np.int64) - 1) // self.cell + 1
        tokens: Integers = rows * (columns + 1)
        return tokens

    def max_image_tokens(self) -> int:
        return self.tokens(self.max_side, self.max_side)

    def edges(self) -> list[int]:
        return [cells * self.cell for cells in range(1, math.ceil(self.max_side / self.cell) + 1)]


@dataclass(frozen=True)
class QwenImages:
    """Qwen2.5-VL: sides rounded to whole 28-pixel cells, the area kept within bounds, one token before and one after.

    Source: `smart_resize` of Qwen2-VL's image processor in transformers, which is the reference in the
    tests; 28 is the patch (14) times the merge (2).

    >>> QwenImages().tokens(1280, 720)
    1198
    """

    cell: int = 28
    min_pixels: int = 56 * 56
    max_pixels: int = 28 * 28 * 16384
    max_aspect: int = 200
    wrapping: int = 2  # <|vision_start|> and <|vision_end|>

    def tokens(self, width: int, height: int) -> int:
        if max(width, height) / min(width, height) > self.max_aspect:
            raise ValueError(f"the model refuses an aspect ratio above {self.max_aspect}")
        columns, rows = round(width / self.cell), round(height / self.cell)
        pixels = columns * rows * self.cell**2
        if pixels > self.max_pixels:
            shrink = math.sqrt(width * height / self.max_pixels)
            columns = max(1, math.floor(width / shrink / self.cell))
            rows = max(1, math.floor(height / shrink / self.cell))
        elif pixels < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            columns = math.ceil(width * grow / self.cell)
            rows = math.ceil(height * grow / self.cell)
        return columns * rows + self.wrapping

    def tokens_many(self, widths: Integers, heights: Integers) -> Integers:
        import numpy as np

        columns, rows = np.rint(widths / self.cell), np.rint(heights / self.cell)
        pixels = columns * rows * self.cell**2
        shrink = np.sqrt(widths * heights / self.max_pixels)
        grow = np.sqrt(self.min_pixels / (widths * heights))
        big, small = pixels > self.max_pixels, pixels < self.min_pixels
        columns = np.where(big, np.maximum(1, np.floor(widths / shrink / self.cell)), columns)
        rows = np.where(big, np.maximum(1, np.floor(heights / shrink / self.cell)), rows)
        columns = np.where(small, np.ceil(widths * grow / self.cell), columns)
        rows = np.where(small, np.ceil(heights * grow / self.cell), rows)
        refused = np.maximum(widths, heights) / np.minimum(widths, heights) > self.max_aspect
        tokens: Integers = np.where(refused, -1, columns * rows + self.wrapping).astype(np.int64)
        return tokens

    def max_image_tokens(self) -> int:
        return self.max_pixels // self.cell**2 + self.wrapping

    def edges(self) -> list[int]:
        # round() rounds a half to the even number, so a side of 28k + 14 still has k cells if k is even, else k + 1.
        half = self.cell // 2
        longest = math.isqrt(self.max_pixels * self.max_aspect) // self.cell
        return [cells * self.cell + half - cells % 2 for cells in range(1, longest + 1)]
