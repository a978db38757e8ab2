"""What the runs of each kind of place do in their own way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

from cosmos_workflow.jobs.driving import Listener
from cosmos_workflow.jobs.folder import RunFolder
from cosmos_workflow.prompts import Result
from cosmos_workflow.store import RunRecord

__all__ = ["HOPELESS", "PlaceRuns"]

# Asking again cannot change what is wrong with the item itself.
HOPELESS = ("bad_input", "too_long", "cut_short", "too_many_images")


class PlaceRuns(Protocol):
    """Runs on this machine, on a host, or on a cluster. Whoever calls has the run to themselves, but for `cancel`."""

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, *, detach: bool, give_up: float,
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

    def results(self, run: RunRecord) -> Iterator[Result]:
        """The results that there are, one by one."""
