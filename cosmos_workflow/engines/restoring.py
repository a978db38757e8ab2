"""Brings a video that a model made back to its clip: to its rate, and to its sound. (Its size is planned before.)"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.files import aside
from cosmos_workflow.media.encoding import Encoder, check_video
from cosmos_workflow.media.opening import decoded, opened
from cosmos_workflow.media.sound import with_sound
from cosmos_workflow.media.video import probe

__all__ = ["add_sound", "order_at", "times_of"]


LONGEST = 3600.0  # s; times beyond are broken, and would fill a disk with repeated frames


def times_of(clip: Path, frames: int) -> list[float]:
    """When a clip shows each of its first frames, in s from the first; empty where it does not state that.

    Raises BadInputError.
    """
    with opened(clip) as (container, stream):
        stream.thread_type = "AUTO"
        times = [frame.time for frame in islice(decoded(container, stream), frames)]
    known = [time for time in times if time is not None]
    if not known or known != times or known != sorted(known) or known[-1] - known[0] > LONGEST:
        return []
    return [time - known[0] for time in known]


def order_at(times: Sequence[float], count: int, fps: float) -> list[int]:
    """Which of `count` frames is shown at each tick of a constant rate, where `times` say when each begins, in s.

    Frame after frame of what a model makes stands for those of its clip, so they are shown when the clip shows its
    own: in a clip of a constant rate, each once; else some are repeated and some left out. Nothing is blended.

    >>> order_at([0.0, 0.1, 0.2], 3, 10), order_at([0.0, 0.1, 0.4], 3, 10), order_at([0.0, 0.02, 0.1], 3, 10)
    ([0, 1, 2], [0, 1, 1, 1, 2], [1, 2])
    """
    if len(times) < count:
        return list(range(count))
    ticks = round(times[count - 1] * fps) + 1
    return [max(0, bisect_right(times, (tick + 0.5) / fps, hi=count) - 1) for tick in range(ticks)]


def add_sound(encoder: Encoder, clip: Path) -> str:
    """Put the clip's sound under a video that was written; returns what it is, or why there is none, in words.

    A video is never lost because of its sound.
    """
    part = aside(encoder.path)
    seconds = float(len(encoder.lights) / encoder.fps)
    try:
        source, rate = probe(clip), float(encoder.fps)
        words = with_sound(encoder.path, clip, source.start, seconds, part)
        check_video(encoder, part)
        part.replace(encoder.path)
    except CosmosError as error:
        return f"no sound: {error.what}"
    finally:
        part.unlink(missing_ok=True)
    fits = not source.fps or abs(source.fps - rate) < 0.01 * rate
    if fits:
        return f"sound of the clip: {words}"
    misfit = f"the video has {rate:g} frames a second, and the clip {source.fps:g}: restore fps too"
    return f"sound of the clip: {words}; it does not fit: {misfit}"
