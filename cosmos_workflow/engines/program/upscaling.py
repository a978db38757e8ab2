"""Long clips for Transfer1's upscaler: in pieces of one chunk, each made by a process of its own, and joined.

The program fails at its second chunk on many cards (cosmos-transfer1 #131, #134, #150), and one chunk took over three
hours in a user's log (#131): a piece that is made is kept, so that whoever asks again goes on with the next.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cosmos_workflow.engines import films
from cosmos_workflow.engines.outputs import OnStep, Step, TaskFiles
from cosmos_workflow.engines.program.programs import Given
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.media.pieces import Piece, cut, joined, pieces_of
from cosmos_workflow.private import make_folder, try_lock

__all__ = ["in_pieces", "is_long"]

MakePiece = Callable[[Given, TaskFiles, Callable[[Outcome], None]], None]
"""Has the program make one piece, and delivers its outcome."""


def is_long(work: Work) -> bool:
    """Whether a work is an upscaling of more than one chunk."""
    return any(control.hint == "upscale" for control in work.controls) and len(pieces_of(work.frames)) > 1


def in_pieces(given: Given, files: TaskFiles, make: MakePiece, deliver: Callable[[Outcome], None]) -> None:
    """Have each piece of a clip made that is not there yet, join them, and deliver the outcome of the whole.

    A piece that fails ends it; those before it stay for the next try, and all do until the whole is delivered.
    """
    folder = files.pieces_of(_key(given))
    lock = try_lock(folder.with_suffix(".lock"))
    if lock is None:
        error = "another run upscales the same video there: wait for it, then run this again"
        deliver(Outcome(given.task.id, error=error, error_kind="engine_failed"))
        return
    try:
        make_folder(folder)
        outcome = _whole(given, folder, files, make)
        deliver(outcome)
        if outcome.ok:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _whole(given: Given, folder: Path, files: TaskFiles, make: MakePiece) -> Outcome:
    began = time.monotonic()
    pieces, task = pieces_of(given.work.frames), given.task
    try:
        for number, piece in enumerate(pieces, 1):
            if _made(folder, number).is_file():
                continue
            outcome = _piece(given, piece, f"{number} of {len(pieces)}", folder / f"making-{number}", files, make)
            if outcome.error:
                error = f"piece {number} of {len(pieces)} (frames {piece.start} to {piece.start + piece.count - 1}):"
                return replace(outcome, id=task.id, error=f"{error} {outcome.error}", outputs={})
            (folder / f"making-{number}" / "made").replace(_made(folder, number).parent)
            shutil.rmtree(folder / f"making-{number}", ignore_errors=True)
        says = _joined(given, pieces, [_made(folder, number) for number in range(1, len(pieces) + 1)], files)
    except CosmosError as problem:
        return Outcome(task.id, error=str(problem), error_kind="engine_failed")
    except OSError as problem:
        error = f"a piece cannot be read or written ({problem.strerror}): free space on that disk, and run it again"
        return Outcome(task.id, error=error, error_kind="engine_failed")
    return Outcome(task.id, {"model": given.work.model, **says}, seconds=round(time.monotonic() - began, 3))


def _piece(given: Given, piece: Piece, where: str, folder: Path, files: TaskFiles, make: MakePiece) -> Outcome:
    """The outcome of one piece, whose files lie in `made` of the folder then."""
    shutil.rmtree(folder, ignore_errors=True)  # what a process left that was killed
    make_folder(folder)
    clip = folder / "clip.mp4"
    cut(given.inputs["video"], piece, given.work.fps, clip)
    work = replace(
        given.work, frames=piece.count, chunks=1, restore=(), keep_frames=False, out_fps=given.work.fps,
        out_width=3 * given.work.width, out_height=3 * given.work.height,
    )  # fmt: skip
    task = Task(given.task.id, given.task.kind, work.asks())
    inner = _PieceFiles(folder, _of_piece(files.on_step, where))
    outcomes: list[Outcome] = []
    make(Given(task, work, {"video": clip}, given.name), inner, outcomes.append)
    return outcomes[0]


class _PieceFiles(TaskFiles):
    """The folder of one piece, in place of that of its task."""

    def __init__(self, root: Path, on_step: OnStep) -> None:
        super().__init__({}, root, on_step=on_step)

    def place_of(self, id: str) -> Path:
        return self._root() / ("made" if id else "work")


def _joined(given: Given, pieces: Sequence[Piece], videos: Sequence[Path], files: TaskFiles) -> dict[str, object]:
    folder = files.folder(given.task)
    frames = joined(videos, pieces)
    says = films.write_video(frames, given.work, given.inputs, folder, given.work.frames)
    films.write_asked(given.task.id, given.work, given.inputs, folder)
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        for video in videos:
            log.write((video.parent / "log.txt").read_text(encoding="utf-8", errors="replace"))
    return says


def _of_piece(on_step: OnStep, where: str) -> OnStep:
    return lambda step: on_step(Step(step.id, step.done, step.total, f"piece {where}, {step.text}"))


def _made(folder: Path, number: int) -> Path:
    return folder / f"piece-{number}" / "video.mp4"


def _key(given: Given) -> str:
    """What decides the pieces: the clip by its content, and what is asked of the program."""
    asked = replace(given.work, restore=(), keep_frames=False).asks()
    content = json.dumps([asked, dict(sorted(given.task.inputs.items()))], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
