"""All frames of a clip, one after the other, in the size in which a video model works."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2

from cosmos_workflow.media.frames import upright
from cosmos_workflow.media.opening import decoded, opened
from cosmos_workflow.media.video import pixel_aspect, shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["SCALING", "Scaling", "frames_of", "stretched"]

Scaling = Literal["area", "linear", "nearest"]
SCALING: dict[Scaling, int] = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


def frames_of(path: Path) -> Iterator[Pixels]:
    """All frames of a clip as RGB, shape (height, width, 3), as they are shown. Raises BadInputError."""
    with opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        for frame in decoded(container, stream):
            yield upright(frame, shape(frame, pixel_aspect(container, stream)), 0)


def stretched(path: Path, size: tuple[int, int], how: Scaling, frames: int) -> Iterator[Pixels]:
    """The first `frames` frames of a clip as RGB, shape (height, width, 3), stretched to `size` as NVIDIA's code does.

    A frame that has the size already is untouched. Raises BadInputError for a file that cannot be read.
    """
    for pixels in islice(frames_of(path), frames):
        yield pixels if pixels.shape[1::-1] == size else cv2.resize(pixels, size, interpolation=SCALING[how])
