"""What a fit does to a picture, drawn over it: what is cut off and what is added, as parts of one drawing."""

from __future__ import annotations

from dataclasses import dataclass

from cosmos_workflow.media.framing import Framing

__all__ = ["Overlay", "overlay_of"]


@dataclass(frozen=True)
class Overlay:
    """A drawing in pixels of the finished picture: its box, where the source lies, and the outlines of two areas.

    `away` is what is cut off, `added` what is put around, each as the path of an SVG, empty where nothing is; `frame`
    is the finished picture's own outline. Boxes are left, top, width and height.
    """

    box: tuple[float, float, float, float]
    source: tuple[float, float, float, float]
    frame: tuple[float, float, float, float]
    away: str
    added: str
    words: str


def overlay_of(framing: Framing) -> Overlay:
    """The drawing of a framing.

    >>> overlay_of(Framing((400, 200), 100, 0, (200, 200), (100, 100), 0, 0, (100, 100))).source
    (-50.0, 0.0, 200.0, 100.0)
    """
    across, down = framing.inner[0] / framing.part[0], framing.inner[1] / framing.part[1]
    source = (
        round(framing.left - framing.x * across, 2), round(framing.top - framing.y * down, 2),
        round(framing.source[0] * across, 2), round(framing.source[1] * down, 2),
    )  # fmt: skip
    frame = (0.0, 0.0, float(framing.size[0]), float(framing.size[1]))
    left, top = min(0.0, source[0]), min(0.0, source[1])
    right = max(frame[2], source[0] + source[2])
    bottom = max(frame[3], source[1] + source[3])
    cut = framing.part != framing.source
    padded = framing.inner != framing.size
    return Overlay(
        (left, top, round(right - left, 2), round(bottom - top, 2)), source, frame,
        _outline(source) + _outline(frame) if cut else "",
        _outline(frame) + _outline((framing.left, framing.top, *framing.inner)) if padded else "",
        framing.words() or f"{framing.size[0]}x{framing.size[1]}, as it is",
    )  # fmt: skip


def _outline(box: tuple[float, float, float, float]) -> str:
    left, top, width, height = box
    return f"M{left:g} {top:g}h{width:g}v{height:g}h{-width:g}z"
