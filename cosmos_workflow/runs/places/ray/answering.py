"""From entries to results: what Ray's tasks and actors do with one piece of a batch, with no word of Ray in it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import ChosenEngine, Engine
from cosmos_workflow.engines.outputs import OutputFiles
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import Kind, Outcome
from cosmos_workflow.kinds.reading import Piece
from cosmos_workflow.media import sha256_of, version
from cosmos_workflow.runs import loop
from cosmos_workflow.runs.places.ray.batches import Entry, local_copy, read
from cosmos_workflow.runs.submitting import Identified, identified

__all__ = ["Prepared", "answer_all", "identities", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A piece ready for the engine. `name` is the same for the same items, so that work done twice is written once."""

    name: str
    items: tuple[loop.Prepared, ...]


def prepare(kind: Kind, piece: Piece, engine: ChosenEngine, settings: Any, place: str) -> Prepared:
    """Read, check and pack the items of a piece; an item that cannot be asked becomes a result with an error."""
    digest = hashlib.blake2b(digest_size=12)
    items = []
    # By their inputs, so that each is decoded once.
    entries = sorted(read(kind, piece), key=lambda entry: entry.inputs)
    for entry, item, error in _checked(kind, entries, engine, settings):
        digest.update(entry.key)
        # A result names an input as the batch does, not by its copy.
        result = replace(kind.begin(item.checked, engine, place), **dict(zip(kind.inputs, entry.inputs, strict=True)))
        if error is not None:
            outcome = Outcome(result.id, error=str(error), error_kind="bad_input")
            items.append(loop.Prepared(kind.finish(result, outcome)))
        else:
            items.append(loop.prepare(kind, item.checked, result, settings, engine.wants, item.identity))
    return Prepared(digest.hexdigest(), tuple(items))


def identities(kind: Kind, piece: Piece, engine: ChosenEngine, settings: Any) -> list[str]:
    """The identity of each item at the positions of a piece as it is now; empty for one that cannot be asked.

    Raises BadInputError where there are fewer entries than positions.
    """
    entries = list(read(kind, piece))
    if len(entries) != len(piece.positions):
        raise BadInputError("it changes while it is read", where=piece.url, remedy="run it again")
    return [item.identity for _, item, _ in _checked(kind, entries, engine, settings)]


def answer_all(
    kind: Kind, engine: Engine, prepared: Prepared, outputs: OutputFiles | None = None
) -> list[tuple[Any, str]]:
    """A result for each item of a piece, with the identity of its work. Raises as `loop.answer_together`."""
    results: list[tuple[Any, str]] = []

    def keep(result: Any, identity: str) -> None:
        results.append((result, identity))

    loop.answer_together(kind, prepared.items, engine, keep, outputs)
    return results


def _checked(
    kind: Kind, entries: Sequence[Entry], engine: ChosenEngine, settings: Any
) -> Iterator[tuple[Entry, Identified, BadInputError | None]]:
    """Each entry with its checked item, whose files are on this machine, or with the error why it cannot be checked."""
    copies = [_copied(kind, entry) for entry in entries]
    usable = (copy for copy in copies if not isinstance(copy, BadInputError))
    checked = identified(kind, settings, engine, kind.check(usable, settings), _sha256)
    for entry, copy in zip(entries, copies, strict=True):
        if isinstance(copy, BadInputError):
            yield entry, Identified(kind.unusable(entry.item, copy, settings), ""), copy
        else:
            yield entry, next(checked), None


def _copied(kind: Kind, entry: Entry) -> Any:
    """The item of an entry with its files on this machine; the error where there is none."""
    if entry.error is not None:
        return entry.error
    try:
        files = zip(kind.inputs, entry.inputs, strict=True)
        return replace(entry.item, **{name: local_copy(file, _cache()) for name, file in files if file})
    except BadInputError as error:
        return error


def _sha256(path: Path) -> str:
    return _sha256_of_version(path, version(path))


@lru_cache(65_536)
def _sha256_of_version(path: Path, _: tuple[int, int]) -> str:
    """A file that many items share is hashed once by a process, and anew when it has changed."""
    return sha256_of(path)


@lru_cache(1)
def _cache() -> Path:
    return Path(tempfile.mkdtemp(prefix="cosmos-videos-"))
