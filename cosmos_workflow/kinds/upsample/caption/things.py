"""Changes what a text says of things: what they are made of, their colour, their number, and which thing it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cosmos_workflow.kinds.upsample.caption.counting import counted
from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural
from cosmos_workflow.kinds.upsample.caption.mending import apart, written
from cosmos_workflow.kinds.upsample.caption.naming import OWN_VEHICLE, PEOPLE, names
from cosmos_workflow.kinds.upsample.caption.nouns import COLOUR, KIND_OF, MATERIAL, MATERIAL_OF, alike, singular
from cosmos_workflow.kinds.upsample.caption.wished import Attribute, Swap, Wish
from cosmos_workflow.kinds.upsample.caption.words.things import MATERIALS

__all__ = ["LOOKS", "changed_things", "swapped", "words_for"]

LOOKS = (
    r"(?:(?:commercial|compact|(?:two|three|four|five)-door|convertible|domestic|male|female|"
    r"blonde|blond|brunette|young|elderly|old|bearded|middle-aged|slim|athletic|dark-haired)\s+)*"
)
SHAPED = r"(?:made|built|crafted|carved|cast|constructed|formed|finished|covered|clad|painted)"
PREDICATE = (
    rf"(?:(?:is|are|was|were|has|have)\W+(?:(?:a|an|entirely|all|completely)\W+)?(?:{SHAPED}\W+(?:entirely\W+)?(?:out\W+)?"
    rf"(?:(?:of|from|in|with)\W+)?)?|{SHAPED}\W+(?:entirely\W+)?(?:out\W+)?(?:of|from|in|with)\W+|of\W+)"
)
# What has the colour of the whole thing.
PAINTED = re.compile(
    r"(?:[\s-]+(?!and\b|or\b|with\b)[\w-]+){0,2}?\s+(?:paint|paintwork|finish|bodywork|exterior|coat|coating|shell|housings?)\b",
    re.IGNORECASE,
)
GAP = r"(?:[\s,-]+(?!(?:and|or|with|in|on|at|of|to|from|by|is|are|under|beside|near|the|a|an)\b)[\w'-]+){0,4}?[\s,-]+"


def changed_things(text: str, wish: Wish, about: Iterable[str] = ()) -> str:
    """The text with materials, colours and numbers as wished; `about` has nouns that the whole text speaks of."""
    for attribute in wish.attributes:
        if attribute.kind == "count":
            text = counted(text, attribute)
        else:
            whole = bool(set(about) & {word for noun in attribute.nouns for word in alike(noun)})
            text = _made_of(text, attribute, wish, whole)
    return text


def _made_of(text: str, wanted: Attribute, wish: Wish, whole: bool) -> str:
    """Other materials or colours of the wanted nouns replaced; `whole` is whether the whole text is about them."""
    pattern = MATERIAL if wanted.kind == "material" else COLOUR
    also = {each.value for each in wish.attributes if each.kind == wanted.kind and each.nouns == wanted.nouns}
    nouns = names(wanted.nouns, exact=wanted.exact).pattern if wanted.nouns else ""
    pieces = []
    for match in pattern.finditer(text):
        word = re.sub(r"[\s-]+", " ", match[0].lower())
        value = MATERIAL_OF.get(word, MATERIAL_OF.get(match[0].lower(), word)) if wanted.kind == "material" else word
        if value in also or (
            wanted.was and value.split()[-1].replace("gray", "grey") != wanted.was.replace("gray", "grey")
        ):
            continue
        behind, before = text[match.end() :], text[: match.start()]
        of = re.search(r"\b(?:of|from|in|out of)\W+(?:[\w-]+\W+)?$", before, re.IGNORECASE)
        attached = (
            not wanted.nouns
            or (whole and (wanted.kind == "material" or PAINTED.match(behind)))
            or re.match(GAP + nouns, behind, re.IGNORECASE)
            or re.search(
                rf"{nouns}(?:'s\W+(?:surface|body|top|paint|finish|frame|shell))?\W+(?:{PREDICATE})(?:solid|polished|pure)?\W*$",
                before,
                re.IGNORECASE,
            )
        )
        if not attached or (wanted.kind == "material" and re.match(r"\s+of\b", behind) and word == "glass"):
            continue
        pieces.append((match.start(), match.end(), words_for(wanted, bool(of and not re.match(r"\s+\w", behind)))))
    return written(text, pieces)


def words_for(wanted: Attribute, noun: bool) -> str:
    """A wanted material or colour as an adjective, or as a noun (`wooden`, `wood`)."""
    if wanted.kind != "material":
        return wanted.word
    words = [word.strip() for word in MATERIALS[str(wanted.value)].split(",")]
    return (words[1] if noun else words[0]) if wanted.word in words[:2] else wanted.word


def swapped(text: str, swap: Swap, also: Iterable[str] = ()) -> str:
    """The text with one thing in the place of another.

    `also` has other nouns that mean the old one here, such as `dancer` for a woman who dances.
    """
    old = swap.old.lower()
    head = old.split()[-1]
    words = {old, plural(old), *(alike(head) if old == head and not swap.exact else ())}
    kind = None if swap.exact else KIND_OF.get(singular(head))
    if old != head and not (kind and kind[1] in PEOPLE):  # a white sedan: no other car is meant
        before = old[: -len(head)]
        words = {f"{before}{each}" for each in alike(head)}
    elif kind:
        words |= {each for each, of in KIND_OF.items() if of == kind and kind[1] != "person"} | {singular(head)}
        words |= {plural(each) for each in words}
    new_words = swap.new.split()
    new = swap.new[0].lower() + swap.new[1:] if not swap.new.isupper() else swap.new
    pieces: list[tuple[int, int, str]] = []
    for group, replacement in ((words, new), ({*also, *(plural(each) for each in also)} - words, new_words[-1])):
        if not group:
            continue
        pattern = re.compile(
            rf"(?<![\w-]){OWN_VEHICLE}{LOOKS}(?:{alternation(group)})(?P<own>'s)?(?![\w-])", re.IGNORECASE
        )
        for match in pattern.finditer(text):
            many = (
                singular(re.sub(r"'s$", "", match[0]).split()[-1].lower())
                != re.sub(r"'s$", "", match[0]).split()[-1].lower()
            )
            # The first time, it is called by all its words: a cyclist who is the man becomes a robot dog, then the dog.
            called = replacement if pieces else new
            given = plural(called) if many and singular(called) == called else called
            pieces.append((match.start(), match.end(), given + (match["own"] or "")))
    return written(text, apart(pieces))
