"""Which colours of a clip's segmentation are objects, and which only the mixed ones of smooth borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Labels = NDArray[np.uint32]
    Colours = NDArray[np.float32]

__all__ = ["FlatColours"]

NEAR = 2  # steps by which a mixed colour may be outside of those that it is mixed of
ASIDE = 2  # pixels from a border to what is on its sides
AT_ONCE = 1 << 24  # distances that are in memory together


class FlatColours:
    """The colours of objects in a clip: `add` each of its frames, then `clean` them.

    A colour is an object's where it fills two by two pixels in any frame. All others are mixed ones if most of their
    pixels lie between two other colours; then each becomes the nearest colour of an object. Otherwise the borders are
    sharp, and all colours stay: also those of poles and lights of one pixel's width.
    """

    def __init__(self) -> None:
        import numpy as np

        self._kept: Labels = np.empty(0, np.uint32)
        self._mixed = self._others = 0

    @property
    def is_soft(self) -> bool:
        """Whether the borders between objects are smooth."""
        return self._mixed > self._others

    def add(self, labels: Labels) -> None:
        """Learn from a frame of packed colours, shape (height, width)."""
        import numpy as np

        corner = labels[:-1, :-1]
        same = (corner == labels[1:, :-1]) & (corner == labels[:-1, 1:]) & (corner == labels[1:, 1:])
        kept = np.unique(corner[same])
        self._kept = np.union1d(self._kept, kept)
        if not kept.size:
            return
        rows, columns = np.nonzero(~np.isin(labels, kept))
        height, width = labels.shape
        own = labels[rows, columns]
        between = np.zeros(len(rows), bool)
        for down, right in ((ASIDE, 0), (0, ASIDE)):
            first = labels[np.maximum(rows - down, 0), np.maximum(columns - right, 0)]
            second = labels[np.minimum(rows + down, height - 1), np.minimum(columns + right, width - 1)]
            other = (first != second) & (own != first) & (own != second)
            least, most = np.minimum(_rgb(first), _rgb(second)), np.maximum(_rgb(first), _rgb(second))
            inside = ((_rgb(own) >= least - NEAR) & (_rgb(own) <= most + NEAR)).all(axis=-1)
            between |= other & inside
        self._mixed += int(between.sum())
        self._others += int((~between).sum())

    def clean(self, labels: Labels) -> Labels:
        """A frame whose mixed colours are those of objects."""
        import numpy as np

        if not self.is_soft:
            return labels
        present, inverse = np.unique(labels, return_inverse=True)
        mixed = np.flatnonzero(~np.isin(present, self._kept))
        goes_to = present.copy()
        kept = _rgb(self._kept)
        lengths = (kept**2).sum(axis=-1)
        for part in np.array_split(mixed, max(1, -(-len(mixed) * len(kept) // AT_ONCE))):
            # The distances squared, without what is the same for all colours of objects.
            goes_to[part] = self._kept[(lengths - 2 * _rgb(present[part]) @ kept.T).argmin(axis=1)]
        return cast("Labels", goes_to[inverse].reshape(labels.shape))


def _rgb(numbers: Labels) -> Colours:
    import numpy as np

    return np.stack([numbers >> 16 & 255, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.float32)
