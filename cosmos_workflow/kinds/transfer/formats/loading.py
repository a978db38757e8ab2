"""A spec of any program as our form: what a mapping or a file holds, and what a person should know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats.cosmos3 import Cosmos3Spec
from cosmos_workflow.kinds.transfer.formats.own import read_own
from cosmos_workflow.kinds.transfer.formats.recognising import PROGRAMS, Program, recognise
from cosmos_workflow.kinds.transfer.formats.text import Document, documents
from cosmos_workflow.kinds.transfer.formats.transfer1 import Transfer1Spec
from cosmos_workflow.kinds.transfer.formats.transfer25 import Transfer25Spec
from cosmos_workflow.kinds.transfer.formats.written import Unknown
from cosmos_workflow.kinds.transfer.spec import Spec

__all__ = ["Loaded", "ProgramSpec", "load_spec", "read_specs"]

ProgramSpec = Transfer1Spec | Transfer25Spec | Cosmos3Spec
MODELS: dict[Program, type[ProgramSpec]] = {
    "transfer1": Transfer1Spec,
    "transfer2.5": Transfer25Spec,
    "cosmos3": Cosmos3Spec,
}


@dataclass(frozen=True)
class Loaded:
    """A spec that was read: whose form it had, what was written (None for our own form), and our form of it.

    `notes` are sentences for a person; `unknown` are the keys that the program does not know, and whether it stops at
    them. `where` is the file, and the line in it.
    """

    form: Program | Literal["own"]
    spec: Spec
    written: ProgramSpec | None = None
    notes: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    where: str = ""


def load_spec(values: Any, where: str = "") -> Loaded:
    """The spec that a mapping is, whichever program's.

    Raises BadInputError for what is no spec of a transfer, and for values of a wrong type.
    """
    recognised = recognise(values, where)
    if recognised.form == "unsupported":
        raise BadInputError(f"this is {recognised.what}", where=where, remedy=recognised.remedy)
    if recognised.form == "other":
        raise BadInputError(
            "this is no spec of a transfer", where=where,
            remedy="a spec has a control, such as edge, as an object; docs/TRANSFER.md has all keys",
        )  # fmt: skip
    if recognised.form == "own":
        spec, notes = read_own(values, where)
        return Loaded("own", spec, notes=tuple(notes), where=where)
    written = MODELS[recognised.form].read(values, where)
    spec, notes = written.to_spec()
    return Loaded(recognised.form, spec, written, tuple(notes), tuple(written.unknown()), where)


def read_specs(path: str | Path) -> Iterator[Loaded]:
    """The specs of a file, one after the other: one of a .json file, or one of each line of a .jsonl file.

    Raises BadInputError that says where the fault is: line and column of what is no JSON, the key of a wrong value.
    """
    empty = True
    for document in documents(path):
        empty = False
        loaded = load_spec(document.values, document.where)
        yield replace(loaded, notes=(*_faults(document, loaded), *loaded.notes))
    if empty:
        raise BadInputError("there is no spec in it", where=str(path), remedy="write one spec, or one on each line")


def _faults(document: Document, loaded: Loaded) -> list[str]:
    """What our reader tolerates and the program's does not."""
    notes = [f"the key {key} is given twice, with the same value" for key in document.repeated]
    if loaded.form == "own":
        return notes
    title = PROGRAMS[loaded.form]
    if document.marked:
        notes.append(f"the file begins with a byte order mark, at which {title} stops")
    if document.blank_lines and loaded.form != "cosmos3":
        notes.append(f"blank lines, at which {title} stops: {', '.join(map(str, document.blank_lines))}")
    if document.cut and loaded.form != "transfer1":
        notes.append(f"a character at which {title} ends the line, such as U+2028: write it as an escape, \\u2028")
    if document.listed:
        notes.append(
            f"the file holds a list, which {title} does not take: write one spec on each line of a .jsonl file"
        )
    return notes
