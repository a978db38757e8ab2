"""Reads CSV as spreadsheets and programs write it: with comma, semicolon, tab or bar, `sep=`, empty rows and cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading.fields import Fields, entry_of

__all__ = ["QUOTES", "Header", "entry_in", "read_header", "rows"]

DELIMITERS = ",;\t|"
BLANK = f'{DELIMITERS} \r\n"\ufeff'
SEPARATOR = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)  # the first line that Excel reads and writes
QUOTES = "quote fields that hold delimiters, quotes or line ends, and double the quotes inside"
MAX_LINES, MAX_CHARACTERS = 100, 65_536  # after the header's first line, while a quote is open

csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Header:
    """The columns' names, and how the rows below are written. `lines` is the number of lines up to the header's end."""

    names: tuple[str, ...]
    delimiter: str = ","
    spaced: bool = False
    lines: int = 0


def read_header(lines: Iterator[str], where: str, fields: Fields) -> Header:
    """The header at the beginning of a table; `lines` then continues after it. It has no names if the file is empty.

    The delimiter is the one that gives the header the most known columns. `csv.Sniffer` guesses it from the rows,
    and a prompt full of commas or quotes confuses it.
    Raises BadInputError if no column is known, naming the columns, or if a quote is never closed.
    """
    line, taken, delimiters = "", 0, DELIMITERS
    for line in lines:
        taken += 1
        if taken == 1 and (separator := SEPARATOR.fullmatch(line.strip("\r\n\ufeff"))):
            delimiters = separator[1]
        elif line.strip(BLANK):
            break
    else:
        return Header((), lines=taken)
    line, more = _whole(line, lines, where)
    taken += more
    headers = [header for delimiter in delimiters if (header := _header(line, delimiter, taken))]
    if not headers:
        raise BadInputError("the header is not CSV", where=where, remedy=QUOTES)
    header = max(
        headers, key=lambda candidate: (len({*map(fields.meaning, candidate.names)} - {""}), len(candidate.names))
    )
    if not any(map(fields.meaning, header.names)):
        names = ", ".join(repr(name) for name in header.names[:12])
        known = ", ".join(f'"{name}"' for name in fields.needs or fields.names)
        raise BadInputError(
            f"none of the columns is known: {names[:500]}", where=where,
            remedy=f"name the columns in the first line: {known}; see docs/BATCHES.md",
        )  # fmt: skip
    return header


def _whole(line: str, lines: Iterator[str], where: str) -> tuple[str, int]:
    """A header with its further lines, as a quoted name may contain a line end; and the number of these lines.

    Raises BadInputError if a quote is not closed soon, as the whole table would be taken for a name.
    """
    parts, size, is_open = [line], 0, line.count('"') % 2 == 1
    while is_open:
        more = next(lines, "")
        size += len(more)
        if not more or len(parts) > MAX_LINES or size > MAX_CHARACTERS:
            raise BadInputError("a quote in the header is never closed", where=where, remedy=QUOTES)
        parts.append(more)
        is_open ^= more.count('"') % 2 == 1
    return "".join(parts), len(parts) - 1


def _header(line: str, delimiter: str, taken: int) -> Header | None:
    try:
        (raw,) = csv.reader([line], delimiter=delimiter, strict=True)
        (names,) = csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True)
    except (csv.Error, ValueError, TypeError):
        return None
    # Spaces after delimiters, as in `id, prompt, video`; otherwise a space at the start of a cell belongs to the text.
    spaced = len(raw) > 1 and all(name.startswith(" ") for name in raw[1:])
    named = tuple(name.strip("\ufeff \t\r\n\xa0") or f"column {n}" for n, name in enumerate(names, 1))
    return Header(named, delimiter, spaced, taken)


def rows(lines: Iterable[str], header: Header) -> Any:
    """A `csv.reader` of the rows below a header; strict, as an unclosed quote would swallow all that follows."""
    return csv.reader(lines, delimiter=header.delimiter, skipinitialspace=header.spaced, strict=True)


def entry_in(row: list[str], header: Header) -> dict[str, str] | None:
    """The cells of a row that are not empty, by their columns; None if all are empty.

    Raises csv.Error for more cells than there are columns.
    """
    if any(cell.strip() for cell in row[len(header.names) :]):
        raise csv.Error("more fields than the header has")
    cells = [(name, cell) for name, cell in zip(header.names, row, strict=False) if cell.strip()]
    return entry_of(cells) if cells else None
