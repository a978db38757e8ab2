"""Reads a prompt: what it asks of time, weather, place, light, materials, colours and numbers, and what it swaps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cosmos_workflow.kinds.upsample.caption.lexicon import CATEGORY, alternation, hits, negated, plural
from cosmos_workflow.kinds.upsample.caption.nouns import (
    COLOUR,
    COUNT,
    KIND_OF,
    MATERIAL,
    MATERIAL_OF,
    singular,
)
from cosmos_workflow.kinds.upsample.caption.words.things import (
    COUNTS,
    STOP,
    WHOLE,
)

__all__ = ["Attribute", "Swap", "Wish", "read_wish"]

PHRASE = r"(?:[\w'-]+\s+){0,5}?[\w'-]+"
END = r"(?=\s*(?:[.,;!?]|$|\b(?:and|in|on|at|while|but|with|who|that|under|near|during|of the scene|everywhere)\b))"
SWAPS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:replace|replacing|swap|swapping|exchange|substitute|replaces)\s+(?P<old>{PHRASE})\s+(?:by|with|for)\s+(?P<new>{PHRASE}){END}",
        rf"\b(?:turn|turning|change|changing|transform|convert|morph)\s+(?P<old>{PHRASE})\s+(?:into|to)\s+(?P<new>{PHRASE}){END}",
        rf"\bmake\s+(?P<old>the\s+{PHRASE})\s+(?P<new>an?\s+{PHRASE}){END}",
        rf"\binstead of\s+(?P<old>{PHRASE})\s*,\s*(?P<new>{PHRASE}){END}",
        rf"(?P<new>{PHRASE})\s*,?\s+(?:instead of|rather than|in place of|replaces|"
        rf"takes the place of|substitutes for)\s+(?P<old>{PHRASE}){END}",
        rf"(?P<old>{PHRASE})\s+(?:becomes?|turns into|"
        rf"(?:is|are) (?:now|replaced by|replaced with|swapped for))\s+(?P<new>an?\s+{PHRASE}){END}",
        r"\bfrom\s+(?P<old>[\w-]+)\s+to\s+(?P<new>[\w-]+)",
        r"\b(?P<old>[\w]+)-to-(?P<new>[\w]+)\b",
    )
)  # fmt: skip
# Numbers before these are no numbers of things.
UNITS = frozenset((
    "second", "seconds", "frames", "fps", "degrees", "o'clock", "pm", "am", "percent", "shot", "shots", "day", "days",
    "time", "times", "way", "side", "sides", "o", "minutes", "hours",
))  # fmt: skip
WITHOUT = re.compile(
    rf"\b(?P<no>no|without|remove|delete|erase|minus)\s+(?P<all>(?:(?:the|any|all|a|an|more|of)\s+)*)(?P<what>{PHRASE})"
    r"(?P<on>\s+(?:on|from)\s+(?:the\s+)?[\w-]+)?"
    rf"(?=\s*(?:[.,;!?]|$|\b(?:and|in|on|at|while|but|with|from|is|are|or)\b))",
    re.IGNORECASE,
)
PART = re.compile(
    r"\b(?P<part>[\w-]+)\s+of\s+(?:the|an?|his|her|its|their)\s+(?:[\w-]+\s+){1,3}?(?:is|are|becomes?)\s+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Attribute:
    """What the wish asks of things: `value` (a material, a colour, a number) in the user's `word`, of these `nouns`.

    No nouns stand for everything. `was` is the colour of the thing that is meant: `the red car is blue`. With `exact`,
    what is called so is meant, and no other of its kind.
    """

    kind: str
    value: str | int
    word: str
    nouns: tuple[str, ...] = ()
    was: str = ""
    exact: bool = False


@dataclass(frozen=True)
class Swap:
    """A thing in the place of another; `new` is empty where the old one goes without another.

    With `exact`, what is called so is meant, and no other of its kind; with `every`, all of the kind (`no cars`). `on`
    is the thing that has what goes: `the text on the car`. `many` is whether there are several new ones.
    """

    old: str
    new: str = ""
    exact: bool = False
    every: bool = False
    on: str = ""
    many: bool = False


@dataclass(frozen=True)
class Wish:
    """What a prompt asks for. `own` has the user's own words for a value, by value and form.

    `implied` are those of the `values` that it only means: a sunny sky means day."""

    prompt: str
    values: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    own: Mapping[tuple[str, str], str] = field(default_factory=dict)
    attributes: tuple[Attribute, ...] = ()
    swaps: tuple[Swap, ...] = ()
    beings: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()


@lru_cache(256)
def read_wish(prompt: str) -> Wish:
    """What a prompt asks for, by the tables of words; nothing is raised, whatever it is.

    >>> wish = read_wish("a marble table at midnight, no snow")
    >>> wish.values, wish.unwanted, wish.attributes[0].value, wish.attributes[0].nouns
    (('night',), ('snow',), 'marble', ('table',))
    """
    prompt = " ".join(prompt.split())
    old_spans, swaps = _swaps(prompt)
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
    counts = _counts(prompt, old_spans)
    counted = {singular(noun) for each in counts for noun in each.nouns}
    heads = [swap.new.lower().split()[-1] for swap in swaps if swap.many]
    counts += [Attribute("count", 0, "several", (head,)) for head in heads if head not in counted]
    attributes = (*_attributes(prompt, old_spans), *counts)
    beings = tuple(
        dict.fromkeys(
            match[0].lower()
            for match in BEING.finditer(prompt)
            if not any(start <= match.start() < end for start, end in old_spans)
            and not re.search(r"\b(?:no|without|remove|not|any)\W+(?:\w+\W+)?$", prompt[: match.start()], re.IGNORECASE)
        )
    )
    return Wish(prompt, (*values, *implied), tuple(unwanted), own, attributes, swaps, beings, tuple(implied))


BEING = re.compile(
    rf"(?<![\w-])(?:{alternation([*KIND_OF, *(plural(word) for word in KIND_OF)])})(?![\w-])", re.IGNORECASE
)


def _other_time(value: str, values: Iterable[str]) -> bool:
    """Whether a time that is only meant is another than one that is said: a sunny evening is no day."""
    return any(CATEGORY[each] == "time" and CATEGORY[value] == "time" for each in values)


def _swaps(prompt: str) -> tuple[list[tuple[int, int]], tuple[Swap, ...]]:
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
    return spans, tuple(dict.fromkeys(swaps))


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


def _around(prompt: str, start: int, end: int) -> tuple[list[str], list[str]]:
    """The content words right behind a place in a prompt, and those of the subject before it."""
    behind: list[str] = []
    for word in re.findall(r"[A-Za-z][\w'-]*|[^\s\w]", prompt[end:]):
        if not word[0].isalpha() or word.lower() in STOP or len(behind) == 3:
            break
        if not (MATERIAL.fullmatch(word) or COLOUR.fullmatch(word)):
            behind.append(word.lower())
    before: list[str] = []
    for word in reversed(re.findall(r"[A-Za-z][\w'-]*|[^\s\w]", prompt[:start])):
        plain = word.lower()
        if not word[0].isalpha() or (before and plain in STOP) or len(before) == 2:
            break
        if plain in WHOLE or (
            plain not in STOP and plain not in ("built", "crafted", "carved", "cast", "entirely", "painted")
        ):
            before.append(plain)
    return behind, before


def _attributes(prompt: str, old_spans: list[tuple[int, int]]) -> list[Attribute]:
    attributes = []
    for kind, pattern in (("material", MATERIAL), ("colour", COLOUR)):
        for match in pattern.finditer(prompt):
            start, end = match.span()
            if any(begin <= start < over for begin, over in old_spans):
                continue
            if re.search(r"\b(?:no|not|without|never|isn't|aren't)\W+(?:\w+\W+)?$", prompt[:start], re.IGNORECASE):
                continue
            if re.search(r"\b(?:in|with|wearing)\s+the\s+(?:\w+\s+)?$", prompt[:start], re.IGNORECASE):
                continue  # "the man in the red shirt" only says who is meant
            if kind == "colour" and (
                MATERIAL.fullmatch(match[0]) or any(h.start <= start < h.end for h in hits(prompt))
            ):
                continue
            behind, before = _around(prompt, start, end)
            if part := PART.search(prompt[:start]):
                before = [part["part"].lower()]  # the arm of a robot is red, and not the robot
            lead = prompt[:start].lower().split()[-1:]
            predicate = bool(lead) and lead[0] in (
                "is", "are", "of", "from", "into", "in", "become", "becomes", "to", "painted", "with", "was", "be",
            )  # fmt: skip
            if predicate and (not behind or lead[0] in ("of", "from", "is", "are", "into")) and before:
                nouns = before
            elif behind:
                nouns = behind
            elif lead and lead[0] in ("a", "an", "the", "his", "her") and kind == "material":
                continue  # "a glass" is a thing
            else:
                nouns = before
            word = match[0].lower()
            value = MATERIAL_OF[re.sub(r"\s+", " ", word)] if kind == "material" and word in MATERIAL_OF else word
            everything = not nouns or bool(WHOLE & set(nouns))
            was = next((noun for noun in nouns if kind == "colour" and COLOUR.fullmatch(noun)), "")
            nouns = [noun for noun in nouns if noun != was]
            attributes.append(Attribute(kind, value, word, () if everything else tuple(nouns), was))
    # These only say which thing it is.
    named = {(each.was, noun) for each in attributes if each.was for noun in each.nouns}
    attributes = [each for each in attributes if each.was or not {(each.word, noun) for noun in each.nouns} & named]
    return [each for each in attributes if each.kind == "material" or each.nouns]


def _counts(prompt: str, old_spans: list[tuple[int, int]]) -> list[Attribute]:
    counts = []
    for match in COUNT.finditer(prompt):
        if any(begin <= match.start() < over for begin, over in old_spans):
            continue
        word = re.sub(r"^(?:exactly|only)\s+", "", match[0].lower())
        number = int(word) if word.isdigit() else COUNTS.get(re.sub(r"[\s-]+", " ", word), 0)
        behind, _ = _around(prompt, *match.span())
        if not behind:
            continue
        if word.isdigit() or number != 1:
            plurals = [each for each in behind if singular(each) != each]
            behind = plurals[:1] or behind
        if behind[0] in UNITS:
            continue
        counts.append(Attribute("count", number, word, tuple(behind)))
    return counts
