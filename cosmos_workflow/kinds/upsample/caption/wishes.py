"""Reads a prompt: what it asks of time, weather, place, light, materials, colours and numbers, and what it swaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from cosmos_workflow.kinds.upsample.caption.exchanges import MANY, OTHER_EMPTY, emptied, swaps_in
from cosmos_workflow.kinds.upsample.caption.lexicon import (
    CATEGORY,
    PAST,
    Hit,
    alternation,
    contradict,
    hits,
    negated,
    plural,
)
from cosmos_workflow.kinds.upsample.caption.nouns import KIND_OF, singular
from cosmos_workflow.kinds.upsample.caption.qualities import counts_in, qualities_in
from cosmos_workflow.kinds.upsample.caption.wished import Attribute, Wish
from cosmos_workflow.kinds.upsample.caption.words.places import NO_NOUNS

__all__ = ["read_wish"]

ONE_BEING = alternation([*KIND_OF, *(plural(word) for word in KIND_OF)])
BEING = re.compile(rf"(?<![\w-])(?:{ONE_BEING})(?:\s+(?:{ONE_BEING}))?(?![\w-])", re.IGNORECASE)


@lru_cache(256)
def read_wish(prompt: str) -> Wish:
    """What a prompt asks for, by the tables of words; nothing is raised, whatever it is.

    >>> wish = read_wish("a marble table at midnight, no snow")
    >>> wish.values, wish.unwanted, wish.attributes[0].value, wish.attributes[0].nouns
    (('night',), ('snow',), 'marble', ('table',))
    """
    prompt = " ".join(prompt.split())
    old_spans, swaps = swaps_in(prompt)
    beings = _beings(prompt, old_spans)
    swaps = tuple(dict.fromkeys([*swaps, *emptied(prompt, beings)]))
    values: dict[str, None] = {}
    implied: dict[str, None] = {}
    unwanted: dict[str, None] = dict.fromkeys(["crowded"] if any(swap.old in MANY for swap in swaps) else [])
    own: dict[tuple[str, str], str] = {}
    found = hits(prompt)
    for hit, text in _places(prompt, found):
        value, *also = hit.values
        if value == "empty" and OTHER_EMPTY.search(prompt[: hit.start]):
            continue  # the table is empty, and not the room
        replaced = any(start <= hit.start and hit.end <= end for start, end in old_spans)
        if replaced or negated(prompt, hit):
            unwanted[value] = None
            if PAST.search(prompt[: hit.start]) and value in ("rain", "storm"):
                implied["wet"] = None  # after rain
            continue
        values[value] = None
        implied |= dict.fromkeys(also)
        if CATEGORY[value] != "light" and hit.text.lower() not in NO_NOUNS:
            words = text if text.isupper() is False else text.lower()
            for each in (value, *(other for other in also if CATEGORY[other] == "place")):
                own.setdefault((each, hit.form), words)
    implied = {value: None for value in implied if value not in values and not _other_time(value, values)}
    for value in (*values, *implied):
        unwanted.pop(value, None)
    own = {key: words[0].lower() + words[1:] for key, words in own.items()}
    counts = counts_in(prompt, old_spans)
    counted = {singular(noun) for each in counts for noun in each.nouns}
    heads = [swap.new.lower().split()[-1] for swap in swaps if swap.many]
    counts += [Attribute("count", 0, "several", (head,)) for head in heads if head not in counted]
    attributes = (*qualities_in(prompt, old_spans), *counts)
    return Wish(prompt, (*values, *implied), tuple(unwanted), own, attributes, swaps, beings, tuple(implied))


def _beings(prompt: str, old_spans: list[tuple[int, int]]) -> tuple[str, ...]:
    """The beings and vehicles of a prompt; those side by side are one: a `robot chef`."""
    return tuple(
        dict.fromkeys(
            match[0].lower()
            for match in BEING.finditer(prompt)
            if not any(start <= match.start() < end for start, end in old_spans)
            and not re.search(r"\b(?:no|without|remove|not|any)\W+(?:\w+\W+)?$", prompt[: match.start()], re.IGNORECASE)
        )
    )


def _other_time(value: str, values: Iterable[str]) -> bool:
    """Whether a time that is only meant is another than one that is said: a sunny evening is no day."""
    return any(CATEGORY[each] == "time" and CATEGORY[value] == "time" for each in values)


def _places(prompt: str, found: list[Hit]) -> Iterator[tuple[Hit, str]]:
    """What is found, with its words: two places side by side are one (`hospital corridor`), which means both.

    The road of another place (`a street in a desert`) is no place of its own.
    """
    places = [hit for hit in found if CATEGORY[hit.values[0]] == "place"]
    for at, hit in enumerate(found):
        if hit not in places:
            yield hit, hit.text
            continue
        if hit.form == "way" and any(
            each.form != "way" and contradict(hit.values[0], each.values[0]) for each in places
        ):
            continue
        behind, before = found[at + 1 : at + 2], found[at - 1 : at] if at else []
        if behind and behind[0] in places and prompt[hit.end : behind[0].start] == " ":
            continue
        if before and before[0] in places and prompt[before[0].end : hit.start] == " ":
            values = tuple(dict.fromkeys((*hit.values, *before[0].values)))
            yield replace(hit, values=values), prompt[before[0].start : hit.end]
        else:
            yield hit, hit.text
