"""Measures a clip without any model: shots, motion, light, colour, sharpness, and where the detail is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cosmos_workflow.media.frames import upright
from cosmos_workflow.media.motion import Motion, camera_motion, compare
from cosmos_workflow.media.palette import palette
from cosmos_workflow.media.video import Clip, decoded, opened, probe

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["Measurements", "Shot", "measure"]

LONG_SIDE = 320
MAX_FRAMES = 600  # a longer clip is sampled evenly
CUT = 0.08  # a cut changes the pixels by more than this on average, on a scale from 0 to 1 …
CUT_OVER_MOTION = 3.0  # … and by this many times the usual change of the frames around it
BLACK = 0.06  # a frame whose mean light is below this counts as black
FADE = 0.06  # a fade changes the light by at least this much …
FADE_STEPS = 3  # … in at least so many steps: fewer are a cut


@dataclass(frozen=True)
class Shot:
    """The part of a clip from one cut to the next; times in seconds.

    `light` is the mean brightness of its first and of its last fifth, from 0 to 1.
    """

    start: float
    end: float
    motion: Motion = field(default_factory=Motion)
    light: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Measurements:
    """What was measured; brightness, contrast and sharpness from 0 to 1, times in seconds.

    `palette` has colour names with their share of the picture, largest first; `brightness` is the mean of each of
    ten equal parts of the clip; `detail` says where the fine structure is: left, centre, right, or across the frame.
    `fade_in` is how long the clip takes to come up from black at its start, `fade_out` how long before its end it
    begins to go to black; 0 where it does not.
    """

    width: int
    height: int
    duration: float
    shots: tuple[Shot, ...]
    brightness: tuple[float, ...]
    contrast: float
    sharpness: float
    palette: tuple[tuple[str, float], ...]
    detail: str
    fade_in: float = 0.0
    fade_out: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """A dict that can be written as JSON."""
        return asdict(self)


def measure(clip: Clip | str | Path) -> Measurements:
    """Measure a clip, from up to 600 of its frames; the same file always gives the same numbers.

    Raises BadInputError for a file that cannot be read.
    """
    clip = clip if isinstance(clip, Clip) else probe(clip)
    times, small = _sample(clip)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small]
    bounds = [0, *_cuts(small), len(small)]
    frame_time = clip.duration / max(1, clip.frames)
    light = [float(frame.mean()) / 255 for frame in grey]
    shots = []
    for (begin, end), (start, over) in zip(pairwise(bounds), _spans(bounds, times, clip), strict=True):
        steps = [compare(grey[i], grey[i + 1], times[i + 1] - times[i]) for i in range(begin, end - 1)]
        fifth = max(1, (end - begin) // 5)
        ends = _mean(light[begin : begin + fifth]), _mean(light[end - fifth : end])
        shots.append(Shot(start, over, camera_motion(steps), ends))
    parts = np.array_split(np.array(light), min(10, len(light)))
    return Measurements(
        clip.width,
        clip.height,
        round(clip.duration, 3),
        tuple(shots),
        tuple(_mean(part) for part in parts),
        round(float(np.mean([frame.std() for frame in grey])) / 128, 3),
        round(_sharpness(grey), 3),
        palette(small[:: max(1, len(small) // 12)]),
        _detail(grey),
        _fade(light, times, bounds[1]),
        _fade(light[::-1], [times[-1] + frame_time - time for time in times[::-1]], len(light) - bounds[-2]),
    )


def _spans(bounds: Sequence[int], times: Sequence[float], clip: Clip) -> list[tuple[float, float]]:
    over = max(clip.duration, times[-1] + clip.duration / max(1, clip.frames))
    edges = [*times, over]
    return [(round(edges[begin], 3), round(edges[end], 3)) for begin, end in pairwise(bounds)]


def _mean(light: Sequence[float] | NDArray[np.float64]) -> float:
    return round(float(np.mean(light)), 3)


def _fade(light: Sequence[float], times: Sequence[float], shot: int) -> float:
    """Seconds until the light has come up from black, 0.0 where it does not begin there; `shot` frames are looked at.

    For the fade to black at the end, the frames and times are given from the end.
    """
    first = next((index for index in range(shot) if light[index] > light[0] + 0.004), shot)
    if light[0] > BLACK or first == shot:
        return 0.0
    last = first
    while last + 1 < shot and light[last + 1] > light[last] + 0.002:
        last += 1
    if last - first + 1 < FADE_STEPS or light[last] - light[0] < FADE or light[last] < 3 * light[0]:
        return 0.0
    return round(times[last], 3)


def _sample(clip: Clip) -> tuple[list[float], list[Pixels]]:
    """Times and small upright frames: every n-th frame, so that there are at most MAX_FRAMES."""
    scale = min(1.0, LONG_SIDE / max(clip.width, clip.height))
    size = max(16, round(clip.width * scale)), max(16, round(clip.height * scale))
    every = max(1, -(-clip.frames // MAX_FRAMES))
    times: list[float] = []
    frames: list[Pixels] = []
    with opened(clip.path) as (container, stream):
        stream.thread_type = "AUTO"
        for index, frame in enumerate(decoded(container, stream)):
            if index % every == 0:
                if len(frames) == MAX_FRAMES:
                    # The clip has more frames than it states: keep every second one, and take half as many from now on.
                    every *= 2
                    del times[1::2], frames[1::2]
                times.append(frame.time if frame.time is not None else index / (clip.fps or 1.0))
                frames.append(upright(frame, size))
    return [time - times[0] for time in times], frames


def _cuts(frames: Sequence[Pixels]) -> list[int]:
    """The first frame of each shot after the first: where the picture changes far more than in the frames around."""
    change = [
        float(np.abs(after.astype(np.int16) - before).mean()) / 255
        for before, after in zip(frames, frames[1:], strict=False)
    ]
    cuts = []
    for index, value in enumerate(change):
        around = [*change[max(0, index - 4) : index], *change[index + 1 : index + 5]]
        usual = float(np.median(around)) if around else 0.0
        if value > CUT and value > CUT_OVER_MOTION * usual:
            cuts.append(index + 1)
    return cuts


def _sharpness(grey: Sequence[Pixels]) -> float:
    """The share of fine structure in all structure, from 0 (blurred) to 1; the median of the sharper half of frames."""
    values = []
    for frame in grey:
        spread = float(frame.std())
        fine = float(cv2.Laplacian(frame, cv2.CV_32F).std())
        values.append(min(1.0, fine / (4 * spread)) if spread > 1 else 0.0)
    return float(np.median(sorted(values)[len(values) // 2 :]))


def _detail(grey: Sequence[Pixels]) -> str:
    """The third of the frame that holds most of the fine structure; "across the frame" if none stands out."""
    energy = sum(np.abs(cv2.Laplacian(frame, cv2.CV_32F)) for frame in grey[:: max(1, len(grey) // 8)])
    thirds = [float(part.mean()) for part in np.array_split(np.asarray(energy), 3, axis=1)]
    strongest = max(thirds)
    if strongest > 1.35 * sorted(thirds)[1]:
        return ("left", "centre", "right")[thirds.index(strongest)]
    return "across the frame"
