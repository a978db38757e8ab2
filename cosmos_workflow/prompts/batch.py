"""Reading batches: JSONL, a JSON array, or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.prompts.item import Item

__all__ = ["BATCH_SUFFIXES", "is_batch", "read_batch"]

BATCH_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv")
REMEDY = 'each entry needs "video" and "prompt"; see docs/BATCHES.md'


def is_batch(path: str | Path) -> bool:
    """Whether a file is a batch by its name; anything else is taken for a video."""
    return Path(path).suffix.lower() in BATCH_SUFFIXES


def read_batch(path: str | Path) -> list[Item]:
    """The items of a batch file, in its order; relative video paths are taken from the file's folder.

    Raises BadInputError that names the line or entry: unreadable, not UTF-8, no video, an id given twice.
    """
    path = Path(path)
    try:
        # utf-8-sig: Excel and PowerShell begin their files with a byte order mark.
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"not UTF-8 (byte {error.start})", where=str(path), remedy="save the file as UTF-8"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError(f"cannot be read ({reason})", where=str(path), remedy="check the path") from error
    entries = _csv(text, path) if path.suffix.lower() == ".csv" else _json(text, path)
    items = [_item(values, place, path) for place, values in entries]
    if not items:
        raise BadInputError("the batch is empty", where=str(path), remedy=REMEDY)
    return _unique(items, path)


def _item(values: Any, place: str, path: Path) -> Item:
    where = f"{path}, {place}"
    if not isinstance(values, dict):
        raise BadInputError("not an object", where=where, remedy=REMEDY)
    return Item.from_mapping(values, folder=path.parent, where=where)


def _json(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    if path.suffix.lower() == ".json" or text.lstrip().startswith("["):
        value = _load(text, str(path))
        entries = value if isinstance(value, list) else [value]
        return ((f"entry {number}", entry) for number, entry in enumerate(entries, 1))
    # Only line feeds end a line: str.splitlines would also cut prompts at U+2028 and its like.
    lines = enumerate(text.split("\n"), 1)
    return ((f"line {n}", _load(line, f"{path}, line {n}")) for n, line in lines if line.strip())


def _load(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"not valid JSON ({error})", where=where, remedy="mend or remove it") from error


def _csv(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if None in row:
                raise csv.Error("more fields than the header")
            yield f"line {reader.line_num}", {key: value for key, value in row.items() if value}
    except csv.Error as error:
        raise BadInputError(
            str(error), where=f"{path}, line {reader.line_num}", remedy="quote fields that hold commas"
        ) from error


def _unique(items: Iterable[Item], path: Path) -> list[Item]:
    seen: dict[str, Item] = {}
    for item in items:
        if item.id in seen:
            same = seen[item.id] == item
            what = "the same entry stands twice" if same else "one id for two entries"
            raise BadInputError(
                f"{what}: {item.id!r}", where=str(path), remedy="give each entry its own id (or another seed)"
            )
        seen[item.id] = item
    return list(seen.values())
