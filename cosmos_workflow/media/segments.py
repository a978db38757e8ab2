"""Objects as flat, well separated colours: the same object has the same colour in every frame of a clip."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cosmos_workflow.media.layers import Layers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]
    Labels = NDArray[np.uint32]

__all__ = ["Cryptomatte", "Palette", "colours", "cryptomattes", "objects_of", "packed", "unpacked"]

GRID = 17  # levels of red, green and blue among which colours are chosen
MOST_APART = GRID**3 - 1  # all of them but black
SPREAD = 0x9E3779  # odd, so that its multiples are all colours, each once


@dataclass(frozen=True)
class Cryptomatte:
    """A Cryptomatte layer: the channels with ids and coverages, most covering first, and the objects' names by id."""

    name: str
    channels: tuple[str, ...]
    names: Mapping[int, str] = field(default_factory=dict)


def cryptomattes(layers: Layers, path: Path) -> list[Cryptomatte]:
    """The Cryptomatte layers of a file, objects before assets and materials (Cryptomatte specification 1.2)."""
    by_layer: dict[str, dict[str, str]] = {}
    for key, value in layers.facts.items():
        if match := re.fullmatch(r"cryptomatte/(\w+)/(\w+)", key):
            by_layer.setdefault(match[1], {})[match[2]] = value
    mattes = []
    for facts in by_layer.values():
        name = facts.get("name", "")
        # Ranks come in pairs, two in each layer of four channels: an id and how much of the pixel it covers.
        ranked = sorted(
            (int(match[1]), "rgba".index(match[2][0].lower()), channel)
            for channel in layers.channels
            if (match := re.search(rf"{re.escape(name)}(\d\d)\.(r|g|b|a|red|green|blue|alpha)$", channel, re.I))
        )
        if name and ranked:
            names = {identity: text for text, identity in _manifest(facts, path)}
            mattes.append(Cryptomatte(name, tuple(channel for *_, channel in ranked), names))
    order = ("object", "asset", "material")
    mattes.sort(key=lambda matte: next((i for i, word in enumerate(order) if word in matte.name.lower()), len(order)))
    return mattes


def _manifest(facts: Mapping[str, str], path: Path) -> Iterator[tuple[str, int]]:
    text = facts.get("manifest", "")
    if not text and (file := facts.get("manif_file")):
        with suppress(OSError, ValueError):
            text = (path.parent / Path(file).name).read_text(encoding="utf-8", errors="replace")
    try:
        values = json.loads(text or "{}")
        yield from ((str(name), int(str(value), 16)) for name, value in values.items())
    except (ValueError, AttributeError):
        return  # the names are for the reader alone


def objects_of(ranks: Floats) -> Labels:
    """The object that covers most of each pixel, as its 32-bit id; 0 where more of it is background.

    `ranks` has the channels of a `Cryptomatte`, shape (height, width, channels).
    """
    import numpy as np

    ids = np.ascontiguousarray(ranks[..., 0::2]).view(np.uint32)
    coverage = np.where(ids == 0, 0, ranks[..., 1::2])
    best = np.argmax(coverage, axis=-1, keepdims=True)
    most = np.take_along_axis(coverage, best, -1)[..., 0]
    objects: Labels = np.take_along_axis(ids, best, -1)[..., 0]
    objects[most < 1 - coverage.sum(axis=-1)] = 0
    return objects


def packed(pixels: Pixels) -> Labels:
    """RGB colours as numbers, shape (height, width): red · 65536 + green · 256 + blue."""
    import numpy as np

    return cast("Labels", pixels @ np.array([65_536, 256, 1], np.uint32))


def unpacked(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a packed colour."""
    return number >> 16 & 255, number >> 8 & 255, number & 255


@lru_cache(4)
def colours(count: int) -> Sequence[tuple[int, int, int]]:
    """Colours that are far from each other and from black in CIE Lab; the first ones of a longer list are the same.

    >>> colours(3) == colours(50)[:3]
    True
    """
    import cv2
    import numpy as np

    levels = np.round(np.linspace(0, 255, GRID)).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    lab = cv2.cvtColor(grid.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0].astype(np.float64)
    distance = (lab**2).sum(axis=1)  # from black
    chosen = []
    for _ in range(min(count, MOST_APART)):
        index = int(distance.argmax())
        chosen.append((int(grid[0, index, 0]), int(grid[0, index, 1]), int(grid[0, index, 2])))
        distance = np.minimum(distance, ((lab - lab[index]) ** 2).sum(axis=1))
    return chosen


def _distinct() -> Iterator[tuple[int, int, int]]:
    """Colours without end, the ones far apart first, none of them twice."""
    for number in range(MOST_APART):
        yield colours(max(64, 1 << number.bit_length()))[number]
    used = {(0, 0, 0), *colours(MOST_APART)}
    spread = (unpacked(number * SPREAD & 0xFFFFFF) for number in range(1 << 24))
    yield from (colour for colour in spread if colour not in used)


class Palette:
    """Gives each label of a clip a colour, in the order in which they first come up; 0, the background, is black.

    With `keep`, labels are packed colours that stay as they are.
    """

    def __init__(self, *, keep: bool = False) -> None:
        self._keep = keep
        self._given: dict[int, tuple[int, int, int]] = {0: (0, 0, 0)}
        self._new = _distinct()

    def paint(self, labels: Labels) -> Pixels:
        """The colours of a frame's labels, shape (height, width, 3); frames come in their order."""
        import numpy as np

        present, inverse = np.unique(labels, return_inverse=True)
        table = np.array([self._colour(int(label)) for label in present], np.uint8)
        return table[inverse].reshape(*labels.shape, 3)

    def _colour(self, label: int) -> tuple[int, int, int]:
        if label not in self._given:
            self._given[label] = unpacked(label) if self._keep else next(self._new)
        return self._given[label]

    def legend(self, names: Mapping[int, str] | None = None) -> dict[str, str]:
        """Each colour as `#rrggbb`, and what it stands for."""
        names = names or {}
        return {
            "#{:02x}{:02x}{:02x}".format(*colour): "background" if not label else names.get(label, str(label))
            for label, colour in self._given.items()
        }
