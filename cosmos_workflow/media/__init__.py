"""Reads videos and images: probes a clip, reads frames at the size a plan asks for, measures what happens in it.

This room knows nothing about prompts, models or engines, and imports no other room.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.media.frames import PICKS, Frame, Pick, read_frames
from cosmos_workflow.media.video import Clip, probe, sha256_of, version

if TYPE_CHECKING:
    from cosmos_workflow.media.measuring import Measurements, measure

__all__ = ["PICKS", "Clip", "Frame", "Measurements", "Pick", "measure", "probe", "read_frames", "sha256_of", "version"]


def __getattr__(name: str) -> object:
    # OpenCV costs a fifth of a second that only measuring needs.
    if name in ("Measurements", "measure"):
        from cosmos_workflow.media import measuring

        value = getattr(measuring, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
