"""Reads what renderers write, channel by channel: OpenEXR (half, float, tiled, many layers and parts) and DPX.

OpenImageIO does it, the extra `[render]`; it is imported when the first such file is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.bounds import refuse_pixels
from cosmos_workflow.media.shots import modality_in

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

__all__ = ["EXTRA", "LAYERED", "Layers", "layers_of", "need", "read_channels"]

LAYERED = {".exr", ".dpx", ".cin"}
EXTRA = "pip install 'cosmos-workflow[render]'"
# Where the picture is in a file of many layers: the composite goes before the layers of which it is made.
PICTURES = ("", "composite.combined", "rgba", "rgb", "beauty", "combined", "color", "colour", "diffuse")


@dataclass(frozen=True)
class Layers:
    """The channels of a file by name, each with its part and its place in it; width and height as shown.

    `facts` are its attributes as texts, such as the manifest of Cryptomatte; `primaries` are those of red, green, blue
    and white (x and y of each), empty where they are not stated; `bits` are those of the widest channel.
    """

    width: int
    height: int
    channels: Mapping[str, tuple[int, int]]
    facts: Mapping[str, str] = field(default_factory=dict)
    primaries: tuple[float, ...] = ()
    bits: int = 32

    def colour(self) -> tuple[str, ...]:
        """The names of the red, green, blue and alpha channels of the picture, or of its grey; none if it has none."""
        layers = self._layers()
        ranked = [name for last in PICTURES for name in layers if name.lower() == last]
        ranked += [name for last in PICTURES[1:] for name in layers if name.lower().endswith("." + last)]
        ranked += [name for name in layers if modality_in(name) in ("", "rgb")]  # before normals and Cryptomatte's ids
        for name in [*ranked, *layers]:
            if all(letter in layers[name] for letter in "RGB"):
                return self.letters(name)
        grey = next((layers[name]["Y"] for name in [*ranked, *layers] if "Y" in layers[name]), "")
        return (grey,) if grey else ()

    def letters(self, layer: str) -> tuple[str, ...]:
        """The names of a layer's red, green, blue and alpha channels, as far as it has them."""
        parts = self._layers().get(layer, {})
        return tuple(parts[letter] for letter in "RGBA" if letter in parts)

    def depth(self, *, alone: bool = False) -> str:
        """The channel with distances; with `alone`, of a file that has nothing else: red, if no name says more."""
        named = [name for name in self.channels if self._shows(name) == "depth"]
        # What a layer is called goes before a bare Z, and distances before mist.
        named.sort(key=lambda name: ("mist" in name.lower(), modality_in(name.rpartition(".")[0]) != "depth"))
        if named or not alone:
            return named[0] if named else ""
        return next((name for name in self.channels if name in ("Y", "R")), next(iter(self.channels), ""))

    def index(self, *, alone: bool = False) -> str:
        """The channel with the numbers of objects; with `alone`, as for `depth`."""
        named = [name for name in self.channels if self._shows(name) == "seg" and "crypto" not in name.lower()]
        named.sort(key=lambda name: "indexma" in name.lower())
        if named or not alone:
            return named[0] if named else ""
        return next((name for name in self.channels if name in ("Y", "R")), next(iter(self.channels), ""))

    def _shows(self, name: str) -> str:
        """What a channel shows: what its layer is called goes before its own last part, where X, Y and Z are a vector's
        (a normal, a position, a motion).
        """
        layer, _, last = name.rpartition(".")
        shows = modality_in(layer)
        if shows not in ("", "rgb") or {name[:-1].lower() + "x", name[:-1].lower() + "y"} <= self._lower:
            return shows
        return modality_in(last) or shows

    @cached_property
    def _lower(self) -> set[str]:
        return {name.lower() for name in self.channels}

    def _layers(self) -> dict[str, dict[str, str]]:
        """The channels of each layer by their last letters, in capitals."""
        layers: dict[str, dict[str, str]] = {}
        for name in self.channels:
            layer, _, last = name.rpartition(".")
            layers.setdefault(layer, {})[last.upper()] = name
        return layers


def need(path: Path) -> Any:
    """The module OpenImageIO. Raises BadInputError that says how to get it."""
    try:
        import OpenImageIO
    except ImportError as error:
        raise BadInputError(
            f"{path.suffix[1:].upper()} needs OpenImageIO, which is not installed", where=str(path), remedy=EXTRA
        ) from error
    return OpenImageIO


def layers_of(path: Path) -> Layers:
    """What is in a file. Raises BadInputError if it cannot be read."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror})", where=str(path), remedy="check the path") from error
    return _layers_of(path, status.st_mtime_ns, status.st_size)


@lru_cache(1024)
def _layers_of(path: Path, *version: int) -> Layers:
    file = _open(path)
    try:
        spec = file.spec(0)
        width, height = spec.full_width or spec.width, spec.full_height or spec.height
        refuse_pixels(path, width, height)
        parts: list[tuple[str, list[str]]] = []
        facts: dict[str, str] = {}
        while file.seek_subimage(len(parts), 0):
            spec = file.spec()
            parts.append((spec.get_string_attribute("oiio:subimagename"), list(spec.channelnames)))
            facts |= {each.name: str(each.value) for each in spec.extra_attribs if isinstance(each.value, str)}
        # Parts of one file may each have an R, G and B: these are called as their part is.
        times = Counter(name for _, names in parts for name in set(names))
        channels: dict[str, tuple[int, int]] = {}
        for part, (title, names) in enumerate(parts):
            for place, name in enumerate(names):
                channels.setdefault(f"{title}.{name}" if title and times[name] > 1 else name, (part, place))
        file.seek_subimage(0, 0)
        primaries = file.spec().getattribute("chromaticities") or ()
        bits = 8 * max(file.spec().format.size(), 1)
        return Layers(width, height, channels, facts, tuple(round(float(each), 4) for each in primaries), bits)
    finally:
        file.close()


def read_channels(path: Path, names: Sequence[str]) -> Floats:
    """Channels as the file has them, shape (height, width, channels), 0 where it has no pixels.

    The picture is that of the display window: what lies outside of it is cut off. Integers are scaled to 0–1, as in
    OpenImageIO. Raises BadInputError if the file cannot be read, or lacks a channel.
    """
    import numpy as np

    layers = layers_of(path)
    if lacking := [name for name in names if name not in layers.channels]:
        raise BadInputError(
            f"it has no channel {lacking[0]!r}", where=str(path), remedy=f"it has {', '.join(layers.channels)}"
        )
    out: Floats | None = None
    file = _open(path)
    try:
        for part in sorted({layers.channels[name][0] for name in names}):
            all_wanted = [(at, *layers.channels[name]) for at, name in enumerate(names)]
            wanted = [(at, place) for at, of, place in all_wanted if of == part]
            first, last = min(place for _, place in wanted), max(place for _, place in wanted)
            pixels: Floats | None = file.read_image(part, 0, first, last + 1, "float")
            if pixels is None:
                raise _unreadable(path, file.geterror())
            spec = file.spec(part)
            # Where the data window lies in the display window.
            x, y = spec.x - spec.full_x, spec.y - spec.full_y
            size = layers.height, layers.width
            if (x, y, spec.height, spec.width) == (0, 0, *size) and [first + at for at, _ in wanted] == [
                place for _, place in wanted
            ] == [*range(first, first + len(names))]:
                return pixels  # just what is wanted
            if out is None:
                out = np.zeros((*size, len(names)), np.float32)
            left, top = max(0, x), max(0, y)
            right, bottom = min(layers.width, x + spec.width), min(layers.height, y + spec.height)
            if left < right and top < bottom:
                for at, place in wanted:
                    inside = pixels[top - y : bottom - y, left - x : right - x, place - first]
                    out[top:bottom, left:right, at] = inside
    finally:
        file.close()
    assert out is not None  # there is at least one name
    return out


def _open(path: Path) -> Any:
    library = need(path)
    file = library.ImageInput.open(str(path))
    if file is None:
        raise _unreadable(path, library.geterror())
    return file


def _unreadable(path: Path, reason: str) -> BadInputError:
    lines = reason.strip().splitlines()
    reason = lines[0].replace(str(path), path.name) if lines else "no reason is stated"
    return BadInputError(f"cannot be read ({reason})", where=str(path), remedy="render this image again")
