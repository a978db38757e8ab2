"""Reads a prompt: what it asks of time, weather, place, light, materials, colours and numbers, and what it swaps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from cosmos_workflow.kinds.upsample.caption.exchanges import swaps_in
from cosmos_workflow.kinds.upsample.caption.lexicon import CATEGORY, alternation, hits, negated, plural
from cosmos_workflow.kinds.upsample.caption.nouns import KIND_OF, singular
from cosmos_workflow.kinds.upsample.caption.qualities import counts_in, qualities_in
from cosmos_workflow.kinds.upsample.caption.wished import Attribute, Wish

__all__ = ["read_wish"]

BEING = re.compile(
    rf"(?<![\w-])(?:{alternation([*KIND_OF, *(plural(word) for word in KIND_OF)])})(?![\w-])", re.IGNORECASE
)


@lru_cache(256)
def read_wish(prompt: str) -> Wish:
    """What a prompt asks for, by the tables of words; nothing is raised, whatever it is.

    >>> wish = read_wish("a marble table at midnight, no snow")
    >>> wish.values, wish.unwanted, wish.attributes[0].value, wish.attributes[0].nouns
    (('night',), ('snow',), 'marble', ('table',))
    """
    prompt = " ".join(prompt.split())
    old_spans, swaps = swaps_in(prompt)
    values: dict[str, None] = {}
    implied: dict[str, None] = {}
    unwanted: dict[str, None] = {}
    own: dict[tuple[str, str], str] = {}
    for hit in hits(prompt):
        replaced = any(start <= hit.start and hit.end <= end for start, end in old_spans)
        if replaced or negated(prompt, hit):
            unwanted[hit.values[0]] = None
            continue
        values[hit.values[0]] = None
        implied |= dict.fromkeys(hit.values[1:])
        if CATEGORY[hit.values[0]] != "light" and hit.values[0] not in ("indoors", "outdoors"):
            own.setdefault((hit.values[0], hit.form), hit.text if hit.text.isupper() is False else hit.text.lower())
    implied = {value: None for value in implied if value not in values and not _other_time(value, values)}
    for value in (*values, *implied):
        unwanted.pop(value, None)
    own = {key: words[0].lower() + words[1:] for key, words in own.items()}
    counts = counts_in(prompt, old_spans)
    counted = {singular(noun) for each in counts for noun in each.nouns}
    heads = [swap.new.lower().split()[-1] for swap in swaps if swap.many]
    counts += [Attribute("count", 0, "several", (head,)) for head in heads if head not in counted]
    attributes = (*qualities_in(prompt, old_spans), *counts)
    beings = tuple(
        dict.fromkeys(
            match[0].lower()
            for match in BEING.finditer(prompt)
            if not any(start <= match.start() < end for start, end in old_spans)
            and not re.search(r"\b(?:no|without|remove|not|any)\W+(?:\w+\W+)?$", prompt[: match.start()], re.IGNORECASE)
        )
    )
    return Wish(prompt, (*values, *implied), tuple(unwanted), own, attributes, swaps, beings, tuple(implied))


def _other_time(value: str, values: Iterable[str]) -> bool:
    """Whether a time that is only meant is another than one that is said: a sunny evening is no day."""
    return any(CATEGORY[each] == "time" and CATEGORY[value] == "time" for each in values)
