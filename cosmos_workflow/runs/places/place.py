"""The one protocol of places: this machine, a host, a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cosmos_workflow.errors import UsageError
from cosmos_workflow.runs.folder import RunFolder
from cosmos_workflow.runs.listening import Listener, Patience
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.store import RunRecord

__all__ = ["Keep", "Place", "require_detachable"]


@dataclass(frozen=True)
class Keep:
    """Keeps results, each with the identity of its work: in the store, then in the results file, then told.

    `outputs` has the files that they name by then; None for a kind that makes none.
    """

    results: Callable[[Sequence[tuple[Any, str]]], None]
    outputs: OutputFolder | None = None

    def __call__(self, results: Sequence[tuple[Any, str]]) -> None:
        self.results(results)


class Place(Protocol):
    """Where runs go. Whoever calls has the run to themselves, but for `cancel`."""

    def drive(
        self, run: RunRecord, folder: RunFolder, listener: Listener, keep: Keep, *, detach: bool, patience: Patience,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        """Take a run as far as it goes, and `keep` each result; with `detach`, only until the place has it.

        `stop` asks to leave the run as it is, where the place does not go on alone. Raises RunFailed where it ended
        without all of its answers, other CosmosErrors where a person is needed.
        """

    def cancel(self, run: RunRecord) -> bool:
        """End it where it runs. Whether it has answers there that may have to be fetched."""

    def forget(self, run: RunRecord) -> None:
        """Remove what the place keeps of it."""

    def results(self, run: RunRecord) -> Iterator[Any]:
        """The results that there are, one by one."""


def require_detachable(place: str) -> None:
    """Raise UsageError where a run ends with the program that drives it."""
    if place == "local":
        raise UsageError(
            "a run on this machine cannot be detached", where="--detach",
            remedy="leave it out; or let a server of yours do it: cosmos serve, then cosmos --server URL",
        )  # fmt: skip
