"""What the form of a caption sends, as a caption: nothing is lost of what was typed, also where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.caption.parts import Fields, Items, Number, Part, Text, Time
from cosmos_workflow.kinds.upsample.caption.times import length_of, span, span_of
from cosmos_workflow.server.page.captions.fields import Locks, form_of

__all__ = ["MOST_ROWS", "caption_from", "with_rows"]

MOST_ROWS = 200


def caption_from(form: Mapping[str, str], base: Mapping[str, Any], locks: Locks) -> dict[str, Any]:
    """The caption that a form says; `base` is the one that it was filled with, from which locked fields come.

    Each value is a field by its name, `subjects[0].description`, and each list one with how many rows it has,
    `subjects`. Keys that no caption has are left out. Raises BadInputError for more rows than anybody writes.
    """
    return dict(_read(form_of(base), "", base, form, locks))


def _read(part: Part, field: str, base: Any, form: Mapping[str, str], locks: Locks) -> Any:
    if isinstance(part, Fields):
        values = base if isinstance(base, Mapping) else {}
        before = f"{field}." if field else ""
        read = {
            name: _read(inner, f"{before}{name}", values.get(name), form, locks)
            for name, inner in part.fields.items()
            if name != "segment_index"
        }
        if "segment_index" in part.fields:
            read = {"segment_index": int(field.partition("[")[2].rstrip("]")), **read}
        # What may be missing, was missing, and was not written stays missing.
        return {name: value for name, value in read.items() if value or name in values or name not in part.optional}
    if isinstance(part, Items):
        rows = base if isinstance(base, list) else []
        count = len(rows) if locks(field) else _rows_of(form.get(field, f"{len(rows)}"), field)
        return [
            _read(part.of, f"{field}[{index}]", rows[index] if index < len(rows) else None, form, locks)
            for index in range(count)
        ]
    if locks(field) or field not in form:
        return empty(part) if base is None else base
    text = form[field].replace("\r\n", "\n")
    return _number(text) if isinstance(part, Number) else text if isinstance(part, Text) else text.strip()


def _rows_of(text: str, field: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > MOST_ROWS:
        raise BadInputError(
            f"there are {text[:20]} rows", where=field, remedy=f"reload the page; give {MOST_ROWS} at most"
        )
    return int(text)


def _number(text: str) -> int | float | str:
    """A number where it is one; else the text, which `problems_of` then names."""
    text = text.strip()
    if re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        return int(text)
    return float(text.replace(",", ".")) if re.fullmatch(r"[+-]?[0-9]{1,15}[.,][0-9]{1,15}", text) else text


def empty(part: Part) -> Any:
    """A value in which nothing is written yet."""
    if isinstance(part, Fields):
        return {name: empty(inner) for name, inner in part.fields.items()}
    if isinstance(part, Items):
        return []
    return part.least if isinstance(part, Number) else "0:00-0:01" if isinstance(part, Time) else ""


def with_rows(caption: Mapping[str, Any], act: str) -> dict[str, Any]:
    """A caption with one row more (`add subjects`) or less (`remove subjects[1]`).

    An action that is added begins where the last one ends. Raises BadInputError for what is no list of the form.
    """
    match = re.fullmatch(r"(add|remove) ([a-z_]+)(?:\[([0-9]{1,4})\])?", act)
    part = form_of(caption).fields.get(match[2]) if match else None
    if match is None or not isinstance(part, Items):
        raise BadInputError(f"no list of a caption: {act[:60]!r}", remedy="reload the page")
    name, rows = match[2], list(caption.get(match[2]) or [])
    if match[1] == "remove":
        del rows[int(match[3] or 0) : int(match[3] or 0) + 1]
    elif len(rows) < MOST_ROWS:
        row = empty(part.of)
        for key in ("time", "time_range"):
            if isinstance(row, dict) and key in row:
                row[key] = _next(caption, [each.get(key, "") for each in rows])
        rows.append(row)
    if name == "segments":
        rows = [{**row, "segment_index": index} for index, row in enumerate(rows)]
    return {**caption, name: rows}


def _next(caption: Mapping[str, Any], times: list[str]) -> str:
    """The span from the end of the last one to the end of the clip."""
    ends = [0.0]
    for time in times:
        with suppress(BadInputError):
            ends.append(span(time)[1])
    return span_of(max(ends), max(length_of(caption), *ends))
