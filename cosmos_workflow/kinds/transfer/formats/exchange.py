"""What a program's keys and the fields of our form have in common, and sentences about the rest."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cosmos_workflow.kinds.reading.fields import load_json
from cosmos_workflow.kinds.transfer.formats.values import named, number_of, shown, text_of, whole_of
from cosmos_workflow.kinds.transfer.formats.written import Written
from cosmos_workflow.kinds.transfer.spec import Control, Form, Hint, Spec

__all__ = [
    "AFTERWARDS", "Lacks", "at_least_one", "empty", "is_caption", "is_given", "lacking", "left_out", "put", "restored",
    "taken", "two_prompts", "within", "without_files",
]  # fmt: skip

NUMBERS = {"guidance", "control_guidance", "shift", "sigma_max", "fps", "weight"}
WHOLES = {"seed", "steps", "frames", "chunk", "overlap", "first_overlap", "style_frame", "anchor_step"}

# A field of our form that a program has no key for: why, and the values that are what the program does anyway.
Lacks = Mapping[str, tuple[str, tuple[Any, ...]]]
# What this project does with a video that was made, and no program does.
AFTERWARDS: Lacks = dict.fromkeys(("restore", "keep_frames"), ("cosmos transfer does it", ()))


def is_given(form: Form, name: str) -> bool:
    """Whether a field is not its default."""
    return bool(getattr(form, name) != type(form).model_fields[name].get_default(call_default_factory=True))


def taken(
    written: Written, same: Mapping[str, str], notes: list[str], *, place: str = "", texts: Collection[str] = ()
) -> dict[str, Any]:
    """The fields of our form that a program's keys give: `same` has the field for each key.

    Numbers as text are told in `notes`, but for those of the keys `texts`, which the program wants so.
    """
    fields = {}
    for key, name in same.items():
        value = written[key]
        if value is None:
            continue
        if name in NUMBERS or name in WHOLES:
            number = whole_of(value) if name in WHOLES else number_of(value)
            if isinstance(value, str) and key not in texts:
                notes.append(f"{place}{key} is written as text ({shown(value)}): taken as the number {text_of(number)}")
            value = number
        fields[name] = value
    return fields


def put(form: Form, same: Mapping[str, str]) -> dict[str, Any]:
    """The keys of a program for the fields of our form that are given."""
    return {key: getattr(form, name) for key, name in same.items() if is_given(form, name)}


def lacking(form: Form, lacks: Lacks, title: str, place: str = "") -> list[str]:
    """A sentence for each field that is given and has no counterpart in the program."""
    notes = []
    for name, (reason, harmless) in lacks.items():
        value = getattr(form, name)
        if is_given(form, name) and not any(value == other and type(value) is type(other) for other in harmless):
            why = f": {reason}" if reason else ""
            notes.append(f"{place}{name} ({_brief(value)}) has no counterpart in {title}{why}")
    return notes


def _brief(value: Any) -> str:
    if isinstance(value, tuple):
        return str(len(value))
    return text_of(value) if isinstance(value, float) else shown(value)


def left_out(controls: Mapping[Hint, Control], hints: Iterable[str], title: str) -> list[str]:
    """A sentence for each control that the program does not have, and one where there is none."""
    known = set(hints)
    notes = [
        f"{hint} has no counterpart in {title}: this control is left out" for hint in controls if hint not in known
    ]
    if not known & set(controls):
        notes.append(f"there is no control, and {title} needs at least one")
    return notes


def restored(
    extra: Mapping[str, Any], known: Collection[str], title: str, place: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """What stands in `extra` under keys that the program knows, and a sentence about the others."""
    back = {key: value for key, value in extra.items() if key in known}
    others = [f"{place}{named(key)}" for key in extra if key not in known]
    if not others:
        return back, []
    return back, [f"left out, as {title} does not know {'it' if len(others) == 1 else 'them'}: {', '.join(others)}"]


def within(
    value: float, least: float, most: float, name: str, title: str, *, whole: bool = False
) -> tuple[Any, list[str]]:
    """A number as a program takes it, and a sentence where it had to be changed.

    >>> within(8.5, 0, 7, "guidance", "Transfer2.5", whole=True)
    (7, ['guidance 8.5 became 7: Transfer2.5 takes whole numbers from 0 to 7'])
    """
    number = min(max(value, least), most)
    number = round(number) if whole else number
    if number == value:
        return number, []
    kind = "whole numbers" if whole else "numbers"
    limits = f"from {least:g} to {most:g}" if most < math.inf else f"from {least:g}"
    return number, [f"{name} {text_of(value)} became {text_of(number)}: {title} takes {kind} {limits}"]


def at_least_one(
    spec: Spec, names: Iterable[str], same: Mapping[str, str], values: dict[str, Any], title: str
) -> list[str]:
    """Raise those numbers of `values` to 1 that are smaller, which the program refuses; a sentence for each."""
    notes = []
    for key, name in same.items():
        if name in names and key in values:
            values[key], sentences = within(getattr(spec, name), 1, math.inf, name, title, whole=True)
            notes += sentences
    return notes


def empty(written: Written, paths: Iterable[str], title: str, place: str = "") -> list[str]:
    """A sentence for each path that is given as an empty text."""
    return [
        f"{place}{key} is empty, which counts as not given here; {title} refuses it"
        for key in paths
        if written[key] == ""
    ]


def two_prompts(written: Written, title: str) -> list[str]:
    """A sentence where a spec has both a prompt and the path of one."""
    prompt = written["prompt"]
    if prompt is None or written["prompt_path"] is None:
        return []
    if prompt:
        return ["prompt_path is ignored, as there is a prompt"]
    return [f"the prompt is empty, so that prompt_path counts here; {title} itself takes the empty prompt"]


def is_caption(prompt: str) -> bool:
    """Whether a prompt is a structured caption: an object as JSON."""
    if not prompt.lstrip().startswith("{"):
        return False
    try:
        return isinstance(load_json(prompt), dict)
    except (ValueError, RecursionError):
        return False


def without_files(spec: Spec, *texts: str) -> tuple[Spec, list[str]]:
    """The spec without the paths of prompts that do not count, as the text is given too; and a sentence for each."""
    notes = []
    for text in texts or ("prompt", "negative_prompt"):
        path = f"{text}_path"
        if getattr(spec, path) and is_given(spec, text):
            spec = spec.model_copy(update={path: ""})
            notes.append(f"{path} is left out, as there is a {text}")
    return spec, notes
