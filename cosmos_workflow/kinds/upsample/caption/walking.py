"""Goes through a caption: its subjects, its texts, and those that a wish may change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["OURS", "described_in", "each_text", "subjects_of", "texts_in"]

# Fields that are measured, or that are no description: a wish never changes them.
OURS = frozenset(("camera_motion", "camera", "time", "time_range", "transitions", "resolution", "aspect_ratio",
                  "duration", "fps", "segment_index", "text_and_signage_elements", "gender",
                  "relative_size"))  # fmt: skip
NEEDED = frozenset(("segments", "actions", "temporal_caption", "subjects"))  # whose texts may not become empty


def texts_in(value: Any) -> list[str]:
    """Every text in a caption or in a part of it."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in texts_in(each)]
    return [text for each in value for text in texts_in(each)] if isinstance(value, list) else []


def described_in(value: Any) -> list[str]:
    """Every text in a caption or in a part of it that a wish may change."""
    if isinstance(value, Mapping):
        return [text for name, each in value.items() if name not in OURS for text in described_in(each)]
    return [text for each in value for text in described_in(each)] if isinstance(value, list) else texts_in(value)


def each_text(caption: dict[str, Any], change: Callable[[str], str], instead: str = "") -> dict[str, Any]:
    """The caption with every descriptive text changed; one that may not be empty gets the text `instead`, or stays."""

    def walk(value: Any, name: str, needed: bool) -> Any:
        if name in OURS:
            return value
        if isinstance(value, str):
            changed = change(value)
            return changed if changed.strip() or not needed else instead or value
        if isinstance(value, list):
            return [walk(each, "", needed) for each in value]
        if isinstance(value, Mapping):
            return {key: walk(each, key, needed and key == "description") for key, each in value.items()}
        return value

    return {name: walk(value, name, name in NEEDED) for name, value in caption.items()}


def subjects_of(caption: Mapping[str, Any]) -> list[dict[str, Any]]:
    subjects = caption.get("subjects")
    return [each for each in subjects if isinstance(each, dict)] if isinstance(subjects, list) else []
