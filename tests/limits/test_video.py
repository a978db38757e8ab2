"""Sizes and chunks of the video models, against the tables of their fact sheets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import LENGTHS, VIDEO_MODELS, get_video_model


@pytest.mark.parametrize(
    ("model", "tier", "source", "size"),
    [
        ("transfer1", "", (1920, 1080), (1280, 704)),
        ("transfer1", "", (640, 480), (960, 704)),
        ("transfer1", "", (500, 500), (960, 960)),
        ("transfer1", "", (480, 640), (704, 960)),
        ("transfer1", "", (1080, 1920), (704, 1280)),
        ("transfer1", "", (3440, 1440), (1280, 704)),
        ("transfer2.5", "", (1920, 1080), (1280, 704)),
        ("transfer2.5", "720p", (1920, 1080), (1280, 720)),
        ("transfer2.5", "480", (1920, 1080), (768, 432)),
        ("transfer2.5", "1080", (1920, 1080), (1920, 1056)),
        ("transfer2.5", "720robocasa", (500, 500), (720, 720)),
        ("cosmos3", "", (1920, 1080), (1280, 720)),
        ("cosmos3", "480", (640, 480), (736, 544)),
        ("cosmos3", "768", (1080, 1920), (768, 1360)),
    ],
)
def test_sizes(model: str, tier: str, source: tuple[int, int], size: tuple[int, int]) -> None:
    assert get_video_model(model).size_for(*source, tier) == size


def test_every_size_is_its_own_bucket_and_even() -> None:
    for model in VIDEO_MODELS.values():
        for tier, sizes in model.sizes.items():
            for size in sizes:
                assert model.size_for(*size, tier) == size
                assert size[0] % 2 == size[1] % 2 == 0


@given(st.sampled_from(sorted(VIDEO_MODELS)), st.integers(1, 5000), st.sampled_from(LENGTHS))
def test_whole_chunks(name: str, frames: int, how: str) -> None:
    model = get_video_model(name)
    whole = model.whole(frames, how)  # type: ignore[arg-type]
    if how == "keep":
        assert whole == frames
        return
    assert (whole - model.chunk) % (model.chunk - model.overlap) == 0
    if how == "hold" or frames < model.chunk:
        assert frames <= whole < frames + model.chunk
    else:
        assert frames - model.chunk < whole <= frames
    assert model.chunks(whole) == (whole - model.overlap) // (model.chunk - model.overlap)


def test_chunks_as_the_fact_sheets_count_them() -> None:
    # N_clip = ceil((T-1)/120) for Transfer1; 1 + ceil((N-93)/92) for Transfer2.5, where 121 frames are 2 chunks.
    for frames in range(2, 700):
        assert get_video_model("transfer1").chunks(frames) == -(-(frames - 1) // 120)
        assert get_video_model("transfer2.5").chunks(frames) == 1 + max(0, -(-(frames - 93) // 92))
    assert get_video_model("transfer2.5").chunks(121) == 2


def test_what_is_not_known() -> None:
    with pytest.raises(UsageError, match="unknown video model 'transfer3'"):
        get_video_model("transfer3")
    with pytest.raises(UsageError, match="no sizes '4k'"):
        get_video_model("transfer1").size_for(1, 1, "4k")
