"""Puts another place into a text: its noun or its road, with the preposition that fits it, and named only once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cosmos_workflow.kinds.upsample.caption.lexicon import NO_ROAD, Hit, form_of, plural
from cosmos_workflow.kinds.upsample.caption.words.places import AT, INSIDE, ON, STREETS, STREETSIDE

__all__ = ["ATTRIBUTE", "beside_a_street", "placed"]

# What may stand behind a place that is no attribute of the next noun (`a kitchen table` is none).
ATTRIBUTE = re.compile(
    r"\s+(?!(?:and|or|with|in|on|at|of|to|is|are|was|were|from|by|where|under|that|the|an?|while|as|near|behind|beside|"
    r"past|during|towards?|into|for|then|when|who|which|between|after|before|\w+(?:ed|ing))\b)[a-z]",
    re.IGNORECASE,
)
BEFORE = re.compile(
    r"(?<!look )(?<!looks )(?<!looking )(?<!gazes )(?<!gazing )(?<!stares )(?<!staring )"
    r"\b(?P<preposition>in|on|at|inside|into|onto|along|down)\s+(?:(?:an?|the|this|that)\s+)?"
    r"(?:(?!(?:an?|the|of|in|on|at|and|or|with|by|to|his|her|its|their|is|are)\b)[\w-]+\s+){0,3}$",
    re.IGNORECASE,
)
TOP = re.compile(r"(?:top|summit|surface|hillside|mountainside)$", re.IGNORECASE)
ROAD = re.compile(r"\s+(?:road|path|trail|track|lane)s?\b", re.IGNORECASE)
ROAD_BEFORE = re.compile(r"\b(?:road|path|trail|track|lane)\s+(?:in|through|of|into)\s+(?:an?|the)\s+$", re.IGNORECASE)
# What only some places are: each with the places that keep it.
ONLY = (
    (
        re.compile(r"(?:dense|lush|leafy|thick|wild)\s+$", re.IGNORECASE),
        ("forest", "jungle", "swamp", "park", "garden"),
    ),
    (re.compile(r"(?:sandy|rocky|pebbly)\s+$", re.IGNORECASE), ("beach", "desert", "island", "canyon", "mars")),
)
# Things that a place gives its name: a café table is only a table in a desert.
THINGS = re.compile(
    r"\s+(?:tables?|chairs?|stools?|benches|bench|lamps?|lights?|signs?|counters?|desks?|doors?|windows?|shelves|shelf|"
    r"furniture|umbrellas?|awnings?|stalls?|cups?|workers?|staff|customers?|visitors?|guests?|clothes|uniforms?|"
    r"equipment|cabinets?|curtains?|carpets?|sinks?|appliances|traffic|lanterns?|fences?)\b",
    re.IGNORECASE,
)
FOOTPATH = re.compile(r"(?:sidewalk|pavement|alley|alleyway)s?$", re.IGNORECASE)


def beside_a_street(text: str, hit: Hit, wanted: Iterable[str]) -> bool:
    """Whether a place only says what a thing beside a street is of: a café table, a shop window, a park bench."""
    names_a_thing = hit.form == "noun" and hit.values[0] in STREETSIDE and THINGS.match(text[hit.end :])
    return bool(names_a_thing and STREETS & set(wanted))


def placed(
    text: str, start: int, hit: Hit, winner: str, own: Mapping[tuple[str, str], str], *, again: bool
) -> list[tuple[int, int, str]]:
    """The changes (start, end, words) that put a place where a text says another one, from `start` to the hit's end.

    `again` is whether the text names the new place before: its road is only a road then.
    """
    for words_before, places in ONLY:
        if winner not in places and (before := words_before.search(text[:start])):
            start = before.start()
    end, road = hit.end, winner not in INSIDE and winner not in NO_ROAD
    words = form_of(winner, hit.form, own)
    if THINGS.match(text[end:]):
        return [(start, end, "")]
    if hit.form == "way" and road:
        words = words.rsplit(maxsplit=1)[-1] if again else words
        words = re.sub(r"road$", "path", words) if FOOTPATH.search(hit.text) else words
        words = plural(words) if hit.text.endswith("s") else words
    elif not road and hit.form == "noun":
        end += len(behind[0]) if (behind := ROAD.match(text[end:])) else 0
        if before := ROAD_BEFORE.search(text[:start]):
            start = before.start()
    attribute = ATTRIBUTE.match(text[end:])
    if winner in ("indoors", "outdoors") and attribute:
        words = words.removesuffix(" scene")
    pieces = [(start, end, words)]
    if not attribute and (before := BEFORE.search(text[:start])):
        old = before["preposition"]
        new = _preposition(
            old.lower(), winner, on=winner in ON or (road and hit.form == "way") or bool(TOP.search(words))
        )
        if new != old.lower():
            pieces.append((*before.span("preposition"), new.capitalize() if old[0].isupper() else new))
    return pieces


def _preposition(old: str, winner: str, *, on: bool) -> str:
    if old in ("along", "down"):
        return "through" if winner in INSIDE or winner == "space" else old
    if on:
        return {"in": "on", "inside": "on", "into": "onto"}.get(old, old)
    if old == "at":
        return "at" if winner in AT else "on" if on else "in"
    if old == "on" or (old == "inside" and winner not in INSIDE):
        return "at" if winner in AT else "in"
    return {"onto": "into"}.get(old, old)
