"""The JSON documents of a file of specs, and errors that say at which line and column something is no JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError, cannot_read
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.reading.encoding import encoding_of, not_utf8
from cosmos_workflow.kinds.reading.fields import Repeated, entry_of
from cosmos_workflow.kinds.reading.opening import opened, opened_as_text

__all__ = ["Document", "documents", "is_spec_file", "parsed"]

LINES, WHOLE = (".jsonl", ".ndjson"), (".json",)
MARK = "\ufeff"
ENDS = re.compile("[\x85\u2028\u2029]")  # where str.splitlines ends a line and JSON does not
LARGEST = 64 << 20  # bytes of a file that is read as a whole, or of a line
DEPTH = 100  # so deep may lists and objects be in one another: a spec needs 4
LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Document:
    """What one .json file or one line of a .jsonl file holds, and what NVIDIA's programs do not tolerate of it:
    blank lines before it (or behind the last), a byte order mark, a list of specs, a line that is cut at U+2028 and the
    like. `repeated` are keys given twice.
    """

    values: Any
    where: str
    blank_lines: tuple[int, ...] = ()
    marked: bool = False
    listed: bool = False
    repeated: tuple[str, ...] = ()
    cut: bool = False


def is_spec_file(path: Path) -> bool:
    """Whether a file has the name of one that can hold specs.

    >>> is_spec_file(Path("a.JSON")), is_spec_file(Path("a.mp4"))
    (True, False)
    """
    return path.suffix.lower() in (*LINES, *WHOLE)


def documents(path: str | Path) -> Iterator[Document]:
    """The documents of a file, one in memory at a time where it has one on each line. Raises BadInputError."""
    path = at_home(Path(path))
    suffix = path.suffix.lower()
    if not is_spec_file(path):
        what = (
            "this is a text, no spec" if suffix == ".txt" else f"specs are JSON, and this is {suffix or 'no such file'}"
        )
        remedy = "name it as prompt_path in a spec" if suffix == ".txt" else "give a .json or a .jsonl file"
        raise BadInputError(what, where=str(path), remedy=remedy)
    try:
        with opened(str(path)) as file:
            marked = path.is_file() and encoding_of(file.read(4))[1] > 0
        with opened_as_text(str(path)) as file:
            if file.read(len(LFS)) == LFS:
                raise BadInputError(
                    "this is the place holder of Git LFS for a file that was not fetched", where=str(path),
                    remedy="run `git lfs pull` where it was cloned",
                )  # fmt: skip
            file.seek(0)
            if suffix in LINES:
                yield from _lines(file, path, marked)
            else:
                yield from _whole(_bounded(file.read, str(path)), path, marked)
    except (OSError, ValueError) as error:  # a ValueError is a null byte in the path
        raise cannot_read(path, error) from error


def _whole(data: bytes, path: Path, marked: bool) -> Iterator[Document]:
    text = _text(data, str(path))
    values, repeated = parsed(text.removeprefix(MARK), str(path))
    listed = isinstance(values, list)
    for number, entry in enumerate(values if listed else [values], 1):
        where = f"{path}, entry {number}" if listed else str(path)
        yield Document(entry, where, marked=marked, listed=listed, repeated=repeated)


def _bounded(read: Callable[[int], bytes], where: str) -> bytes:
    """A file or a line of it, if it is no longer than a spec can be."""
    data = read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadInputError(
            f"this is longer than {LARGEST >> 20} MiB, and no spec",
            where=where,
            remedy="write each spec on a line of a .jsonl file",
        )
    return data


def _lines(file: Any, path: Path, marked: bool) -> Iterator[Document]:
    last: Document | None = None
    blank: tuple[int, ...] = ()
    # Only line feeds end a line: str.splitlines would also cut prompts at U+2028 and similar characters.
    for number in count(1):
        where = f"{path}, line {number}"
        if not (line := _bounded(file.readline, where)):
            break
        text = _text(line, where)
        marked = marked or text.startswith(MARK)
        if not text.lstrip(MARK).strip():
            blank = (*blank, number)
            continue
        if last is not None:
            yield last
        values, repeated = parsed(text.lstrip(MARK), str(path), number, where)
        last, blank = Document(values, where, blank, marked, repeated=repeated, cut=bool(ENDS.search(text))), ()
    if last is not None:
        yield replace(last, blank_lines=(*last.blank_lines, *blank))


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        fault = not_utf8(data[error.start], error.start)
        raise BadInputError(fault.what, where=where, remedy=fault.remedy) from error


def parsed(text: str, where: str, line: int = 1, place: str = "") -> tuple[Any, tuple[str, ...]]:
    """What a text holds as JSON, and the keys that are given twice; `line` is the number of its first line.

    `place` is `where` with this line, for faults without a line and a column of their own.
    Raises BadInputError with line and column, and what to do.
    """
    place = place or where
    try:
        values = json.loads(text, object_pairs_hook=entry_of, parse_constant=_no_number)
        repeated = tuple(dict.fromkeys(_repeated(values, place, DEPTH)))
    except json.JSONDecodeError as error:
        what, remedy, at = _fault(text, error)
        number = line + text.count("\n", 0, at)
        column = at - text.rfind("\n", 0, at)
        raise BadInputError(f"{what} at line {number}, column {column}", where=where, remedy=remedy) from error
    except (ValueError, RecursionError) as error:  # NaN, a number of thousands of digits, lists in lists without end
        raise BadInputError(f"not valid JSON ({error})", where=place, remedy="correct or remove it") from error
    if "\\ud" in text.lower():
        _refuse_halves(values, place)
    return values, repeated


def _refuse_halves(values: Any, where: str) -> None:
    """Raise BadInputError for a text with half of a character, such as \\ud83d alone: no file or model takes it."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])[1:-1]
        raise BadInputError(
            f"a text has only half of a character ({half})", where=where, remedy="write the character again"
        ) from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _fault(text: str, error: json.JSONDecodeError) -> tuple[str, str, int]:
    """What is wrong, what to do, and the index of it."""
    at = error.pos
    before, after = text[: at + 1].rstrip(), text[at:].lstrip()
    if before.endswith(",") and text[len(before) :].lstrip()[:1] in (
        "}",
        "]",
    ):  # newer versions of Python name the comma
        return "a comma too many before the closing bracket", "take the comma away", len(before) - 1
    before = text[:at].rstrip()
    if before.endswith(",") and after[:1] in ("}", "]"):
        return "a comma too many before the closing bracket", "take the comma away", len(before) - 1
    if after.startswith(("//", "/*", "#")):
        return "a comment, which JSON does not have", "take the comment away", at
    if after.startswith("'"):
        return "a text in single quotes", 'write it in double quotes: "…"', at
    if error.msg.startswith("Extra data"):
        return (
            "a second value behind the first",
            "write one spec in a .json file, or one on each line of a .jsonl file",
            at,
        )
    if error.msg.startswith(("Expecting ',' delimiter", "Expecting ':' delimiter")):
        mark = "comma" if "','" in error.msg else "colon"
        return f"a {mark} is missing, or the text before has no end", f"write the {mark}", at
    return f"not valid JSON ({error.msg})", "correct it", at


def _repeated(values: Any, where: str, depth: int) -> Iterator[str]:
    """The keys that are given twice, here or deeper. Raises BadInputError where the values differ, or are too deep."""
    if isinstance(values, Repeated):
        earlier = set()
        for key, value in values.pairs:
            if value != values[key]:
                raise BadInputError(
                    f"the key {key!r:.60} is given twice, with different values", where=where, remedy="keep one of them"
                )
            if key in earlier:
                yield key
            earlier.add(key)
    if isinstance(values, dict | list):
        if not depth:
            raise BadInputError("lists or objects too deep in one another", where=where, remedy="take them away")
        for value in values.values() if isinstance(values, dict) else values:
            yield from _repeated(value, where, depth - 1)
