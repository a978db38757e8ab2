"""Reads a batch file of this machine: its items, one by one, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading.fields import Fields, Keys
from cosmos_workflow.kinds.reading.pieces import Piece, Record, records

__all__ = ["BATCH_SUFFIXES", "is_batch", "read_batch"]

BATCH_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv")

Make = Callable[[Mapping[str, Any], str, Keys], Any]


def is_batch(path: str | Path) -> bool:
    """Whether a file's name says that it is a batch; any other file is taken for an input itself."""
    return Path(path).suffix.lower() in BATCH_SUFFIXES


def read_batch(path: str | Path, fields: Fields, make: Make, on_note: Callable[[str], None]) -> Iterator[Any]:
    """The items of a batch file, in its order; `make(values, where, keys)` makes an item, with an `id`, of an entry.

    `on_note` is called at the end, once for each note about the whole batch: unknown keys, and keys given twice.
    Of the items that were read only a hash of each id is kept (about 80 bytes).
    Raises BadInputError that names the line or entry: unreadable, not UTF-8, no entry of this kind, an id given twice.
    """
    path = at_home(Path(path))
    keys, seen, count = Keys(fields), set(), 0
    for count, item in enumerate(_items(path, keys, make), 1):
        key = hash(item.id) >> 4  # a smaller number takes less memory
        if key in seen:
            _refuse_twice(item, path, islice(_items(path, Keys(fields), make), count - 1))
        seen.add(key)
        yield item
    if not count:
        raise BadInputError("the batch is empty", where=str(path), remedy=fields.remedy)
    for note in keys.notes():
        on_note(f"{path.name}: {note}")


def _items(path: Path, keys: Keys, make: Make) -> Iterator[Any]:
    for record in _records(path, keys):
        where = f"{path}, {record.place}" if record.place else str(path)
        if record.error:
            raise BadInputError(record.error.what, where=where, remedy=record.error.remedy)
        if not isinstance(record.values, dict):
            raise BadInputError("not an object", where=where, remedy=keys.fields.remedy)
        yield make(record.values, where, keys)


def _records(path: Path, keys: Keys) -> Iterator[Record]:
    try:
        yield from records(Piece(str(path)), keys, arrays=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError(f"cannot be read ({reason})", where=str(path), remedy="check the path") from error


def _refuse_twice(item: Any, path: Path, earlier: Iterator[Any]) -> None:
    """Raise BadInputError if one of the earlier items has the same id; another one may only have the same hash."""
    what = "two entries have the same id"
    if path.is_file():  # a pipe cannot be read again
        first = next((other for other in earlier if other.id == item.id), None)
        if first is None:
            return
        if first == item:
            what = "the same entry is given twice"
    raise BadInputError(f"{what}: {item.id!r}", where=str(path), remedy="give each entry its own id (or its own seed)")
