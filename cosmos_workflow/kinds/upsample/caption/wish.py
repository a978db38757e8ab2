"""The user's wish in a caption: its words stand first, and what it asks to change wins over what the caption says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from cosmos_workflow.kinds.upsample.caption.called import exactly, head_of
from cosmos_workflow.kinds.upsample.caption.changing import changed_scene, values_in
from cosmos_workflow.kinds.upsample.caption.clothes import dressed
from cosmos_workflow.kinds.upsample.caption.counting import counted
from cosmos_workflow.kinds.upsample.caption.lexicon import CATEGORY, state_of
from cosmos_workflow.kinds.upsample.caption.naming import PEOPLE, kinds_in, names
from cosmos_workflow.kinds.upsample.caption.persons import several_now
from cosmos_workflow.kinds.upsample.caption.problems import is_negative
from cosmos_workflow.kinds.upsample.caption.swaps import implied, is_called, roles_of, swap_in
from cosmos_workflow.kinds.upsample.caption.things import changed_things
from cosmos_workflow.kinds.upsample.caption.walking import each_text, subjects_of
from cosmos_workflow.kinds.upsample.caption.wished import Attribute, Wish
from cosmos_workflow.kinds.upsample.caption.wishes import read_wish

__all__ = ["speaks_of", "with_wish"]

# Of these a wish about the kind of scene changes the measured palette and the level of the light.
COLOURING = frozenset(("time", "weather", "season", "light"))
# A wish about how the light changes.
LIGHT_CHANGES = re.compile(
    r"\b(?:fad(?:e|es|ed|ing)|flicker\w*|brighten\w*|darken\w*|strob\w+|(?:grows?|gets?|becomes?) (?:brighter|darker)|"
    r"dims\b|lights? (?:go|goes|turn|turns|switch|switches|come|comes) (?:on|off|out)|steady light|constant light|"
    r"sun (?:rises|sets)|lightning)\b",
    re.IGNORECASE,
)


def speaks_of(prompt: str) -> frozenset[str]:
    """What of the measured light and colours a wish speaks of: `light_course`, `light_level`, `palette`.

    >>> sorted(speaks_of("at night")), sorted(speaks_of("two robots"))
    (['light_level', 'palette'], [])
    """
    wish = read_wish(prompt)
    categories = {CATEGORY[value] for value in (*wish.values, *wish.unwanted)}
    looks = {"monochrome", "colourful"} & {*wish.values, *wish.unwanted}
    kinds = {attribute.kind for attribute in wish.attributes}
    spoken = set()
    if (
        categories & COLOURING
        or looks
        or kinds & {"material", "colour"}
        or re.search(r"\bcolou?r|palette", prompt, re.I)
    ):
        spoken.add("palette")
    if categories & COLOURING:
        spoken.add("light_level")
    if LIGHT_CHANGES.search(prompt):
        spoken.add("light_course")
    return frozenset(spoken)


def with_wish(caption: Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """A caption that says what the user asks for, whatever it said before; the caption itself is not changed.

    The user's words stand first in `temporal_caption` and `context`, as they are. What contradicts them (another time
    of day, weather, season, place, light; another material, colour or number of the same thing; a being or a vehicle
    that is swapped) is replaced in every text; what they do not mention stays. A negative caption (one with
    `physical_realism`) loses the faults that the user wants to see. Nothing is raised, whatever the texts are.
    """
    made = deepcopy(dict(caption))
    wish = read_wish(prompt)
    if not wish.prompt:
        return made
    if is_negative(made):
        return _negative(made, wish)
    again = False
    for name in ("temporal_caption", "context"):
        text = made.get(name)
        if isinstance(text, str):
            again = again or text.startswith(said(prompt))
            made[name] = text.removeprefix(said(prompt)).removeprefix(wish.prompt).lstrip(" .;")
    for swap in [*wish.swaps, *implied(made, wish)]:
        # A caption that begins with these words has lost the old thing already, and others of its kind are not meant.
        if not again or is_called(made, swap):
            swap_in(made, swap)
    dressed(made, wish.prompt)
    wish = exactly(made, wish)
    before = [each.get("number_of_subjects") for each in subjects_of(made)]
    about = _subjects(made, wish)
    made = each_text(made, lambda text: changed_things(changed_scene(text, wish), wish), said(prompt))
    _several(made, before, wish)
    for index, nouns in about.items():
        subject = subjects_of(made)[index]
        if isinstance(subject.get("appearance_details"), str):
            subject["appearance_details"] = changed_things(subject["appearance_details"], wish, nouns)
    _stated(made, wish)
    for name in ("temporal_caption", "context"):
        if isinstance(made.get(name) or "", str):
            rest = made.get(name) or ""
            made[name] = " ".join(filter(None, [said(prompt), "" if rest == said(prompt) else rest]))
    return made


def said(prompt: str) -> str:
    """The user's words as they are, with a full stop where they have no end."""
    words = " ".join(prompt.split())
    return words and words + ("" if words[-1] in ".!?。！？…" else ".")


def _negative(caption: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """A negative caption without what the user wants: the faults that say so go, clause by clause."""
    wanted = set(wish.values)
    if wanted & {"night", "dusk", "evening", "candlelight"}:
        wanted.add("dark")
    unwanted = replace(wish, values=(), unwanted=tuple(wanted), attributes=(), swaps=())
    return each_text(caption, lambda text: changed_scene(text, unwanted)) if wanted else caption


def _subjects(caption: Mapping[str, Any], wish: Wish) -> dict[int, set[str]]:
    """Which subjects the wish's attributes are of, with the nouns; the number of those that it counts is set."""
    about: dict[int, set[str]] = {}
    for index, subject in enumerate(subjects_of(caption)):
        first = head_of(subject)
        for attribute in wish.attributes:
            nouns = [noun for noun in attribute.nouns if names([noun], exact=attribute.exact).search(first)]
            if not nouns or attribute.was not in first.lower():
                continue
            about.setdefault(index, set()).update(nouns)
            number, before = attribute.value, subject.get("number_of_subjects")
            if attribute.kind == "count" and isinstance(number, int) and number:
                for name in ("number_of_arms", "number_of_legs"):
                    if isinstance(subject.get(name), int) and isinstance(before, int) and before > 0:
                        subject[name] = subject[name] // before * number
                subject["number_of_subjects"] = number
            elif attribute.kind == "count" and isinstance(before, int) and before < 2:
                subject["number_of_subjects"] = 2  # several
    return about


def _several(caption: dict[str, Any], before: list[Any], wish: Wish) -> None:
    """A person who is several now is spoken of as `they`, by all texts where nobody else is there."""
    subjects = subjects_of(caption)
    people = [each for each in subjects if any(kind in PEOPLE for *_, kind in kinds_in(head_of(each))[:1])]
    for subject, was in zip(subjects, before, strict=False):
        if was != 1 or subject.get("number_of_subjects") == 1 or not any(each is subject for each in people):
            continue
        alone = len(people) == 1
        roles = tuple(roles_of(caption, [subject], alone=alone))  # a woman who is called a dancer too
        number = next((each for each in wish.attributes if each.kind == "count" and each.value != 1), None)
        change = partial(_told_of_several, replace(number, nouns=roles, exact=True) if number and roles else None)
        subject.update(each_text(subject, change))
        if alone:
            rest = {name: value for name, value in caption.items() if name != "subjects"}
            caption.update(each_text(rest, change))


def _told_of_several(number: Attribute | None, text: str) -> str:
    return several_now(counted(text, number) if number else text)


def _stated(caption: dict[str, Any], wish: Wish) -> None:
    """The wish said in the fields that are about it, where they do not say it yet."""
    lighting = caption.get("lighting")
    scene = [
        each for each in wish.values if CATEGORY[each] in ("time", "weather", "light") and each not in wish.implied
    ]
    if isinstance(lighting, dict) and isinstance(lighting.get("conditions", ""), str):
        text = lighting.get("conditions", "")
        missing = [value for value in scene if not _says(text, value)]
        lighting["conditions"] = " ".join(filter(None, [*(state_of(each) for each in missing), text]))
    if isinstance(caption.get("background_setting", ""), str):
        text = caption.get("background_setting", "")
        wanted = [value for value in wish.values if CATEGORY[value] != "light" and value not in wish.implied]
        missing = [value for value in wanted if not _says(text, value)]
        words = [_state(each, wish) for each in missing]
        caption["background_setting"] = " ".join(filter(None, [*words, text]))


def _state(value: str, wish: Wish) -> str:
    own = wish.own.get((value, "adj"))
    return f"The place is {own}." if value == "empty" and own else state_of(value, wish.own.get((value, "noun"), ""))


def _says(text: str, value: str) -> bool:
    # A wished "sunny" means day too, but nobody who reads "sunny" needs to be told that it is day.
    return value in values_in(text) or state_of(value) in text
