"""The videos that the stand-ins make: the clip stretched to the asked size, tinted, with a mark that tests can read."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import av
    import numpy as np

__all__ = ["Clip", "Mark", "checksum", "look", "read_mark", "write"]

# The mark lies in the upper left corner: rows of bits, white or black, each 1/80 of the width and 1/45 of the height.
_COLUMNS, _ACROSS, _DOWN = 16, 80, 45


@dataclass(frozen=True)
class Clip:
    """What is known of a video; `fps` is cut to a whole number, as NVIDIA's readers do."""

    path: Path
    width: int
    height: int
    fps: int
    frames: int


class Mark(NamedTuple):
    """What a frame shows about itself; the last two are checksums of 16 bits."""

    item: int
    chunk: int
    frame: int
    seed: int
    prompt: int
    clip: int


def checksum(value: str | Path) -> int:
    """Of a text, or of a file's bytes."""
    return zlib.crc32(value.read_bytes() if isinstance(value, Path) else value.encode()) & 0xFFFF


def look(path: str | Path) -> Clip:
    """A video's or picture's size, rate and number of frames. Raises FileNotFoundError, or av's errors."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        rate = stream.average_rate
        image = Path(path).suffix.lower() in (".png", ".jpg", ".jpeg")
        return Clip(Path(path), stream.width, stream.height, 1 if image else int(rate or 24), frames)


def write(
    target: Path,
    source: Path,
    size: tuple[int, int],
    *,
    fps: int,
    frames: int,
    mark: Callable[[int], Mark] | None = None,
    tint: int = 0,
    grey: bool = False,
) -> None:
    """Write `frames` frames of a clip in `size`, its last one repeated where it has fewer, as H.264 without sound.

    One frame for a name that ends in .jpg becomes a JPEG.
    """
    import av

    target.parent.mkdir(parents=True, exist_ok=True)
    picture = target.suffix == ".jpg"
    with av.open(str(target), "w", format="image2" if picture else None) as container:
        options = {} if picture else {"preset": "ultrafast", "crf": "20"}
        stream = container.add_stream("mjpeg" if picture else "libx264", rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if picture else "yuv420p"
        for number, planes in enumerate(_stretched(source, size, frames)):
            drawn = planes.copy() if mark or tint or grey else planes
            if tint or grey:
                rows = drawn[size[1] :]
                rows[:] = 128 if grey else rows // 2 + 32 + 16 * (tint % 5)
            if mark:
                _draw(drawn[: size[1]], mark(number))
            frame = av.VideoFrame.from_ndarray(drawn, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))


def _stretched(source: Path, size: tuple[int, int], frames: int) -> Iterator[np.ndarray]:
    """The planes of `frames` frames, one above the other."""
    import av

    with av.open(str(source)) as container:
        container.streams.video[0].thread_type = "AUTO"
        planes, number = None, 0
        for frame in _decoded(container):
            if number == frames:
                return
            planes = frame.reformat(width=size[0], height=size[1], format="yuv420p").to_ndarray()
            number += 1
            yield planes
        if planes is None:
            raise ValueError("No input frames; cannot pad")
        while number < frames:
            number += 1
            yield planes


def _decoded(container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    yield from container.decode(video=0)


def _spots(width: int, height: int, row: int, column: int) -> tuple[slice, slice]:
    across, down = (lambda n: round(n * width / _ACROSS)), (lambda n: round(n * height / _DOWN))
    return slice(down(row), down(row + 1)), slice(across(column), across(column + 1))


def _draw(luma: np.ndarray, mark: Mark) -> None:
    height, width = luma.shape
    words = [(mark.item & 0xFF) << 8 | mark.chunk & 0xFF, *(value & 0xFFFF for value in mark[2:])]
    for row, word in enumerate(words):
        for column in range(_COLUMNS):
            luma[_spots(width, height, row, column)] = 235 if word >> (_COLUMNS - 1 - column) & 1 else 16


def read_mark(picture: np.ndarray) -> Mark:
    """The mark in a frame, RGB or grey, of any size to which it was scaled; nonsense where there is none."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    height, width = grey.shape
    words = []
    for row in range(len(Mark._fields) - 1):
        word = 0
        for column in range(_COLUMNS):
            rows, columns = _spots(width, height, row, column)
            word = word << 1 | int(grey[rows, columns].mean() > 127)
        words.append(word)
    return Mark(words[0] >> 8, words[0] & 0xFF, *words[1:])
