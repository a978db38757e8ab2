"""Outcomes whose files are still on the host: each counts as soon as its last file is here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from cosmos_workflow.files import is_output_name, is_sha256
from cosmos_workflow.kinds.kind import Outcome
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.ssh import HostProgram, fetch_blobs

__all__ = ["Arriving"]

AT_ONCE = 5_000  # files asked for at once: what the host says of them first is one line, which must not be too long


class Arriving:
    """`keep` is called with outcomes whose files are in `outputs`; `on_bytes` as `fetch_blobs` calls it."""

    def __init__(
        self, program: HostProgram, outputs: OutputFolder, keep: Callable[[Sequence[Outcome]], None],
        on_bytes: Callable[[int, int], None],
    ) -> None:  # fmt: skip
        self._program, self._outputs, self._keep, self._on_bytes = program, outputs, keep, on_bytes
        self._waiting: dict[str, Outcome] = {}

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Outcomes as the host tells them; those whose files cannot be named so here are errors."""
        for outcome in outcomes:
            self._waiting.setdefault(
                outcome.id, outcome if _is_usable(outcome) else _without(outcome, "unusable names")
            )

    async def fetch(self) -> None:
        """Fetch what is lacking, and keep each outcome as its files are here. Raises as `fetch_blobs`."""
        lacking: dict[str, dict[str, None]] = {}  # by an outcome's id, the files that it waits for
        waiting: dict[str, list[Outcome]] = {}  # by a file, the outcomes that wait for it
        gone: set[str] = set()
        for outcome in list(self._waiting.values()):
            needed = dict.fromkeys(
                sha256 for name, sha256 in outcome.outputs.items() if not self._outputs.has(outcome.id, name, sha256)
            )
            if not needed:
                self._done(outcome, gone)
                continue
            lacking[outcome.id] = needed
            for sha256 in needed:
                waiting.setdefault(sha256, []).append(outcome)

        def arrived(sha256: str, whole: bool) -> None:
            if not whole:
                gone.add(sha256)
            for outcome in waiting.pop(sha256, ()):
                del lacking[outcome.id][sha256]
                if not lacking[outcome.id]:
                    self._done(outcome, gone)

        files = iter([(sha256, self._outputs.blob(sha256)) for sha256 in waiting])
        while some := dict[str, Path](islice(files, AT_ONCE)):
            await fetch_blobs(self._program, some, arrived, self._on_bytes)

    def _done(self, outcome: Outcome, gone: set[str]) -> None:
        lost = [name for name, sha256 in outcome.outputs.items() if sha256 in gone]
        self._keep([_without(outcome, f"{lost[0]}: the host has this file no more") if lost else outcome])
        del self._waiting[outcome.id]


def _is_usable(outcome: Outcome) -> bool:
    """What a host says is not trusted: names become paths here, of which none is a file and a folder."""
    names = {name.casefold() for name in outcome.outputs}
    return (
        all(
            is_output_name(name) and isinstance(sha256, str) and is_sha256(sha256)
            for name, sha256 in outcome.outputs.items()
        )
        and len(names) == len(outcome.outputs)
        and not any(parent.as_posix() in names for name in names for parent in PurePosixPath(name).parents)
    )


def _without(outcome: Outcome, error: str) -> Outcome:
    return Outcome(outcome.id, error=f"its output files did not come ({error})", error_kind="damaged")
