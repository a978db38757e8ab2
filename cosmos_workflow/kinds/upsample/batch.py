"""Reading batches: JSONL, a JSON array, or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.upsample.encoding import decoded
from cosmos_workflow.kinds.upsample.item import Item
from cosmos_workflow.kinds.upsample.keys import Keys, load_json
from cosmos_workflow.kinds.upsample.tables import QUOTES, entry_in, read_header, rows

__all__ = ["BATCH_SUFFIXES", "is_batch", "read_batch"]

BATCH_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv")
REMEDY = 'each entry needs "video" and "prompt"; see docs/BATCHES.md'


def is_batch(path: str | Path) -> bool:
    """Whether a file's name says that it is a batch; any other file is taken for a video."""
    return Path(path).suffix.lower() in BATCH_SUFFIXES


def read_batch(path: str | Path, on_note: Callable[[str], None] = lambda note: None) -> list[Item]:
    """The items of a batch file, in its order; relative video paths are taken from the file's folder.

    `on_note` is called once for each note about the whole batch: unknown keys, and keys that are given twice.
    Raises BadInputError that names the line or entry: unreadable, not UTF-8, no video, an id given twice.
    """
    path = at_home(Path(path))
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError(f"cannot be read ({reason})", where=str(path), remedy="check the path") from error
    text, keys = decoded(data, str(path)), Keys()
    entries = _csv(text, path, keys) if path.suffix.lower() == ".csv" else _json(text, path)
    items = [_item(values, place, path, keys) for place, values in entries]
    if not items:
        raise BadInputError("the batch is empty", where=str(path), remedy=REMEDY)
    items = _unique(items, path)
    for note in keys.notes():
        on_note(f"{path.name}: {note}")
    return items


def _item(values: Any, place: str, path: Path, keys: Keys) -> Item:
    where = f"{path}, {place}"
    if not isinstance(values, dict):
        raise BadInputError("not an object", where=where, remedy=REMEDY)
    return Item.from_mapping(values, folder=path.parent, where=where, keys=keys)


def _json(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    if path.suffix.lower() == ".json" or text.lstrip().startswith("["):
        value = _load(text, str(path))
        entries = value if isinstance(value, list) else [value]
        return ((f"entry {number}", entry) for number, entry in enumerate(entries, 1))
    # Only line feeds end a line: str.splitlines would also cut prompts at U+2028 and similar characters.
    lines = enumerate(text.split("\n"), 1)
    return ((f"line {n}", _load(line, f"{path}, line {n}")) for n, line in lines if line.strip())


def _load(text: str, where: str) -> Any:
    try:
        return load_json(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"not valid JSON ({error})", where=where, remedy="correct or remove it") from error


def _csv(text: str, path: Path, keys: Keys) -> Iterator[tuple[str, Any]]:
    lines = io.StringIO(text, newline="")
    header = read_header(lines, str(path), keys)
    reader = rows(lines, header)
    try:
        for row in reader:
            if entry := entry_in(row, header):
                yield f"line {header.lines + reader.line_num}", entry
    except csv.Error as error:
        raise BadInputError(
            str(error), where=f"{path}, line {header.lines + reader.line_num}", remedy=QUOTES
        ) from error


def _unique(items: Iterable[Item], path: Path) -> list[Item]:
    seen: dict[str, Item] = {}
    for item in items:
        if item.id in seen:
            same = seen[item.id] == item
            what = "the same entry is given twice" if same else "two entries have the same id"
            raise BadInputError(
                f"{what}: {item.id!r}", where=str(path), remedy="give each entry its own id (or its own seed)"
            )
        seen[item.id] = item
    return list(seen.values())
