"""Frames out of a clip, scaled while they are decoded, as PNG in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from cosmos_workflow.errors import UsageError
from cosmos_workflow.media.video import Clip, decoded, no_frames, opened, probe, turn

if TYPE_CHECKING:
    import numpy as np
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["PICKS", "Frame", "Pick", "encode_png", "read_frames"]

Pick = Literal["first", "spread"]
PICKS: tuple[Pick, ...] = ("first", "spread")


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
    """Up to `count` frames of a clip, turned upright, scaled to `size` (width, height) if given.

    `pick` is `first` (the first `count`, as NVIDIA's upsampler takes them), `spread` (the middles of
    `count` equal parts) or times in seconds (a time past the end gives the last frame). A clip with fewer
    frames gives those it has. What is transparent becomes white, as mistral-common does it.
    Raises BadInputError for a file that cannot be read, UsageError for an unknown `pick`.
    """
    path = clip.path if isinstance(clip, Clip) else clip
    # The first frames need no probe: what it would tell is in each of them.
    probed = None if isinstance(pick, str) and pick == "first" else clip if isinstance(clip, Clip) else probe(clip)
    with opened(path) as (container, stream):
        if probed is None or (isinstance(pick, str) and probed.frames <= count):
            chosen = [frame for frame, _ in zip(decoded(container, stream), range(count), strict=False)]
        else:
            chosen = [_at(container, stream, seconds, probed) for seconds in _times(pick, count, probed)]
        if count and not chosen:
            raise no_frames(Path(path))
        start = _start(stream)
        # FFmpeg lets go of Python's lock while it encodes.
        with ThreadPoolExecutor(max_workers=max(1, min(len(chosen), 8))) as pool:
            return list(pool.map(lambda frame: _to_frame(frame, size, start), chosen))


def _times(pick: Pick | Sequence[float], count: int, clip: Clip) -> Sequence[float]:
    if pick == "spread":
        part = clip.duration / count
        return [part * (index + 0.5) for index in range(count)]
    if isinstance(pick, str):
        raise UsageError(f"no way to pick frames named {pick!r}", remedy=f"choose one of {', '.join(PICKS)}")
    return pick


def _at(container: InputContainer, stream: VideoStream, seconds: float, clip: Clip) -> VideoFrame:
    """The frame that a player shows at `seconds`: the last whose time is not later."""
    start = _start(stream)
    if clip.frames > 1 and stream.time_base:
        target = max(0.0, seconds) + start
        container.seek(int(target / stream.time_base), stream=stream, backward=True)
    shown = None
    for frame in decoded(container, stream):
        # Half a millisecond forgives the rounding of time bases.
        if shown is not None and (frame.time or 0.0) - start > seconds + 0.0005:
            break
        shown = frame
    if shown is None:
        raise no_frames(clip.path)
    return shown


def _start(stream: VideoStream) -> float:
    return float((stream.start_time or 0) * (stream.time_base or 0))


def _to_frame(frame: VideoFrame, size: tuple[int, int] | None, start: float) -> Frame:
    pixels = upright(frame, size)
    height, width = pixels.shape[:2]
    return Frame(encode_png(pixels), width, height, max(0.0, (frame.time or start) - start))


def upright(frame: VideoFrame, size: tuple[int, int] | None) -> Pixels:
    """A decoded frame as RGB, shape (height, width, 3), turned as players turn it.

    `size` (width, height) is that after turning.
    """
    import numpy as np
    from av.video.reformatter import Interpolation

    rotation = turn(frame)
    if size and rotation % 180:
        size = (size[1], size[0])
    transparent = any(component.is_alpha for component in frame.format.components)
    options: dict[str, Any] = {"format": "rgba" if transparent else "rgb24"}
    if size and size != (frame.width, frame.height):
        # Averaging areas keeps a strong reduction free of moiré and is the fastest as well.
        options |= {"width": size[0], "height": size[1], "interpolation": Interpolation.AREA}
    pixels = cast("Pixels", frame.to_ndarray(**options))
    if transparent:
        alpha = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(pixels, -rotation // 90)) if rotation else pixels


def encode_png(pixels: Pixels) -> bytes:
    """RGB pixels, shape (height, width, 3), as a PNG file."""
    import av

    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 1)
    # The fastest of FFmpeg's settings on video frames, and smaller than OpenCV's default.
    encoder.options = {"pred": "up", "compression_level": "1"}
    picture = av.VideoFrame.from_ndarray(pixels, "rgb24")
    picture.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
