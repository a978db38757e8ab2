"""Takes a thing out of a caption: its subject, its actions, and what every text says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cosmos_workflow.kinds.upsample.caption.called import head_of
from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural
from cosmos_workflow.kinds.upsample.caption.naming import OWN_VEHICLE, PEOPLE, kinds_in, names
from cosmos_workflow.kinds.upsample.caption.nouns import KIND_OF, singular
from cosmos_workflow.kinds.upsample.caption.removing import PLAIN, without
from cosmos_workflow.kinds.upsample.caption.walking import each_text, subjects_of, texts_in
from cosmos_workflow.kinds.upsample.caption.wished import Swap

__all__ = ["SHOWN", "qualified", "taken_out"]

SHOWN = "text_and_signage_elements"
# Words for what is written on things.
WRITING = r"(?:text|lettering|letters?|writing|logos?|decals?|inscriptions?|captions?|signage|signs?|graphics|tags?)"
ON_ROADS = ("car", "truck", "van", "bus", "motorcycle", "bicycle")
# A bus stop is no bus, and a tank top no tank.
OF_ANOTHER = r"(?!\s+(?:tops?|stop|stations?|racks?|lanes?|park|lights?|signs?|cones?|lots?|doors?)\b)"
PRONOUNS = r"(?<![\w-])(?:he|she|him|his|her|hers|himself|herself)(?![\w-])"


def taken_out(caption: dict[str, Any], swap: Swap) -> None:
    """A thing goes from the caption; a shot of which nothing is left keeps a plain sentence, an action goes."""
    head = singular(swap.old.lower().split()[-1])
    if re.fullmatch(WRITING, head):
        _unwritten(caption, swap)
        return
    pattern = _meant(caption, swap, head)
    subjects = subjects_of(caption)
    chosen = [each for each in subjects if pattern.search(head_of(each))]
    left = [each for each in subjects if not any(each is gone for gone in chosen)]
    pattern = _with_others(pattern, chosen, left)
    caption["subjects"] = left
    for subject in left:
        subject.update(each_text(subject, lambda text: without(text, pattern) or ("" if len(text) < 200 else text)))
    _cleared(caption, pattern)


def _cleared(caption: dict[str, Any], pattern: re.Pattern[str]) -> None:
    """Every text but those of the subjects without what speaks of a thing."""
    rest = {key: value for key, value in caption.items() if key != "subjects"}
    marked = each_text(rest, lambda text: without(text, pattern))
    before = caption.get("actions")
    caption.update(marked)
    if isinstance(caption.get("temporal_caption"), str):
        caption["temporal_caption"] = without(str(rest["temporal_caption"]), pattern)
    if isinstance(before, list):
        caption["actions"] = [each for each in before if not _empty(each, pattern)]
        caption["actions"] = [_told(each, pattern, "") for each in caption["actions"]]
    if isinstance(rest.get("segments"), list):
        caption["segments"] = [_told(each, pattern, PLAIN) for each in rest["segments"]]
    if isinstance(rest.get(SHOWN), list):
        caption[SHOWN] = [each for each in rest[SHOWN] if not pattern.search(" ".join(texts_in(_place_of(each))))]


def _place_of(shown: Any) -> Any:
    return shown.get("spatial_temporal") if isinstance(shown, Mapping) else shown


def _empty(action: Any, pattern: re.Pattern[str]) -> bool:
    text = action.get("description") if isinstance(action, Mapping) else None
    return isinstance(text, str) and bool(text.strip()) and not without(text, pattern)


def _told(part: Any, pattern: re.Pattern[str], plain: str) -> Any:
    """An action or a shot without a thing; `plain` is what is said where nothing is left."""
    if not isinstance(part, Mapping):
        return part
    made = each_text({"part": dict(part)}, lambda text: without(text, pattern))["part"]
    text = part.get("description")
    if isinstance(text, str) and text.strip():
        made["description"] = without(text, pattern) or plain
    return made


def _meant(caption: Mapping[str, Any], swap: Swap, head: str) -> re.Pattern[str]:
    """A pattern for the things that go: all of a kind, or what is called so where one is meant."""
    kind = KIND_OF.get(head)
    if swap.every and swap.old == "traffic":
        return _any({"traffic", "vehicle", *(word for word, (_, of) in KIND_OF.items() if of in ON_ROADS)})
    if swap.every and swap.old == "people":
        return _any({"crowd", "audience", "someone", *(word for word, (_, of) in KIND_OF.items() if of in PEOPLE)})
    exact = qualified(swap)
    if exact and exact.search(" ".join(texts_in(caption))):
        return exact
    if swap.every and kind and kind[1] == "person":
        return _any({head})
    if swap.every and kind:
        return _any({head, *(word for word, of in KIND_OF.items() if of == kind)})
    called = names([head], exact=True)
    heads = " ".join(head_of(each) for each in subjects_of(caption))
    of_kind = names([head])
    if called.search(heads) or not of_kind.search(heads):
        return called if called.search(" ".join(texts_in(caption))) else of_kind
    return of_kind


def qualified(swap: Swap) -> re.Pattern[str] | None:
    """A pattern for a thing with the words that say which it is, such as `parked cars`; None where there are none."""
    *words, noun = swap.old.lower().split()
    if not words:
        return None
    nouns = alternation(_same(singular(noun)))
    before = r"(?:[\w-]+\s+){0,2}?".join(re.escape(word) + r"\s+" for word in words)
    behind = r"\s+".join(re.escape(word) for word in words)  # cars parked along the road
    return re.compile(
        rf"(?<![\w-])(?:{before}(?:[\w-]+\s+){{0,2}}?(?:{nouns})|(?:{nouns})\s+{behind})(?![\w-])", re.IGNORECASE
    )


def _same(head: str) -> set[str]:
    kind = KIND_OF.get(head)
    return {head, plural(head), *(word for word, of in KIND_OF.items() if kind and of == kind)}


def _any(words: set[str]) -> re.Pattern[str]:
    every = {each for word in words for each in (word, plural(word))}
    return re.compile(rf"(?<![\w-]){OWN_VEHICLE}(?:{alternation(every)})(?![\w-]){OF_ANOTHER}", re.IGNORECASE)


def _with_others(pattern: re.Pattern[str], chosen: list[dict[str, Any]], left: list[dict[str, Any]]) -> re.Pattern[str]:
    """The pattern with what else the things that go are called: a dancer, `she`; `vehicles` where no other is left."""
    more = [pattern.pattern]
    kinds = [kind for each in chosen for kind in kinds_in(head_of(each))[:1]]
    stay = [kind for each in left for kind in kinds_in(head_of(each))[:1]]
    if any(kind in PEOPLE for *_, kind in kinds) and not any(kind in PEOPLE for *_, kind in stay):
        own = {singular(word) for each in chosen for text in texts_in(each) for word, _, kind in kinds_in(text)
               if kind in PEOPLE}  # fmt: skip
        more += [PRONOUNS, _any(own).pattern]
    if any(group == "vehicle" for _, group, _ in kinds) and not any(group == "vehicle" for _, group, _ in stay):
        more.append(rf"(?<![\w-]){OWN_VEHICLE}(?:vehicles|traffic(?!\s+(?:lights?|signs?)))(?![\w-])")
    return re.compile(f"(?:{'|'.join(more)})", re.IGNORECASE)


def _unwritten(caption: dict[str, Any], swap: Swap) -> None:
    """What is written goes: everywhere, or only on the thing that the wish names (`the text on the car`)."""
    shown = caption.get(SHOWN)
    where = names([singular(swap.on.lower().split()[-1])]) if swap.on else None
    if isinstance(shown, list):
        here = [each for each in shown if where is None or where.search(" ".join(texts_in(_place_of(each))))]
        caption[SHOWN] = [each for each in shown if not any(each is gone for gone in here)]
        words = [re.escape(str(each["text"])) for each in here if isinstance(each, Mapping) and each.get("text")]
    else:
        words = []
    writing = rf"(?<![\w-]){WRITING}(?![\w-])"
    pattern = re.compile(f"(?:{'|'.join([writing, *words])})", re.IGNORECASE)
    for subject in subjects_of(caption):
        if where is None or where.search(head_of(subject)):
            subject.update(each_text(subject, lambda text: _unmarked(text, pattern)))
    rest = {key: value for key, value in caption.items() if key != "subjects"}
    caption.update(each_text(rest, lambda text: _unmarked(text, pattern)))


def _unmarked(text: str, pattern: re.Pattern[str]) -> str:
    """The text without the marks on a thing, which itself stays."""
    lead = r"(?:with|bearing|showing|displaying|carrying|featuring|and)"
    colours = r"(?!\s+(?:yellow|red|blue|black|white|green|gold|silver|orange|pink|purple|grey|gray)\b)"
    marks = rf"[^,.;]*?{pattern.pattern}"
    place = r"(?:\s+(?:across|on|over|along)\s+[^,.;]*)?"
    text = re.sub(
        rf",?\s+{lead}{colours}\s+(?:(?!{lead}{colours}\b)[^,.;\s]+\s+){{0,7}}?{pattern.pattern}(?:{marks})*{place}",
        "", text, flags=re.IGNORECASE,
    )  # fmt: skip
    return without(text, pattern) or text
