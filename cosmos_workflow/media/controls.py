"""The controls that NVIDIA's scripts compute from a clip: edges, and the blurred picture.

From the code of cosmos-transfer1 (control_input.py 415-590, augmentors.py) and of cosmos-transfer2.5 (control_input.py
61-256, blur.py). Both work on frames of the size in which the model does.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from cosmos_workflow.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["BLURS", "CANNY", "STRENGTHS", "Blur", "Thresholds", "blur_of", "blurred", "edges", "thresholds_of"]

STRENGTHS = ("none", "very_low", "low", "medium", "high", "very_high")


class Thresholds(NamedTuple):
    """Canny's two thresholds."""

    low: int
    high: int


CANNY = dict(
    zip(STRENGTHS, map(Thresholds._make, ((20, 50), (20, 50), (50, 100), (100, 200), (200, 300), (300, 400))),
        strict=True)
)  # fmt: skip


@dataclass(frozen=True)
class Blur:
    """A bilateral filter in a picture made `smaller` by a factor, then the picture made smaller by `after` and larger.

    `diameter` in pixels; 0 leaves the filter out.
    """

    diameter: int
    colour: float
    space: float
    smaller: int
    after: int


NO_BLUR = Blur(0, 0, 0, 1, 1)
# By model, as their code differs: Transfer2.5 always filters alike. Cosmos 3 is the successor of Transfer2.5; its own
# numbers are not published.
BLURS: dict[str, dict[str, Blur]] = {
    "transfer1": {
        "none": Blur(1, 1, 1, 1, 1),
        "very_low": Blur(15, 100, 50, 1, 4),
        "low": Blur(15, 100, 50, 4, 4),
        "medium": Blur(30, 150, 100, 2, 10),
        "high": Blur(50, 300, 150, 1, 16),
        "very_high": Blur(50, 300, 150, 4, 16),
    },
    "transfer2.5": {
        "none": NO_BLUR,
        "very_low": Blur(30, 150, 100, 1, 4),
        "low": Blur(30, 150, 100, 4, 4),
        "medium": Blur(30, 150, 100, 2, 10),
        "high": Blur(30, 150, 100, 1, 16),
        "very_high": Blur(30, 150, 100, 4, 16),
    },
}
BLURS["cosmos3"] = BLURS["transfer2.5"]


def edges(frame: Pixels, thresholds: Thresholds) -> Pixels:
    """Canny's edges of an RGB frame, shape (height, width, 3): white on black, three equal channels."""
    lines: Pixels = cv2.Canny(frame, *thresholds)
    return cv2.merge((lines, lines, lines))  # type: ignore[no-any-return]


def blurred(frame: Pixels, blur: Blur) -> Pixels:
    """The blurred RGB frame, shape (height, width, 3)."""
    from PIL import Image

    height, width = frame.shape[:2]
    if blur.diameter:
        small = frame
        if blur.smaller > 1:
            size = width // blur.smaller, height // blur.smaller
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        small = cv2.bilateralFilter(small, blur.diameter, blur.colour, blur.space)
        frame = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) if blur.smaller > 1 else small
    if blur.after > 1:
        # Pillow's bicubic filter is the one of torchvision with antialiasing; OpenCV's is another.
        size = max(1, int(width / blur.after)), max(1, int(height / blur.after))
        smaller = Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)
        frame = np.asarray(smaller.resize((width, height), Image.Resampling.BICUBIC))
    return frame


def thresholds_of(text: str) -> tuple[Thresholds, str]:
    """Canny's thresholds as people write them, and what they are in words: a strength, "60:140", or "seed:7".

    NVIDIA's script for Transfer1 has ignored its own presets since August 2025, and draws the thresholds by its seed:
    "seed:7" draws them as it does with --seed 7 if nothing else draws before. Raises UsageError.

    >>> thresholds_of("medium")[0], thresholds_of("60:140")[0]
    (Thresholds(low=100, high=200), Thresholds(low=60, high=140))
    """
    if text in CANNY:
        return CANNY[text], f"{text}: thresholds {CANNY[text].low} and {CANNY[text].high}"
    if match := re.fullmatch(r"([0-9]{1,4}):([0-9]{1,4})", text):
        low, high = int(match[1]), int(match[2])
        if low <= high:
            return Thresholds(low, high), f"thresholds {low} and {high}"
    if (seed := _seed(text)) is not None:
        draw = np.random.RandomState(seed)  # the generator that NVIDIA's script uses
        low = int(draw.randint(20, 100))
        high = min(255, low + int(draw.randint(50, 150)))
        return Thresholds(low, high), f"thresholds {low} and {high}, drawn as NVIDIA's script does with the seed {seed}"
    raise UsageError(
        f"the strength of edges is {text!r}",
        remedy=f"choose one of {', '.join(STRENGTHS)}, two thresholds (60:140), or seed:NUMBER",
    )


def blur_of(text: str, model: str) -> tuple[Blur, str]:
    """The blur of a strength or of "seed:7" for a video model, and what it is in words. Raises UsageError.

    With a seed, the last step is drawn as NVIDIA's script for Transfer1 does, after the filter of *medium*.
    """
    table = BLURS[model]
    if (seed := _seed(text)) is not None:
        after = random.Random(seed).randint(4, 17)
        medium = table["medium"]
        blur = Blur(medium.diameter, medium.colour, medium.space, medium.smaller, after)
        return blur, f"{_words(blur)}, drawn as NVIDIA's script does with the seed {seed}"
    if text in table:
        return table[text], f"{text}: {_words(table[text])}"
    raise UsageError(
        f"the strength of the blur is {text!r}", remedy=f"choose one of {', '.join(STRENGTHS)}, or seed:NUMBER"
    )


def _words(blur: Blur) -> str:
    if not blur.diameter:
        return "no blur"
    smaller = f" at 1/{blur.smaller} of the size" if blur.smaller > 1 else ""
    after = f", then 1/{blur.after} of the size and back" if blur.after > 1 else ""
    return f"bilateral filter {blur.diameter}/{blur.colour:g}/{blur.space:g}{smaller}{after}"


def _seed(text: str) -> int | None:
    match = re.fullmatch(r"seed:([0-9]{1,10})", text)
    return int(match[1]) if match and int(match[1]) < 2**32 else None
