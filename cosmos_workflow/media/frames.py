"""Reads frames of a clip as PNG files in memory, scaled while they are decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cosmos_workflow.errors import UsageError
from cosmos_workflow.media.colour import to_rgb
from cosmos_workflow.media.pictures import Pictures
from cosmos_workflow.media.seeking import shown_at, shown_in_turn
from cosmos_workflow.media.video import Clip, decoded, no_frames, opened, pixel_aspect, probe, shape, turn

if TYPE_CHECKING:
    import numpy as np
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["PICKS", "Frame", "Pick", "at_shots", "encode_png", "read_frames"]

Pick = Literal["first", "spread"]
PICKS: tuple[Pick, ...] = ("first", "spread")
AT_ONCE = 8  # frames that are encoded at the same time
SEEKING_PAYS = 10.0  # s between frames: x264 has a keyframe each 250 frames where nobody says otherwise


@dataclass(frozen=True)
class Frame:
    """One frame as a PNG file in memory; `seconds` is its time in the clip."""

    png: bytes
    width: int
    height: int
    seconds: float = 0.0


def read_frames(
    clip: Clip | str | Path,
    count: int = 2,
    *,
    pick: Pick | Sequence[float] = "first",
    size: tuple[int, int] | None = None,
) -> list[Frame]:
    """Up to `count` frames of a clip, turned upright, at `size` (width, height) if given.

    `pick` is `first` (the first `count`, as NVIDIA's upsampler takes them), `spread` (the middles of
    `count` equal parts) or times in seconds (see `at_shots`; a time past the end gives the last frame). A clip with
    fewer frames gives those it has. Without a `size` the frames have the size in which players show the clip.
    Transparent parts become white, as in mistral-common; high dynamic range, wide gamut and linear light are converted
    to what an ordinary screen shows (colour.py).
    Raises BadInputError for a file that cannot be read, UsageError for an unknown `pick`.
    """
    path = Path(clip.path if isinstance(clip, Clip) else clip)
    # The first frames need no probe: each decoded frame has all that is needed.
    probed = None if isinstance(pick, str) and pick == "first" else clip if isinstance(clip, Clip) else probe(clip)
    with opened(path) as (container, stream):
        if probed is None or (isinstance(pick, str) and probed.frames <= count):
            chosen = [frame for frame, _ in zip(decoded(container, stream), range(count), strict=False)]
            start = chosen[0].time or 0.0 if chosen else 0.0
            shown: Iterator[tuple[VideoFrame, float]] = ((frame, start) for frame in chosen)
        else:
            shown = _shown(container, stream, _times(pick, count, probed), probed)
        aspect = container.aspect if isinstance(container, Pictures) else pixel_aspect(container, stream)

        def made(frame: VideoFrame, start: float) -> Frame:
            return _to_frame(frame, size or shape(frame, aspect), start)

        # FFmpeg releases Python's global lock while it encodes, so threads do run in parallel. Of many frames, only
        # so many are in memory before they are encoded.
        frames: list[Frame] = []
        with ThreadPoolExecutor(max_workers=max(1, min(count, AT_ONCE))) as pool:
            while some := list(islice(shown, AT_ONCE)):
                # A frame may be shown at several times, and two threads must not convert the same one.
                distinct = {id(frame): (frame, start) for frame, start in some}
                images = dict(zip(distinct, pool.map(made, *zip(*distinct.values(), strict=True)), strict=True))
                frames += [images[id(frame)] for frame, _ in some]
        if count and not frames:
            raise no_frames(path)
        return frames


def _shown(
    container: InputContainer, stream: VideoStream, times: Sequence[float], clip: Clip
) -> Iterator[tuple[VideoFrame, float]]:
    """The frames that are shown at times, each with the time of the clip's first frame, all in s.

    Many times that are close to each other are found in one pass, as seeking would decode the same frames repeatedly.
    """
    if len(times) > AT_ONCE and clip.duration / len(times) < SEEKING_PAYS and list(times) == sorted(times):
        return shown_in_turn(container, stream, times, clip)
    frames, start = shown_at(container, stream, times, clip)
    return ((frame, start) for frame in frames)


def _times(pick: Pick | Sequence[float], count: int, clip: Clip) -> Sequence[float]:
    if pick == "spread":
        part = clip.duration / count
        return [part * (index + 0.5) for index in range(count)]
    if isinstance(pick, str):
        raise UsageError(f"unknown way to pick frames: {pick!r}", remedy=f"choose one of {', '.join(PICKS)}")
    return pick


def at_shots(shots: Sequence[tuple[float, float]], count: int) -> list[float]:
    """`count` moments, in s, in order of time: one in each shot, and where there are more, more in the longer shots.

    `shots` are (start, end) in s. Inside a shot they are the middles of equal parts. With fewer moments than shots,
    some shots are left out evenly.

    >>> at_shots([(0.0, 1.0), (1.0, 4.0)], 3)
    [0.5, 1.75, 3.25]
    """
    chosen = list(shots)
    if len(chosen) > count:
        chosen = [shots[int((index + 0.5) * len(shots) / count)] for index in range(count)]
    parts = [1] * len(chosen)
    for _ in range(count - len(chosen)):
        # The next moment goes where the parts are longest.
        lengths = [(end - start) / number for (start, end), number in zip(chosen, parts, strict=True)]
        parts[lengths.index(max(lengths))] += 1
    return [
        start + (end - start) * (index + 0.5) / number
        for (start, end), number in zip(chosen, parts, strict=True)
        for index in range(number)
    ]


def _to_frame(frame: VideoFrame, size: tuple[int, int], start: float) -> Frame:
    pixels = upright(frame, size)
    height, width = pixels.shape[:2]
    return Frame(encode_png(pixels), width, height, max(0.0, (frame.time or start) - start))


def upright(frame: VideoFrame, size: tuple[int, int], background: int = 255) -> Pixels:
    """A decoded frame as RGB, shape (height, width, 3), turned as players turn it.

    `size` (width, height) is the size after turning, `background` the grey value behind transparent parts.
    """
    import numpy as np

    rotation = turn(frame)
    pixels = to_rgb(frame, (size[1], size[0]) if rotation % 180 else size, background)
    return np.ascontiguousarray(np.rot90(pixels, -rotation // 90)) if rotation else pixels


def encode_png(pixels: Pixels) -> bytes:
    """RGB pixels, shape (height, width, 3), as a PNG file."""
    import av

    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 1)
    # FFmpeg's fastest settings on video frames; the files are smaller than with OpenCV's default.
    encoder.options = {"pred": "up", "compression_level": "1"}
    picture = av.VideoFrame.from_ndarray(pixels, "rgb24")
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
