"""Weights, sizes and presets as the other program takes them, and sentences where they had to be changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cosmos_workflow.kinds.transfer.formats.values import shown, text_of
from cosmos_workflow.kinds.transfer.spec import Control, Hint, WeightMap
from cosmos_workflow.limits import VIDEO_MODELS

__all__ = ["ASPECTS", "preset_of", "shape_of", "tier_of", "weights_up_to_one"]

ASPECTS = {"1:1": 1.0, "4:3": 4 / 3, "3:4": 3 / 4, "16:9": 16 / 9, "9:16": 9 / 16}


def weights_up_to_one(
    controls: Mapping[Hint, Control], hints: Collection[Hint], title: str
) -> tuple[dict[Hint, float | None], list[str]]:
    """The weight of each control of `hints`, none above 1.

    Where one is above 1 all are divided by the largest: their sum is then 1 or more both before and after, and
    programs scale such weights to a sum of 1, so that the effect is the same.
    """
    weights: dict[Hint, float | None] = {
        hint: control.weight if isinstance(control.weight, float) else None
        for hint, control in controls.items()
        if hint in hints
    }
    largest = max((weight for weight in weights.values() if weight is not None), default=0.0)
    if largest <= 1:
        return weights, []
    scaled = {
        hint: (1.0 if weight is None else weight) / largest  # 1 is what counts where none is given
        for hint, weight in weights.items()
        if not isinstance(controls[hint].weight, WeightMap)
    }
    named = ", ".join(f"{hint} {weight:.4g}" for hint, weight in scaled.items())
    note = f"a weight of {text_of(largest)} is above 1, the most that {title} takes: all are divided by it ({named})"
    more = ", which keeps their effect, as weights with a sum above 1 are scaled to a sum of 1"
    return {**weights, **scaled}, [note + more]


def tier_of(size: str, model: str, title: str) -> tuple[str, list[str]]:
    """The tier of sizes for a size of our form, and what to know about it; empty where the program has none like it.

    >>> tier_of("1280x704", "transfer2.5", "Transfer2.5"), tier_of("480p", "cosmos3", "Cosmos 3")
    (('720', []), ('480', ["size '480p' became '480', as Cosmos 3 calls its own"]))
    """
    tiers = VIDEO_MODELS[model].sizes
    if size in tiers:
        return size, []
    if shape := shape_of(size):
        for tier, sizes in tiers.items():
            if shape in sizes:
                return tier, []
    if (other := size.removesuffix("p")) in tiers:
        return other, [f"size {shown(size)} became {shown(other)}, as {title} calls its own"]
    return "", [
        f"size {shown(size)} has no counterpart in {title}, which has {', '.join(tiers)}: its own default counts"
    ]


def shape_of(size: str) -> tuple[int, int] | None:
    """Width and height of a size such as "1280x704"; None for the name of a tier."""
    width, by, height = size.lower().partition("x")
    if by and width.isdecimal() and height.isdecimal() and width.isascii() and height.isascii():
        return (int(width), int(height)) if len(width) < 6 and len(height) < 6 and int(height) and int(width) else None
    return None


def preset_of(
    hint: Hint, control: Control, keys: Mapping[Hint, str], with_none: Collection[Hint], title: str
) -> tuple[list[str], str]:
    """What to know of a control's preset, and the preset as the program takes it; empty where there is none."""
    preset = control.preset
    if preset is None:
        return [], ""
    if hint not in keys:
        return [f"{hint}.preset ({preset}) has no counterpart in {title}, which has presets of edge and vis"], ""
    if preset == "none" and hint not in with_none:
        return [f"{hint}.preset none became very_low: {title} has no none"], "very_low"
    return [], preset
