"""The results of a run as they come: into the store, into results files with their output files, and told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import NotFound
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs.listening import Listener
from cosmos_workflow.runs.places.place import Keep
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.runs.results import ResultsFile
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.store import RunRecord, Store

__all__ = ["Keeping", "opened_files", "reopen_lost"]

CopyFiles = Callable[[RunRecord, Any, ResultsFile, OutputFolder], None]
"""Copies the output files of a result from the run's own folder, the last, into a results file's; raises NotFound."""


@contextmanager
def opened_files(store: Store, run: RunRecord, stream: ResultsFile | None, detach: bool) -> Iterator[list[ResultsFile]]:
    """The results files that a drive of a run writes: `stream`, or by default the run's own.

    The output files of a run that goes on are always in its own folder, where the store and later drives look for
    them: another folder gets copies, and is the last.
    """
    if is_ray(run.place):  # the cluster writes its own
        yield []
        return
    files = [stream] if stream else []
    apart = stream is not None and stream.outputs is not None and not run.finished
    with ExitStack() as stack:
        if run.out and not detach and (stream is None or (apart and not _is_same(stream.out, Path(run.out)))):
            own = ResultsFile(run.out, get_kind(run.kind), store.hashes)
            files.insert(0, stack.enter_context(own))
        try:
            yield files
        finally:
            if store.get(run.id).finished:
                for file in files:
                    if file.outputs:
                        file.outputs.clear()


def reopen_lost(store: Store, run: RunRecord) -> RunRecord:
    """A run whose items wait again where somebody has removed or changed a file of theirs meanwhile."""
    if get_kind(run.kind).makes_files and run.answered and not is_ray(run.place):
        outputs = OutputFolder(Path(run.out), store.hashes)
        for item in store.each_item(run.id):
            if item.ok and not outputs.has_all(item.result):
                store.reopen(run.id, item.result.id)
    return store.get(run.id)


class Keeping:
    """What is done with the results of a run, with the `files` of `opened_files`."""

    def __init__(self, store: Store, run: RunRecord, files: list[ResultsFile], copy: CopyFiles) -> None:
        self._store, self._run, self._files, self._copy = store, run, files, copy
        own = self._files[0].outputs if files and not run.finished else None
        self._own = own or OutputFolder(Path(run.out), store.hashes)
        self._again = bool(run.settings.get("again")) and not run.finished

    def write_known(self, listener: Listener) -> None:
        """Write what the store has and the results files lack, and tell `listener`: what the check refused, what an
        earlier client had. It is counted in the run already.

        The files of a run that has ended keep the lines that they have, while these have their output files.
        """
        for item in self._store.each_item(self._run.id) if self._files else ():
            if item.ok is None:
                continue
            new = False
            for file in self._files:
                if self._run.finished and file.has_whole_line(item.result.id):
                    continue
                try:
                    if item.ok and file.outputs:
                        self._copy(self._run, item.result, file, self._own)
                    new |= file.write(item.result, item.identity, replace=self._again)
                except NotFound as error:
                    listener.warning(str(error))
            if new:
                listener.result(item.result)

    def keep(self, recorder: Listener) -> Keep:
        """Where a place's results go, and its output files before."""
        own = self._files[0] if self._files else None

        def keep(results: Sequence[tuple[Any, str]]) -> None:
            for result, _ in results:
                if own and own.outputs and result.ok:
                    own.place(result)
                    records = own.outputs.records(result.id, result.outputs)
                    self._store.files.set_outputs(self._run.id, result.id, records)
            self._store.save(self._run.id, [result for result, _ in results])
            for result, identity in results:
                new = not self._files
                for file in self._files:
                    if file.outputs and file is not own and result.ok:
                        self._copy(self._run, result, file, self._own)
                    new |= file.write(result, identity, replace=self._again)
                if new:
                    recorder.result(result)

        return Keep(keep, own.outputs if own else None)


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
