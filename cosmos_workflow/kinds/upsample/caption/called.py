"""Which things of a caption a wish means: those that are called so, before those that are only of the same kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cosmos_workflow.kinds.upsample.caption.naming import names
from cosmos_workflow.kinds.upsample.caption.nouns import singular
from cosmos_workflow.kinds.upsample.caption.walking import subjects_of, texts_in
from cosmos_workflow.kinds.upsample.caption.wished import Attribute, Wish
from cosmos_workflow.kinds.upsample.caption.words.things import ALIKE_NOUNS

__all__ = ["exactly", "head_of"]

# What there is one of in a scene, whichever word is used: a floor, the ground. Of other things there are several.
ONE = {
    word
    for group in ALIKE_NOUNS
    if {"floor", "wall", "road", "fence", "door", "roof", "curtain"} & set(group)
    for word in group
}


def head_of(subject: Mapping[str, Any]) -> str:
    """The words of a subject's description that name it, without what it wears, or where it is."""
    text = str(subject.get("description") or "")
    return re.split(r"[,.;]|\b(?:with|wearing|on|in|at|beside|near|under|behind|past|and)\b", text)[0]


def exactly(caption: Mapping[str, Any], wish: Wish) -> Wish:
    """The wish with its attributes bound to what the caption calls so; a number of several others is left alone."""
    return replace(wish, attributes=tuple(_bound(caption, wish.attributes)))


def _bound(caption: Mapping[str, Any], attributes: tuple[Attribute, ...]) -> Iterator[Attribute]:
    heads = [head_of(each) for each in subjects_of(caption)]
    everything = " ".join(texts_in(caption))
    for each in attributes:
        if each.main and heads:
            if noun := re.findall(r"[\w'-]+", heads[0])[-1:]:
                yield replace(each, nouns=tuple(noun), exact=True)
            continue
        nouns = [noun for noun in each.nouns if singular(noun.lower()) not in ONE]
        called = names(nouns, exact=True)
        if each.kind == "material" and not each.was and nouns and called.search(everything):
            yield replace(each, exact=True)
            continue
        if not nouns or each.was or each.kind == "material":
            yield each
            continue
        of_kind = [head for head in heads if names(nouns).search(head)]
        if any(called.search(head) for head in heads) or (not of_kind and called.search(everything)):
            yield replace(each, exact=True)
        elif each.kind != "count" or len(of_kind) < 2:
            yield each
