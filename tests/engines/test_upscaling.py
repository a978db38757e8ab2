"""Upscaling long clips by the stand-in for Transfer1: in pieces, killed in the middle, and gone on with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clips
import numpy as np
import pytest
from http_rig import Kept
from program_rig import frames_in
from servers.nvidia_programs import Layout, write_layout

from cosmos_workflow.engines.outputs import Step, run_tasks
from cosmos_workflow.engines.program import ProgramEngine
from cosmos_workflow.kinds.kind import Outcome, get_kind
from cosmos_workflow.kinds.upscale.kind import item_of_video
from cosmos_workflow.media import pieces
from cosmos_workflow.media.video import probe
from cosmos_workflow.private import try_lock

pytestmark = pytest.mark.slow

FRAMES = 20


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return write_layout(tmp_path_factory.mktemp("nvidia"))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, layout: Layout) -> Iterator[None]:
    """Pieces of few frames, as each frame of 3840x2112 takes long."""
    monkeypatch.setattr(pieces, "PIECE", 9)
    monkeypatch.setattr(pieces, "OVERLAP", 3)
    monkeypatch.setenv("HF_HOME", str(layout.cache))
    layout.order()
    yield


def upscale(
    layout: Layout, clip: Path, folder: Path, on_step: Callable[[Step], None] = lambda step: None, **asked: Any
) -> tuple[Outcome, Kept]:
    kind, store = get_kind("upscale"), Kept(folder)
    settings = kind.for_engine(kind.settings(), "program")
    (checked,) = kind.check([item_of_video(clip, **asked)], settings)
    assert checked.runs, checked.reason
    packed = kind.pack(checked, settings, "files")
    engine = ProgramEngine(layout.repository, {"python": str(layout.bin / "python")})
    outcomes: list[Outcome] = []
    run_tasks(engine, [packed.task], dict(packed.files), outcomes.append, store, on_step)
    (outcome,) = outcomes
    return outcome, store


def test_a_long_clip_is_made_in_pieces_and_gone_on_with_after_a_death(layout: Layout, tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 176, frames=FRAMES, fps=30)
    assert [(piece.start, piece.count) for piece in pieces.pieces_of(FRAMES)] == [(0, 9), (6, 9), (11, 9)]
    steps: list[str] = []

    def kill_the_second(step: Step) -> None:
        if not steps:
            layout.order({"do": "die"})  # which the next start reads
        steps.append(step.text)

    first, _ = upscale(layout, clip, tmp_path, kill_the_second, prompt="a city")
    assert (first.error_kind, first.outputs) == ("engine_failed", {})
    assert first.error.startswith("piece 2 of 3 (frames 6 to 14): ")
    assert steps[0].startswith("piece 1 of 3, ")
    assert any(text.startswith("piece 2 of 3, ") for text in steps)
    layout.order()
    second, store = upscale(layout, clip, tmp_path, prompt="a city")
    assert second.error == ""
    assert len(layout.events("start")) == 2  # the first piece is there
    assert set(second.outputs) == {"video.mp4", "prompt.txt", "spec.json", "log.txt"}
    video = tmp_path / second.outputs["video.mp4"]
    facts = probe(video)
    assert (facts.width, facts.height, facts.frames, facts.fps) == (3840, 2112, FRAMES, 30)
    assert not [path for path in store.pieces.glob("*") if path.is_dir()]
    # The stand-in's picture is the clip's, tinted alike; so no joint is more of a step than what is beside it.
    small = [frame[::8, ::8].astype(float) for frame in frames_in(video)]
    steps_between = [float(np.abs(after - before).mean()) for before, after in zip(small, small[1:], strict=False)]
    assert max(steps_between) <= 2 * np.median(steps_between) + 1


def test_a_short_clip_takes_one_start(layout: Layout, tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 176, frames=4, fps=24)
    outcome, _ = upscale(layout, clip, tmp_path)
    assert outcome.error == ""
    assert len(layout.events("start")) == 1
    assert probe(tmp_path / outcome.outputs["video.mp4"]).width == 3840


def test_two_at_once_do_not_disturb_each_other(layout: Layout, tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 176, frames=10, fps=24)
    locks: list[int] = []

    def hold(step: Step) -> None:
        if not locks:
            (lock,) = (tmp_path / "pieces").glob("*.lock")
            assert try_lock(lock) is None
            locks.append(1)

    outcome, _ = upscale(layout, clip, tmp_path, hold)
    assert (outcome.error, locks) == ("", [1])
    layout.order({"do": "oom"})
    failed, store = upscale(layout, clip, tmp_path)
    assert failed.error_kind == "out_of_memory"
    (lock,) = store.pieces.glob("*.lock")
    held = try_lock(lock)
    assert held is not None
    other, _ = upscale(layout, clip, tmp_path)
    os.close(held)
    assert other.error.startswith("another run upscales the same video there")
