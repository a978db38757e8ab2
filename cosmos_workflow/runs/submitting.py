"""The one way in which work becomes a run, whoever asks: the command line, the page, the REST API or a script."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.identity import ENGINE_PART, differences, identity
from cosmos_workflow.kinds.kind import Kind

if TYPE_CHECKING:
    from cosmos_workflow.runs.results import ResultsFile
    from cosmos_workflow.runs.stopping import StopAfter
    from cosmos_workflow.store import FileRecord, NewItem, RunRecord

__all__ = [
    "OUTPUT_PART",
    "UNIDENTIFIED",
    "Earlier",
    "Identified",
    "Request",
    "Sha256Of",
    "Submission",
    "answered_in",
    "identified",
    "inputs_of",
    "new_items",
    "notes_on_earlier",
    "refusal",
]

Sha256Of = Callable[[Path], str]
"""Hashes an input file, and may remember it; raises BadInputError where it cannot be read."""

UNIDENTIFIED = ("what is asked or input file",)  # in what items may differ where an answer names no identity

OUTPUT_PART = "output files that are missing or have changed"


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
    stop_after: StopAfter | None = None


@dataclass(frozen=True)
class Identified:
    """A checked item with the identity of its work, and the SHA-256 of its input files by their names.

    Both are empty for an item which does not run.
    """

    checked: Any
    identity: str
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Earlier:
    """What a results file answers already: the results, and in what the items differ that have changed since.

    `unidentified` counts the results that the version before wrote, which names no identity.
    """

    results: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unidentified: int = 0


@dataclass(frozen=True)
class Submission:
    """What has become of a submitted batch.

    `run` does what is not answered yet, and is None where everything is; `earlier` are the results that the results
    file has already, by their ids, and `unidentified` of them are of the version before. `changed` are the items whose
    answers there no longer stand for them, and in what they differ. `refused` are results of items that cannot run,
    where the run does not have them itself.
    """

    run: RunRecord | None
    earlier: Mapping[str, Any] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unidentified: int = 0
    refused: Mapping[str, Any] = field(default_factory=dict)


def identified(
    kind: Kind, settings: Any, engine: ChosenEngine, checked: Iterable[Any], sha256_of: Sha256Of
) -> Iterator[Identified]:
    """Each checked item with its identity; one whose file is gone since it was checked does not run."""
    for each in checked:
        if not each.runs:
            yield Identified(each, "")
            continue
        try:
            inputs = inputs_of(kind, each.item, sha256_of)
        except BadInputError as error:
            yield Identified(kind.unusable(each.item, error, settings), "")
        else:
            asks = kind.asks(each, settings)
            yield Identified(each, identity(kind, asks, inputs, engine.name, engine.fingerprint), inputs)


def inputs_of(kind: Kind, item: Any, sha256_of: Sha256Of) -> dict[str, str]:
    """The SHA-256 of each input file that an item has. Raises BadInputError for a file that cannot be read."""
    paths = {name: getattr(item, name) for name in kind.inputs}
    return {name: sha256_of(Path(path)) for name, path in paths.items() if path is not None}


def answered_in(
    file: ResultsFile, items: Iterable[Identified], keep_of: Container[str] = ()
) -> tuple[list[Identified], Earlier]:
    """The items that a results file does not answer, and what it says of the others.

    An answer of an engine of `keep_of` stands although another engine is asked now.
    """
    earlier, rest = Earlier(), []
    for item in items:
        asked = item.checked.item
        line = file.line_of(asked.id)
        if line is None:
            rest.append(item)
            continue
        changes = differences(line.identity, item.identity) if line.identity else UNIDENTIFIED
        # What cannot be asked now has no identity: it keeps its answer, if that is to the same words and file names.
        stands = file.stands_for(line, asked, item.identity)
        stands = stands or (changes == (ENGINE_PART,) and line.result.engine in keep_of)
        if stands and file.outputs and file.outputs.differing(asked.id, line.result.outputs):
            stands, changes = False, (OUTPUT_PART,)
        if stands:
            earlier.results[asked.id] = line.result
            earlier.unidentified += not line.identity
        else:
            earlier.changed[asked.id] = changes
            rest.append(item)
    return rest, earlier


def refusal(kind: Kind, checked: Any, engine: ChosenEngine, place: str) -> Any:
    """The result of an item that does not run, with the reason."""
    return kind.finish(kind.begin(checked, engine, place), kind.refusal(checked))


def notes_on_earlier(changed: int, reasons: Mapping[str, int], unidentified: int) -> list[str]:
    """For a person: how many answered items are asked again, as they have changed, with how often each reason stands;
    and how many answers are kept that name no identity.
    """
    notes = []
    if changed:
        ordered = sorted(reasons.items(), key=lambda reason: -reason[1])
        why = ", ".join(f"{reason} ({number:,})" for reason, number in ordered)
        notes.append(f"{changed:,} answered items are asked again, as they have changed: {why}")
    if unidentified:
        notes.append(f"{unidentified:,} answers of an earlier version are kept: they ask the same of the same file")
    return notes


def new_items(request: Request, items: Iterable[Identified]) -> Iterator[NewItem]:
    """The items of a new run; one that does not run is answered with the reason."""
    from cosmos_workflow.store import NewItem  # needs SQLAlchemy, which a client of a server does without

    kind = request.kind
    for item in items:
        begun = kind.begin if item.checked.runs else partial(refusal, kind)
        result = begun(item.checked, request.engine, request.place)
        yield NewItem(result, kind.dump_item(item.checked.item), item.identity, _input_records(kind, item))


def _input_records(kind: Kind, item: Identified) -> dict[str, FileRecord]:
    """What is known of an item's input files without reading them again."""
    from cosmos_workflow.store import FileRecord

    facts = kind.facts(item.checked) if item.inputs else {}
    records = {}
    for name, sha256 in item.inputs.items():
        path = Path(getattr(item.checked.item, name))
        try:
            size = path.stat().st_size
        except OSError:
            size = 0  # a sequence of images has no size of its own
        media_type = mimetypes.guess_type(path.name)[0] or ""
        records[name] = FileRecord(
            sha256, path.name, time.time(), size, media_type=media_type, kept=False, **facts.get(name, {})
        )
    return records
