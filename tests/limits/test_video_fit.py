"""Plans of clips that are sent as one video."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cosmos_workflow.limits import MODELS, Plan, plan
from cosmos_workflow.limits.video_fit import LEAST_CELLS, frames_of_video, rate_of_video

NAMES = ["cosmos-reason1-7b", "cosmos-reason2-8b"]
CLIP = (121, 30.0)
RATES = st.sampled_from([0.5, 1, 5, 8, 10, 12.5, 15, 23.976, 24, 25, 29.97, 30, 50, 60, 120])


def planned(**options: object) -> Plan:
    return plan((1280, 720), "A city", "cosmos-reason2-8b", 8, clip=CLIP, **options)  # type: ignore[arg-type]


@given(st.integers(1, 50_000), RATES, st.integers(1, 900) | st.none())
def test_what_samples_again_takes_each_frame(frames: int, fps: float, most: int | None) -> None:
    """As Qwen3VLVideoProcessor and vLLM's loaders for both generations sample, given the rate of what is sent."""
    taken = frames_of_video(frames, fps, most)
    assert taken == 1 or taken % 2 == 0
    assert 1 <= taken <= min(frames, most or frames, 768)
    assert taken > 1 or min(frames, most or frames) < 2
    if taken > 1:
        rate = rate_of_video(taken, frames, fps)
        assert min(max(int(taken / rate * 2), 4), 768, taken) == taken
        assert int(min(max(taken / rate * 2, 4), taken) // 2 * 2) == taken
        assert (taken - 1) / rate == pytest.approx((frames - 1) / fps, rel=0.01)


@given(
    st.sampled_from(NAMES), st.integers(16, 4096), st.integers(16, 4096), st.integers(2, 5_000), RATES,
    st.integers(4_200, 40_000),
)  # fmt: skip
def test_what_is_sent_costs_what_is_planned(
    name: str, width: int, height: int, frames: int, fps: float, context: int
) -> None:
    rule = MODELS[name].videos
    assert rule
    count = frames_of_video(frames, fps)
    made = plan((width, height), "A city", name, count, clip=(frames, fps), max_model_len=context)
    assume(made.runs)
    assert made.total_tokens <= context
    assert (made.frames == count) or made.verdict == "resized"
    sent = rule.cost_of_all(
        made.frame_width, made.frame_height, made.frames, rate_of_video(made.frames, frames, fps)
    )  # fmt: skip
    assert (sent.width, sent.height, sent.tokens) == (made.frame_width, made.frame_height, made.image_tokens)
    if made.verdict == "resized" and made.frames > 2 and min(made.frame_width, made.frame_height) > rule.cell:
        whole = rule.cost_of_all(width, height, made.frames, rate_of_video(made.frames, frames, fps))
        least = min(LEAST_CELLS * rule.cell**2, whole.width * whole.height)
        assert made.frame_width * made.frame_height >= least


def test_a_whole_clip() -> None:
    made = planned()
    assert (made.verdict, made.frames, made.frame_width, made.frame_height) == ("fits", 8, 1280, 704)
    assert (made.source_width, made.source_height, made.image_tokens) == (1280, 720, 3554)
    assert made.prompt_tokens == 3554 + 8 + 2
    older = plan((1280, 720), "A city", "cosmos-reason1-7b", 8, clip=CLIP)
    assert (older.frame_width, older.frame_height, older.image_tokens) == (1288, 728, 4 * 46 * 26 + 2)


@pytest.mark.parametrize(
    ("context", "frames", "size"), [(6000, 8, (928, 512)), (4500, 4, (576, 320)), (4200, 2, (384, 224))]
)
def test_smaller_first_then_fewer(context: int, frames: int, size: tuple[int, int]) -> None:
    made = planned(max_model_len=context)
    assert (made.verdict, made.frames, (made.frame_width, made.frame_height)) == ("resized", frames, size)
    assert "8 frames of 1280x704 as a video would need 7,660" in made.reason
    strict = planned(max_model_len=context, fit="strict")
    assert (strict.verdict, strict.runs, strict.frames) == ("cut_short", False, 8)
    assert f"{frames} frames of {size[0]}x{size[1]} (--fit auto)" in strict.remedy
    assert "--pick spread" in strict.remedy


def test_fewer_frames_are_a_way_out_that_works() -> None:
    assert "fewer frames (--frames 4)" in planned(max_model_len=6000, fit="strict").remedy
    fewer = plan((1280, 720), "A city", "cosmos-reason2-8b", 4, clip=CLIP, max_model_len=6000, fit="strict")
    assert fewer.verdict == "fits"


def test_nothing_fits() -> None:
    made = planned(max_model_len=4110)
    assert (made.verdict, made.runs) == ("cut_short", False)
    assert "(--fit auto)" not in made.remedy
    assert planned(max_model_len=3000, fit="off").verdict == "too_long"


def test_a_model_without_videos() -> None:
    made = plan((1280, 720), "A city", "cosmos-upsampler-12b", 8, clip=CLIP, fit="off")
    assert (made.verdict, made.runs) == ("bad_input", False)
    assert "takes pictures alone" in made.reason
    assert "--pick spread" in made.remedy


def test_too_narrow() -> None:
    made = plan((8192, 33), "A city", "cosmos-reason2-8b", 8, clip=CLIP)
    assert (made.verdict, "too narrow" in made.reason) == ("bad_input", True)


def test_one_frame_is_a_picture() -> None:
    made = plan((640, 360), "A city", "cosmos-reason2-8b", 1, clip=(1, 24.0))
    assert made == plan((640, 360), "A city", "cosmos-reason2-8b", 1)


@pytest.mark.parametrize(("frames", "clip"), [(3, (3, 24.0)), (2, (1, 24.0)), (9, (5, 24.0)), (2, (2, 24.0))])
def test_any_number_of_frames_and_of_a_clips_frames_is_planned(frames: int, clip: tuple[int, float]) -> None:
    made = plan((960, 540), "x", "cosmos-reason2-8b", frames, max_model_len=5000, clip=clip)
    assert made.runs
    assert made.frames == (frames if min(frames, clip[0]) < 2 else min(frames, clip[0]) // 2 * 2)
