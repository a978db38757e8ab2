"""The index of a batch: where each entry stands and what it asks, in arrays that take 48 bytes an entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_workflow.errors import BadInputError, CosmosError, EngineError
from cosmos_workflow.kinds.kind import Kind, get_kind
from cosmos_workflow.kinds.reading import Keys, Piece
from cosmos_workflow.runs.places.ray.batches import files_in, hashed, read, spans

__all__ = ["Hashes", "Index", "hashes", "make_index", "own_errors", "within"]

Hashes = Any  # an array of 16-byte strings


@dataclass(frozen=True)
class Index:
    """All entries of a batch: where each stands, its key (see `key_of`) and the hash of its id.

    `notes` tells a person of fields that are not known.
    """

    files: list[str]
    file: Any
    position: Any
    keys: Hashes
    ids: Hashes
    notes: tuple[str, ...] = ()

    def pieces(self, entries: Any, size: int) -> list[Piece]:
        """Pieces of up to `size` entries of one file, in their order; `entries` are ascending numbers."""
        pieces = []
        for number, url in enumerate(self.files):
            positions = self.position[entries[self.file[entries] == number]].tolist()
            pieces += [Piece(url, positions=tuple(positions[at : at + size])) for at in range(0, len(positions), size)]
        return pieces


def make_index(kind: Kind, source: str) -> Index:
    """Raises BadInputError for an empty batch, or an id that stands twice."""
    import ray

    files = files_in(source)
    parts = [(number, piece) for number, url in enumerate(files) for piece in spans(url)]
    if len(parts) == 1:
        indexed = [_index_span(kind.name, parts[0][1])]
    else:
        remote = ray.remote(_index_span)
        with own_errors():
            indexed = ray.get([remote.remote(kind.name, piece) for _, piece in parts])
    named = Keys(kind.fields)
    for *_, part in indexed:
        named.add(part)
    count = [len(positions) for positions, *_ in indexed]
    if not sum(count):
        raise BadInputError("the batch is empty", where=source, remedy="see docs/BATCHES.md")
    file = np.repeat(np.array([number for number, _ in parts]), count)
    positions, keys, ids = (np.concatenate([part[n] for part in indexed]) for n in range(3))
    index = Index(files, file, positions, keys, ids, tuple(named.notes()))
    _, first, times = np.unique(index.ids, return_index=True, return_counts=True)
    if (times > 1).any():
        at = first[times > 1][0]
        (entry,) = read(kind, Piece(files[file[at]], positions=(int(index.position[at]),)))
        raise BadInputError(
            f"one id for {times.max()} entries: {entry.item.id!r}", where=source,
            remedy="give each entry its own id (or another seed)",
        )  # fmt: skip
    return index


def _index_span(kind: str, piece: Piece) -> tuple[Any, Hashes, Hashes, Keys]:
    """The positions, keys and ids' hashes of a piece's entries, and what its fields are called."""
    named = Keys(get_kind(kind).fields)
    entries = [(entry.position, entry.key, hashed(entry.item.id)) for entry in read(get_kind(kind), piece, named)]
    positions, keys, ids = zip(*entries, strict=True) if entries else ((), (), ())
    return np.array(positions, np.int64), np.array(keys, "S16"), np.array(ids, "S16"), named


def hashes(texts: Iterable[str]) -> Hashes:
    """The hash of each text (see `hashed`)."""
    return np.array([hashed(text) for text in texts], "S16")


def within(some: Hashes, ordered: Hashes) -> Any:
    """Which of `some` are among `ordered`, as booleans."""
    if not len(ordered):
        return np.zeros(len(some), bool)
    return ordered[np.searchsorted(ordered, some).clip(max=len(ordered) - 1)] == some


@contextmanager
def own_errors() -> Iterator[None]:
    """Ray's wrapping taken off: our own error where there is one, an EngineError in Ray's words otherwise."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, CosmosError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from error
        text = str(error).strip().splitlines()
        raise EngineError(
            f"Ray ended the job ({text[-1] if text else type(error).__name__})",
            where=type(error).__name__, remedy="run it again: written results are kept",
        ) from error  # fmt: skip
