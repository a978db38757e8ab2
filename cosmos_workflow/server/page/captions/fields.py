"""A caption as groups of fields, for a page that shows it and for a form that changes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.kinds.upsample.caption.parts import CAPTION, NEGATIVE, Fields, Items, Number, Part, Text, Time
from cosmos_workflow.kinds.upsample.caption.problems import Problem, is_negative

__all__ = ["Group", "Leaf", "Locks", "Rows", "form_of", "groups_of", "locks_of", "other_problems"]

# What belongs together, in the order in which one reads.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Story", ("temporal_caption",)),
    ("Times", ("segments", "actions", "transitions")),
    ("Subjects", ("subjects",)),
    ("Setting", ("context", "background_setting", "text_and_signage_elements")),
    ("Light", ("lighting",)),
    ("Look", ("style_medium", "artistic_style", "aesthetics")),
    ("Camera", ("cinematography",)),
    ("Sound", ("audio_description",)),
    ("Physics", ("physical_realism",)),
    ("The video", ("resolution", "aspect_ratio", "duration", "fps")),
)
LABELS = {
    "temporal_caption": "What happens, from beginning to end", "number_of_subjects": "How many",
    "number_of_arms": "Arms, together", "number_of_legs": "Legs, together", "W": "Width", "H": "Height",
    "time_range": "Time", "fps": "Frames a second", "text_and_signage_elements": "Texts and signs",
    "duration": "Length", "skin_tone_and_texture": "Skin", "spatial_temporal": "Where and when",
}  # fmt: skip
# One row of a list, as buttons and headings call it.
ROWS = {
    "subjects": "subject", "actions": "action", "segments": "segment", "transitions": "transition",
    "text_and_signage_elements": "text or sign",
}  # fmt: skip
LONG = 100  # characters that a model is asked for at most; longer texts get a larger field
HIDDEN = ("segment_index",)  # it is the row's number

TARGET = "It is that of the video that is to be made."
MEASURED = "It says what was measured in the clip."
LOCKED = {
    "resolution.W": TARGET, "resolution.H": TARGET, "aspect_ratio": TARGET, "duration": TARGET, "fps": TARGET,
    "cinematography.camera_motion": MEASURED, "segments": "The clip has as many shots.",
    "segments[].time_range": MEASURED, "segments[].camera": MEASURED,
}  # fmt: skip
Locks = Callable[[str], str]


@dataclass(frozen=True)
class Leaf:
    """One value. `locked` says why it cannot be changed, and is empty where it can."""

    field: str
    label: str
    value: str
    kind: str
    choices: tuple[str, ...] = ()
    needed: bool = False
    locked: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Rows:
    """A list: its rows, each with its leaves. `noun` is what one row is called."""

    field: str
    label: str
    noun: str
    rows: tuple[tuple[Leaf, ...], ...]
    row_problems: tuple[tuple[Problem, ...], ...]
    locked: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Group:
    """What belongs together: single values first, then lists."""

    title: str
    leaves: tuple[Leaf, ...]
    lists: tuple[Rows, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read in it."""
        leaves = any(leaf.value or leaf.problems for leaf in self.leaves)
        return not leaves and not any(each.rows or each.problems for each in self.lists)


def form_of(caption: Mapping[str, Any]) -> Fields:
    """The form that a caption should have."""
    return NEGATIVE if is_negative(caption) else CAPTION


def locks_of(caption: Mapping[str, Any], *, measured: bool, unlocked: bool) -> Locks:
    """Why a field of a caption is none to be changed by the way; nothing is locked in a negative caption.

    `measured` says that the caption's facts were measured in a clip, so that these are locked too.
    """
    if unlocked or is_negative(caption):
        return lambda _: ""
    known = {field: why for field, why in LOCKED.items() if measured or why == TARGET}
    return lambda field: known.get(re.sub(r"\[\d+\]", "[]", field), "")


def groups_of(caption: Mapping[str, Any], problems: Sequence[Problem] = (), locks: Locks = lambda _: "") -> list[Group]:
    """All fields of a caption's form in groups, with what is wrong beside each."""
    form, beside = form_of(caption), _by_field(problems)
    groups = []
    for title, names in GROUPS:
        nodes = [
            node
            for name in names
            if name in form.fields
            for node in _nodes(form.fields[name], caption.get(name), name, beside, locks)
        ]
        leaves = tuple(node for node in nodes if isinstance(node, Leaf))
        if nodes:
            groups.append(Group(title, leaves, tuple(node for node in nodes if isinstance(node, Rows))))
    return groups


def other_problems(groups: Sequence[Group], problems: Sequence[Problem]) -> list[Problem]:
    """Those of the problems that stand beside no field: of the whole, and of fields that no caption has."""
    shown = {problem for group in groups for leaf in group.leaves for problem in leaf.problems}
    for each in (rows for group in groups for rows in group.lists):
        shown |= {*each.problems, *(problem for row in each.row_problems for problem in row)}
        shown |= {problem for row in each.rows for leaf in row for problem in leaf.problems}
    return [problem for problem in problems if problem not in shown]


def _by_field(problems: Sequence[Problem]) -> dict[str, tuple[Problem, ...]]:
    beside: dict[str, tuple[Problem, ...]] = {}
    for problem in problems:
        beside[problem.field] = (*beside.get(problem.field, ()), problem)
    return beside


def _nodes(
    part: Part, value: Any, field: str, beside: Mapping[str, tuple[Problem, ...]], locks: Locks
) -> Iterator[Leaf | Rows]:
    if isinstance(part, Fields):
        values = value if isinstance(value, Mapping) else {}
        wrong = beside.get(field, ())
        for name, inner in part.fields.items():
            if name not in HIDDEN:
                yield from _nodes(inner, values.get(name), f"{field}.{name}", {**beside, field: ()}, locks)
        if wrong and not field.endswith("]"):  # of a row, its heading says it
            yield Leaf(field, label_of(field), "", "note", problems=wrong)
    elif isinstance(part, Items):
        rows = value if isinstance(value, list) else []
        fields = [f"{field}[{index}]" for index in range(len(rows))]
        nodes = [
            tuple(node for node in _nodes(part.of, row, name, beside, locks) if isinstance(node, Leaf))
            for name, row in zip(fields, rows, strict=True)
        ]
        # A row that is one text has its problems in that.
        of_rows = tuple(() if isinstance(part.of, Text) else beside.get(name, ()) for name in fields)
        yield Rows(field, label_of(field), ROWS[field], tuple(nodes), of_rows, locks(field), beside.get(field, ()))
    else:
        yield _leaf(part, value, field, beside.get(field, ()), locks(field))


def _leaf(part: Part, value: Any, field: str, problems: tuple[Problem, ...], locked: str) -> Leaf:
    text = "" if value is None else value if isinstance(value, str) else f"{value}"
    kind, needed = "text", not isinstance(part, Text)
    choices: tuple[str, ...] = ()
    if isinstance(part, Text):
        kind = "choice" if part.choices else "long" if part.most >= LONG or "\n" in text else "text"
        choices, needed = part.choices or part.suggested, part.needed
    elif isinstance(part, Number):
        kind = "number"
    elif isinstance(part, Time):
        kind = "time"
    return Leaf(field, label_of(field), text, kind, choices, needed, locked, problems)


def label_of(field: str) -> str:
    """What people call a field.

    >>> label_of("subjects[1].appearance_details"), label_of("transitions[0]")
    ('Appearance details', 'Transition')
    """
    name = field.rpartition(".")[2]
    if name.endswith("]"):
        return ROWS[name.partition("[")[0]].capitalize()
    return LABELS.get(name, name.replace("_", " ").capitalize())
