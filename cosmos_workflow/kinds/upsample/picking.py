"""Which frames of a clip a model sees, and whether as pictures or as one video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cosmos_workflow.limits.video_fit import rate_of_video
from cosmos_workflow.media import Clip
from cosmos_workflow.media.frames import at_shots

__all__ = ["PICKS", "Pick", "times_at_shots", "timing_of", "video_note", "video_times"]

Pick = Literal["first", "spread", "shots", "video"]
PICKS: tuple[Pick, ...] = ("first", "spread", "shots", "video")
UNKNOWN_FPS = 24.0  # for a file that states no times, as Qwen3-VL's processor assumes


def times_at_shots(shots: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    """`count` times in s, in order, in the shots: see `at_shots`.

    `shots` are those of `media.Measurements` as dicts.

    >>> times_at_shots([{"start": 0.0, "end": 1.0}, {"start": 1.0, "end": 4.0}], 3)
    [0.5, 1.75, 3.25]
    """
    return at_shots([(float(shot["start"]), float(shot["end"])) for shot in shots], count)


def timing_of(clip: Clip) -> tuple[int, float]:
    """Frames of a clip, and how many of them a second."""
    return clip.frames, clip.fps or UNKNOWN_FPS


def video_times(clip: Clip, count: int) -> tuple[float, list[float]]:
    """The rate in frames a second of a video of `count` frames of a clip, and a time in s at which each is shown."""
    frames, fps = timing_of(clip)
    rate = rate_of_video(count, frames, fps)
    return rate, [number / rate + 0.5 / fps for number in range(count)]


def video_note(clip: Clip, count: int, size: tuple[int, int]) -> str:
    """For a reader: what of a clip is sent as a video; `size` is width and height in pixels."""
    rate = video_times(clip, count)[0]
    return f"{count} frames of {size[0]}x{size[1]} at {rate:.3g} a second as a video"
