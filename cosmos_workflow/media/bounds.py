"""How large a picture may be: its pixels are counted before any of them is decoded."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.wholeness import exr_attributes

if TYPE_CHECKING:
    from av.video.stream import VideoStream

__all__ = ["MAX_PIXELS", "exr_aspect", "refuse_large", "refuse_pixels", "size_in_header"]

MAX_PIXELS = 100_000_000  # three times 8K; 300 MB as RGB

SECONDS = 60.0  # at most, for opening a file
_pillow = Lock()  # Pillow's limit is a global variable of the process


def refuse_pixels(path: Path, width: int, height: int) -> None:
    """Raise BadInputError if a picture has more than MAX_PIXELS."""
    if width * height > MAX_PIXELS:
        raise BadInputError(
            f"a picture of {width}x{height} has {width * height / 1e6:,.0f} megapixels, but the limit is"
            f" {MAX_PIXELS / 1e6:.0f}",
            where=str(path),
            remedy="scale it down: models get far smaller frames anyway",
        )


def refuse_large(path: Path, stream: VideoStream, options: dict[str, str]) -> None:
    """Count the pixels of a stream that was opened with FFmpeg's `max_pixels`, and set that limit on its decoder too.

    `options` are those that the file was opened with. Raises BadInputError if there are more than MAX_PIXELS.
    """
    context = stream.codec_context
    width, height = context.width, context.height
    if not width * height:
        # FFmpeg does not keep the size of a picture that exceeds its limit.
        width, height = _size_in_container(path, stream.index, options) or size_in_header(path)
    refuse_pixels(path, width, height)
    context.options = {"max_pixels": str(MAX_PIXELS)}


def _size_in_container(path: Path, index: int, options: dict[str, str]) -> tuple[int, int] | None:
    """Width and height as the container or the stream's header states them, read without a decoder."""
    import av

    without = {**options, "codec_whitelist": "none"}
    try:
        with av.open(
            f"file:{path.absolute()}", options=without, metadata_errors="replace", timeout=SECONDS
        ) as container:
            stream = next(stream for stream in container.streams.video if stream.index == index)
            return (stream.width, stream.height) if stream.width and stream.height else None
    except (av.error.FFmpegError, ValueError, OSError, AttributeError, StopIteration):
        return None


def size_in_header(path: Path) -> tuple[int, int]:
    """Width and height of an image as FFmpeg decodes it, from its header alone; 0, 0 if the header does not say.

    Raises OSError if the file cannot be read.
    """
    from PIL import Image

    with path.open("rb") as file:
        head = file.read(65_536)
        if size := _png(head) or _exr(file, head) or _dpx(head) or _radiance(head):
            return size
    with _pillow:
        # Pillow opens without decoding; but above its limit it refuses and does not say the width and height.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(path) as image:
                width, height = image.size
                return width, height
        except (OSError, ValueError, SyntaxError):
            return 0, 0
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _png(head: bytes) -> tuple[int, int] | None:
    """The size in a PNG's first chunk. Pillow would read it too, but one file at a time: see `_pillow`."""
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR" or len(head) < 24:
        return None
    width, height = struct.unpack_from(">2I", head, 16)
    return width, height


# Pillow does not read these formats of the film industry.


def _exr(file: BinaryIO, head: bytes) -> tuple[int, int] | None:
    """The size of OpenEXR's display window, as the data window may differ from image to image."""
    try:
        left, top, right, bottom = struct.unpack("<4i", _exr_attribute(file, head, b"displayWindow"))
    except struct.error:
        return None
    return max(0, right - left + 1), max(0, bottom - top + 1)


def exr_aspect(path: Path) -> float:
    """A pixel's width by its height, as an OpenEXR file states it; 1 for any other file."""
    try:
        with path.open("rb") as file:
            (aspect,) = struct.unpack("<f", _exr_attribute(file, file.read(8), b"pixelAspectRatio"))
    except (OSError, struct.error):
        return 1.0
    return float(aspect) if aspect > 0 else 1.0


def _exr_attribute(file: BinaryIO, head: bytes, name: bytes) -> bytes:
    """An attribute of an OpenEXR file, empty for any other file. Raises struct.error where the header ends early."""
    if head[:4] != b"\x76\x2f\x31\x01":
        return b""
    file.seek(8)
    return exr_attributes(file, os.fstat(file.fileno()).st_size).get(name, b"")


def _dpx(head: bytes) -> tuple[int, int] | None:
    """The size in a DPX file (SMPTE 268M, fields 18 and 19), in the byte order that its first field states."""
    order = {b"SDPX": ">", b"XPDS": "<"}.get(head[:4])
    if not order or len(head) < 780:
        return None
    width, height = struct.unpack_from(f"{order}2I", head, 772)
    return width, height


def _radiance(head: bytes) -> tuple[int, int] | None:
    """The size in a Radiance HDR file: its header ends with an empty line, and the next line has rows and columns."""
    match = re.match(rb"#\?(?:RADIANCE|RGBE)\n(?:[^\n]+\n)*\n[-+]Y (\d{1,9}) [-+]X (\d{1,9})\n", head)
    return (int(match[2]), int(match[1])) if match else None
