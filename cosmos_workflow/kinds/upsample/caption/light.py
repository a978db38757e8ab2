"""The light and the colours of a clip in words, from what was measured of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cosmos_workflow.kinds.upsample.caption.phrases import listed

__all__ = ["CHANGE", "colours", "course", "level", "without_course"]

CHANGE = 0.12  # a smaller change of the mean brightness (0 to 1) is no change that a viewer speaks of


def level(measured: Mapping[str, Any]) -> str:
    """How bright a clip is and with how much contrast: `evenly lit with high contrast`."""
    parts = measured.get("brightness") or [0.5]
    mean, contrast = sum(parts) / len(parts), measured.get("contrast", 0.4)
    kind = "low" if contrast < 0.25 else "high" if contrast > 0.55 else "moderate"
    lit = "dark" if mean < 0.15 else "dimly lit" if mean < 0.35 else "evenly lit" if mean < 0.65 else "brightly lit"
    return f"{lit} with {kind} contrast"


def course(measured: Mapping[str, Any], shots: Sequence[Mapping[str, Any]], share: float) -> str:
    """How the light changes over the first `share` (0 to 1) of a clip, as a sentence without its full stop.

    `shots` are the measured shots inside that share; a change from one shot to the next is named as one.
    """
    parts = list(measured.get("brightness") or [])
    kept = parts[: max(1, round(len(parts) * share))]
    if not kept:
        return ""
    fades = []
    if measured.get("fade_in"):
        fades.append("fades in from black")
    if measured.get("fade_out") and share > 0.999:
        fades.append("fades to black at the end")
    if fades:
        return f"The image {' and '.join(fades)}"
    if len(shots) < 2:
        change = kept[-1] - kept[0]
        return "The light stays steady" if abs(change) < CHANGE else f"The light grows {_way(change)}"
    within = [shot["light"][1] - shot["light"][0] if shot.get("light") else 0.0 for shot in shots]
    changes = [
        f"grows {_way(change)} in shot {number}" for number, change in enumerate(within, 1) if abs(change) >= CHANGE
    ]
    if changes:
        return f"The light {listed(changes)}"
    between = shots[-1]["light"][0] - shots[0]["light"][0] if shots[0].get("light") else 0.0
    return "The light stays steady within each shot" + (
        f" and is {_way(between)} in the last one" if abs(between) >= CHANGE else ""
    )


def _way(change: float) -> str:
    return "brighter" if change > 0 else "darker"


def colours(palette: Sequence[Sequence[Any]]) -> str:
    """The palette, (name, share of the picture) largest first, as a phrase; empty without one."""
    names = [str(name) for name, _ in palette]
    if not names:
        return ""
    if palette[0][1] > 0.7:
        rest = f" with touches of {listed(names[1:])}" if names[1:] else ""
        return f"Mostly {names[0]}{rest}"
    return listed(names).capitalize()


# What speaks of light that changes or stays, in a model's answer: the measured course stands in its place.
COURSE = re.compile(
    r"\b(fad(e|es|ed|ing)|steady|steadily|constant(ly)?|unchang(ed|ing)|consistent(ly)?|flicker\w*|brighten\w*|"
    r"darken\w*|(grow|get|become|turn)(s|ing)? (gradually |slowly )?(brighter|darker|dimmer|lighter|dark|black|bright)"
    r"|dim(s|med|ming)|(brighter|darker) (in|over|towards?|at|as|after|throughout)\b.*|throughout|over time|"
    r"(from|to) black)\b",
    re.IGNORECASE,
)


def without_course(text: str) -> str:
    """A description of light without the parts that say how it changes; parts end at `.`, `;`, and `, and`."""
    parts = re.split(r"(?<=[.;!?])\s+|,\s+(?:and|then|while|but)\s+", text.strip())
    kept = [part.strip().rstrip(".;,") for part in parts if part.strip(" .;,") and not COURSE.search(part)]
    return ". ".join(part[0].upper() + part[1:] for part in kept)
