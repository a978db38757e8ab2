"""What a video costs for Qwen's models: by hand here, by transformers' own processors in test_processors.py."""

from __future__ import annotations

import pytest

from benchmarks.tokens import clips
from cosmos_workflow.limits import MODELS, Qwen3Videos, Qwen25Videos, QwenText


def test_four_seconds_of_720_by_hand() -> None:
    """121 frames at 30: 8 frames are taken, in 4 patches of 40 x 22 cells, each with a pair around it and its time."""
    taken = Qwen3Videos().cost(1280, 720, 121, 30)
    times = ("<0.3 seconds>", "<1.4 seconds>", "<2.6 seconds>", "<3.7 seconds>")
    assert [QwenText(generation=3).count(time) for time in times] == [6] * 4
    assert (taken.frames, taken.patches, taken.tokens) == (8, 4, 4 * (40 * 22 + 2) + 24 + 2)
    older = Qwen25Videos(sample_fps=2).cost(1280, 720, 121, 30)
    assert (older.frames, older.tokens) == (8, 4 * 46 * 26 + 2)


def test_a_minute_has_longer_times() -> None:
    short, long = Qwen3Videos().cost(64, 64, 240, 24), Qwen3Videos().cost(64, 64, 24 * 60, 24)
    assert (short.tokens - 2) / short.patches == 4 + 2 + 6
    late = sum(time >= 10 for time in (0.25 + patch for patch in range(long.patches)))
    assert long.tokens - 2 == long.patches * 12 + late


def test_all_frames_together_are_bounded() -> None:
    for width, height, frames, fps in clips(400, seed=1):
        try:
            taken = Qwen3Videos().cost(width, height, frames, fps)
        except ValueError:
            assert frames < 2 or max(width, height) / min(width, height) > 100
            continue
        assert 2 <= taken.frames <= 768
        assert taken.patches * 2 - taken.frames in (0, 1)
        assert (taken.width % 32, taken.height % 32) == (0, 0)
        if min(width, height) >= 256 and taken.width > 32 and taken.height > 32:
            assert taken.frames * taken.width * taken.height <= 25_165_824 * 1.2


def test_capped_frames_cost_no_more() -> None:
    for clip in clips(300, seed=2):
        try:
            free, capped = Qwen3Videos().cost(*clip), Qwen3Videos(capped=True).cost(*clip)
        except ValueError:
            continue
        assert capped.tokens <= free.tokens
        assert capped.frames == free.frames


def test_what_cannot_be_taken() -> None:
    with pytest.raises(ValueError, match="single frame"):
        Qwen3Videos().cost(640, 360, 1, 24)
    with pytest.raises(ValueError, match="too short to be sampled"):
        Qwen25Videos(sample_fps=2).cost(640, 360, 1, 24)
    with pytest.raises(ValueError, match="aspect ratio"):
        Qwen3Videos().cost(8192, 33, 24, 24)
    assert Qwen25Videos().cost(640, 360, 1, 24).patches == 1


def test_models_that_take_videos() -> None:
    assert MODELS["cosmos-upsampler-12b"].videos is None
    assert MODELS["cosmos-reason1-7b"].videos == Qwen25Videos()
    assert {model.videos for name, model in MODELS.items() if "reason2" in name or "cosmos3" in name} == {Qwen3Videos()}
