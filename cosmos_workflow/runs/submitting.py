"""The one way in which work becomes a run, whoever asks: the command line, the page, the REST API or a script."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import ENGINE_PART, Kind, differences, identity
from cosmos_workflow.media import sha256_of, version
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.store import NewItem, Store

__all__ = ["Earlier", "Identified", "Request", "answered_in", "identified", "inputs_of", "new_items"]


@dataclass(frozen=True)
class Request:
    """What is asked, with all that is decided before it runs."""

    kind: Kind
    settings: Any
    place: str
    engine: ChosenEngine
    out: Path | None = None
    source: str = ""
    keep_warm: float = 0.0
    queued: bool = False
    priority: int = 0
    held: bool = False
    again: bool = False


@dataclass(frozen=True)
class Identified:
    """A checked item with the identity of its work; that of an item which does not run is empty."""

    checked: Any
    identity: str


@dataclass
class Earlier:
    """What a results file answers already: the results, and in what the items differ that have changed since.

    `unidentified` counts the results that the version before wrote, which names no identity.
    """

    results: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unidentified: int = 0


def identified(
    kind: Kind, settings: Any, engine: ChosenEngine, checked: Iterable[Any], store: Store
) -> Iterator[Identified]:
    """Each checked item with its identity; one whose file is gone since it was checked does not run."""
    for each in checked:
        if not each.runs:
            yield Identified(each, "")
            continue
        try:
            inputs = inputs_of(kind, each.item, store)
        except BadInputError as error:
            yield Identified(kind.unusable(each.item, error), "")
        else:
            asks = kind.asks(each, settings)
            yield Identified(each, identity(kind, asks, inputs, engine.name, engine.fingerprint))


def inputs_of(kind: Kind, item: Any, store: Store) -> dict[str, str]:
    """The SHA-256 of each input file of an item, which the store remembers while the file stays as it is.

    Raises BadInputError for a file that cannot be read.
    """
    paths = {name: Path(getattr(item, name)).absolute() for name in kind.inputs}
    return {name: store.hashes.of(path, version(path), sha256_of) for name, path in paths.items()}


def answered_in(
    file: ResultsFile, items: Iterable[Identified], keep_of: Container[str] = ()
) -> tuple[list[Identified], Earlier]:
    """The items that a results file does not answer, and what it says of the others.

    An answer of an engine of `keep_of` stands although another engine is asked now.
    """
    earlier, rest = Earlier(), []
    for item in items:
        id = item.checked.item.id
        if not file.holds(id):
            rest.append(item)
            continue
        before = file.identity_of(id)
        # What cannot be asked now keeps its answer, if that names the same work.
        result = file.answer_to(item.checked.item, item.identity or None)
        changes = differences(before, item.identity) if before else ("what is asked or input file",)
        if result is None and changes == (ENGINE_PART,):
            kept = file.answer_to(item.checked.item, before)
            result = kept if kept is not None and kept.engine in keep_of else None
        if result is None:
            earlier.changed[id] = changes
            rest.append(item)
        else:
            earlier.results[id] = result
            earlier.unidentified += not before
    return rest, earlier


def new_items(request: Request, items: Iterable[Identified]) -> Iterator[NewItem]:
    """The items of a new run; one that does not run is answered with the reason."""
    kind = request.kind
    for item in items:
        result = kind.begin(item.checked, request.engine, request.place)
        if not item.checked.runs:
            result = kind.finish(result, kind.refusal(item.checked))
        yield NewItem(result, kind.dump_item(item.checked.item), item.identity)
