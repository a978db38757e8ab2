"""Changes how many of a thing a text speaks of, with the nouns, verbs and pronouns that go with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cosmos_workflow.kinds.upsample.caption.agreeing import SINGLE, VERBS, verbs_behind
from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural
from cosmos_workflow.kinds.upsample.caption.mending import written
from cosmos_workflow.kinds.upsample.caption.naming import kinds_in, names
from cosmos_workflow.kinds.upsample.caption.nouns import singular
from cosmos_workflow.kinds.upsample.caption.wished import Attribute
from cosmos_workflow.kinds.upsample.caption.words.things import COUNTS

__all__ = ["counted"]

OWN = "his|her|its|their|your|my"
ONE = ("single", "lone", "sole", "solitary")
DETERMINER = re.compile(
    rf"(?:^|(?<=[\s,;(]))(?P<count>(?:{alternation(COUNTS)}|\d{{1,3}}|an?|the|these|this|{OWN}))(?P<between>(?:[\s,]+[\w'-]+){{0,4}}?"
    r"[\s,]+)$",
    re.IGNORECASE,
)


def _begins(text: str, match: re.Match[str]) -> bool:
    """Whether a noun in the singular begins a sentence without an article, as in notes: `Robot turns left.`"""
    begins = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1] in ".;!?"
    noun = match[0].lower()
    return begins and singular(noun) == noun and bool(re.match(r"\s+\w+s\s", text[match.end() :]))


def _spoken_of(text: str, at: int, *, one: bool, was_one: bool) -> Iterator[tuple[int, int, str]]:
    """The pronoun of things with which something is done: `picks up a box and places it there`."""
    end = re.search(r"[.,;:!?]|\b(?:while|as|which|who|that)\b", text[at:])
    clause = text[at : at + end.start() if end else len(text)]
    found = re.search(r"\band\s+(?:then\s+)?\w+s\s+(?:up\s+|down\s+)?(it|them)\b", clause, re.IGNORECASE)
    if found and one != was_one and found[1].lower() == ("them" if one else "it"):
        yield at + found.start(1), at + found.end(1), "it" if one else "them"


def _goes_on(text: str, at: int, *, one: bool) -> Iterator[tuple[int, int, str]]:
    """The pronoun and its verb in the clauses that go on about the things: `rolls on, then it waits`.

    Only where nothing else that moves is named in between.
    """
    end = re.search(r"[.;:!?]", text[at:])
    sentence = text[at : at + end.start() if end else len(text)]
    pronoun = "they" if one else "it"
    for match in re.finditer(
        rf"(?:,|\band|\bthen|\bwhile|\bbefore|\bas|\buntil|\bwhen)\s+({pronoun})\b", sentence, re.I
    ):
        if kinds_in(sentence[: match.start()]):
            return
        yield at + match.start(1), at + match.end(1), "it" if one else "they"
        yield from verbs_behind(text, at + match.end(1), one=one, was_one=not one)


def _agreeing(
    text: str, start: int, match: re.Match[str], *, one: bool, was_one: bool
) -> Iterator[tuple[int, int, str]]:
    """The verbs and pronouns that go with a counted noun, whose phrase begins at `start`."""
    at = match.end()
    verbs: list[tuple[int, int, str]] = []
    if not re.search(r"\b(?:on|in|with|at|from|near|behind|beside|under|to|by)\s+$", text[:start], re.IGNORECASE):
        verbs = list(verbs_behind(text, at, one=one, was_one=was_one))
    yield from verbs or _spoken_of(text, at, one=one, was_one=was_one)
    if verbs:
        yield from _goes_on(text, at, one=one)


def _apart(between: str) -> bool:
    """Whether words between a number and a noun say that the number is of another: a verb, or a preposition."""
    preposition = (
        r"\b(?:of|in|on|with|at|from|and|past|along|through|behind|near|beside|by|over|under|between|to|into)\b"
    )
    return bool(re.search(preposition, between) or {word.lower() for word in between.split()} & VERBS.keys())


def counted(text: str, wanted: Attribute) -> str:
    """The wanted number before the nouns of which it is wished, with nouns and verbs in its number."""
    one = wanted.value == 1
    pieces: list[tuple[int, int, str]] = []
    over = 0
    for match in names(wanted.nouns, exact=wanted.exact).finditer(text):
        if match.start() < over:
            continue
        clause = max(text.rfind(mark, 0, match.start()) for mark in ".;:!?") + 1
        determined = DETERMINER.search(text[clause : match.start()])
        if determined is None and _begins(text, match) and not one:
            pieces.append((match.start(), match.end(), f"{wanted.word} {plural(singular(match[0].lower()))}"))
            pieces.extend(verbs_behind(text, match.end(), one=False, was_one=True))
            continue
        while determined and (inner := DETERMINER.search(determined["between"])):  # the one that is next to the noun
            begin = clause + determined.start("between")
            determined, clause = inner, begin
        if determined is None or _apart(determined["between"]):
            continue
        if re.search(r"\b(?:upper|lower|left|right)\W+$", determined["between"], re.IGNORECASE):
            continue  # the upper arm is a part of one
        word = determined["count"].lower()
        noun = match[0]
        if re.match(r"\s+(?:arms?|door|driver|stop|light|table|leg|hand)\b", text[match.end() :], re.IGNORECASE):
            continue  # the noun belongs to another
        base = singular(noun)
        number = base if one else noun if singular(noun.lower()) != noun.lower() else plural(base)
        start, end = (clause + determined.start("count"), clause + determined.end("count"))
        same = word == wanted.word or (COUNTS.get(word) == wanted.value and wanted.value) or word == str(wanted.value)
        if word in ("the", "these", "this"):
            pieces.append((start, end, "the"))
        elif word in OWN.split("|"):
            pass
        elif not same:
            every = word == "both" and isinstance(wanted.value, int) and wanted.value > 2
            after_the = re.search(r"\b(?:the|these|his|her|its|their)\s+$", text[:start], re.IGNORECASE)
            plain = wanted.word.removeprefix("a ").removeprefix("an ") if after_the else wanted.word
            plain = f"a {plain}" if plain in ONE and not after_the else plain
            pieces.append((start, end, f"all {plain}" if every else plain))
        if there := re.search(r"\bthere\s+(is|are|was|were)\s+$", text[:start], re.IGNORECASE):
            pieces.append((there.start(1), there.end(1), (SINGLE if one else VERBS).get(there[1].lower(), there[1])))
        pieces.append((match.start(), match.end(), number))
        pieces.extend(_agreeing(text, start, match, one=one, was_one=noun.lower() == base.lower()))
        over = match.end()
    kept = {(start, end): words for start, end, words in pieces if text[start:end].lower() != words.lower()}
    return written(text, [(start, end, words) for (start, end), words in kept.items()])
