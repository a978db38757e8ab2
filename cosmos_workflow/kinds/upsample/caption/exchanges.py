"""Reads what a prompt puts in the place of another thing, and what it wants to be gone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, hits, plural
from cosmos_workflow.kinds.upsample.caption.nouns import COLOUR, COUNT, KIND_OF, MATERIAL, singular
from cosmos_workflow.kinds.upsample.caption.wished import Swap
from cosmos_workflow.kinds.upsample.caption.words.places import PLACES
from cosmos_workflow.kinds.upsample.caption.words.things import STOP

__all__ = ["MANY", "OTHER_EMPTY", "emptied", "swaps_in"]

PHRASE = r"(?:[\w'-]+\s+){0,5}?[\w'-]+"
END = r"(?=\s*(?:[.,;!?]|$|\b(?:and|in|on|at|while|but|with|who|that|under|near|during|of the scene|everywhere)\b))"
OLD, NEW = rf"(?P<old>{PHRASE})", rf"(?P<new>{PHRASE})"
BEINGS = alternation([*KIND_OF, *(plural(word) for word in KIND_OF)])
SWAPS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:replace|replacing|swap|swapping|switch|switching|exchange|replaces)\s+(?:out\s+)?{OLD}\s+"
        rf"(?:by|with|for|to)\s+{NEW}{END}",
        rf"\bsubstitut(?:e|ing)\s+{OLD}\s+(?:by|with)\s+{NEW}{END}",
        rf"\bsubstitut(?:e|ing)\s+{NEW}\s+for\s+{OLD}{END}",
        rf"\b(?:turn|turning|change|changing|transform|transforming|convert|morph|make)\s+{OLD}\s+(?:into|to)\s+"
        rf"{NEW}{END}",
        rf"\bmake\s+(?P<old>the\s+{PHRASE})\s+(?P<new>an?\s+{PHRASE}){END}",
        rf"\binstead of\s+{OLD}\s*,\s*{NEW}{END}",
        rf"{NEW}\s*,?\s+(?:instead of|rather than|in place of|replac(?:es|ing)|"
        rf"takes the place of|substitutes for)\s+{OLD}{END}",
        rf"{OLD}\s+(?:becomes?|becoming|(?:turns|turned|turning|changes|changed|transforms|transformed|morphs) into|"
        rf"should be|(?:is|are) (?:now|replaced by|replaced with|swapped for|turned into))\s+"
        rf"(?P<new>an?\s+{PHRASE}){END}",
        rf"(?P<old>(?:{BEINGS}))\s+(?:becomes?|(?:turn|change|transform)s? into|are now)\s+"
        rf"(?P<new>(?:[\w-]+\s+){{0,2}}?(?:{BEINGS})){END}",
        rf"\b(?P<old>(?:the|all|every|each)\s+(?:[\w-]+\s+){{0,2}}?(?:{BEINGS}))\s+(?:is|are|as)\s+"
        rf"(?P<new>(?:an?\s+)?(?:[\w-]+\s+){{0,2}}?(?:{BEINGS})){END}",
        rf"\b(?:replac|swap|turn|chang|exchang)\w*\s[^.;]*?(?:,|,?\s+and)\s+"
        rf"(?P<old>the\s+(?:[\w-]+\s+){{0,2}}?(?:{BEINGS}))"
        rf"\s+(?:with|by|for|into|to)\s+(?P<new>an?\s+(?:[\w-]+\s+){{0,2}}?(?:{BEINGS})){END}",
        rf"(?:,|,?\s+and)\s+(?P<old>the\s+(?:[\w-]+\s+){{0,2}}?(?:{BEINGS}))\s+"
        rf"(?P<new>an?\s+(?:[\w-]+\s+){{0,2}}?(?:{BEINGS})){END}",
        rf"{OLD}\s*(?:->|=>|→)\s*{NEW}{END}",
        r"\bfrom\s+(?P<old>[\w-]+)\s+to\s+(?P<new>[\w-]+)",
        r"\b(?P<old>[\w]+)-to-(?P<new>[\w]+)\b",
    )
)  # fmt: skip
# "Without any cars or people".
ALSO = re.compile(rf"\s+(?:or|nor|and)\s+(?:any\s+)?(?P<what>{BEINGS}|traffic|vehicles)(?=\s*(?:[.,;!?]|$))", re.I)
# All people, and all that drives on a road.
MANY = ("people", "traffic")
NOBODY = re.compile(r"\b(?:nobody|no[ -]?one|not a soul)\b", re.IGNORECASE)
PLACES_AND_ROADS = alternation(
    word.strip()
    for words in [*PLACES.values(), "road, room, scene, place, hall, path, lane, track, set, world, surroundings"]
    for word in words.split(",")
)
PLACE = rf"(?:{PLACES_AND_ROADS})s?"
EMPTY = re.compile(
    r"(?<![\w-])(?:empty|deserted|unpopulated|vacant)(?![\w-])(?=\s*(?:[.,;:!?]|$|(?:and|at|in|on|during|under|by)\b)|"
    rf"\s+(?:[\w-]+\s+){{0,2}}?{PLACE}\b)",
    re.IGNORECASE,
)
OTHER_EMPTY = re.compile(rf"(?<!\w)(?!{PLACE}\s)[\w-]+\s+(?:is|are|looks?|stays?|remains?)\s+$", re.IGNORECASE)
WITHOUT = re.compile(
    rf"\b(?P<no>no|without|remove|delete|erase|minus)\s+(?P<all>(?:(?:the|any|all|a|an|more|of)\s+)*)(?P<what>{PHRASE})"
    r"(?P<on>\s+(?:on|from)\s+(?:the\s+)?[\w-]+)?"
    rf"(?=\s*(?:[.,;!?]|$|\b(?:and|in|on|at|while|but|with|from|is|are|or)\b))",
    re.IGNORECASE,
)


def swaps_in(prompt: str) -> tuple[list[tuple[int, int]], tuple[Swap, ...]]:
    """Where the prompt names what is to go, and what comes in its place."""
    spans: list[tuple[int, int]] = []
    swaps: list[Swap] = []
    for pattern in SWAPS:
        for match in pattern.finditer(prompt):
            spans.append(match.span("old"))
            old, new = _bare(match["old"]), _uncounted(_bare(match["new"]))
            made_of = bool(MATERIAL.fullmatch(new)) and not MATERIAL.fullmatch(old)
            scene = bool(hits(match["old"]) or hits(match["new"]))
            if old and new and not (scene or made_of or COLOUR.fullmatch(new) or old.lower() == new.lower()):
                alone = re.match(r"(?:an?|one)\b", match["new"], re.IGNORECASE)
                counted = new != _bare(match["new"])
                swaps.append(Swap(old, new) if alone else _in_number(old, new, several=counted))
    for match in WITHOUT.finditer(prompt):
        what = _bare(match["what"])
        if what and not hits(match["what"]) and not any(start <= match.start() < end for start, end in spans):
            swaps.append(_gone(what, match))
            spans.append(match.span("what"))
            if more := ALSO.match(prompt[match.end() :]):
                swaps.append(_gone(_bare(more["what"]), match))
    if NOBODY.search(prompt):
        swaps.append(Swap("people", every=True))
    return spans, tuple(dict.fromkeys(swaps))


def emptied(prompt: str, beings: Iterable[str]) -> list[Swap]:
    """Who goes from an empty or deserted place: people and traffic, but those of which the prompt speaks.

    >>> [swap.old for swap in emptied("an empty street", [])], emptied("an empty bottle", [])
    (['people', 'traffic'], [])
    """
    kinds = [KIND_OF.get(word) or KIND_OF.get(singular(word)) or ("living", "") for word in beings]
    for match in EMPTY.finditer(prompt):
        before = prompt[: match.start()]
        if OTHER_EMPTY.search(before) or re.search(r"\b(?:not|no longer|isn't|never)\s+(?:an?\s+)?$", before):
            continue
        named = [bool({"woman", "man", "child", "person"} & {kind for _, kind in kinds}),
                 any(group == "vehicle" for group, _ in kinds)]  # fmt: skip
        return [Swap(many, every=True) for many, stays in zip(MANY, named, strict=True) if not stays]
    return []


# Nouns that have no singular, or another one.
ALWAYS_SEVERAL = frozenset((
    "clothes", "people", "glasses", "sunglasses", "trousers", "pants", "jeans", "shorts", "slacks", "leggings",
    "overalls", "headphones", "scissors",
))  # fmt: skip


def _in_number(old: str, new: str, *, several: bool) -> Swap:
    """A swap with the new thing in the singular, as its number is an attribute.

    Each of several things becomes another: `replace the cars with buses`. One becomes several: `robots for the man`.
    """
    *_, head = old.lower().split()
    *first, new_head = new.split()
    if several or singular(new_head) == new_head or new_head.lower() in ALWAYS_SEVERAL:
        return Swap(old, new, many=several)
    return Swap(old, " ".join([*first, singular(new_head)]), many=singular(head) == head)


def _gone(what: str, match: re.Match[str]) -> Swap:
    """What goes: every one of a kind (`no cars`), or one (`without the car`)."""
    noun = what.lower().split()[-1]
    if what.lower() in ("people", "humans", "human beings", "anyone", "anybody", "persons"):
        return Swap("people", every=True)
    if what.lower() in ("traffic", "vehicles"):
        return Swap("traffic", every=True)
    every = match["no"].lower() == "no" or singular(noun) != noun or bool(re.search(r"\b(?:any|all)\b", match["all"]))
    return Swap(what, every=every, on=_bare(match["on"] or ""))


def _bare(phrase: str) -> str:
    """A noun phrase without its article and what stands before it."""
    words = phrase.split()
    for index in range(len(words) - 1, -1, -1):
        if words[index].lower() in STOP:
            return " ".join(words[index + 1 :])
    return " ".join(words)


def _uncounted(phrase: str) -> str:
    """A noun phrase without its number, in the singular: how many there are is an attribute.

    >>> _uncounted("three yellow forklifts"), _uncounted("old woman")
    ('yellow forklift', 'old woman')
    """
    counted = COUNT.match(phrase)
    words = phrase[counted.end() :].split() if counted else []
    return " ".join([*words[:-1], singular(words[-1])]) if words else phrase
