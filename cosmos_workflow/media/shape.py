"""The size and the orientation in which players show a stored frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["is_image", "pixel_aspect", "shape", "turn"]

# FFmpeg's formats that hold one image, besides those named …_pipe.
IMAGE_FORMATS = {"image2", "ico"}
# These state the density for printing, which FFmpeg takes for a pixel aspect; viewers show square pixels.
DENSITY_CODECS = {"png", "apng", "mjpeg", "bmp", "pcx", "jpeg2000"}
WIDEST_PIXEL = 16
LONGEST_SIDE = 16_384  # a frame is not widened beyond this


def shape(frame: VideoFrame, aspect: Fraction) -> tuple[int, int]:
    """Width and height at which players show a stored frame: as in ffplay, it is widened by `aspect`, then turned.

    >>> from types import SimpleNamespace
    >>> shape(SimpleNamespace(width=720, height=576, rotation=0), Fraction(64, 45))
    (1024, 576)
    """
    width, height = frame.width, frame.height
    if not 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL:
        aspect = Fraction(1)  # an aspect this extreme is an error in the file
    if width * aspect <= max(LONGEST_SIDE, width):
        width = max(1, round(width * aspect))
    else:
        height = max(1, round(height / aspect))
    return (height, width) if turn(frame) % 180 else (width, height)


def pixel_aspect(container: InputContainer, stream: VideoStream) -> Fraction:
    """A pixel's width divided by its height; the container's value goes before the codec's, as in ffprobe."""
    image = container.format.name in IMAGE_FORMATS or container.format.name.endswith(("_pipe", "apng"))
    if image and stream.codec_context.name in DENSITY_CODECS:
        return Fraction(1)
    aspect = stream.sample_aspect_ratio
    return aspect if aspect and aspect > 0 else Fraction(1)


def turn(frame: VideoFrame) -> int:
    """The clockwise turn, in degrees, that players apply to a stored frame; a multiple of 90."""
    return round(-frame.rotation / 90) * 90 % 360


def is_image(container: InputContainer, path: Path) -> bool:
    """Whether a file is meant to be shown as one picture, even if others follow it, as in a phone's JPEG."""
    name = container.format.name
    if name != "jpeg_pipe" or path.suffix.lower() in (".jpg", ".jpeg", ".jpe", ".mpo"):
        return name in IMAGE_FORMATS or name.endswith("_pipe")
    # Several JPEGs in one file are a video; but a phone's picture can be followed by its depth map, a brighter version
    # or a short movie, which these marks announce.
    with path.open("rb") as file:
        head = file.read(65_536)
    return b"MPF\0" in head or b"MotionPhoto" in head
