"""What an output answers already of a batch: the answers that stand, and those whose items have changed since."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosmos_workflow.kinds.identity import ENGINE_PART, differences
from cosmos_workflow.runs.places.ray.answering import identities
from cosmos_workflow.runs.places.ray.indexing import Hashes, Index, hashes, own_errors, within
from cosmos_workflow.runs.places.ray.parts import Output
from cosmos_workflow.runs.submitting import OUTPUT_PART, UNIDENTIFIED, notes_on_earlier

if TYPE_CHECKING:
    from cosmos_workflow.runs.places.ray.pipeline import Job

__all__ = ["drop_doubles", "open_entries"]

IDENTIFIED_TOGETHER = 4096  # entries that one task computes the identities of


def open_entries(job: Job, index: Index) -> tuple[Any, list[str]]:
    """The numbers of the entries that are to be asked, and notes for a person; answers that no longer stand are
    removed from the output.

    An answer stands where it names the identity that its entry has now. One without an identity, of the version before,
    stands where id, what is asked and the files' names are the same; so does that of an entry which has no identity
    now, as it cannot be asked. None stands whose output files are gone.
    """
    answers = _answers(job, index)
    stands, notes = np.zeros(len(answers.entry), bool), []
    if not job.again:
        now = _identities_now(job, index, answers)
        compared = (answers.identities != b"") & (now != b"")
        stands = np.where(compared, answers.identities == now, answers.keys == index.keys[answers.entry])
        stands &= answers.has_files
        notes = _changes(index, answers, now, stands)
    stale = np.flatnonzero(~stands)
    numbers, starts = np.unique(answers.file[stale], return_index=True)
    for number, rows in zip(numbers, np.split(answers.row[stale], starts[1:]), strict=False):
        job.output.drop(answers.files[number], set(rows.tolist()))
    is_open = np.ones(len(index.keys), bool)
    is_open[answers.entry[stands]] = False
    open_ids = np.sort(index.ids[is_open])
    for path, ids in job.output.letters():
        if (again := within(hashes(ids), open_ids)).any():
            job.output.drop(path, set(np.flatnonzero(again).tolist()))
    return np.flatnonzero(is_open), notes


@dataclass(frozen=True)
class _Answers:
    """The answers in an output to entries of a batch, each with the file (its number among `files`) and row where it
    is, and the entry's number; `kept` says whether it stands although another engine is asked now.
    """

    files: list[str]
    file: Any
    row: Any
    entry: Any
    keys: Hashes
    identities: Any
    kept: Any
    has_files: Any


def _answers(job: Job, index: Index) -> _Answers:
    order = np.argsort(index.ids)
    ordered = index.ids[order]
    files: list[str] = []
    empty = [np.array([], kind) for kind in (np.int32, np.int32, np.int64, "S16", "S64", bool, bool)]
    columns = [[column] for column in empty]
    for path, rows in job.output.answered():
        ids = hashes(row.id for row in rows)
        asked = np.flatnonzero(within(ids, ordered))
        part = [rows[n] for n in asked]
        values = (
            np.full(len(asked), len(files), np.int32), asked.astype(np.int32),
            order[np.searchsorted(ordered, ids[asked])], np.array([row.key for row in part], "S16"),
            np.array([row.identity.encode() for row in part], "S64"),
            np.array([row.engine in job.keep_of for row in part], bool),
            np.array([row.has_files for row in part], bool),
        )  # fmt: skip
        files.append(path)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return _Answers(files, *map(np.concatenate, columns))


def _identities_now(job: Job, index: Index, answers: _Answers) -> Any:
    """For each answer that names an identity, that of its entry as it is now; empty where there is none."""
    import ray

    now = np.zeros(len(answers.entry), "S64")
    named = answers.identities != b""
    entries = np.unique(answers.entry[named])
    if len(entries):
        remote = ray.remote(_identities_of)
        with own_errors():
            identities = ray.get([remote.remote(job, piece) for piece in index.pieces(entries, IDENTIFIED_TOGETHER)])
        now[named] = np.concatenate(identities)[np.searchsorted(entries, answers.entry[named])]
    return now


def _identities_of(job: Job, piece: Any) -> Any:
    values = identities(job.kind, piece, job.engine, job.settings)
    return np.array([value.encode() for value in values], "S64")


def _changes(index: Index, answers: _Answers, now: Any, stands: Any) -> list[str]:
    """Notes on the answers that stand and those that do not; answers of engines that are kept are made to stand."""
    answered = np.zeros(len(index.keys), bool)
    answered[answers.entry[stands]] = True
    reasons: Counter[str] = Counter()
    changed = 0
    for number in np.flatnonzero(~stands):
        before, entry = answers.identities[number].decode(), answers.entry[number]
        parts = differences(before, now[number].decode()) if before else UNIDENTIFIED
        parts = parts or (OUTPUT_PART,)
        if parts == (ENGINE_PART,) and answers.kept[number] and answers.has_files[number]:
            stands[number] = answered[entry] = True
        elif not answered[entry]:
            answered[entry] = True  # counted once, also where a machine that was lost had answered it too
            reasons.update(parts)
            changed += 1
    return notes_on_earlier(changed, reasons, int((stands & (answers.identities == b"")).sum()))


def drop_doubles(output: Output) -> None:
    """Remove what a machine that was thought to be lost has written too."""
    ids = np.concatenate([np.array([], "S16"), *(hashes(row.id for row in rows) for _, rows in output.answered())])
    unique, times = np.unique(ids, return_counts=True)
    doubled = unique[times > 1]
    seen: set[str] = set()
    if not len(doubled):
        return
    for path, rows in output.answered():
        suspects = np.flatnonzero(within(hashes(row.id for row in rows), doubled))
        again = {int(n) for n in suspects if rows[n].id in seen}
        seen.update(rows[n].id for n in suspects)
        if again:
            output.drop(path, again)
