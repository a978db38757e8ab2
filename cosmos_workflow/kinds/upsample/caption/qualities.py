"""Reads what a prompt asks of things: what they are made of, their colour, and how many there are."""

from __future__ import annotations

import re

from cosmos_workflow.kinds.upsample.caption.lexicon import hits
from cosmos_workflow.kinds.upsample.caption.nouns import COLOUR, COUNT, MATERIAL, MATERIAL_OF, singular
from cosmos_workflow.kinds.upsample.caption.wished import Attribute
from cosmos_workflow.kinds.upsample.caption.words.things import COUNTS, STOP, WHOLE

__all__ = ["counts_in", "qualities_in"]

# Numbers before these are no numbers of things.
UNITS = frozenset((
    "second", "seconds", "frames", "fps", "degrees", "o'clock", "pm", "am", "percent", "shot", "shots", "day", "days",
    "time", "times", "way", "side", "sides", "o", "minutes", "hours",
))  # fmt: skip
# What is said of a material, or of how a thing is made.
FINISHES = frozenset((
    "built", "crafted", "carved", "cast", "entirely", "painted", "brushed", "polished", "solid", "pure", "raw", "rusty",
    "shiny", "weathered", "matte", "glossy", "hammered", "frosted", "clear", "rough", "smooth", "old", "dark", "light",
    "fully", "completely", "out", "now",
))  # fmt: skip
PART = re.compile(
    r"\b(?P<part>[\w-]+)\s+of\s+(?:the|an?|his|her|its|their)\s+(?:[\w-]+\s+){1,3}?(?:is|are|becomes?)\s+$",
    re.IGNORECASE,
)


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
        if plain in WHOLE or (plain not in STOP and plain not in FINISHES):
            before.append(plain)
    return behind, before


def qualities_in(prompt: str, old_spans: list[tuple[int, int]]) -> list[Attribute]:
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
            meant = () if everything else tuple(nouns)
            attributes.append(Attribute(kind, value, word, meant, was, main=not nouns and not was))
    # These only say which thing it is.
    named = {(each.was, noun) for each in attributes if each.was for noun in each.nouns}
    attributes = [each for each in attributes if each.was or not {(each.word, noun) for noun in each.nouns} & named]
    return [each for each in attributes if each.kind == "material" or each.nouns]


def counts_in(prompt: str, old_spans: list[tuple[int, int]]) -> list[Attribute]:
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
