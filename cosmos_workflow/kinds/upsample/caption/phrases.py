"""Words for what is measured of a clip, which captions and described prompts have in common."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["DETAIL", "MOVES", "listed", "sentence", "way_of"]

MOVES = {
    "pan left": "pans to the left",
    "pan right": "pans to the right",
    "tilt up": "tilts up",
    "tilt down": "tilts down",
    "zoom in": "zooms in",
    "zoom out": "zooms out",
}
DETAIL = {"left": "on the left", "right": "on the right", "centre": "in the centre"}
WAYS = {"in place": "in place", "up": "upwards", "down": "downwards"}


def way_of(subject: str) -> str:
    """How a subject moves, by the word of `media.Motion`: `to the left`, `upwards`, `in place`."""
    return WAYS.get(subject, f"to the {subject}")


def listed(phrases: Sequence[str]) -> str:
    """`a, b and c`."""
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}" if len(phrases) > 1 else "".join(phrases)


def sentence(text: str) -> str:
    """Words as one sentence: a capital first, a full stop last, the words themselves as they are."""
    text = " ".join(text.split())
    return text and text[0].upper() + text[1:] + ("" if text[-1] in ".!?。！？…" else ".")
