from __future__ import annotations

import math

import numpy as np
import pytest
from counts import cases
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import MODELS, get_model, largest_frame, plan, plan_many

PROMPT = "A futuristic city at sunset"
UPSAMPLER, REASON1 = MODELS["cosmos-upsampler-12b"], MODELS["cosmos-reason1-7b"]
SIDES = st.integers(1, 8192)

# Width, height, verdict, prompt tokens, room: the field tests of 2025-09-01, with what they could not see.
FIELD = [
    (320, 180, "fits", 513, 3583),
    (420, 236, "fits", 849, 3247),
    (500, 281, "fits", 1197, 2899),
    (640, 360, "fits", 1895, 2201),
    (720, 405, "fits", 2401, 1695),
    (854, 480, "fits", 3309, 787),
    (928, 522, "cut_short", 3903, 193),
    (940, 529, "cut_short", 4089, 7),
    (960, 540, "too_long", 4157, -61),
    (1280, 720, "too_long", 4689, -593),
]


@pytest.mark.parametrize(("width", "height", "verdict", "tokens", "room"), FIELD)
def test_the_field_measurements(width: int, height: int, verdict: str, tokens: int, room: int) -> None:
    result = plan((width, height), PROMPT, fit="off")
    assert (result.verdict, result.prompt_tokens, result.room) == (verdict, tokens, room)


def test_the_largest_16_9_frame() -> None:
    result = plan((1920, 1080), PROMPT)
    assert (result.verdict, result.frame_width, result.frame_height) == ("resized", 910, 512)


@settings(max_examples=cases(300), deadline=None)
@given(SIDES, SIDES, st.integers(1, 2), st.integers(1, 3000), st.integers(64, 9216), st.sampled_from(list(MODELS)))
def test_auto_never_exceeds_the_limit_nor_the_source(
    width: int, height: int, frames: int, max_tokens: int, max_model_len: int, model: str
) -> None:
    result = plan((width, height), PROMPT, model, frames, max_tokens=max_tokens, max_model_len=max_model_len)
    assert result.runs == (result.verdict in ("fits", "resized"))
    assert result.frame_width <= width
    assert result.frame_height <= height
    if result.runs:
        assert result.prompt_tokens + max_tokens <= max_model_len


@settings(max_examples=cases(300), deadline=None)
@given(SIDES, SIDES, st.integers(2, 4000))
def test_no_larger_grid_of_the_same_aspect_would_have_fitted(width: int, height: int, budget: int) -> None:
    """By brute force: the frame of this aspect in each of the 64×64 grids that the budget pays for."""
    frame = largest_frame((width, height), budget)
    best = 0.0
    for columns in range(1, 65):
        for rows in range(1, 65):
            if rows * (columns + 1) <= budget:
                best = max(best, min(16 * columns / width, 16 * rows / height, 1.0))
    assert frame
    assert UPSAMPLER.images.tokens(*frame) <= budget
    # Half a pixel of rounding, of the longer side.
    assert max(frame) >= best * max(width, height) - 0.5000001


@settings(max_examples=cases(100), deadline=None)
@given(SIDES, SIDES, st.integers(2, 4000))
def test_a_larger_frame_keeps_the_aspect_ratio(width: int, height: int, budget: int) -> None:
    frame = largest_frame((width, height), budget)
    assert frame
    scale = max(frame) / max(width, height)
    assert abs(frame[0] - width * scale) <= max(1, 0.5 * width / height + 0.5)
    assert abs(frame[1] - height * scale) <= max(1, 0.5 * height / width + 0.5)


@settings(max_examples=cases(60), deadline=None)
@given(st.integers(56, 6000), st.integers(56, 6000), st.integers(150, 4000))
def test_qwen_largest_is_found_by_trying_every_width_too(width: int, height: int, budget: int) -> None:
    assume(max(width, height) / min(width, height) < 20)  # beyond, tiny frames no longer keep their aspect
    frame = largest_frame((width, height), budget, REASON1)
    tried = [(w, max(1, round(w * height / width))) for w in range(width, 0, -7)]
    fitting = [size for size in tried if REASON1.images.tokens(*size) <= budget]
    if fitting:
        assert frame
        # One pixel: rounding may let one more into the cell.
        assert frame[0] >= max(fitting)[0] - math.ceil(width / height)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("frames", [1, 2])
def test_many_plans_at_once_are_the_plans_alone(model: str, frames: int) -> None:
    rng = np.random.default_rng(5)
    widths, heights = rng.integers(1, 5000, 400), rng.integers(1, 5000, 400)
    limits = {"max_model_len": 4096, "max_tokens": 300}
    text = get_model(model).fallback_tokens
    together = plan_many(widths, heights, text, model, frames=frames, **limits)
    for index, size in enumerate(zip(widths.tolist(), heights.tolist(), strict=True)):
        alone = plan(size, "", model, frames, **limits)
        assert together.verdict[index] == alone.verdict, size
        if alone.runs:
            frame = (together.frame_width[index], together.frame_height[index])
            assert frame == (alone.frame_width, alone.frame_height), size


def test_many_plans_of_many_texts() -> None:
    plans = plan_many([960, 960, 320], [540, 540, 180], [6, 3900, 6])
    assert plans.verdict.tolist() == ["resized", "too_long", "fits"]
    assert plans.prompt_tokens.tolist() == [4157, 8051, 513]
    with pytest.raises(UsageError, match="differ in length"):
        plan_many([1, 2], [1, 2, 3])


@pytest.mark.parametrize(("width", "height", "verdict"), [(940, 529, "cut_short"), (960, 540, "too_long")])
def test_strict_refuses_what_would_have_to_be_resized(width: int, height: int, verdict: str) -> None:
    result = plan((width, height), PROMPT, fit="strict")
    assert (result.verdict, result.runs) == (verdict, False)
    assert (result.frame_width, result.frame_height) == (width, height)


def test_off_runs_what_would_be_cut_and_says_so() -> None:
    result = plan((940, 529), PROMPT, fit="off")
    assert result.runs
    assert result.answer_tokens == 7
    assert "7 tokens are left of the 300" in result.reason
    assert not plan((960, 540), PROMPT, fit="off").runs


@pytest.mark.parametrize("size", [(940, 529), (960, 540), (4000, 3000)])
def test_every_remedy_works(size: tuple[int, int]) -> None:
    """Each way out that the remedy names is taken, and the request then fits."""
    import re

    result = plan(size, PROMPT * 20, fit="strict")
    assert result.verdict in ("cut_short", "too_long")
    width, height = map(int, re.search(r"smaller frames: (\d+)x(\d+)", result.remedy).groups())
    assert plan((width, height), PROMPT * 20, fit="strict").verdict == "fits"
    assert "(--frames 1)" in result.remedy
    assert plan(size, PROMPT * 20, frames=1, fit="strict").verdict == "fits"
    longer = int(re.search(r"--max-model-len (\d+)", result.remedy)[1])
    assert plan(size, PROMPT * 20, fit="strict", max_model_len=longer).verdict == "fits"
    if shorter := re.search(r"at most ([\d,]+) tokens \(--max-tokens\)", result.remedy):
        assert plan(size, PROMPT * 20, fit="strict", max_tokens=int(shorter[1])).verdict == "fits"


def test_a_shorter_text_is_the_remedy_where_only_text_is_too_long() -> None:
    import re

    result = plan((320, 180), "word " * 4000)
    assert result.verdict == "too_long"
    assert not result.runs
    over = int(re.search(r"shorter by ([\d,]+) tokens", result.remedy)[1].replace(",", ""))
    left = result.text_tokens - over
    assert plan((320, 180), "word " * left, fit="strict").text_tokens <= left + 1


def test_the_edge_of_the_limit_itself() -> None:
    """vLLM 0.32 answers a prompt of 4,095 tokens with one token and rejects one of 4,096."""
    base = plan((320, 180), "", fit="off").prompt_tokens
    assert plan((320, 180), "", max_model_len=base + 1, fit="off").verdict == "cut_short"
    assert plan((320, 180), "", max_model_len=base, fit="off").verdict == "too_long"
    assert plan((320, 180), "", max_model_len=base + 300, fit="off").verdict == "fits"


def test_more_frames_than_the_model_takes() -> None:
    result = plan((320, 180), PROMPT, frames=3)
    assert result.verdict == "bad_input"
    assert "--frames 2" in result.remedy


def test_a_size_that_the_model_refuses() -> None:
    assert plan((8000, 30), PROMPT, REASON1).verdict == "bad_input"
    frame = largest_frame((8000, 30), 4000, REASON1)  # smaller, the rounding of its sides makes it a size that is taken
    assert frame
    assert max(frame) / min(frame) <= 200
    plans = plan_many([8000, 1280], [30, 720], 6, REASON1)
    assert (plans.verdict.tolist()[0], plans.prompt_tokens.tolist()[0]) == ("bad_input", -1)
    assert plans.prompt_tokens.tolist()[1] == 19 + 6 + 2 * 1198


@pytest.mark.parametrize(
    "wrong",
    [{"size": (0, 5)}, {"frames": -1}, {"fit": "maybe"}, {"max_tokens": 0}, {"max_model_len": 0}, {"model": "gpt"}],
)
def test_words_that_mean_nothing(wrong: dict) -> None:
    with pytest.raises(UsageError):
        plan(**{"size": (320, 180), "text": PROMPT, **wrong})
