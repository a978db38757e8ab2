"""What a run asks: its settings, and its items one by one, read from the store page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.identity import INPUT_PART, differences, identity
from cosmos_workflow.kinds.kind import Kind, Outcome, Packed, Task, get_kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.loop import Prepared, prepare
from cosmos_workflow.runs.submitting import Sha256Of, inputs_of
from cosmos_workflow.store import RunRecord, Store

__all__ = ["hashing", "prepared_items", "settings_of"]

PAGE = 500
CHANGED = "an input file has changed since the run was submitted; submit it again"


def hashing(store: Store) -> Sha256Of:
    """Hashes a file once: the store remembers it while the file stays as it is."""
    from cosmos_workflow.media import sha256_of, version

    return lambda path: store.hashes.of(path.absolute(), version(path), sha256_of)


def settings_of(run: RunRecord, folder: RunFolder) -> Any:
    """The settings that the items are asked with."""
    values = run.settings.get("settings")
    if values is None:  # a run of the version before
        values = folder.old_request()["settings"]
    return get_kind(run.kind).load_settings(values)


def prepared_items(
    store: Store, run: RunRecord, folder: RunFolder, before: Mapping[str, Task] | None = None
) -> Iterator[Prepared]:
    """Each item that waits for its answer, in the batch's order, packed for the run's engine when it is its turn.

    `before` has tasks that are packed already, by their ids.
    """
    kind, settings = get_kind(run.kind), settings_of(run, folder)
    engine = ChosenEngine(**run.settings["engine"])
    old: dict[str, Any] = {}
    after = -1
    while page := store.items(run.id, after=after, most=PAGE, only_open=True):
        for stored in page:
            if task := (before or {}).get(stored.result.id):
                yield Prepared(stored.result, Packed(task), stored.identity)
                continue
            asked = stored.asked
            if asked is None:  # a run of the version before
                old = old or {values["id"]: values for values in folder.old_request()["items"]}
                asked = old[stored.result.id]
            item = kind.load_item(asked)
            checked = kind.checked_again(item, stored.result, settings)
            prepared = prepare(kind, checked, stored.result, settings, engine.wants, stored.identity)
            # Looked at when it has been read: what is packed is then what the identity names.
            if _has_changed(kind, item, stored.identity, store):
                outcome = Outcome(stored.result.id, error=CHANGED, error_kind="changed")
                prepared = Prepared(kind.finish(stored.result, outcome), identity=stored.identity)
            yield prepared
        after = page[-1].position


def _has_changed(kind: Kind, item: Any, before: str, store: Store) -> bool:
    """Whether an item's files are not those that its identity names; one of the version before names none."""
    if not before:
        return False
    try:
        now = identity(kind, {}, inputs_of(kind, item, hashing(store)), "", "")
    except BadInputError:
        return False  # what cannot be read is refused anyway
    return INPUT_PART in differences(before, now)
