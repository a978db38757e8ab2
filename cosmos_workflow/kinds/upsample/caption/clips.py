"""What is known of a clip on this machine's disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosmos_workflow.kinds.upsample.caption.facts import Target, facts_of

__all__ = ["facts_of_clip"]


def facts_of_clip(path: str | Path, target: Target | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A clip's measurements (`media.Measurements` as a dict), and what is known of the video that is made of it.

    Raises BadInputError for a file that is no video or image.
    """
    from cosmos_workflow.media import measure, probe  # OpenCV costs a fifth of a second

    clip = probe(path)
    measured = measure(clip).to_dict()
    return measured, facts_of(measured, clip.fps, target)
