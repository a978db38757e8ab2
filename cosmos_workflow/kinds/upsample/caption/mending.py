"""Mends a changed text around its changed places: articles, blanks, commas, capitals, and words said twice."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["MARK", "apart", "mended", "written"]

MARK = "\x00"  # stands where a text was changed, until articles and blanks around it are mended
MASS = re.compile(
    r"\x00(?:snow|rain|fog|mist|haze|sunshine|moonlight|daylight|darkness|sunlight|starlight|candlelight|hail|"
    r"wind|frost|heat|mountains|drizzle|rainfall|snowfall|indoors|outdoors|dunes|woods|(?:outer|deep) space|"
    r"(?:golden|blue|magic) hour|first light|daybreak|noon|midnight|dusk|dawn|twilight|"
    r"night-time light)"
    r"\x00(?!\s+\w*(?:scene|street|sky))",
    re.IGNORECASE,
)
# "In woods" are "in the woods", and "it is an evening" is "it is evening".
THE = re.compile(r"\b([Aa])n?\s+((?:[\w-]+,?\s+){0,2}?)(?=\x00(?:woods|mountains|hills|dunes|alps)\x00(?!\s+road))")
IT_IS = re.compile(
    r"\b([Ii]t(?:'s|\s+is))\s+an?\s+(?=\x00(?:evening|morning|night|afternoon|day)\x00"
    r"(?:\s+(?:and|in|on|at|while|as)\b|[.,;]|$))"
)
# A preposition whose noun is gone.
LOOSE = re.compile(
    r"\b(?:in|at|on|under|during|by|with|of|from|through|into)(?:\s+(?:a|an|the))?\s+\x00\x00(?=\s*(?:[.,;:!?]|$))",
    re.IGNORECASE,
)
TWICE = re.compile(r"(\x00*)\b([\w-]+)((?:\x00*(?:,|,?\s+and)?\s+\x00*(?:and\s+\x00*)?\2\b)+)\x00*", re.IGNORECASE)


def mended(text: str) -> str:
    """A changed text with articles, blanks, commas and capitals put right around the changed places."""
    if MARK not in text:
        return text
    text = re.sub(r"\x00\x00\s+(?=\x00)", "", text)
    text = THE.sub(lambda match: f"{'The' if match[1] == 'A' else 'the'} {match[2]}", text)
    text = IT_IS.sub(r"\1 ", text)
    text = re.sub(rf"\b(?:a|an)\s+(?={MASS.pattern})", "", text, flags=re.IGNORECASE)
    text = LOOSE.sub("", text)
    text = re.sub(
        r"\b(?:in|on)\s+(?:an?\s+)?(?=\x00(?:night|noon|dawn|dusk|midnight|midday|sunset|sunrise|daybreak|sundown|"
        r"nightfall|twilight|(?:golden|blue|magic) hour)\x00(?!\s+\w))",
        "at ",
        text,
    )
    text = re.sub(r"\x00\x00,?\s*", MARK, text)
    text = re.sub(r"\b([Aa])n?\s+\x00+\s*(\w+)", _article, text)
    text = re.sub(rf"(?<=s){MARK}'s\b", "'", text)  # of several
    text = TWICE.sub(_once, text)
    text = text.replace(MARK, "")
    text = re.sub(
        r"\b(?!the\b|one\b|two\b|his\b|her\b)([\w-]{3,}) (?:with|and|of|among|in) (?:a |the )?\1\b",
        r"\1",
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(r"[ \t]{2,}", " ", text)
    text = re.sub(r"\s+([.,;:!?])", r"\1", text)
    text = re.sub(r"([,;])(?:\s*[,;])+", r"\1", text)
    text = re.sub(r"[,;]\s*(?=[.!?])|(?<=[.!?])\s*[,;]", "", text)
    text = re.sub(r"^[\s,;.]+|[\s,;]+$", "", text)
    return re.sub(r"(^|[.!?]\s+)([a-z])", lambda m: m[1] + m[2].upper(), text)


def _once(match: re.Match[str]) -> str:
    """One of two same words side by side, where a change put them there: "the second second" stays."""
    return f"{match[1]}{match[2]}{MARK}" if MARK in match[0] and len(match[2]) > 3 else match[0]


def _article(match: re.Match[str]) -> str:
    word = match[2]
    vowel = word[0].lower() in "aeiou" and not re.match(r"(?:uni|one|eu|us[ei])", word, re.IGNORECASE)
    return f"{match[1]}{'n' if vowel or word.lower().startswith('hour') else ''} {word}"


def written(text: str, pieces: Iterable[tuple[int, int, str]]) -> str:
    """The text with other words in these places (start, end, words), mended around them."""
    for start, end, new in sorted(pieces, reverse=True):
        begins = not text[:start].strip() or text[:start].rstrip()[-1] in ".!?"
        capital = text[start : start + 1].isupper() and (
            begins or not text[start : start + 2].isupper()
        )  # an SUV is none
        words = new[:1].upper() + new[1:] if capital else new
        text = f"{text[:start]}{MARK}{words}{MARK}{text[end:]}"
    return mended(text)


def apart(pieces: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The first of those pieces that overlap."""
    kept: list[tuple[int, int, str]] = []
    for piece in sorted(pieces, key=lambda each: (each[0], -each[1])):
        if not kept or piece[0] >= kept[-1][1]:
            kept.append(piece)
    return kept
