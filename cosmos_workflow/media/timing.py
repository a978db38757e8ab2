"""How many frames a stream has, and when they are shown: as its header states, or counted from its packets."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

__all__ = ["JUMP", "Timing", "by_count", "counted", "rate", "stated"]

# Seconds. A larger step back means that the clock starts again, as in two MPEG-TS files joined by `cat`; a smaller one
# means that frames are out of order.
JUMP = 0.5
COUNTING_SECONDS = 60.0  # enough for gigabytes on a local disk
# Only these formats have headers to rely on: others are written before the length is known, and may stay wrong.
TRUSTED = {"mov,mp4,m4a,3gp,3g2,mj2"}


@dataclass(frozen=True)
class Timing:
    """`frames`, `fps` in frames a second, `duration` in s; `start` is the first frame's time in the stream, in s.

    `by_count` says that frames are timed by their number alone, as the file does not state a time for each.
    """

    frames: int
    fps: float
    duration: float
    start: float = 0.0
    by_count: bool = False


def rate(stream: VideoStream) -> float:
    """Frames a second as FFmpeg guesses them or the stream states them; 0 if neither is known."""
    return float(stream.guessed_rate or stream.average_rate or 0)


def stated(container: InputContainer, stream: VideoStream) -> Timing | None:
    """The timing that the header states, if it can be relied on; None if the packets have to be counted."""
    if container.format.name not in TRUSTED or not stream.frames or not stream.duration or not stream.time_base:
        return None
    duration = float(stream.duration * stream.time_base)
    fps = float(stream.average_rate or 0)
    # With an edit list, fewer frames are shown than are stored.
    if abs(duration * fps - stream.frames) > 1.5 or _cut_off(container, stream):
        return None
    return Timing(stream.frames, fps, duration, float((stream.start_time or 0) * stream.time_base))


def counted(container: InputContainer, stream: VideoStream, packets: Iterable[Packet[VideoStream]]) -> Timing:
    """The timing from `packets`, which are all those of the stream.

    After COUNTING_SECONDS the rest is estimated from what was read.
    """
    ends = time.monotonic() + COUNTING_SECONDS
    base = float(stream.time_base or 0)
    frames = untimed = lasting = begun_anew = 0
    first = last = last_duration = before = None
    out_of_time = False
    position = 0
    for packet in packets:
        if packet.size == 0 or packet.is_discard:
            continue
        frames += 1
        lasting += packet.duration or 0
        clock = packet.pts if packet.dts is None else packet.dts
        if clock is not None:
            if before is not None and (before - clock) * base > JUMP:
                begun_anew += before + (packet.duration or 0) - clock
            before = clock
        if packet.pts is None:
            untimed += 1
        else:
            pts = packet.pts + begun_anew
            first = pts if first is None else min(first, pts)
            if last is None or pts > last:
                last, last_duration = pts, packet.duration
        if frames % 500 == 0 and time.monotonic() > ends:
            out_of_time, position = True, packet.pos or 0
            break
    guessed = rate(stream)
    step = lasting * base / frames if frames and lasting else 0.0
    if guessed and (not step or abs(step * guessed - 1) < 0.03):
        step = 1 / guessed  # durations in whole milliseconds are too coarse
    if first is None or last is None:
        start, duration = 0.0, frames * step
    else:
        start = first * base - untimed * step
        lasts = (last_duration or 0) * base
        duration = last * base - start + (lasts if lasts and abs(lasts - step) > 0.002 else step)
    if out_of_time and position and container.size:
        share = max(1.0, container.size / position)
        frames, duration = round(frames * share), duration * share
    duration = _as_stated(container, stream, duration, start, step)
    numbered = bool(untimed or begun_anew) or by_count(container, stream)
    return Timing(frames, _fps(stream, frames, duration), duration, start, numbered)


def by_count(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the stream's frame times are known to be wrong: AVI stores none, and reordered frames mix them up."""
    return container.format.name == "avi" and bool(getattr(stream.codec_context, "has_b_frames", False))


def _as_stated(container: InputContainer, stream: VideoStream, duration: float, start: float, step: float) -> float:
    """The stated duration nearest to the counted one, if they differ only by rounding: a sound track may be longer."""
    values = []
    if stream.duration and stream.time_base:
        values.append(float(stream.duration * stream.time_base))
    if container.duration:
        values += [container.duration / 1e6, container.duration / 1e6 - start]
    nearest = min(values, key=lambda value: abs(value - duration), default=duration)
    return nearest if abs(nearest - duration) <= max(0.002, step / 2) else duration


def _fps(stream: VideoStream, frames: int, duration: float) -> float:
    """A stated rate that agrees with the counted frames, so that 23.976 stays 23.976; else the counted rate."""
    true = frames / duration if duration > 0 else 0.0
    for value in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        # A short clip may have one frame more or less because of rounding.
        if value and abs(float(value) * duration - frames) <= max(0.6, 0.01 * frames):
            return float(value)
    return true


def _cut_off(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the index points beyond the end of the file."""
    with suppress(AttributeError, IndexError, OSError):
        size = Path(container.name.removeprefix("file:")).stat().st_size
        entry = stream.index_entries[-1]
        return bool(entry.pos + entry.size > size)
    return False
