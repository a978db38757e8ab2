"""Reads one image of a rendered sequence as what it shows: a picture, or objects."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.bounds import refuse_pixels, size_in_header
from cosmos_workflow.media.layers import LAYERED, layers_of, read_channels
from cosmos_workflow.media.segments import Cryptomatte, cryptomattes, objects_of, packed
from cosmos_workflow.media.views import View, to_screen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]

__all__ = [
    "LIGHT",
    "Objects",
    "check_layer",
    "has_light",
    "image_data",
    "names_in",
    "read_objects",
    "read_picture",
    "size_of",
]

# Read by OpenCV, which keeps what the file has: 16 bits, floats, and transparency that multiplies nothing.
EXACT = {".png", ".tif", ".tiff", ".hdr", ".pfm"}
# Files that may hold scene-linear light, which a view shows; others are for screens already.
LIGHT = {".exr", ".dpx", ".cin", ".hdr", ".pfm", ".tif", ".tiff"}
TURNED = {".jpg", ".jpeg", ".webp"}  # formats whose Exif counts where FFmpeg reads them
ORIENTATION = 0x0112  # Exif's tag; from 5 on, rows become columns
# Kodak's Cineon curve: code values of black and white, density a code value, and the film's gamma.
BLACK, WHITE, DENSITY, GAMMA = 95, 685, 0.002, 0.6


class Objects(NamedTuple):
    """Numbers that stand for objects, shape (height, width), and where they are from."""

    labels: NDArray[np.uint32]
    kind: Literal["index", "colour", "cryptomatte"]


def size_of(path: Path) -> tuple[int, int]:
    """An image's width and height. Raises BadInputError if it cannot be read."""
    try:
        width, height = size_in_header(path)
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror})", where=str(path), remedy="check the path") from error
    if not width * height:
        height, width = image_data(path).shape[:2]
    refuse_pixels(path, width, height)
    if path.suffix.lower() in TURNED and _is_turned(path):
        height, width = read_picture(path, View()).shape[:2]
    return width, height


def _is_turned(path: Path) -> bool:
    """Whether an image's Exif says that rows are columns; not every version of FFmpeg turns every format."""
    with suppress(OSError, ValueError, SyntaxError), Image.open(path) as image:
        return bool(image.getexif().get(ORIENTATION, 1) >= 5)
    return False


def read_picture(path: Path, view: View, layer: str = "") -> Pixels:
    """An image as RGB of a screen, shape (height, width, 3). Raises BadInputError.

    Scene-linear files (OpenEXR, Radiance HDR, TIFF with floats) go through `view`; others are for screens already.
    """
    suffix = path.suffix.lower()
    if suffix in LAYERED:
        layers = layers_of(path)
        names = layers.letters(layer) if layer else layers.colour()
        if not names:
            raise BadInputError(
                "it has no red, green and blue", where=str(path), remedy=f"it has {', '.join(layers.channels)}"
            )
        values = read_channels(path, names)
        if suffix == ".exr":
            return to_screen(values, view, layers.primaries)
        if _is_log(path):
            return to_screen(_from_log(values), view)
        rgb = values[..., :3] if values.shape[2] >= 3 else np.repeat(values[..., :1], 3, axis=2)
        pixels: Pixels = (np.clip(rgb, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        return pixels
    if suffix in EXACT:
        data = image_data(path)
        if data.dtype.kind == "f":
            return to_screen(data if data.ndim == 3 else data[..., None], view)
        return _opaque(data, view)
    from cosmos_workflow.media.frames import upright
    from cosmos_workflow.media.opening import decoded, opened
    from cosmos_workflow.media.shape import pixel_aspect, shape

    with opened(path) as (container, stream):
        if hasattr(stream, "codec_context"):  # an animated WebP has none
            context = stream.codec_context
            context.options = {**context.options, "err_detect": "explode"}  # a damaged image is none
        for frame in decoded(container, stream):
            if frame.is_corrupt:
                break
            size = shape(frame, pixel_aspect(container, stream))
            return upright(frame, size, 255 if view.background == "white" else 0)
    raise BadInputError("the image cannot be decoded", where=str(path), remedy="render this image again")


def has_light(frames: Iterable[Path | int | None]) -> bool:
    """Whether the images of a sequence hold light, which a view shows, by the first that can be read."""
    for frame in frames:
        if isinstance(frame, Path):
            with suppress(BadInputError):
                return frame.suffix.lower() in LIGHT and _has_light(frame, *_version(frame))
    return False


def _version(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror})", where=str(path), remedy="check the path") from error
    return status.st_mtime_ns, status.st_size


@lru_cache(1024)
def _has_light(path: Path, *version: int) -> bool:
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        return image_data(path).dtype.kind == "f"
    return _is_log(path) if suffix in (".dpx", ".cin") else True


def _is_log(path: Path) -> bool:
    facts = layers_of(path).facts
    transfer = facts.get("dpx:Transfer", "") + facts.get("oiio:ColorSpace", "")
    return path.suffix.lower() == ".cin" or any(word in transfer.lower() for word in ("log", "density"))


def check_layer(path: Path, name: str, layer: str) -> None:
    """Raise BadInputError if a file of layers has none of this name for rgb, depth or seg."""
    layers = layers_of(path)
    is_matte = name == "seg" and any(_means(each, layer) for each in cryptomattes(layers, path))
    if not (layers.letters(layer) if name == "rgb" else is_matte or layer in layers.channels):
        raise BadInputError(
            f"it has no {'layer' if name == 'rgb' else 'channel'} {layer!r}", where=str(path),
            remedy=f"it has {', '.join(layers.channels)}",
        )  # fmt: skip


def _opaque(data: NDArray[Any], view: View) -> Pixels:
    """Grey or RGB values of 8 or 16 bits, with or without alpha, as RGB of 8 bits over the view's background."""
    full = 65_535 if data.dtype == np.uint16 else 255
    rgb = data[..., :3] if data.ndim == 3 and data.shape[2] >= 3 else np.repeat(np.atleast_3d(data)[..., :1], 3, axis=2)
    if data.ndim == 3 and data.shape[2] in (2, 4) and (data[..., -1] < full).any():
        alpha = data[..., -1:].astype(np.float32) / full
        rgb = rgb * alpha + (full if view.background == "white" else 0) * (1 - alpha)
    elif full == 255:
        return np.ascontiguousarray(rgb, np.uint8)
    pixels: Pixels = (np.asarray(rgb, np.float32) * np.float32(255 / full) + np.float32(0.5)).astype(np.uint8)
    return pixels


def _from_log(values: Floats) -> Floats:
    """Cineon's logarithmic values as light."""
    code = values * np.float32(1023)
    black = 10 ** ((BLACK - WHITE) * DENSITY / GAMMA)
    light: Floats = ((10 ** ((code - WHITE) * DENSITY / GAMMA) - black) / (1 - black)).astype(np.float32)
    return np.maximum(light, 0)


def read_objects(path: Path, layer: str = "") -> Objects:
    """Which object each pixel shows; 0 is the background. Colours are packed, as they are. Raises BadInputError.

    `layer` names a Cryptomatte layer or a channel with numbers, where the file has several.
    """
    if path.suffix.lower() in LAYERED:
        layers = layers_of(path)
        mattes = cryptomattes(layers, path)
        if matte := next((each for each in mattes if _means(each, layer)), None):
            return Objects(objects_of(read_channels(path, matte.channels[:8])), "cryptomatte")
        named = layer or layers.index()
        if not named and len(layers.colour()) >= 3:
            pixels = np.rint(np.clip(read_channels(path, layers.colour()[:3]), 0, 1) * 255).astype(np.uint8)
            return Objects(packed(pixels), "colour")
        numbers = read_channels(path, [named or layers.index(alone=True)])[..., 0]
        return Objects(np.rint(np.maximum(np.nan_to_num(numbers), 0)).astype(np.uint32), "index")
    data = image_data(path)
    if data.ndim == 2 or data.shape[2] < 3:
        return Objects((data if data.ndim == 2 else data[..., 0]).astype(np.uint32), "index")
    if data.dtype != np.uint8:
        data = (data // 257).astype(np.uint8)
    return Objects(packed(data[..., :3]), "colour")


def names_in(path: Path, layer: str = "", *, beside: bool = False) -> dict[int, str]:
    """The objects' names by their numbers, as far as a file states them; `beside`: if another file beside it does."""
    if path.suffix.lower() not in LAYERED:
        return {}
    layers = layers_of(path)
    if beside and not any(key.endswith("/manif_file") for key in layers.facts):
        return {}
    mattes = cryptomattes(layers, path)
    return next((dict(each.names) for each in mattes if _means(each, layer)), {})


def _means(matte: Cryptomatte, layer: str) -> bool:
    return not layer or matte.name.lower().endswith(layer.lower())


def _has_bad_strips(path: Path) -> bool:
    """Whether part of a packed TIFF cannot be unpacked, which OpenCV only logs; where Pillow reads such files."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        image = Image.open(path)
    except (OSError, ValueError, SyntaxError):  # three channels of 16 bits or floats
        return False
    with image:
        try:
            if image.info.get("compression", "raw") != "raw":
                image.load()
        except (OSError, ValueError, SyntaxError):
            return True
    return False


def image_data(path: Path) -> NDArray[Any]:
    """An image's values as the file has them: grey, or RGB(A) in this order."""
    try:
        # OpenCV does not open every file name of Windows.
        data = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise BadInputError(f"cannot be read ({error.strerror})", where=str(path), remedy="check the path") from error
    except cv2.error:
        data = None
    if data is None or _has_bad_strips(path):
        raise BadInputError("the image cannot be decoded", where=str(path), remedy="render this image again")
    if data.ndim == 3 and data.shape[2] >= 3:
        data = data[..., [2, 1, 0, *range(3, data.shape[2])]]
    return data  # type: ignore[no-any-return]
