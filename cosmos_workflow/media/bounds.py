"""How large a picture may be: its pixels are counted before any of them is decoded."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from cosmos_workflow.errors import BadInputError

if TYPE_CHECKING:
    from av.video.stream import VideoStream

__all__ = ["MOST_PIXELS", "refuse_large", "refuse_pixels", "size_in_header"]

MOST_PIXELS = 100_000_000  # three times 8K; 300 MB as RGB

SECONDS = 60.0  # for opening
_pillow = Lock()  # its limit is one for the process


def refuse_pixels(path: Path, width: int, height: int) -> None:
    """Raises BadInputError where a picture has more than MOST_PIXELS."""
    if width * height > MOST_PIXELS:
        raise BadInputError(
            f"a picture of {width}x{height} has {width * height / 1e6:,.0f} megapixels, and at most"
            f" {MOST_PIXELS / 1e6:.0f} are read",
            where=str(path),
            remedy="make it smaller: a model is sent far less",
        )


def refuse_large(path: Path, stream: VideoStream, options: dict[str, str]) -> None:
    """Count the pixels of a stream that was opened with FFmpeg's `max_pixels`, and hold its decoder to them.

    `options` are those with which the file was opened. Raises BadInputError where there are more than MOST_PIXELS.
    """
    context = stream.codec_context
    width, height = context.width, context.height
    if not width * height:
        # FFmpeg forgets the size of what is too large for it.
        width, height = _size_in_container(path, stream.index, options) or size_in_header(path)
    refuse_pixels(path, width, height)
    context.options = {"max_pixels": str(MOST_PIXELS)}


def _size_in_container(path: Path, index: int, options: dict[str, str]) -> tuple[int, int] | None:
    """Width and height as the container or the stream's own header states them, read without a decoder."""
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
    """Width and height of an image as FFmpeg decodes it, of which only the header is read; 0 where it cannot be told.

    Raises OSError where the file cannot be read.
    """
    from PIL import Image

    with path.open("rb") as file:
        head = file.read(65_536)
    if size := _exr(head) or _dpx(head) or _radiance(head):
        return size
    with _pillow:
        # Pillow opens without decoding, but refuses without a word of width and height.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(path) as image:
                width, height = image.size
                return width, height
        except (OSError, ValueError, SyntaxError):
            return 0, 0
        finally:
            Image.MAX_IMAGE_PIXELS = limit


# Pillow does not know the formats of film.


def _exr(head: bytes) -> tuple[int, int] | None:
    """The size of OpenEXR's display window: its data window may differ from image to image."""
    name = b"displayWindow\0box2i\0"
    at = head.find(name)
    if head[:4] != b"\x76\x2f\x31\x01" or at < 0 or len(head) < at + len(name) + 20:
        return None
    left, top, right, bottom = struct.unpack_from("<4i", head, at + len(name) + 4)
    return max(0, right - left + 1), max(0, bottom - top + 1)


def _dpx(head: bytes) -> tuple[int, int] | None:
    """Of DPX (SMPTE 268M: fields 18 and 19), in the order of bytes that its first field tells."""
    order = {b"SDPX": ">", b"XPDS": "<"}.get(head[:4])
    if not order or len(head) < 780:
        return None
    width, height = struct.unpack_from(f"{order}2I", head, 772)
    return width, height


def _radiance(head: bytes) -> tuple[int, int] | None:
    """Of Radiance HDR: its header ends with an empty line, and the next one tells the rows and columns."""
    found = re.match(rb"#\?(?:RADIANCE|RGBE)\n(?:[^\n]+\n)*\n[-+]Y (\d{1,9}) [-+]X (\d{1,9})\n", head)
    return (int(found[2]), int(found[1])) if found else None
