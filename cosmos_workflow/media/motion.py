"""How the camera and the subject move from one frame to the next, found with OpenCV's sparse optical flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Gray = NDArray[np.uint8]

__all__ = ["Motion", "Step", "camera_motion", "compare"]

# Below these speeds a camera counts as held still: shares of the frame's width (or of its scale) per second.
PAN_SPEED = 0.02
ZOOM_SPEED = 0.02
# A camera's motion keeps its direction: the net distance is at least this share of the whole path.
STEADY = 0.6
# A point moves by itself when it differs from the camera's motion by more than this share of the width in one step.
SUBJECT_SHIFT = 0.004
# Below this standard deviation of the grey values (0 to 255) a picture is flat: what is left is the encoder's noise.
FLAT = 6.0
MOST_GAIN = 1.6  # the contrast changes by no more from one frame to the next of a fade
# A subject is mentioned when at least this share of the points moves by itself.
SUBJECT_SHARE = 0.03


@dataclass(frozen=True)
class Step:
    """From one frame to the next: how the picture shifts (in shares of its width), scales, and what else moves.

    `x` and `y` are the shift of the picture's content, to the right and down. `subject` is the share of points
    that move by themselves; `subject_x` and `subject_y` are the mean of their motion.
    """

    seconds: float
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    subject: float = 0.0
    subject_x: float = 0.0
    subject_y: float = 0.0


@dataclass(frozen=True)
class Motion:
    """The camera over a shot: `moves` among pan left/right, tilt up/down, zoom in/out; none means held still.

    `subject` is the direction (left, right, up, down, or "in place") in which something moves by itself,
    empty where nothing does.
    """

    moves: tuple[str, ...] = ()
    subject: str = ""


def compare(before: Gray, after: Gray, seconds: float) -> Step:
    """The step between two grey frames of one size, `seconds` apart."""
    height, width = before.shape
    after = _as_light_as(before, after)
    corners = cv2.goodFeaturesToTrack(before, maxCorners=240, qualityLevel=0.01, minDistance=max(4, width // 60))
    if corners is None or len(corners) < 6:
        return Step(seconds)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(21, 21), maxLevel=3)
    tracked = status.ravel() == 1
    start, end = corners.reshape(-1, 2)[tracked], moved.reshape(-1, 2)[tracked]
    if len(start) < 6:
        return Step(seconds)
    cv2.setRNGSeed(0)  # RANSAC draws random samples, but the same clip must always give the same result
    transform, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=1.0)
    if transform is None:
        return Step(seconds)
    centre = np.array([width / 2, height / 2])
    shift = transform[:, :2] @ centre + transform[:, 2] - centre
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    own = (end - (start @ transform[:, :2].T + transform[:, 2])) / width
    apart = np.hypot(own[:, 0], own[:, 1])
    # A point that the tracker has lost lands anywhere; nothing real crosses a fifth of the frame in one step.
    moving = (apart > SUBJECT_SHIFT) & (apart < 0.2)
    mean = own[moving].mean(axis=0) if moving.any() else np.zeros(2)
    return Step(
        seconds,
        float(shift[0] / width),
        float(shift[1] / width),
        scale,
        float(moving.mean()),
        float(mean[0]),
        float(mean[1]),
    )


def _as_light_as(before: Gray, after: Gray) -> Gray:
    """`after` with the mean and the contrast of `before`: a fade would otherwise look like motion to the tracker.

    In a picture that has almost no contrast left nothing can be tracked: `before` itself stands for it then.
    """
    spread, other = float(before.std()), float(after.std())
    if min(spread, other) < FLAT:
        return before
    gain = spread / other
    if abs(gain - 1) < 0.01 and abs(float(before.mean()) - float(after.mean())) < 1:
        return after
    if not 1 / MOST_GAIN < gain < MOST_GAIN:
        return before  # a cut, or the end of a fade
    return np.clip((after - float(after.mean())) * gain + float(before.mean()), 0, 255).astype(np.uint8)


def camera_motion(steps: Sequence[Step]) -> Motion:
    """The camera's motion over the steps of one shot, as a person would describe it."""
    if not steps:
        return Motion()
    times = [step.seconds for step in steps]
    x, y = _speed([step.x for step in steps], times), _speed([step.y for step in steps], times)
    zoom = _speed([float(np.log(max(step.scale, 1e-3))) for step in steps], times)
    moves = []
    # The picture's content moves in the opposite direction to the camera.
    if abs(x) > PAN_SPEED and abs(x) > abs(y) / 3:
        moves.append("pan left" if x > 0 else "pan right")
    if abs(y) > PAN_SPEED and abs(y) > abs(x) / 3:
        moves.append("tilt up" if y > 0 else "tilt down")
    if abs(zoom) > ZOOM_SPEED:
        moves.append("zoom in" if zoom > 0 else "zoom out")
    return Motion(tuple(moves), _subject(steps))


def _speed(changes: Sequence[float], times: Sequence[float]) -> float:
    """Change per second; 0 where it goes back and forth, as it does when a model's masks flicker."""
    total, path = sum(changes), sum(abs(change) for change in changes)
    return total / max(sum(times), 1e-6) if abs(total) > STEADY * path else 0.0


def _subject(steps: Sequence[Step]) -> str:
    share = float(np.mean([step.subject for step in steps]))
    if share < SUBJECT_SHARE:
        return ""
    x, y = (sum(getattr(step, f"subject_{axis}") for step in steps) for axis in "xy")
    path = sum(float(np.hypot(step.subject_x, step.subject_y)) for step in steps)
    if float(np.hypot(x, y)) < path / 2:
        return "in place"
    if abs(x) >= abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"
