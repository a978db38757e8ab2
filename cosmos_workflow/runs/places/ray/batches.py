"""Batches of any size: JSON Lines, CSV or Parquet, in files, folders and object stores, read entry by entry.

An entry's position is its byte in the file (its row in a Parquet file), so that any part can be read by itself.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.kinds.upsample import Keys
from cosmos_workflow.kinds.upsample.encoding import decoded, encoding_of
from cosmos_workflow.kinds.upsample.keys import load_json
from cosmos_workflow.kinds.upsample.tables import QUOTES, entry_in, read_header, rows

__all__ = ["SUFFIXES", "Entry", "Piece", "files_in", "filesystem", "hashed", "key_of", "local_copy", "read", "spans"]

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".parquet")
SPAN_BYTES = 16 << 20  # of a JSON Lines file that one task reads
READ_ROWS = 1024


@dataclass(frozen=True)
class Piece:
    """Some entries of a file: those that begin in [`start`, `end`), or only those at `positions`."""

    url: str
    start: int = 0
    end: int | None = None
    positions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Entry:
    """What stands at a position: an item, or why there is none; `inputs` are as the batch gave them.

    `key` is the hash of the entry as it is now (see `key_of`).
    """

    position: int
    item: Any
    inputs: tuple[str, ...]
    key: bytes
    error: BadInputError | None = field(default=None, compare=False)


def hashed(text: str) -> bytes:
    """16 bytes for a text, that an array of numpy's keeps as they are (it would drop a zero at the end)."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=15).digest() + b"."


def key_of(kind: Kind, values: Mapping[str, Any]) -> bytes:
    """The hash of an item, or of its result, by the fields that say what is asked: with others, it is asked anew.

    Of a file only the name counts: the same batch may be run from another folder.
    """
    names = (str(values[name]) for name in kind.key_fields if name not in kind.inputs)
    files = (str(values[name]).replace("\\", "/").rsplit("/", 1)[-1] for name in kind.inputs)
    return hashed("\0".join((str(values["id"]), *names, *files)))


def files_in(url: str) -> list[str]:
    """The batch files that a URL or path stands for, in order. Raises BadInputError where there are none."""
    fs, path = filesystem(url)
    try:
        paths = [path]
        if fs.isdir(path):
            paths = [name for name in sorted(fs.find(path)) if name.lower().endswith(SUFFIXES)]
        elif not fs.exists(path):
            raise FileNotFoundError("No such file or directory")
    except Exception as error:
        raise _unreadable(url, error) from error
    if not paths or not paths[0].lower().endswith(SUFFIXES):
        kinds = ", ".join(SUFFIXES)
        raise BadInputError(
            "no batch file", where=url, remedy=f"give a file, or a folder of files, that ends in {kinds}"
        )
    return [fs.unstrip_protocol(name) if "://" in url else name for name in paths]


def spans(url: str, size: int = SPAN_BYTES) -> list[Piece]:
    """The parts of a file that can be read at the same time, of about `size` bytes where its kind can be cut."""
    if not url.lower().endswith((".jsonl", ".ndjson")):
        return [Piece(url)]
    fs, path = filesystem(url)
    end = fs.size(path)
    if end and encoding_of(fs.cat_file(path, 0, 4))[0] != "utf-8":
        return [Piece(url)]
    return [Piece(url, start, min(start + size, end)) for start in range(0, end, size)]


def read(kind: Kind, piece: Piece, keys: Keys | None = None) -> Iterator[Entry]:
    """The entries of a piece; one that cannot be used is told of in its place. `keys` counts those that are not known.

    Raises BadInputError where the file itself cannot be read.
    """
    read_kind = {".csv": _read_csv, ".parquet": _read_parquet}.get(Path(piece.url).suffix.lower(), _read_lines)
    folder = piece.url.rsplit("/", 1)[0] if "/" in piece.url else ""
    positions = frozenset(piece.positions)
    try:
        for position, values, wrong in read_kind(piece, keys):
            if not positions or position in positions:
                yield _entry(kind, piece.url, folder, position, values, wrong, keys)
    except BadInputError:
        raise
    except Exception as error:
        raise _unreadable(piece.url, error) from error


def local_copy(video: str, cache: Path) -> Path:
    """A video as a file of this machine; one in an object store is fetched once. Raises BadInputError."""
    if "://" not in video:
        return Path(video)
    import fsspec

    try:
        return Path(fsspec.open_local(f"filecache::{video}", filecache={"cache_storage": str(cache)}))
    except Exception as error:
        raise _unreadable(video, error) from error


def _entry(kind: Kind, url: str, folder: str, position: int, values: Any, wrong: str, keys: Keys | None) -> Entry:
    where = f"{url}, {'row' if url.lower().endswith('.parquet') else 'byte'} {position}"
    inputs: tuple[str, ...] = ("",) * len(kind.inputs)
    damage = None
    try:
        if wrong or not isinstance(values, dict):
            raise BadInputError(wrong or "not an object", where=where, remedy="correct or remove it")
        item, written = kind.entry(values, where, keys)
        inputs = tuple(_below(folder, file) for file in written)
    except BadInputError as error:
        item, damage = kind.damaged(values, f"{Path(url).name}:{position}"), error
    asked = {name: getattr(item, name) for name in ("id", *kind.key_fields)}
    key = key_of(kind, asked | dict(zip(kind.inputs, inputs, strict=True)))
    return Entry(position, item, inputs, key, damage)


def _below(folder: str, file: str) -> str:
    """A file as an entry of a batch in `folder` names it."""
    file = str(at_home(Path(file))) if file.startswith("~") else file
    return f"{folder}/{file}" if folder and "://" not in file and not Path(file).is_absolute() else file


Read = Iterator[tuple[int, Any, str]]


def _read_lines(piece: Piece, keys: Keys | None) -> Read:
    start, end = _bounds(piece)
    with _opened(piece.url) as file:
        if start > 0:
            # A line belongs to the piece that it begins in.
            file.seek(start - 1)
            start += len(file.readline()) - 1
        file.seek(start)
        for line in file:
            if end is not None and start >= end:
                return
            if line.strip() and line.strip() != b"\xef\xbb\xbf":
                yield start, *_parsed(line)
            start += len(line)


def _parsed(line: bytes) -> tuple[Any, str]:
    try:
        return load_json(line.decode("utf-8-sig")), ""
    except UnicodeDecodeError as error:
        return None, f"not UTF-8 (byte {error.start} of it)"
    except (ValueError, RecursionError) as error:
        return None, f"not valid JSON ({error})"


def _read_csv(piece: Piece, keys: Keys | None) -> Read:
    start, end = _bounds(piece)
    with _opened(piece.url) as file:
        counted = _Lines(file)
        header = read_header(counted, piece.url, keys if start == 0 else None)
        if not _is_text(header.names):
            raise BadInputError("not UTF-8 (in its header)", where=piece.url, remedy="save the file as UTF-8")
        if start > counted.at:
            file.seek(start)
            counted = _Lines(file, start)
        reader = rows(counted, header)
        while end is None or counted.at < end:
            position = counted.at
            try:
                row = next(reader)
                if not _is_text(row):
                    yield position, None, "not UTF-8"
                elif entry := entry_in(row, header):
                    yield position, entry, ""
            except StopIteration:
                return
            except csv.Error as error:
                yield position, None, f"{error}; {QUOTES}"


def _is_text(cells: Iterable[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:  # what `_Lines` could not decode
        return False
    return True


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    """A file's bytes, as UTF-8. What is UTF-16 is held in memory, and its positions are those of its text as UTF-8."""
    fs, path = filesystem(url)
    with fs.open(path, "rb") as file:
        if encoding_of(file.read(4))[0] == "utf-8":
            file.seek(0)
            yield file
            return
        file.seek(0)
        data = file.read()
    yield io.BytesIO(decoded(data, url).encode())


class _Lines:
    """Lines of a file as text, and the byte after the last one that was taken."""

    def __init__(self, lines: Iterable[bytes], at: int = 0) -> None:
        self._lines = iter(lines)
        self.at = at

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        first = self.at == 0
        self.at += len(line)
        return line.decode("utf-8-sig" if first else "utf-8", "surrogateescape")


def _read_parquet(piece: Piece, keys: Keys | None) -> Read:
    import pyarrow.parquet as pq

    start, end = _bounds(piece)
    fs, path = filesystem(piece.url)
    with fs.open(path, "rb") as opened, pq.ParquetFile(opened) as file:
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first + rows > start and (end is None or first < end):
                position = first
                for batch in file.iter_batches(READ_ROWS, row_groups=[group]):
                    for values in batch.to_pylist():
                        if position >= start and (end is None or position < end):
                            yield position, values, ""
                        position += 1
            first += rows


def _bounds(piece: Piece) -> tuple[int, int | None]:
    if piece.positions:
        return piece.positions[0], piece.positions[-1] + 1
    return piece.start, piece.end


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's filesystem for a URL or path, and the path on it. Raises BadInputError for a kind not installed."""
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise _unreadable(url, error) from error
    return fs, str(path)


def _unreadable(url: str, error: Exception) -> BadInputError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    remedy = "every machine of the cluster must reach it: a shared folder or an object store"
    return BadInputError(f"cannot be read ({reason})", where=url, remedy=remedy)
