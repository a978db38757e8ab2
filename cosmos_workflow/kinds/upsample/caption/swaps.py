"""Puts one thing in the place of another in a caption, or takes it out: its subject, and what every text says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from cosmos_workflow.kinds.upsample.caption.called import head_of
from cosmos_workflow.kinds.upsample.caption.exchanges import MANY
from cosmos_workflow.kinds.upsample.caption.lexicon import plural
from cosmos_workflow.kinds.upsample.caption.naming import OWN_VEHICLE, PEOPLE, PERSON, kinds_in, names
from cosmos_workflow.kinds.upsample.caption.nouns import KIND_OF, kind_of, singular
from cosmos_workflow.kinds.upsample.caption.persons import BODY, person_swapped, with_pronouns, without_hair
from cosmos_workflow.kinds.upsample.caption.removing import without
from cosmos_workflow.kinds.upsample.caption.taking import SHOWN, qualified, taken_out
from cosmos_workflow.kinds.upsample.caption.things import LOOKS, swapped
from cosmos_workflow.kinds.upsample.caption.walking import OURS, described_in, each_text, subjects_of, texts_in
from cosmos_workflow.kinds.upsample.caption.wished import Swap, Wish

__all__ = ["implied", "is_called", "roles_of", "swap_in"]

# What vehicles have, and no being.
VEHICLE_PARTS = re.compile(
    r"\b(?:windows?|windshields?|wheels?|doors?|panels?|headlights?|tail ?lights?|brake lights?|bumpers?|hood|engines?|"
    r"tires?|tyres?|paint|body|bodywork|silhouette|decals?|lettering|graphics|roof rack|licen[cs]e plates?)\b",
    re.IGNORECASE,
)
ARM = re.compile(r"\barms?$|^manipulators?$")
GENDERS = {"man": "Male", "woman": "Female"}
OF_PEOPLE = ("clothing", "expression", "gender", "age", "skin_tone_and_texture", "facial_features")


def implied(caption: Mapping[str, Any], wish: Wish) -> list[Swap]:
    """The swap that a wish means without saying so: it names one being or vehicle, and the first subject is another."""
    if any(swap.old not in MANY for swap in wish.swaps):
        return []
    swaps = []
    for group in ("living", "vehicle"):
        wanted = [(word, kind) for word in wish.beings if (kind := kind_of(word))]
        wanted = [(word, kind) for word, kind in wanted if kind[0] == group]
        if len({kind for _, kind in wanted}) != 1:
            continue
        word, kind = wanted[0]
        present = [
            each for subject in subjects_of(caption) for each in kinds_in(str(subject.get("description") or ""))[:1]
        ]
        present = [each for each in present if each[1] == group]
        same = [
            each
            for each in present
            if each[2] == kind[1] or ({each[2], kind[1]} <= PEOPLE and "person" in (each[2], kind[1]))
        ]
        elsewhere = any(each[2] == kind[1] for each in kinds_in(" ".join(texts_in(caption))))
        if kind != KIND_OF["robot"]:  # an arm is a tool: a woman or a dog comes beside it, and another robot for it
            present = [each for each in present if not ARM.search(each[0])]
        if present and not same and not elsewhere:
            counted = any(each.kind == "count" and each.value != 1 and word in each.nouns for each in wish.attributes)
            like = kind_of(word.split()[-1])  # a robot dog stands where a dog was
            old = next((each for each in present if like and each[2] == like[1]), present[0])
            swaps.append(Swap(singular(old[0]), _phrase(wish.prompt, word), many=counted))
    return swaps


def _phrase(prompt: str, noun: str) -> str:
    """A noun of the prompt with the adjectives before it: behind an article all, else those of looks."""
    words = re.search(rf"\b(?:an?|the)\s+((?:[\w-]+\s+){{0,3}}?){re.escape(noun)}\b", prompt, re.IGNORECASE)
    words = words or re.search(rf"\b({LOOKS}){re.escape(noun)}\b", prompt, re.IGNORECASE)
    return f"{words[1] if words else ''}{singular(noun)}".strip()


def swap_in(caption: dict[str, Any], swap: Swap) -> None:
    """One thing in the place of another, in the subject that it is and in every text; or it goes."""
    if not swap.new:
        taken_out(caption, swap)
        return
    head = singular(swap.old.lower().split()[-1])
    new_head = singular(swap.new.lower().split()[-1])
    old_kind, new_kind = KIND_OF.get(head), kind_of(swap.new)
    subjects = subjects_of(caption)
    kinds = [[kind for _, _, kind in kinds_in(str(each.get("description") or ""))[:1]] for each in subjects]
    people_meant = bool(old_kind and old_kind[1] in PEOPLE)
    by_words = swap.old.lower() != head and not people_meant
    pattern = names([head])
    if not by_words and not people_meant and (literal := _called(subjects, head)):
        swap, pattern = replace(swap, exact=True), literal
    if _there(caption, subjects, head, new_head):
        return
    if by_words:
        before = re.escape(swap.old.lower()[: -len(swap.old.split()[-1])])
        pattern = re.compile(rf"(?<![\w-]){before}{pattern.pattern}", re.IGNORECASE)
        if not any(pattern.search(text) for text in texts_in(caption)):
            swap_in(caption, replace(swap, old=head))  # nothing is called so: any of its kind is meant
            return
        if _only(caption, subjects, head):  # and so is what is only called a sedan
            caption.update(each_text(caption, partial(swapped, swap=swap)))
            subjects = subjects_of(caption)
            swap, by_words, pattern = replace(swap, old=head, exact=True), False, names([head, new_head], exact=True)
    people = [index for index, kind in enumerate(kinds) if kind and kind[0] in PEOPLE]
    of_kind = old_kind[1] if old_kind and not by_words and not swap.exact and old_kind[1] != "person" else ""
    chosen = [
        index for index, each in enumerate(subjects)
        if _is_first(each, pattern) or kinds[index] == [of_kind]
    ]  # fmt: skip
    chosen = chosen or (people if people_meant and len(people) == 1 else [])  # by what a person does, such as a dancer
    becomes_thing = bool(old_kind and old_kind[1] in PEOPLE and not (new_kind and new_kind[1] in PEOPLE))
    alone = bool(chosen) and set(people) <= set(chosen)
    roles = roles_of(caption, [subjects[index] for index in chosen], alone=alone) if people_meant else set()

    def change(text: str, pronouns: bool) -> str:
        if becomes_thing and (pronouns or alone):
            made = person_swapped(text, swap, roles, pronouns=pronouns and not swap.many)
            return with_pronouns(made, "things") if pronouns and swap.many else made
        made = swapped(text, swap, roles if alone or pronouns else ())
        if new_kind and people_meant and pronouns:
            made = without_hair(made) if new_kind != old_kind or " " in swap.new else made
            made = with_pronouns(made, "things" if swap.many else new_kind[1])
        return made

    spoken = people_meant and _only_of_gender(subjects, people, chosen)
    for index in chosen:
        _become(subjects[index], new_kind, partial(change, pronouns=True), becomes_thing=becomes_thing)
    _on_signs(caption, partial(change, pronouns=False))
    rest = {key: value for key, value in caption.items() if key != "subjects"}
    changed = each_text(rest, lambda text: change(text, spoken))
    caption.update(changed)
    for index, subject in enumerate(subjects):
        if index not in chosen:
            subject.update(each_text(subject, lambda text: swapped(text, swap) or text))
    if old_kind and old_kind[0] == "vehicle" and new_kind and new_kind[0] != "vehicle":
        _without_parts(caption, [subjects[index] for index in chosen], new_head)


def _only(caption: Mapping[str, Any], subjects: list[dict[str, Any]], head: str) -> bool:
    """Whether a caption has one thing of a name, and speaks of no others."""
    called = names([head], exact=True)
    others = re.compile(rf"(?<![\w-]){re.escape(plural(head))}(?![\w-])", re.IGNORECASE)
    return sum(_is_first(each, called) for each in subjects) == 1 and not others.search(" ".join(texts_in(caption)))


def _is_first(subject: Mapping[str, Any], pattern: re.Pattern[str]) -> bool:
    """Whether a subject is called so, before it names another being: `a woman walking a dog` is no dog."""
    text = re.split(r"[,.;]", str(subject.get("description") or ""))[0]
    found = pattern.search(text)
    return bool(found and not kinds_in(re.sub(r"[\w-]+\s*$", "", text[: found.start()])))  # a male climber


def _only_of_gender(subjects: list[dict[str, Any]], people: list[int], chosen: list[int]) -> bool:
    """Whether `he` or `she` can only be the person that is chosen: nobody else is there, or nobody of that gender."""
    genders = [str(subjects[index].get("gender") or "").lower() for index in people if index not in chosen]
    own = {str(subjects[index].get("gender") or "").lower() for index in chosen if index in people}
    return bool(own) and (not genders or (len(own) == 1 and own <= {"male", "female"} and not own & set(genders)))


def _on_signs(caption: dict[str, Any], change: Callable[[str], str]) -> None:
    """Where what is written stands, with a thing swapped; what is written stays."""
    shown = caption.get(SHOWN)
    for each in shown if isinstance(shown, list) else []:
        if isinstance(each, dict) and isinstance(each.get("spatial_temporal"), str):
            each["spatial_temporal"] = change(each["spatial_temporal"])


def _without_parts(caption: dict[str, Any], chosen: list[dict[str, Any]], new: str) -> None:
    """A being that stands where a vehicle was has no windows, and nothing is written on it."""
    vehicle = re.compile(rf"(?<![\w-]){OWN_VEHICLE}vehicle(?![\w-])", re.IGNORECASE)
    for subject in chosen:
        subject.update(each_text(subject, lambda text: vehicle.sub(new, without(text, VEHICLE_PARTS))))
    part = VEHICLE_PARTS.pattern
    word = rf"(?<![\w-])(?:{re.escape(new)}|{re.escape(plural(new))})"
    borne = re.compile(rf"({word})\s+(?:with|bearing|showing)\s+(?:[^,.;\s]+\s+){{0,5}}?{part}", re.IGNORECASE)
    sounds = rf"\b(?:mechanical|engine|drone|revving|humming|idling)\b[^,.;]*?{word}"
    own = re.compile(rf"(?:{word}(?:'s|')\s+(?:[\w'-]+\s+){{0,4}}?{part}|{sounds})", re.IGNORECASE)
    rest = {key: value for key, value in caption.items() if key != "subjects"}
    caption.update(each_text(rest, lambda text: without(borne.sub(r"\1", text), own)))
    shown, named = caption.get(SHOWN), re.compile(word, re.IGNORECASE)
    if isinstance(shown, list):
        caption[SHOWN] = [each for each in shown if not named.search(" ".join(texts_in(each)))]


def _become(
    subject: dict[str, Any], kind: tuple[str, str] | None, change: Callable[[str], str], *, becomes_thing: bool
) -> None:
    """A subject that is another now: its texts changed, and what was only true of the old one gone."""
    for name, value in subject.items():
        if isinstance(value, str) and value:
            of_people = name in OF_PEOPLE or (name == "appearance_details" and BODY.search(value))
            if (becomes_thing and of_people) or name == "age":
                subject[name] = ""
            elif name == "gender":
                subject[name] = GENDERS.get(kind[1] if kind else "", "Unknown")
            elif name not in OURS:
                subject[name] = change(value)


def is_called(caption: Mapping[str, Any], swap: Swap) -> bool:
    """Whether a caption says the very word for the thing that goes, in a text that a wish may change."""
    called = names([singular(swap.old.lower().split()[-1])], exact=True)
    return bool(((None if swap.new else qualified(swap)) or called).search(" ".join(described_in(caption))))


def _there(caption: Mapping[str, Any], subjects: list[dict[str, Any]], old: str, new: str) -> bool:
    """Whether a caption has the new thing already, and nothing that is called as the old one."""
    return not is_called(caption, Swap(old)) and any(
        names([new], exact=True).search(head_of(each)) for each in subjects
    )


def roles_of(caption: Mapping[str, Any], chosen: list[dict[str, Any]], *, alone: bool) -> set[str]:
    """The nouns by which a person is called, such as dancer; `alone` is whether there is nobody else."""
    texts = [str(value) for subject in chosen for value in subject.values()] + (texts_in(caption) if alone else [])
    words = {word for word, _, kind in kinds_in(" ".join(texts)) if kind in PEOPLE and singular(word) in PERSON}
    words = {word for word in words if singular(word) == word}  # "people" are others
    return words if alone else words - {"observer", "person", "figure"}


def _called(subjects: list[dict[str, Any]], noun: str) -> re.Pattern[str] | None:
    """A pattern for a noun itself, where a subject is called so; None where none is."""
    pattern = re.compile(rf"(?<![\w-])(?:{re.escape(noun)}|{re.escape(plural(noun))})(?![\w-])", re.IGNORECASE)
    return pattern if any(pattern.search(str(each.get("description") or "")) for each in subjects) else None
