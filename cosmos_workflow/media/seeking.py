"""Finds the frames that a player shows at given times, even where FFmpeg's seeking is inexact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cosmos_workflow.media.opening import decoded, no_frames, opened
from cosmos_workflow.media.pictures import Pictures

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from cosmos_workflow.media.video import Clip

__all__ = ["shown_at", "shown_in_turn"]

HALF_MILLISECOND = 0.0005  # tolerance, as time bases are rounded
EARLIER = (0.0, 2.0, 10.0, 60.0)  # seconds before the wanted time, tried one after the other as the target of seeking


def shown_at(
    container: InputContainer, stream: VideoStream, times: Sequence[float], clip: Clip
) -> tuple[list[VideoFrame], float]:
    """For each time, in s from the clip's first frame, the last frame that is not later; and the first frame's time.

    Where seeking lands after the wanted time, an earlier target is tried; if all fail, the clip is decoded from its
    start. Raises BadInputError if nothing decodes.
    """
    if isinstance(container, Pictures):
        return [container.at(seconds) for seconds in times], 0.0
    frames: dict[int, VideoFrame] = {}
    if clip.seekable and clip.frames > 1:
        for index, seconds in enumerate(times):
            if frame := _sought(container, stream, clip.start + max(0.0, seconds), clip):
                frames[index] = frame
    missing = {index: seconds for index, seconds in enumerate(times) if index not in frames}
    start = clip.start
    if missing:
        # Seeking to 0 does not always reach the start; a file that is opened again always begins there.
        with opened(clip.path) as (reopened, reopened_stream):
            rest, start = _from_start(reopened, reopened_stream, missing, clip)
            frames |= rest
    return [frames[index] for index in range(len(times))], start


def shown_in_turn(
    container: InputContainer, stream: VideoStream, times: Sequence[float], clip: Clip
) -> Iterator[tuple[VideoFrame, float]]:
    """For each time, in order, what `shown_at` gives for it, decoded in one pass: for many times, one at a time.

    The container was just opened. Raises BadInputError if nothing decodes.
    """
    if isinstance(container, Pictures):
        yield from ((container.at(seconds), 0.0) for seconds in times)
        return
    left = list(times)
    shown: VideoFrame | None = None
    start = clip.start
    for frame in decoded(container, stream):
        time = frame.time or 0.0
        if shown is None and not clip.seekable:
            start = time
        while left and shown is not None and time - start > left[0] + HALF_MILLISECOND:
            left.pop(0)
            yield shown, start
        if not left:
            return
        shown = frame
    if shown is None:
        raise no_frames(clip.path)
    for _ in left:
        yield shown, start


def _sought(container: InputContainer, stream: VideoStream, target: float, clip: Clip) -> VideoFrame | None:
    import av

    for earlier in EARLIER:
        begin = target - earlier
        if earlier and begin < clip.start:
            return None  # the caller then decodes from the start
        try:
            container.seek(int(begin / (stream.time_base or 1)), stream=stream, backward=True)
            shown = None
            for frame in decoded(container, stream):
                if frame.time is None or frame.time > target + HALF_MILLISECOND:
                    break
                shown = frame
        except av.error.ExitError:
            raise  # it took too long
        except av.error.FFmpegError:
            continue
        if shown is not None:
            return shown
    return None


def _from_start(
    container: InputContainer, stream: VideoStream, wanted: dict[int, float], clip: Clip
) -> tuple[dict[int, VideoFrame], float]:
    """Decode once for all the wanted times, and keep only the frames that are shown at one of them."""
    order = sorted(wanted, key=lambda index: wanted[index])
    shown = list(shown_in_turn(container, stream, [wanted[index] for index in order], clip))
    return {index: frame for index, (frame, _) in zip(order, shown, strict=True)}, shown[0][1]
