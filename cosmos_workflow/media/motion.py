"""How the camera and the subject move, from one frame to the next: sparse optical flow by OpenCV."""

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

# Below these a camera counts as held: shares of the frame's width (or of its scale) per second.
PAN_SPEED = 0.02
ZOOM_SPEED = 0.02
# A camera's motion keeps its direction: the way made good is at least this share of the way gone.
STEADY = 0.6
# A point moves by itself when it leaves the camera's motion by this share of the width in one step.
SUBJECT_SHIFT = 0.004
# A subject is worth a word when this share of the points moves by itself.
SUBJECT_SHARE = 0.03


@dataclass(frozen=True)
class Step:
    """From one frame to the next: how the picture shifts (shares of the width), scales, and what else moves.

    `x` and `y` are those of the picture's content: to the right and down. `subject` is the share of points
    with a motion of their own, of mean `subject_x`, `subject_y`.
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
    corners = cv2.goodFeaturesToTrack(before, maxCorners=240, qualityLevel=0.01, minDistance=max(4, width // 60))
    if corners is None or len(corners) < 6:
        return Step(seconds)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(21, 21), maxLevel=3)
    found = status.ravel() == 1
    start, end = corners.reshape(-1, 2)[found], moved.reshape(-1, 2)[found]
    if len(start) < 6:
        return Step(seconds)
    cv2.setRNGSeed(0)  # RANSAC draws samples: the same clip must give the same words
    transform, _ = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=1.0)
    if transform is None:
        return Step(seconds)
    centre = np.array([width / 2, height / 2])
    shift = transform[:, :2] @ centre + transform[:, 2] - centre
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    own = (end - (start @ transform[:, :2].T + transform[:, 2])) / width
    apart = np.hypot(own[:, 0], own[:, 1])
    # A point lost by the tracker lands anywhere; what really moves does not cross a fifth of the frame.
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


def camera_motion(steps: Sequence[Step]) -> Motion:
    """What a person would call the motion over these steps of one shot."""
    if not steps:
        return Motion()
    times = [step.seconds for step in steps]
    x, y = _speed([step.x for step in steps], times), _speed([step.y for step in steps], times)
    zoom = _speed([float(np.log(max(step.scale, 1e-3))) for step in steps], times)
    moves = []
    # The picture's content goes the other way than the camera.
    if abs(x) > PAN_SPEED and abs(x) > abs(y) / 3:
        moves.append("pan left" if x > 0 else "pan right")
    if abs(y) > PAN_SPEED and abs(y) > abs(x) / 3:
        moves.append("tilt up" if y > 0 else "tilt down")
    if abs(zoom) > ZOOM_SPEED:
        moves.append("zoom in" if zoom > 0 else "zoom out")
    return Motion(tuple(moves), _subject(steps))


def _speed(changes: Sequence[float], times: Sequence[float]) -> float:
    """Change per second; nothing where it goes to and fro, as it does when a model's masks flicker."""
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
