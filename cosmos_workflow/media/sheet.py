"""One picture of what was made: a row for each clip, so that a person sees at a glance what goes into a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.files import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["COLUMNS", "picks", "printable", "thumbnail", "write_sheet"]

COLUMNS = 6
WIDTH = 260  # of a frame, in pixels
LABEL, GAP, HEAD = 92, 6, 46
DARK, PALE, GREY = (24, 24, 26), (235, 235, 238), (150, 150, 156)


def picks(count: int) -> list[int]:
    """The frames that a sheet shows: the first, the last, and evenly some between.

    >>> picks(24), picks(3)
    ([0, 5, 9, 14, 18, 23], [0, 1, 2])
    """
    if count <= COLUMNS:
        return list(range(count))
    return [round(index * (count - 1) / (COLUMNS - 1)) for index in range(COLUMNS)]


def thumbnail(pixels: Pixels) -> Pixels:
    """A frame as small as a sheet shows it."""
    import cv2

    height, width = pixels.shape[:2]
    size = WIDTH, max(1, round(WIDTH * height / width))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def write_sheet(
    path: Path, title: str, rows: Mapping[str, Sequence[Pixels]], numbers: Sequence[int],
    colours: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write the sheet as JPEG: `rows` are thumbnails by modality, `numbers` those of their frames.

    `colours` is the legend of the segmentation, `#rrggbb` and what it stands for.
    """
    import io

    from PIL import Image, ImageDraw, ImageFont

    font, small = ImageFont.load_default(17), ImageFont.load_default(13)
    high = max(picture.shape[0] for pictures in rows.values() for picture in pictures)
    label = max(LABEL, *(int(font.getlength(printable(name))) + 3 * GAP for name in rows))
    width = label + (WIDTH + GAP) * max(len(numbers), 3) + GAP
    legend = [(colour, text) for colour, text in (colours or {}).items()][:60]
    lines = _lines(legend, width - label - 2 * GAP, small)
    height = HEAD + (high + GAP) * len(rows) + (22 * len(lines) + GAP if lines else 0) + GAP
    sheet = Image.new("RGB", (width, height), DARK)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP + 6, 6), printable(title), PALE, font)
    top = HEAD
    for column, number in enumerate(numbers):
        draw.text((label + column * (WIDTH + GAP), HEAD - 18), f"frame {number}", GREY, small)
    for name, pictures in rows.items():
        draw.text((GAP + 6, top + high // 2 - 10), printable(name), PALE, font)
        for column, picture in enumerate(pictures):
            sheet.paste(Image.fromarray(picture), (label + column * (WIDTH + GAP), top))
        top += high + GAP
    for line in lines:
        for left, colour, text in line:
            draw.rectangle((label + left, top + 4, label + left + 14, top + 16), colour, GREY)
            draw.text((label + left + 20, top + 2), text, PALE, small)
        top += 22
    file = io.BytesIO()
    sheet.save(file, "jpeg", quality=90)
    write_whole(path, file.getvalue(), sync=False)


def _lines(legend: Sequence[tuple[str, str]], width: int, font: object) -> list[list[tuple[int, str, str]]]:
    """The legend in lines: how far to the right each colour stands, the colour and its text."""
    lines: list[list[tuple[int, str, str]]] = []
    left = width + 1
    for colour, text in legend:
        shown = printable(text)[:40]
        wide = 34 + int(font.getlength(shown))  # type: ignore[attr-defined]
        if left + wide > width:
            lines.append([])
            left = 0
        lines[-1].append((left, colour, shown))
        left += wide
    return lines


def printable(text: str) -> str:
    """A text in the letters that the font has."""
    return "".join(letter if letter.isprintable() and ord(letter) < 0x250 else "?" for letter in text)
