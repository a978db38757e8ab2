"""Long clips in pieces: every frame once, and no jump where they are joined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.encoding import write_film
from cosmos_workflow.media.footage import frames_of
from cosmos_workflow.media.pieces import OVERLAP, PIECE, cut, joined, pieces_of

SIZE = (64, 48)


@given(st.integers(1, 5000))
def test_pieces_are_of_one_chunk_and_hold_every_frame(frames: int) -> None:
    pieces = pieces_of(frames)
    assert pieces[0].start == 0
    assert pieces[-1].start + pieces[-1].count == frames
    assert all(piece.count == min(PIECE, frames) for piece in pieces)
    for before, piece in zip(pieces, pieces[1:], strict=False):
        assert before.start < piece.start
        assert piece.start + piece.skip + piece.fade == before.start + before.count
        assert piece.fade == OVERLAP
    assert len(pieces) == max(1, -(-(frames - OVERLAP) // (PIECE - OVERLAP)))


def write(path: Path, lights: list[float]) -> Path:
    frames = (np.full((SIZE[1], SIZE[0], 3), light, np.uint8) for light in lights)
    write_film(frames, SIZE, 24.0, path, 1)
    return path


@pytest.mark.slow
def test_300_frames_that_a_model_tints_otherwise_in_each_piece_are_joined_without_a_jump(tmp_path: Path) -> None:
    lights = [40 + frame * 0.5 for frame in range(300)]
    clip, pieces = write(tmp_path / "clip.mp4", lights), pieces_of(300)
    videos = []
    for number, (piece, tint) in enumerate(zip(pieces, (0, 18, -18), strict=True)):
        cut(clip, piece, 24.0, part := tmp_path / f"part{number}.mp4")
        assert [frame.mean() for frame in frames_of(part)] == pytest.approx(
            lights[piece.start : piece.start + piece.count], abs=3
        )
        tinted = [float(frame.mean()) + tint for frame in frames_of(part)]
        videos.append(write(tmp_path / f"made{number}.mp4", tinted))
    whole = np.array([frame.mean() for frame in joined(videos, pieces)])
    assert len(whole) == 300
    steps = np.abs(np.diff(whole))
    assert steps.max() <= 36 / (OVERLAP + 1) + 3  # a ninth of the difference, and what coding does
    middles = (0, 60, 150, 299)
    assert whole[list(middles)] == pytest.approx([lights[0], lights[60], lights[150] + 18, lights[299] - 18], abs=4)


def test_a_piece_of_another_length_is_an_error(tmp_path: Path) -> None:
    pieces = pieces_of(200)
    videos = [write(tmp_path / f"{number}.mp4", [90.0] * (piece.count - number)) for number, piece in enumerate(pieces)]
    with pytest.raises(BadInputError, match="piece 2 has 120 frames, not 121"):
        list(joined(videos, pieces))
