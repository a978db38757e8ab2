"""When each frame of a video is shown, by its packets alone; which are shown at a constant rate; and reads them."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from cosmos_workflow.media.frames import upright
from cosmos_workflow.media.opening import decoded, demuxed, opened
from cosmos_workflow.media.pictures import Pictures
from cosmos_workflow.media.timing import JUMP, TRUSTED
from cosmos_workflow.media.video import Clip
from cosmos_workflow.media.views import Background

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["Moments", "VideoFrames", "moments_of", "steady"]

COMMON = tuple(rate / divisor for rate in (12, 15, 24, 25, 30, 48, 50, 60, 120) for divisor in (1, 1.001))
FASTEST = 240.0  # frames a second


class Moments(NamedTuple):
    """The times in s, on the file's own clock, of all frames that are shown; and how many the header states beyond.

    There are no times where frames are timed by their number alone.
    """

    times: tuple[float, ...] = ()
    lost: int = 0


def moments_of(path: Path) -> Moments:
    """When the frames of a video are shown. Nothing is decoded. Raises BadInputError if it cannot be read."""
    with opened(path) as (container, stream):
        if isinstance(container, Pictures):
            return Moments(tuple(container.times))
        base = float(stream.time_base or 0)
        shown, first, stored, before = set(), None, 0, None
        timed = container.format.name != "avi"  # which stores no times
        for packet in demuxed(container, stream):
            if not packet.size:
                continue
            stored += 1
            clock = packet.pts if packet.dts is None else packet.dts
            # The clock may start again, as in two files that were joined.
            back = (before - clock) * base if before is not None and clock is not None else 0.0
            timed = timed and packet.pts is not None and back <= JUMP
            before = clock
            if first is None and packet.is_keyframe:
                first = packet.pts
            if not packet.is_discard and packet.pts is not None:
                shown.add(packet.pts)
        stated = stream.frames if container.format.name in TRUSTED else 0
        # A recording that was begun in the middle has frames that need earlier ones, before its first whole picture.
        times = sorted(pts * base for pts in shown if stated or first is None or pts >= first)
        return Moments(tuple(times) if timed else (), max(0, stated - stored))


def steady(times: tuple[float, ...], clip: Clip) -> tuple[tuple[int, ...], float]:
    """For each frame of a constant rate, the index of the frame that is shown then; and the rate, in frames a second.

    Frames that come evenly stay as they are. Otherwise the rate is the usual one, and each frame is shown until the
    next one comes.
    """
    count = len(times)
    if count < 2:
        return tuple(range(count or clip.frames)), clip.fps
    start, step = times[0], (times[-1] - times[0]) / (count - 1)
    for rate in (clip.fps, 1 / step):
        if rate and all(round((time - start) * rate) == index for index, time in enumerate(times)):
            return tuple(range(count)), clip.fps or rate
    steps = [after - before for before, after in pairwise(times)]
    usual = fmean(each for each in steps if abs(each / median(steps) - 1) < 0.1)
    fps = min((rate for rate in COMMON if abs(rate * usual - 1) < 0.01), key=lambda rate: abs(rate * usual - 1),
              default=min(FASTEST, 1 / usual))  # fmt: skip
    slots = max(1, round((times[-1] - start + usual) * fps))
    return tuple(bisect_right(times, start + (slot + 0.5) / fps) - 1 for slot in range(slots)), fps


class VideoFrames:
    """The frames of a video by their indices, which may only rise.

    A frame is known by its time: where others cannot be decoded, the decoder leaves them out.
    """

    def __init__(self, path: Path, size: tuple[int, int], background: Background = "white") -> None:
        self._path, self._size = path, size
        self._background = 255 if background == "white" else 0
        self._stack = ExitStack()
        self._index = -1
        self._last: Pixels | str = ""
        self._times = moments_of(path).times
        steps = [after - before for before, after in pairwise(self._times)]
        self._near = min(steps, default=1.0) / 2

    def __enter__(self) -> VideoFrames:
        container, stream = self._stack.enter_context(opened(self._path))
        stream.thread_type = "AUTO"
        self._frames = enumerate(decoded(container, stream))
        self._next = next(self._frames, None)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def at(self, frame: object) -> Pixels | str | None:
        """A frame as RGB, or why it cannot be read; None where there is none."""
        if not isinstance(frame, int):
            return None
        if frame != self._index:
            self._index = frame
            while self._next and self._place(*self._next, frame) < 0:
                self._next = next(self._frames, None)
            self._last = "the video ends before it"
            if self._next:
                raw = self._next[1]
                wrong = self._place(*self._next, frame) > 0 or raw.is_corrupt
                self._last = "it is damaged" if wrong else upright(raw, self._size, self._background)
        return self._last

    def _place(self, count: int, raw: VideoFrame, wanted: int) -> int:
        """Whether a decoded frame, the `count`th, is before (-1) or behind (1) the one that is wanted."""
        away = (raw.time or 0.0) - self._times[wanted] if self._times else count - wanted
        near = self._near if self._times else 0
        return 0 if abs(away) <= near else -1 if away < 0 else 1
