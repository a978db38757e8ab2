"""Reads a file, or any part of it, entry by entry.

An entry's position is its byte in the file (its row in a Parquet file, its number in a JSON array), so that any part
can be read by itself.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NamedTuple

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading.encoding import decoded, not_utf8
from cosmos_workflow.kinds.reading.fields import Keys, load_json
from cosmos_workflow.kinds.reading.opening import opened, opened_as_text
from cosmos_workflow.kinds.reading.tables import QUOTES, Header, entry_in, read_header, rows

__all__ = ["Piece", "Record", "records"]

READ_ROWS = 1024
MARK = "\ufeff"  # a byte order mark: also inside a file where files were joined


@dataclass(frozen=True)
class Piece:
    """Some entries of a file: those that begin in [`start`, `end`), or only those at `positions`."""

    url: str
    start: int = 0
    end: int | None = None
    positions: tuple[int, ...] = ()

    @property
    def bounds(self) -> tuple[int, int | None]:
        """The positions between which its entries begin."""
        if self.positions:
            return self.positions[0], self.positions[-1] + 1
        return self.start, self.end


class Record(NamedTuple):
    """What is written at a position: the values of an entry, or an error that says why there are none.

    `place` is where a person finds it (`line 3`, counted from where the piece begins); it is empty where the error says
    it, which otherwise names no place.
    """

    position: int
    values: Any
    place: str
    error: BadInputError | None = None


def records(piece: Piece, keys: Keys, *, arrays: bool = False) -> Iterator[Record]:
    """The entries of a piece, one in memory at a time; `keys` counts the columns of a table.

    A JSON array is held as a whole: a file named .json and, with `arrays`, any other that begins with `[`.
    Raises BadInputError for a file of which nothing can be read, and what opening it raises.
    """
    suffix = PurePath(piece.url).suffix.lower()
    positions = frozenset(piece.positions)
    with opened(piece.url) if suffix == ".parquet" else opened_as_text(piece.url) as file:
        if suffix == ".csv":
            read = _table(file, piece, keys)
        elif suffix == ".parquet":
            read = _parquet(file, piece)
        elif suffix == ".json" or (arrays and _begins_array(file)):
            read = _array(file, piece)
        else:
            read = _lines(file, piece)
        for record in read:
            if not positions or record.position in positions:
                yield record


def _lines(file: Any, piece: Piece) -> Iterator[Record]:
    at, end = piece.bounds
    from_start = at == 0
    if not from_start:
        # A line belongs to the piece that it begins in.
        file.seek(at - 1)
        at += len(file.readline()) - 1
    file.seek(at)
    # Only line feeds end a line: str.splitlines would also cut prompts at U+2028 and similar characters.
    for number, line in enumerate(file, 1):
        if end is not None and at >= end:
            return
        try:
            text = line.removesuffix(b"\n").decode().lstrip(MARK)
            if text.strip():
                yield Record(at, load_json(text), f"line {number}")
        except UnicodeDecodeError as error:
            damage = not_utf8(line[error.start], at + error.start, number if from_start else 0)
            yield Record(at, None, "", damage)
        except (ValueError, RecursionError) as error:
            yield Record(at, None, f"line {number}", _not_json(error))
        at += len(line)


def _begins_array(file: Any) -> bool:
    """Whether the first text in a file is a bracket; the file is then at its beginning again."""
    texts = (line.decode("utf-8", "replace").lstrip(MARK).strip() for line in file)
    first = next(filter(None, texts), "")
    file.seek(0)
    return first.startswith("[")


def _array(file: Any, piece: Piece) -> Iterator[Record]:
    start, end = piece.bounds
    try:
        value = load_json(decoded(file.read(), piece.url).lstrip(MARK))
    except (ValueError, RecursionError) as error:
        raise _not_json(error, piece.url) from error
    for position, values in enumerate(value if isinstance(value, list) else [value]):
        if position >= start and (end is None or position < end):
            yield Record(position, values, f"entry {position + 1}")


def _not_json(error: Exception, where: str = "") -> BadInputError:
    return BadInputError(f"not valid JSON ({error})", where=where, remedy="correct or remove it")


def _table(file: Any, piece: Piece, keys: Keys) -> Iterator[Record]:
    start, end = piece.bounds
    lines = _TextLines(file)
    header = _header(lines, piece, keys)
    if start == 0:
        keys.columns(header.names)
    elif start > lines.at:
        lines.leave()
        file.seek(start)
        lines = _TextLines(file, start)
    reader = rows(lines, header)
    while end is None or lines.at < end:
        position, values, wrong = lines.at, None, None
        try:
            values = entry_in(next(reader), header)
        except StopIteration:
            return
        except csv.Error as error:
            wrong = BadInputError(str(error), remedy=QUOTES)
        if lines.damage is not None:
            yield Record(position, None, "", lines.damage)
            lines.damage = None
        elif values or wrong:
            yield Record(position, values, f"line {header.lines + reader.line_num}", wrong)


def _header(lines: _TextLines, piece: Piece, keys: Keys) -> Header:
    try:
        header = read_header(lines, piece.url, keys.fields)
    except BadInputError:
        if lines.damage is None:
            raise
    if lines.damage is not None:
        raise BadInputError(lines.damage.what, where=piece.url, remedy=lines.damage.remedy)
    return header


class _TextLines:
    """Lines of a file as text, whatever ends them, and the byte after the last one that was taken.

    `damage` tells of the first byte that is no text, until it is set to None.
    """

    def __init__(self, file: Any, at: int = 0) -> None:
        self._text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        self._number = 0
        self._from_start = at == 0
        self.at = at
        self.damage: BadInputError | None = None

    def leave(self) -> None:
        """Leave the file open for other readers."""
        self._text.detach()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self._number += 1
        first = self.at == 0
        try:
            self.at += len(line.encode())
        except UnicodeEncodeError as error:
            data = line.encode("utf-8", "surrogateescape")
            index = len(line[: error.start].encode())
            if self.damage is None:
                self.damage = not_utf8(data[index], self.at + index, self._number if self._from_start else 0)
            self.at += len(data)
        return line.removeprefix(MARK) if first else line


def _parquet(file: Any, piece: Piece) -> Iterator[Record]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BadInputError(
            f"Parquet files cannot be read here ({error})", where=piece.url,
            remedy="pip install 'cosmos-workflow[ray]', or give JSON Lines or CSV",
        ) from error  # fmt: skip
    start, end = piece.bounds
    with pq.ParquetFile(file) as table:
        first = 0
        for group in range(table.num_row_groups):
            count = table.metadata.row_group(group).num_rows
            if first + count > start and (end is None or first < end):
                position = first
                for batch in table.iter_batches(READ_ROWS, row_groups=[group]):
                    for values in batch.to_pylist():
                        if position >= start and (end is None or position < end):
                            yield Record(position, values, f"row {position}")
                        position += 1
            first += count
