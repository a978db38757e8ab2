"""Finds things in a text by their nouns, and the beings and vehicles that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural
from cosmos_workflow.kinds.upsample.caption.nouns import KIND_OF, alike, itself

__all__ = ["OWN_VEHICLE", "PEOPLE", "PERSON", "kinds_in", "names"]

PERSON = {word for kind in ("woman", "man", "child", "person") for word, (_, of) in KIND_OF.items() if of == kind}
# The vehicle from which the scene is seen is none of those in it.
OWN_VEHICLE = r"(?<!recording\s)(?<!host\s)(?<!ego\s)(?<!stopped\s)(?<!dashcam\s)(?<!camera\s)(?<!camera-)"


def names(nouns: Iterable[str], *, exact: bool = False) -> re.Pattern[str]:
    """A pattern for any of the nouns, those like it, and their plurals; with `exact` for what is called so itself."""
    words = (word for noun in nouns for word in (itself(noun) if exact else alike(noun)))
    return re.compile(rf"(?<![\w-]){OWN_VEHICLE}(?:{alternation(words)})(?![\w-])", re.IGNORECASE)


BEING_KINDS = {**{plural(word): kind for word, kind in KIND_OF.items()}, **KIND_OF}
BEINGS = re.compile(rf"(?<![\w-])(?:{alternation(BEING_KINDS)})(?![\w-])", re.IGNORECASE)


def kinds_in(text: str) -> list[tuple[str, str, str]]:
    """The beings and vehicles of a text in order: (word, group, kind)."""
    beings = []
    for match in BEINGS.finditer(text):
        word = re.sub(r"[\s-]+", " ", match[0].lower())
        if word in BEING_KINDS:
            beings.append((word, *BEING_KINDS[word]))
    return beings


PEOPLE = frozenset(("woman", "man", "child", "person"))
