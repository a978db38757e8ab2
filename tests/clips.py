"""Clips with known truth, made by the tests themselves."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture full of corners at every scale, RGB."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for cell in (8, 24, 60):
        blocks = rng.uniform(0, 255, (height // cell + 2, width // cell + 2, 3))
        picture += np.kron(blocks, np.ones((cell, cell, 1)))[:height, :width]
    return (picture / 3).astype(np.uint8)


def flat(colour: tuple[int, int, int], height: int = 120, width: int = 160) -> np.ndarray:
    """One colour everywhere, RGB."""
    return np.full((height, width, 3), colour, np.uint8)


class Pipe:
    """A file that can only be written on."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()


def write(
    path: Path,
    pictures: Iterable[np.ndarray],
    *,
    fps: int = 24,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: Callable[[int], int] | None = None,
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    piped: bool = False,
) -> Path:
    """Encode RGB (or RGBA) pictures; `times` gives each frame's pts in milliseconds for a variable rate.

    `aspect` is a pixel's width by its height; `piped` writes as into a pipe, without going back to the header.
    """
    target, format = (
        (Pipe(path), {"mkv": "matroska"}.get(path.suffix[1:], path.suffix[1:])) if piped else (str(path), None)
    )
    faststart = {"movflags": "+faststart"} if path.suffix == ".mp4" and not piped else {}
    with av.open(target, "w", format=format, options=faststart) as container:
        stream = None
        for index, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=fps, options=options or {})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pixel_format
                if aspect:
                    stream.codec_context.sample_aspect_ratio = aspect
                if times:
                    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
            frame = av.VideoFrame.from_ndarray(picture, "rgba" if picture.shape[2] == 4 else "rgb24")
            frame.pts = times(index) if times else index
            frame.time_base = Fraction(1, 1000) if times else Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def textured(path: Path, width: int, height: int, frames: int = 4, **options: object) -> Path:
    """A short clip of a given size."""
    picture = texture(height, width)
    return write(path, [np.roll(picture, 2 * i, axis=1) for i in range(frames)], **options)  # type: ignore[arg-type]


def panning(path: Path, dx: int, dy: int, frames: int = 24) -> Path:
    """The camera moves over a large picture by (dx, dy) pixels a frame: to the right and down."""
    world = texture(240 + abs(dy) * frames, 320 + abs(dx) * frames)
    x0, y0 = max(0, -dx * frames), max(0, -dy * frames)
    return write(path, [world[y0 + dy * i :, x0 + dx * i :][:240, :320] for i in range(frames)])


def zooming(path: Path, rate: float, frames: int = 24) -> Path:
    """The camera goes closer by `rate` a frame (1.02: 2 %), or away below 1."""
    import cv2

    world = texture(960, 1280)
    pictures = []
    for i in range(frames):
        scale = rate**i if rate > 1 else rate**i * 2
        height, width = round(480 / scale), round(640 / scale)
        y, x = (960 - height) // 2, (1280 - width) // 2
        pictures.append(cv2.resize(world[y : y + height, x : x + width], (320, 240), interpolation=cv2.INTER_AREA))
    return write(path, pictures)


def turn_in_header(path: Path, degrees: int) -> Path:
    """Write a phone's rotation into the mp4's track header, as a display matrix (ISO 14496-12, tkhd)."""
    unit = 0x10000
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4
    matrix = start + (40 if data[start] == 0 else 52)
    struct.pack_into(">9i", data, matrix, cos * unit, sin * unit, 0, -sin * unit, cos * unit, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(data))
    return path


def light(path: Path, value: float = 0.18) -> Path:
    """A picture of scene-linear light in Radiance HDR or PFM, grey."""
    import cv2

    cv2.imwrite(str(path), np.full((16, 16, 3), value, np.float32))
    return path
