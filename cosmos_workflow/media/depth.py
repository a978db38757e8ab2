"""Distances as a grey picture: one range for the whole clip, near bright, what is infinitely far black."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cosmos_workflow.errors import BadInputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

__all__ = ["FORMS", "DepthForm", "DepthRange", "RangeFinder", "grey_of", "is_far", "read_range"]

DepthForm = Literal["inverse", "linear"]
FORMS: dict[DepthForm, str] = {
    "inverse": "255 (1/d - 1/far) / (1/near - 1/far)",
    "linear": "255 (far - d) / (far - near)",
}
FAR = 1e9  # Blender's sky is 1e10
HALF_MAX = 65504.0  # the largest half float, to which an infinite distance is cut by some renderers
SAMPLES = 20_000  # pixels of a frame, for percentiles


@dataclass(frozen=True)
class DepthRange:
    """The distances that become white (`near`) and black (`far`), in the unit of the files."""

    near: float
    far: float


def is_far(distances: Floats) -> NDArray[np.bool_]:
    """Where there is nothing: infinite, not a number, 0 and less, or what renderers write for the sky."""
    import numpy as np

    near: NDArray[np.bool_] = np.isfinite(distances) & (distances > 0) & (distances < FAR) & (distances != HALF_MAX)
    return ~near


def grey_of(distances: Floats, over: DepthRange, form: DepthForm = "inverse") -> Pixels:
    """Distances as 8-bit grey, of the same shape: near is 255, far and beyond is 0, rounded to the nearest step.

    >>> import numpy as np
    >>> grey_of(np.float32([1, 2, 4, 1e10]), DepthRange(1, 4)).tolist()
    [255, 85, 0, 0]
    >>> grey_of(np.float32([1, 2, 4, np.inf]), DepthRange(1, 4), "linear").tolist()
    [255, 170, 0, 0]
    """
    import numpy as np

    far = is_far(distances)
    # In double precision, as the inverses of a range's ends may be close to each other.
    clean = np.where(far, over.far, distances).astype(np.float64)
    if over.far <= over.near:
        share = np.ones_like(clean)
    elif form == "inverse":
        share = (1 / np.maximum(clean, 1e-30) - 1 / over.far) / (1 / over.near - 1 / over.far)
    else:
        share = (over.far - clean) / (over.far - over.near)
    grey = np.clip(255 * share + 0.5, 0, 255).astype(np.uint8)
    grey[far] = 0
    return grey


class RangeFinder:
    """Finds one range for a clip, frame by frame: the least and the greatest distance, or percentiles of both ends.

    Percentiles are those of pixels taken evenly from each frame.
    """

    def __init__(self, percentiles: tuple[float, float] = (0.0, 100.0)) -> None:
        self._percentiles = percentiles
        self._ends: list[tuple[float, float]] = []
        self._samples: list[Floats] = []

    def add(self, distances: Floats) -> None:
        near = distances[~is_far(distances)]
        if not near.size:
            return
        self._ends.append((float(near.min()), float(near.max())))
        if self._percentiles != (0.0, 100.0):
            self._samples.append(near[:: max(1, near.size // SAMPLES)].copy())

    def range(self, where: str = "") -> DepthRange:
        """The range. Raises BadInputError if there was no finite distance."""
        import numpy as np

        if not self._ends:
            raise BadInputError(
                "there is no finite distance in any frame", where=where, remedy="give the layer that has the depth"
            )
        low, high = self._percentiles
        near, far = min(end[0] for end in self._ends), max(end[1] for end in self._ends)
        if self._samples:
            picked = np.percentile(np.concatenate(self._samples), (low, high))
            near, far = (near if low == 0 else float(picked[0])), (far if high == 100 else float(picked[1]))
        return DepthRange(near, far)


def read_range(text: str) -> DepthRange | tuple[float, float]:
    """A range as people write it: "auto" (the least and the greatest), "1%:99%", or NEAR:FAR in the files' unit.

    Percentages come as a pair. Raises UsageError.

    >>> read_range("auto"), read_range("2%:98%"), read_range("0.5:40")
    ((0.0, 100.0), (2.0, 98.0), DepthRange(near=0.5, far=40.0))
    """
    if text == "auto":
        return 0.0, 100.0
    parts = text.split(":")
    try:
        low, high = (float(part.removesuffix("%")) for part in parts)
    except ValueError:
        low, high = 1.0, 0.0
    in_percent = all(part.endswith("%") for part in parts)
    if in_percent and 0 <= low < high <= 100:
        return low, high
    if "%" not in text and 0 <= low < high < FAR:
        return DepthRange(low, high)
    raise UsageError(
        f"the depth range is {text!r}", remedy="give auto, two percentages (1%:99%), or near and far (0.5:40)"
    )
