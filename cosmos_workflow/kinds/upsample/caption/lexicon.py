"""Finds what a text says of time, weather, season, place, light and look, by the tables in `words/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cosmos_workflow.kinds.upsample.caption.words.guards import GUARDS
from cosmos_workflow.kinds.upsample.caption.words.moments import AGAINST, LIGHTS, SEASONS, TIMES
from cosmos_workflow.kinds.upsample.caption.words.places import ALIKE, INSIDE, LOOKS, LOOKS_AGAINST, PLACES
from cosmos_workflow.kinds.upsample.caption.words.weathers import GIVES_WAY, WEATHERS

__all__ = [
    "CATEGORY",
    "NO_ROAD",
    "PAST",
    "Hit",
    "alternation",
    "contradict",
    "form_of",
    "hits",
    "negated",
    "plural",
    "state_of",
]

TABLES: dict[str, Mapping[str, Any]] = {
    "time": TIMES, "weather": WEATHERS, "season": SEASONS, "light": LIGHTS, "look": LOOKS, "place": PLACES,
}  # fmt: skip
CATEGORY: dict[str, str] = {
    name: category
    for category, table in TABLES.items()
    for name in table
}  # fmt: skip
FORMS: dict[str, dict[str, str]] = {**TIMES, **WEATHERS, **SEASONS, **LIGHTS, **LOOKS} | {
    name: {"noun": words} for name, words in PLACES.items()
}
FORMS["moon"]["when"] = "on the moon"
FORMS["mars"]["when"] = "on mars"
ALSO = {"+day": "day", "+city": "city", "*": "clear"}  # a mark behind a word: it is true of this value too

NOT = re.compile(
    r"(?:\b(?:no|not|without|never|isn't|aren't|wasn't|doesn't|don't|free of|free from|devoid of|lacking|nor|neither|"
    r"no longer|any|instead of|rather than|away from|removing|remove|removed|minus|except|avoid|avoiding|stop|stops|"
    r"absence of|lack of|clear of|cleared of|not in|not at|not a|stopped|ceased|finished)\W+)"
    r"(?:(?:a|an|the|any|at|in|on|of|it|is|by|during|be|more|much|longer|heavy|falling|fresh|visible|single|under|even|"
    r"really|very|to|there|actual|trace of|sign of|hint of|all|from|with)\W+){0,4}$",
    re.IGNORECASE,
)
NOT_BEHIND = re.compile(
    r"^(?:[\s-]free\b|\W+(?:is|are|has|have|was|were)\W+(?:all\W+|now\W+|just\W+)?(?:gone|removed|melted|absent|over|"
    r"missing|cleared|stopped|ended|passed|ceased|lifted)\b|"
    r"\W+(?:is|are)\W+not\b|\W+less\b)",
    re.IGNORECASE,
)
# After rain there is none; after sunset there is night.
PAST = re.compile(
    r"\b(?:right |just |shortly |soon )?after\W+(?:(?:a|an|the|heavy|light|last|long)\W+)*$", re.IGNORECASE
)
# What is on a picture in the scene is not the scene.
PICTURE = (
    r"(?:paintings?|posters?|photos?|photographs?|pictures?|murals?|postcards?|calendars?|billboards?|tapestr(?:y|ies))"
)
PICTURED_BEHIND = re.compile(rf"^\s+(?:[\w-]+\s+){{0,2}}?{PICTURE}\b", re.IGNORECASE)
PICTURED_BEFORE = re.compile(rf"\b{PICTURE}\s+(?:of|with|showing|that shows)\s+(?:[\w-]+\s+){{0,4}}$", re.IGNORECASE)
HANGING = re.compile(r"\b(?:walls?|hangs?|hanging|framed|frame of it|pinned|easel|screen)\b", re.IGNORECASE)

# "In the late afternoon sun" speaks of light, and the time is a part of its name.
OF_LIGHT = re.compile(r"\s+(?:sun|sunlight|sunshine|light|glow|haze)\b", re.IGNORECASE)

# Words for a way through a place: in another place it is a way there. Not all places have one.
WAYS = re.compile(
    r"(?:\w+[\s-])?(?:street|avenue|boulevard|sidewalk|pavement|alley|alleyway|highway|motorway|freeway)s?$",
    re.IGNORECASE,
)
NO_ROAD = frozenset((
    "sea", "underwater", "space", "moon", "mars", "spaceship", "lake", "river", "indoors", "outdoors", "street",
    "highway", "alley",
    "harbour", "stadium",
))  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """Where a text says something: from `start` to `end`, in which words and form, and of which values it is true."""

    start: int
    end: int
    text: str
    form: str
    values: tuple[str, ...]


def plural(noun: str) -> str:
    """The plural of an English noun.

    >>> plural("robot"), plural("box"), plural("city"), plural("woman"), plural("bus")
    ('robots', 'boxes', 'cities', 'women', 'buses')
    """
    irregular = {"man": "men", "foot": "feet", "child": "children", "person": "people", "mouse": "mice",
                 "sheep": "sheep",
                 "goose": "geese", "knife": "knives", "shelf": "shelves", "leaf": "leaves", "wolf": "wolves",
                 "deer": "deer", "fish": "fish", "aircraft": "aircraft", "ox": "oxen", "loaf": "loaves"}  # fmt: skip
    for end, other in irregular.items():
        if noun.endswith(end) and not noun.endswith(("human", "box", "fox")):
            return noun[: len(noun) - len(end)] + other
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def alternation(phrases: Iterable[str]) -> str:
    """A regular expression for any of the phrases, the longest first; blanks and hyphens stand for each other."""
    ordered = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
    return "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]+").replace(r"\-", r"[\s-]") for phrase in ordered)


def _key(text: str) -> str:
    return re.sub(r"[\s-]+", " ", text.lower())


@lru_cache(1)
def _table() -> tuple[re.Pattern[str], dict[str, tuple[str, tuple[str, ...]]]]:
    words: dict[str, tuple[str, tuple[str, ...]]] = {}
    for value, forms in FORMS.items():
        for form, listed in forms.items():
            if form in ("state", "level", "ground", "does"):
                continue
            for each in listed.split(", "):
                word = each.strip()
                values: tuple[str, ...] = (value,)
                for mark, other in ALSO.items():
                    if word.endswith(mark):
                        word, values = word[: -len(mark)], (value, other)
                words.setdefault(_key(word), (form, values))
                if form == "noun" and not word.endswith(("s", "cover")):  # snow covers the road
                    words.setdefault(_key(plural(word)), (form, values))
    return re.compile(rf"(?<![\w-])(?:{alternation(words)})(?![\w])(?!'s\b)", re.IGNORECASE), words


def hits(text: str) -> list[Hit]:
    """All that a text says of time, weather, season, place, light and look, from left to right.

    >>> [(hit.text, hit.values) for hit in hits("A knight on a snowboard at midnight, in heavy snow")]
    [('at midnight', ('night',)), ('in heavy snow', ('snow',))]
    """
    pattern, words = _table()
    made = []
    at = 0
    while match := pattern.search(text, at):
        at = match.end()
        key = _key(match[0])
        follow, never = GUARDS.get(key, ("", ""))
        behind = text[match.end() :]
        if (follow and not re.match(follow, behind, re.IGNORECASE)) or (
            never and re.match(never, behind, re.IGNORECASE)
        ):
            continue
        if words[key][0] == "when" and OF_LIGHT.match(behind):
            at = match.start() + 1
            continue
        if key == "mars" and not match[0][0].isupper():  # "it mars the view" is no planet
            continue
        if match[0][0].isupper() and re.search(r"\b[A-Z][a-z]+\s$", text[: match.start()]):
            continue  # a name: West Coast
        if re.match(r"-(?!free|like|style)\w", behind, re.IGNORECASE):
            continue
        if _is_pictured(text, match.start(), match.end()):
            continue
        form, values = words[key]
        form = "way" if CATEGORY[values[0]] == "place" and WAYS.fullmatch(match[0]) else form
        made.append(Hit(match.start(), match.end(), match[0], form, values))
    return made


def _is_pictured(text: str, start: int, end: int) -> bool:
    """Whether words say what a picture in the scene shows: a snowy mountain painting, a poster of a beach on a wall."""
    if PICTURED_BEHIND.match(text[end:]):
        return True
    ends = [place for mark in ".;!?" if (place := text.find(mark, end)) >= 0]
    return bool(PICTURED_BEFORE.search(text[:start]) and HANGING.search(text[end : min(ends, default=len(text))]))


def negated(text: str, hit: Hit) -> tuple[int, int] | None:
    """Where a text takes a hit back (`no`, `without any`, `-free`), with the hit itself; None where it does not."""
    clause = max((text.rfind(mark, 0, hit.start) for mark in ".;!?"), default=-1) + 1
    if before := NOT.search(text[clause : hit.start]):
        return clause + before.start(), hit.end
    if CATEGORY[hit.values[0]] == "weather" and (before := PAST.search(text[clause : hit.start])):
        return clause + before.start(), hit.end
    if behind := NOT_BEHIND.match(text[hit.end :]):
        return hit.start, hit.end + behind.end()
    return None


@lru_cache(1)
def _pairs() -> frozenset[frozenset[str]]:
    pairs = {
        frozenset((value, other.strip()))
        for table in (AGAINST, LOOKS_AGAINST)
        for value, others in table.items()
        for other in others.split(",")
    }
    for place in PLACES:
        for other in PLACES:
            generic = {place, other} & {"indoors", "outdoors"}
            alike = other in ALIKE.get(place, "").split(", ") or place in ALIKE.get(other, "").split(", ")
            if place == other or alike:
                continue
            if generic and generic != {place, other}:
                specific = place if other in generic else other
                if ("indoors" in generic) == (specific in INSIDE):
                    continue
            pairs.add(frozenset((place, other)))
    return frozenset(pairs)


def contradict(value: str, other: str) -> bool:
    """Whether two values cannot both be true of a scene.

    >>> contradict("night", "noon"), contradict("snow", "overcast"), contradict("kitchen", "indoors")
    (True, False, False)
    """
    return frozenset((value, other)) in _pairs()


def gives_way(value: str, wanted: str) -> bool:
    """Whether a weather goes where another is wished for, though both may be.

    >>> gives_way("rain", "fog"), gives_way("fog", "rain")
    (True, False)
    """
    return contradict(wanted, value) or value in GIVES_WAY.get(wanted, "").split(", ")


def form_of(value: str, form: str, own: Mapping[tuple[str, str], str]) -> str:
    """The words for a value in a form, those that the user wrote (`own`) before those of the table."""
    forms = FORMS[value]
    if words := own.get((value, form)):
        return words
    if CATEGORY[value] == "look" and (words := next((each for (of, _), each in own.items() if of == value), "")):
        return words
    if form in forms and not (form == "noun" and (value, "way") in own):
        return forms[form].split(",")[0].strip().rstrip("*").partition("+")[0]
    noun = own.get((value, "noun")) or own.get((value, "way")) or forms["noun"].split(",")[0].strip()
    adjective = own.get((value, "adj")) or forms.get("adj", noun).split(",")[0].strip()
    if form == "way":
        noun = re.sub(r"\s+(?:landscape|scene|area|range|clearing|top)$", "", noun)
        of = {"woods": "woodland", "dunes": "dunes"}.get(noun, noun.removesuffix("s"))
        return noun if value in INSIDE or value in NO_ROAD else f"{of} road"
    return {
        "adj": noun, "lit": adjective, "level": adjective, "sky": f"{adjective} sky", "skyis": f"sky is {adjective}",
        "sun": forms.get("light", noun),
        "light": f"{adjective} light", "when": f"in {noun}", "ing": adjective, "ground": adjective, "leaf": adjective,
    }.get(form, noun).split(",")[0]  # fmt: skip


def state_of(value: str, noun: str = "") -> str:
    """A value as a sentence: `It is night.`"""
    if CATEGORY[value] != "place":
        return FORMS[value]["state"]
    noun = noun or FORMS[value]["noun"].split(",")[0]
    if value in ("indoors", "outdoors", "underwater", "space", "mars", "mountains", "city"):
        fixed = {"indoors": "It is indoors.", "outdoors": "It is outdoors.", "underwater": "It is underwater.",
                 "space": "It is in outer space.", "mars": "It is on Mars."}  # fmt: skip
        if value in fixed:
            return fixed[value]
    if noun.endswith("s"):
        return f"It is in the {noun}."
    article = "an " if noun[0].lower() in "aeiou" else "a "
    return f"The place is {article}{noun}."
