"""A long clip in pieces: cut for a program that takes only short ones, and joined without a jump.

Transfer1's upscaler fails at its second chunk on many cards (cosmos-transfer1 issues 131, 134, 150), so that each of
its starts gets at most one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.encoding import write_film
from cosmos_workflow.media.footage import frames_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Film = NDArray[np.uint8]

__all__ = ["PIECE", "Piece", "cut", "joined", "pieces_of"]

PIECE, OVERLAP = 121, 8  # frames; where two pieces overlap, one fades into the other


@dataclass(frozen=True)
class Piece:
    """Frames of a clip: `count` of them from number `start`.

    The first `skip` of them are those of the piece before alone, and over the next `fade` it becomes this one.
    """

    start: int
    count: int
    skip: int = 0
    fade: int = 0


def pieces_of(frames: int) -> list[Piece]:
    """The pieces of a clip, each of PIECE frames, but for a clip that is shorter.

    >>> [(p.start, p.count, p.skip, p.fade) for p in pieces_of(300)]
    [(0, 121, 0, 0), (113, 121, 0, 8), (179, 121, 47, 8)]
    """
    pieces = [Piece(0, min(PIECE, frames))]
    while (end := pieces[-1].start + pieces[-1].count) < frames:
        start = min(end - OVERLAP, frames - PIECE)
        pieces.append(Piece(start, PIECE, end - start - OVERLAP, OVERLAP))
    return pieces


def cut(clip: Path, piece: Piece, fps: float, path: Path) -> None:
    """Write a piece of a clip, without loss but that of yuv420p. Raises BadInputError, CosmosError."""
    frames = islice(frames_of(clip), piece.start, piece.start + piece.count)
    first = next(frames)
    write_film(chain([first], frames), (first.shape[1], first.shape[0]), fps, path, 1)


def joined(videos: Sequence[Path], pieces: Sequence[Piece]) -> Iterator[Film]:
    """The frames of all pieces, each once; where two overlap, from the one to the other in even steps.

    Raises BadInputError for a video of another length than its piece.
    """
    kept: list[Film] = []  # the end of the piece before
    for number, (video, piece) in enumerate(zip(videos, pieces, strict=True)):
        last = piece.count - (pieces[number + 1].fade if number + 1 < len(pieces) else 0)
        before, kept, count = kept, [], 0
        for count, frame in enumerate(frames_of(video), 1):
            fading = count - piece.skip
            if fading <= 0:
                continue
            mixed = _mixed(before[fading - 1], frame, fading / (piece.fade + 1)) if fading <= piece.fade else frame
            if count > last:
                kept.append(mixed)
            else:
                yield mixed
        if count != piece.count:
            raise BadInputError(f"piece {number + 1} has {count} frames, not {piece.count}", where=str(video))


def _mixed(before: Film, after: Film, part: float) -> Film:
    frame: Film = np.rint(before + (after.astype(np.float32) - before) * np.float32(part)).astype(np.uint8)
    return frame
