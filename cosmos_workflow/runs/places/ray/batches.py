"""The batches of a cluster: the files that a URL or folder stands for, their parts, and the entries in these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import at_home
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.kinds.reading import Keys, Piece, Record, encoding_of, filesystem, records

__all__ = ["SUFFIXES", "Entry", "files_in", "hashed", "key_of", "local_copy", "read", "spans"]

SUFFIXES = (".jsonl", ".ndjson", ".csv", ".parquet")
SPAN_BYTES = 16 << 20  # of a JSON Lines file that one task reads


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
    folder = piece.url.rsplit("/", 1)[0] if "/" in piece.url else ""
    try:
        for record in records(piece, keys or Keys(kind.fields)):
            yield _entry(kind, piece.url, folder, record, keys)
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


def _entry(kind: Kind, url: str, folder: str, record: Record, keys: Keys | None) -> Entry:
    where = f"{url}, {'row' if url.lower().endswith('.parquet') else 'byte'} {record.position}"
    inputs: tuple[str, ...] = ("",) * len(kind.inputs)
    damage = None
    try:
        if record.error:
            raise BadInputError(record.error.what, where=where, remedy=record.error.remedy)
        if not isinstance(record.values, dict):
            raise BadInputError("not an object", where=where, remedy="correct or remove it")
        item, written = kind.entry(record.values, where, keys)
        inputs = tuple(_below(folder, file) if file else "" for file in written)
    except BadInputError as error:
        item, damage = kind.damaged(record.values, f"{Path(url).name}:{record.position}"), error
    asked = {name: getattr(item, name) for name in ("id", *kind.key_fields)}
    key = key_of(kind, asked | dict(zip(kind.inputs, inputs, strict=True)))
    return Entry(record.position, item, inputs, key, damage)


def _below(folder: str, file: str) -> str:
    """A file as an entry of a batch in `folder` names it."""
    file = str(at_home(Path(file))) if file.startswith("~") else file
    return f"{folder}/{file}" if folder and "://" not in file and not Path(file).is_absolute() else file


def _unreadable(url: str, error: Exception) -> BadInputError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    remedy = "every machine of the cluster must reach it: a shared folder or an object store"
    return BadInputError(f"cannot be read ({reason})", where=url, remedy=remedy)
