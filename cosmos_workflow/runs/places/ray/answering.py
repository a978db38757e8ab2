"""From entries to results: what Ray's tasks and actors do with one piece of a batch, with no word of Ray in it."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import ChosenEngine, Engine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import Kind, Outcome
from cosmos_workflow.kinds.reading import Piece
from cosmos_workflow.runs import loop
from cosmos_workflow.runs.places.ray.batches import Entry, local_copy, read

__all__ = ["Prepared", "answer_all", "prepare"]


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
    for entry in sorted(read(kind, piece), key=lambda entry: entry.inputs):
        digest.update(entry.key)
        items.append(_prepared(kind, entry, engine, settings, place))
    return Prepared(digest.hexdigest(), tuple(items))


def _prepared(kind: Kind, entry: Entry, engine: ChosenEngine, settings: Any, place: str) -> loop.Prepared:
    named = dict(zip(kind.inputs, entry.inputs, strict=True))
    item, error = entry.item, entry.error
    if error is None:
        try:
            item = replace(item, **{name: local_copy(input, _cache()) for name, input in named.items()})
        except BadInputError as unreadable:
            error = unreadable
    if error is not None:
        result = replace(kind.begin(kind.unusable(item, error), engine, place), **named)
        return loop.Prepared(kind.finish(result, Outcome(result.id, error=str(error), error_kind="bad_input")))
    (checked,) = kind.check([item], settings)
    # A result names an input as the batch does, not by its copy.
    result = replace(kind.begin(checked, engine, place), **named)
    return loop.prepare(kind, checked, result, settings, engine.wants)


def answer_all(kind: Kind, engine: Engine, prepared: Prepared) -> list[Any]:
    """A result for each item of a piece. Raises as `loop.answer_together`."""
    results: list[Any] = []
    loop.answer_together(kind, prepared.items, engine, lambda result, identity: results.append(result))
    return results


@lru_cache(1)
def _cache() -> Path:
    return Path(tempfile.mkdtemp(prefix="cosmos-videos-"))
