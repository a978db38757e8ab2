"""Nouns and what is said of them: materials, colours, numbers, kinds of beings and vehicles, singulars and plurals."""

from __future__ import annotations

import re

from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural
from cosmos_workflow.kinds.upsample.caption.words.things import (
    ALIKE_NOUNS,
    COLOURS,
    COUNTS,
    LIVING,
    MATERIALS,
    VEHICLES,
)

__all__ = ["COLOUR", "COUNT", "KIND_OF", "MATERIAL", "MATERIAL_OF", "alike", "itself", "kind_of", "singular"]

MATERIAL_OF = {
    word.strip(): value for value, words in MATERIALS.items() for word in words.split(",") if word.strip()
}  # each word's material
COLOUR_WORDS = [word.strip() for word in COLOURS.split(",")]
MATERIAL = re.compile(rf"(?<![\w-])(?:{alternation(MATERIAL_OF)})(?![\w-])", re.IGNORECASE)
COLOUR = re.compile(
    rf"(?<![\w-])(?:(?:dark|light|bright|deep|pale|vivid)[\s-]+)?(?:{alternation(COLOUR_WORDS)})(?![\w-])",
    re.IGNORECASE,
)
COUNT = re.compile(rf"(?<![\w-])(?:(?:exactly|only)\s+)?(?:{alternation(COUNTS)}|\d{{1,3}})(?![\w:.-])", re.IGNORECASE)
KIND_OF = {
    word.strip(): (group, kind)
    for group, table in (("living", LIVING), ("vehicle", VEHICLES))
    for kind, words in table.items()
    for word in words.split(",")
}


def singular(noun: str) -> str:
    """The singular of an English noun; a word that is none stays as it is.

    >>> singular("robots"), singular("women"), singular("boxes"), singular("cities"), singular("glass")
    ('robot', 'woman', 'box', 'city', 'glass')
    """
    for end, other in (("women", "woman"), ("men", "man"), ("children", "child"), ("people", "person"),
                       ("knives", "knife"),
                       ("shelves", "shelf"), ("wolves", "wolf"), ("mice", "mouse"), ("geese", "goose"),
                       ("leaves", "leaf"), ("feet", "foot")):  # fmt: skip
        if noun.endswith(end):
            return noun[: -len(end)] + other
    if noun.endswith("ies") and len(noun) > 4:
        return f"{noun[:-3]}y"
    if noun.endswith(("ches", "shes", "xes", "sses", "buses")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) else noun


def alike(noun: str) -> set[str]:
    """A noun, those that mean the same or a kind of it, and their plurals."""
    base = singular(noun.lower())
    same = {base}
    for group in ALIKE_NOUNS:
        if base == group[0]:
            same |= set(group)
        elif base in group and group[0] not in ("furniture", "vehicle", "person", "building"):
            same |= {group[0], *group}
    return same | {plural(each) for each in same}


def itself(noun: str) -> set[str]:
    """A noun and its plural, and those that are made of it: floor, floors and flooring."""
    base = singular(noun.lower())
    made = {word for word in alike(base) if " " not in word and base != word and word.startswith(base)}
    return {base, plural(base)} | {word for word in made if len(base) > 3}


def kind_of(phrase: str) -> tuple[str, str] | None:
    """Group and kind of a being or a vehicle by its words, in either number; a robot that cooks is a robot.

    >>> kind_of("old woman"), kind_of("robot dogs"), kind_of("robot chef"), kind_of("table")
    (('living', 'woman'), ('living', 'robot'), ('living', 'robot'), None)
    """
    words = phrase.lower().split()
    robot = KIND_OF["robot"]
    if any(KIND_OF.get(singular(word)) == robot for word in words[-2:]):
        return robot
    for at in range(len(words)):
        if kind := KIND_OF.get(" ".join([*words[at:-1], singular(words[-1])])):
            return kind
    return None
