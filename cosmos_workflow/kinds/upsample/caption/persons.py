"""What is said of a person who becomes somebody or something else: hair and clothes, and the pronouns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cosmos_workflow.kinds.upsample.caption.agreeing import verbs_behind
from cosmos_workflow.kinds.upsample.caption.changing import drop_clauses
from cosmos_workflow.kinds.upsample.caption.garments import GARMENT
from cosmos_workflow.kinds.upsample.caption.lexicon import plural
from cosmos_workflow.kinds.upsample.caption.mending import apart
from cosmos_workflow.kinds.upsample.caption.things import swapped
from cosmos_workflow.kinds.upsample.caption.wished import Swap

__all__ = ["BODY", "person_swapped", "several_now", "with_pronouns", "without_hair"]

BODY = re.compile(
    r"\b(?:hair|haired|ponytail|braids?|beard|moustache|dressed|wear(?:s|ing)?|clothes|clothing|attire|outfit|shirt|dress|"
    r"leggings|trousers|pants|jeans|shoes?|boots|jacket|coat|top|skirt|skin|make-?up|lips|cheekbones|jawline|smile|muscul\w+|"
    r"blonde|brunette|accessories|jewel\w+|heels|face)\b",
    re.IGNORECASE,
)
NO_NOUN = r"(?!(?:and|or|in|as|with|at|to|while|on|from|for)\b)\w"  # "behind her and": no noun of hers follows
PRONOUNS = tuple(
    re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    for pattern in ("himself|herself", "she|he", rf"(?:his|her)(?=\s+{NO_NOUN})", "him|her|hers")
)
PRONOUNS_OF = {
    "thing": ("itself", "it", "its", "it"), "man": ("himself", "he", "his", "him"),
    "woman": ("herself", "she", "her", "her"), "things": ("themselves", "they", "their", "them"),
}  # fmt: skip


def person_swapped(text: str, swap: Swap, also: Iterable[str], *, pronouns: bool) -> str:
    """A text in which a person becomes what is no person: without hair, clothes and skin, and with `it` for `she`."""
    text = re.sub(
        r"(?:\s+tied (?:back|up))?\s+(?:with|wearing|dressed in|in)\s+(?:(?!as\b|and\b|while\b|tight)[\w'-]+\s+){0,4}"
        r"(?:hair|ponytail|beard|skin|dress|shirt|top|suit|jacket|coat)\b"
        r"(?:\s+tied (?:back|up)(?:\s+in [^,.;]*ponytail)?)?(?:\s+with an? [\w-]+ (?:back|hood|collar))?"
        r"(?:(?:,|,?\s+and)\s+(?:[\w'-]+\s+){0,3}(?:pants|trousers|leggings|jeans|shorts|skirt|shoes|boots|hat|cap)\b)*",
        "", text,
    )  # fmt: skip
    text = drop_clauses(swapped(text, swap, also), BODY, keep_first=True)
    return with_pronouns(text, "thing") if pronouns else text


HAIR = re.compile(r"\b(?:hair|haired|ponytail|braids?|beard|moustache|bun|blonde?|brunette|make-?up|lipstick)\b", re.I)
HAIRED = re.compile(
    r"\s+with\s+(?:(?!as\b|and\b|while\b)[\w'-]+\s+){0,4}(?:hair|ponytail|beard|braids?)\b"
    r"(?:\s+tied (?:back|up))?(?:\s+in\s+(?:[\w-]+\s+){0,3}(?:ponytail|bun|braids?))?",
    re.IGNORECASE,
)


def without_hair(text: str) -> str:
    """A text about a person that is another now, without the hair and the make-up of the one before."""
    return drop_clauses(HAIRED.sub("", text), HAIR, keep_first=True)


def with_pronouns(text: str, kind: str) -> str:
    """A text that speaks of one person, with the pronouns of a `man`, a `woman`, a `thing` or `things`.

    For other kinds it stays as it is.
    """
    for match in reversed(list(PRONOUNS[1].finditer(text)) if kind == "things" else []):
        verbs = list(verbs_behind(text, match.end(), one=False, was_one=True))
        for start, end, other in sorted(verbs, reverse=True):
            text = text[:start] + other + text[end:]
    places = [(*match.span(), other) for pattern, other in zip(PRONOUNS, PRONOUNS_OF.get(kind, ()), strict=False)
              for match in pattern.finditer(text)]  # fmt: skip
    for start, end, other in reversed(apart(places)):
        text = text[:start] + (other.capitalize() if text[start].isupper() else other) + text[end:]
    return text


WORN = re.compile(rf"\b((?:in|wearing)\s+)an?\s+((?:[\w-]+,?\s+){{0,3}}?)({GARMENT})(?![\w-])", re.IGNORECASE)


def several_now(text: str) -> str:
    """A text that speaks of one person, of several: each has what the one wears.

    >>> several_now("She stands in a red coat, her dog beside her.")
    'They stand in red coats, their dog beside them.'
    """
    worn = WORN.sub(lambda match: f"{match[1]}{match[2]}{match[3] if match[3][-1] == 's' else plural(match[3])}", text)
    return with_pronouns(worn, "things")
