"""Series of pictures that FFmpeg does not read as one video: animated WebP, and image sequences."""

from __future__ import annotations

import struct
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cosmos_workflow.media.bounds import refuse_pixels
from cosmos_workflow.media.foreign import damaged
from cosmos_workflow.media.timing import Timing

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["Pictures", "animated_webp"]


@dataclass
class Pictures:
    """Takes the place of a container: picture `i` is shown from `times[i]` on, in seconds, the last until `duration`.

    `load` returns a picture by its index, `aspect` is a pixel's width by its height, and `note` is for the reader.
    """

    codec: str
    times: Sequence[float]
    duration: float
    load: Callable[[int], VideoFrame]
    aspect: Fraction = Fraction(1)
    note: str = ""
    close: Callable[[], None] = lambda: None
    stream: Any = field(default_factory=SimpleNamespace)

    def decode(self) -> Iterator[VideoFrame]:
        """All pictures, in the form that `opening.decoded` gives frames."""
        for index in range(len(self.times)):
            yield self._timed(index)

    def at(self, seconds: float) -> VideoFrame:
        """The picture that is shown at a time, given in seconds."""
        # Half a millisecond of tolerance, as time bases are rounded.
        return self._timed(max(0, bisect_right(self.times, seconds + 0.0005) - 1))

    @property
    def timing(self) -> Timing:
        frames = len(self.times)
        if frames == 1:
            return Timing(1, 0.0, 0.0)
        return Timing(frames, frames / self.duration if self.duration else 0.0, self.duration)

    def _timed(self, index: int) -> VideoFrame:
        frame = self.load(index)
        frame.time_base = Fraction(1, 1_000_000)
        frame.pts = round(self.times[index] * 1_000_000)
        return frame


def animated_webp(path: Path) -> Pictures | None:
    """The pictures of an animated WebP, read by Pillow; None for any other file. Raises BadInputError if damaged."""
    lengths = _lengths(path)
    if not lengths:
        return None
    from PIL import Image

    def load(index: int) -> VideoFrame:
        import av
        import numpy as np

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                animation.seek(index)
                pixels = np.asarray(animation.convert("RGBA"))
        except (OSError, EOFError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise damaged(path, str(error) or "it ends early") from error
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgba")

    try:
        animation = Image.open(path, formats=["WEBP"])
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise damaged(path, str(error)) from error
    refuse_pixels(path, *animation.size)
    return Pictures("webp", _running(lengths), sum(lengths) / 1000, load, close=animation.close)


def _running(lengths: Sequence[int]) -> list[float]:
    """The times in seconds at which each picture begins, from how long each is shown in ms."""
    times, now = [], 0
    for length in lengths:
        times.append(now / 1000)
        now += length
    return times


def _lengths(path: Path) -> list[int]:
    """How long each frame of an animated WebP is shown, in ms, by its chunks (RFC 9649, 2.7.1.1 ANMF)."""
    lengths = []
    with path.open("rb") as file:
        head = file.read(21)
        if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X" or len(head) < 21 or not head[20] & 0x02:
            return []
        file.seek(12)
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            data = file.read(16) if name == b"ANMF" else b""
            if len(data) == 16:
                # Browsers show a frame for a tenth of a second if it states 10 ms or less.
                length = int.from_bytes(data[12:15], "little")
                lengths.append(length if length > 10 else 100)
            file.seek(size + (size & 1) - len(data), 1)
    return lengths
