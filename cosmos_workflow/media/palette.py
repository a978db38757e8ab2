"""The colours of a clip by name: each pixel counts for the nearest named colour in CIE Lab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["COLOURS", "palette"]

COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (12, 12, 12),
    "charcoal": (58, 58, 60),
    "grey": (128, 128, 128),
    "silver": (190, 190, 192),
    "white": (248, 248, 248),
    "cream": (244, 234, 208),
    "beige": (206, 186, 150),
    "tan": (172, 134, 92),
    "brown": (104, 66, 38),
    "maroon": (104, 20, 30),
    "red": (206, 30, 36),
    "pink": (240, 150, 178),
    "magenta": (206, 30, 170),
    "purple": (108, 40, 150),
    "orange": (238, 132, 30),
    "gold": (214, 172, 50),
    "yellow": (246, 228, 50),
    "olive": (116, 116, 36),
    "green": (40, 150, 56),
    "dark green": (22, 72, 34),
    "mint": (158, 224, 190),
    "teal": (20, 128, 128),
    "cyan": (50, 210, 226),
    "sky blue": (130, 186, 232),
    "slate blue": (92, 112, 144),
    "blue": (36, 76, 206),
    "navy": (18, 28, 84),
}


def palette(frames: Sequence[NDArray[np.uint8]], limit: int = 5) -> tuple[tuple[str, float], ...]:
    """Up to `limit` colour names with their share of all pixels, largest first; shares under 4 % are left out.

    `frames` are RGB, shape (height, width, 3).
    """
    names = list(COLOURS)
    named = _lab(np.array([[COLOURS[name] for name in names]], dtype=np.uint8))[0]
    counts = np.zeros(len(names))
    for frame in frames:
        pixels = _lab(np.ascontiguousarray(frame[::3, ::3])).reshape(-1, 1, 3)
        nearest = ((pixels - named) ** 2).sum(axis=2).argmin(axis=1)
        counts += np.bincount(nearest, minlength=len(names))
    shares = counts / counts.sum()
    order = np.argsort(-shares, kind="stable")[:limit]
    return tuple((names[index], round(float(shares[index]), 3)) for index in order if shares[index] >= 0.04)


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    lab: NDArray[np.float32] = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    return lab
