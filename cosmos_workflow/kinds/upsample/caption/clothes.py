"""What a wish says that somebody wears: it takes the place of what covers the same part of the body."""

from __future__ import annotations

import re
from typing import Any

from cosmos_workflow.kinds.upsample.caption.called import head_of
from cosmos_workflow.kinds.upsample.caption.garments import GARMENT, PART_OF
from cosmos_workflow.kinds.upsample.caption.naming import PEOPLE, kinds_in, names
from cosmos_workflow.kinds.upsample.caption.walking import each_text, subjects_of, texts_in

__all__ = ["dressed"]

OTHERS = r"(?!(?:and|or|with|in|on|of|the|an?|his|her|their|wears?|wearing|dressed|puts?)\b)"
# Commas stand between what is said of a garment (`a long, flowing dress`), and not behind a verb (`spins, skirt …`).
PHRASE = rf"(?:{OTHERS}(?:[\w-]+|[\w-]*[^\Ws],)\s+){{0,4}}?{GARMENT}(?:[\s-]+{GARMENT})*(?![\w-])"
WEARS = re.compile(
    r"\b(?P<who>[\w-]+)\s+"
    r"(?:(?:now\s+)?(?:wears?|puts? on)|(?:is\s+|are\s+)?(?:now\s+)?(?:wearing|dressed in)|(?:is |are )?in)\s+"
    rf"(?:an?\s+|the\s+|his\s+|her\s+)?(?P<what>{PHRASE})",
    re.IGNORECASE,
)
DETAIL = r"(?:\s+with\s+(?:an?\s+)?[\w-]+\s+(?:back|collar|sleeves?|hood|stripes?|buttons?|logo))?"


def dressed(caption: dict[str, Any], prompt: str) -> None:
    """Whoever the prompt dresses wears that in its subject, and in the other texts where nobody else wears the like.

    Who is meant is named (`the climber wears a red jacket`); with one person in the caption any person is.
    """
    people = [each for each in subjects_of(caption) if any(kind in PEOPLE for *_, kind in kinds_in(head_of(each))[:1])]
    for match in WEARS.finditer(prompt):
        if re.search(r"\b(?:no|not|without|never|of)\s+$", prompt[: match.start()], re.IGNORECASE):
            continue
        if re.search(r"\bin\s+the\b", match[0], re.IGNORECASE):
            continue  # "the man in the red shirt" only says who is meant
        if match["who"].lower() in ("not", "never", "without"):
            continue
        who = names([match["who"].lower()], exact=True)
        called = [each for each in people if who.search(head_of(each))]
        if len(people) == 1 and not called and (_is_person(match["who"]) or _is_role(caption, match["who"], who)):
            called = people
        if len(called) == 1:
            _dress(caption, called[0], match["what"].lower(), alone=len(people) == 1)


def _is_person(word: str) -> bool:
    plain = word.lower()
    return plain in ("he", "she", "they") or any(kind in PEOPLE for *_, kind in kinds_in(plain))


def _is_role(caption: dict[str, Any], word: str, pattern: re.Pattern[str]) -> bool:
    """Whether a word that the caption has may stand for its one person, such as climber; not for a dog or a robot."""
    others = any(pattern.search(head_of(each)) for each in subjects_of(caption))
    return not kinds_in(word) and not others and bool(pattern.search(" ".join(texts_in(caption))))


def _part(garment: str) -> str:
    word = re.findall(rf"{GARMENT}(?![\w-])", garment, re.IGNORECASE)[-1].lower()
    return PART_OF.get(word) or PART_OF.get(word.removesuffix("s")) or PART_OF.get(word.removesuffix("es"), "upper")


def _dress(caption: dict[str, Any], subject: dict[str, Any], what: str, *, alone: bool) -> None:
    part = _part(what)
    covered = (
        {"upper", "lower", "whole"} if part == "whole" else {part, "whole"} if part in ("upper", "lower") else {part}
    )
    clothing = subject.get("clothing")
    if isinstance(clothing, str):
        items = [item for item in re.split(r",\s+(?:and\s+)?|\s+and\s+", clothing.strip(" .")) if item]
        kept = [each for each in items if not (re.search(GARMENT, each, re.I) and _part(each) in covered)]
        text = ", ".join([what, *(each[:1].lower() + each[1:] for each in kept)])
        subject["clothing"] = text[:1].upper() + text[1:] + ("." if clothing.strip().endswith(".") else "")
    for name in ("description", "appearance_details"):
        if isinstance(subject.get(name), str):
            subject[name] = _changed(subject[name], what, covered)
    if alone:
        rest = {key: value for key, value in caption.items() if key != "subjects"}
        caption.update(each_text(rest, lambda text: _changed(text, what, covered)))


def _changed(text: str, what: str, covered: set[str]) -> str:
    """The text with what covers a part of the body replaced by other clothes; once, and gone where it comes again."""
    first = True

    def other(match: re.Match[str]) -> str:
        nonlocal first
        if _part(match["worn"]) not in covered or (what in match[0].lower() and first):
            first = first and what not in match[0].lower()
            return match[0]
        again, first = not first, False
        if again:
            return ""
        many = what.endswith(("s", "armour", "armor")) and not what.endswith("ss")
        article = "" if many else "an " if what[0] in "aeiou" else "a "
        return f"{match['joint']}{article if match['article'] or match['joint'].strip() in WORN_BY else ''}{what}"

    joint = r"(?P<joint>(?:,\s+|\s+)(?:and\s+)?(?:wearing\s+|dressed in\s+|in\s+)?)"
    made = re.sub(rf"{joint}(?P<article>an?\s+)?(?P<worn>{PHRASE}){DETAIL}", other, text, flags=re.IGNORECASE)
    return made if made == text else re.sub(rf"({re.escape(what)}), and\b", r"\1 and", made)


WORN_BY = ("wearing", "dressed in", "in", ", wearing", ", dressed in")
