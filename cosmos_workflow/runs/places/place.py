"""What the runs of each kind of place do in their own way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Protocol

from cosmos_workflow.errors import Conflict
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.places.host_driving import Listener, Patience
from cosmos_workflow.store import RunRecord, Store

__all__ = ["PlaceRuns", "asked_again", "to_try_again"]


class PlaceRuns(Protocol):
    """Runs on this machine, on a host, or on a cluster. Whoever calls has the run to themselves, but for `cancel`."""

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, *, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Take a run as far as it goes; `stop` asks to leave it as it is, where the place does not go on alone.

        Raises RunFailed where it ended without all of its answers, other CosmosErrors where a person is needed.
        """

    def cancel(self, run: RunRecord) -> None:
        """End it where it runs; the store learns of it afterwards."""

    def again(self, run: RunRecord, folder: RunFolder, *, queued: bool) -> None:
        """One more attempt for the items without an answer. Raises Conflict where there are none."""

    def forget(self, run: RunRecord) -> None:
        """Remove what the place keeps of it."""

    def results(self, run: RunRecord) -> Iterator[Any]:
        """The results that there are, one by one."""


def to_try_again(store: Store, run: RunRecord) -> set[str]:
    """The items without a good answer that may get one yet: asking again cannot change what is wrong with some."""
    hopeless = get_kind(run.kind).hopeless
    return {result.id for result, ok in store.results(run.id) if not ok and result.error_kind not in hopeless}


def asked_again(store: Store, run: RunRecord) -> set[str]:
    """The items that one more attempt asks. Raises Conflict where there are none."""
    todo = to_try_again(store, run)
    if not todo:
        raise Conflict(
            "nothing to try again: every item is answered or cannot be", where=run.id,
            remedy=f"see them: cosmos runs show {run.id}",
        )  # fmt: skip
    return todo
