"""A clip as one video in a prompt: how many of its frames are sent, at which size, and whether that fits.

The frames are an even number and at most SAMPLE_FPS a second, from the first to the last of the clip at even distances.
Video processors and engines that sample once more (vLLM's loaders and transformers' processors do, at the same rate)
then take each of them: what is planned here is what they count.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from cosmos_workflow.limits.model import Model
from cosmos_workflow.limits.verdicts import Fit, Plan, Verdict, ways_out
from cosmos_workflow.limits.video_tokens import VideoRule, VideoTokens

__all__ = ["frames_of_video", "judge_video", "rate_of_video"]

# `fps`, `min_frames` and `max_frames` of Qwen2VLVideoProcessor and Qwen3VLVideoProcessor in transformers 5.19, and of
# Qwen2VLVideoBackend and Qwen3VLVideoBackend in vLLM 0.32 (multimodal/video.py).
SAMPLE_FPS = 2
LEAST_FRAMES, MOST_FRAMES = 4, 768
LEAST_CELLS = 128  # of a frame: VIDEO_MIN_TOKEN_NUM of qwen_vl_utils; below that, frames are left out first
DIGITS = 6  # of the rate, which files state as a fraction


def frames_of_video(frames: int, fps: float, most: int | None = None) -> int:
    """How many frames of a clip of `frames` frames at `fps` are sent as a video: an even number, at most `most`.

    It is 1 where there is no second one: a picture.

    >>> frames_of_video(121, 30), frames_of_video(24, 24), frames_of_video(121, 30, most=5), frames_of_video(1, 24)
    (8, 4, 4, 1)
    """
    wanted = min(int(frames / fps * SAMPLE_FPS), MOST_FRAMES) if fps > 0 else MOST_FRAMES
    taken = min(max(wanted, LEAST_FRAMES), frames, most or frames)
    return max(1, taken // 2 * 2)


def rate_of_video(taken: int, frames: int, fps: float) -> float:
    """Frames a second of a video of `taken` frames, spread from the first to the last of `frames` at `fps`.

    >>> rate_of_video(8, 121, 30)
    1.75
    """
    return round((taken - 1) * fps / (frames - 1), DIGITS)


@lru_cache(16384)
def judge_video(
    facts: Model, size: tuple[int, int], frames: int, clip: tuple[int, float], fit: Fit, answer: int, limit: int,
    text_tokens: int, counted: bool,
) -> Plan:  # fmt: skip
    """The plan of a request with a video of `frames` frames of a clip (its frames, and its frames a second).

    Where it does not fit, fit `auto` makes the frames smaller in whole cells, down to LEAST_CELLS each; then it takes
    fewer; and of the last two it takes the largest that fit.
    """

    def verdict(kind: Verdict, taken: VideoTokens | None, reason: str = "", remedy: str = "") -> Plan:
        tokens = taken.tokens if taken else 0
        shown = (taken.width, taken.height) if taken else size
        prompt = facts.wrapping_tokens + text_tokens + tokens
        return Plan(
            "", kind, facts.name, *shown, *size, taken.frames if taken else frames, text_tokens, tokens, prompt, answer,
            limit, limit - prompt, reason, remedy, counted, fit,
        )  # fmt: skip

    rule = facts.videos
    if rule is None:
        reason = f"{facts.name} takes pictures alone, no videos"
        return verdict("bad_input", None, reason, "send pictures (--pick spread), or choose a model of the Qwen family")
    try:
        whole = _cost(rule, size, frames, clip)
    except ValueError:
        reason = f"{size[0]}x{size[1]} is too narrow: {facts.name} refuses this aspect ratio"
        return verdict("bad_input", None, reason, "crop the clip to a less extreme aspect ratio")

    budget = limit - answer - facts.wrapping_tokens - text_tokens
    if whole.tokens <= budget:
        return verdict("fits", whole)
    room = budget + answer - whole.tokens
    ways = ways_out(facts, whole.tokens, text_tokens, answer, limit)
    fewer = next((n for n in range(frames - 2, 0, -2) if _cost(rule, size, n, clip).tokens <= budget), 0)
    if fewer:
        ways.insert(0, f"fewer frames (--frames {fewer})")
    best = _largest(rule, size, frames, clip, budget)
    what = f"{frames} frames of {whole.width}x{whole.height} as a video"
    if fit == "auto" and best:
        reason = f"{what} would need {limit - room + answer:,} of {limit:,} tokens with its answer"
        return verdict("resized", best, reason, f"for full size: {'; or '.join(ways)}" if ways else "")
    if best:
        ways.insert(0, f"a smaller video: {best.frames} frames of {best.width}x{best.height} (--fit auto)")
    ways.append("pictures (--pick spread)")
    remedy = "; or ".join(ways)
    if room <= 0:
        reason = f"{what} make a prompt of {limit - room:,} tokens, and the engine rejects {limit:,} or more"
        return verdict("too_long", whole, reason, remedy)
    reason = f"{room:,} tokens are left of the {answer:,} asked for: the answer would stop mid-sentence"
    return verdict("cut_short", whole, reason, remedy)


def _cost(rule: VideoRule, size: tuple[int, int], taken: int, clip: tuple[int, float]) -> VideoTokens:
    """Of `taken` frames of a clip, in a size that the model then leaves as it is."""
    rate = rate_of_video(taken, *clip)
    seen = rule.cost_of_all(*size, taken, rate)
    # Only of a frame that is one cell wide or high is the size not the last at once.
    while (again := rule.cost_of_all(seen.width, seen.height, taken, rate)) != seen:
        seen = again
    return seen


def _largest(
    rule: VideoRule, size: tuple[int, int], frames: int, clip: tuple[int, float], budget: int
) -> VideoTokens | None:
    """The video of at most `budget` tokens that is sent in place of one of `frames` frames; None if there is none."""
    for taken in range(frames, 0, -2):
        whole = _cost(rule, size, taken, clip)
        most = (whole.width // rule.cell, whole.height // rule.cell)
        beside = whole.tokens - whole.patches * most[0] * most[1]
        affordable = (budget - beside) // whole.patches  # cells of a frame
        least = min(LEAST_CELLS, most[0] * most[1]) if taken > 2 else 1
        if affordable < least:
            continue
        for columns, rows in _smaller(size, *most):
            if least <= columns * rows <= affordable:
                made = _cost(rule, (columns * rule.cell, rows * rule.cell), taken, clip)
                if made.tokens <= budget:
                    return made
    return None


def _smaller(size: tuple[int, int], columns: int, rows: int) -> Iterator[tuple[int, int]]:
    """Columns and rows up to these in the aspect ratio of `size`, from the largest area to the smallest."""
    width, height = size
    shapes = {(wide, min(rows, max(1, round(wide * height / width)))) for wide in range(1, columns + 1)}
    shapes |= {(min(columns, max(1, round(tall * width / height))), tall) for tall in range(1, rows + 1)}
    return iter(sorted(shapes, key=lambda shape: (-shape[0] * shape[1], -shape[0])))
