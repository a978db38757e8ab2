"""Whether a request fits a model, and the largest frames that make it fit."""

from __future__ import annotations

from functools import lru_cache

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.models import DEFAULT_MODEL, Model, get_model
from cosmos_workflow.limits.verdicts import FIT_MODES, Fit, Plan, Verdict, ways_out
from cosmos_workflow.limits.video_fit import judge_video

__all__ = ["largest_frame", "plan"]


def plan(
    size: tuple[int, int],
    text: str = "",
    model: str | Model = DEFAULT_MODEL,
    frames: int = 2,
    fit: Fit = "auto",
    *,
    max_tokens: int | None = None,
    max_model_len: int | None = None,
    exact: bool = True,
    id: str = "",
    clip: tuple[int, float] | None = None,
) -> Plan:
    """Whether `frames` frames of `size` (width, height) and `text` fit a model, and what to do if they do not.

    A request fits when prompt tokens + `max_tokens` ≤ `max_model_len`. vLLM rejects a prompt of
    `max_model_len` tokens or more; where the prompt is shorter but its answer does not fit, the answer is cut.
    `fit` is `auto` (take the largest frame of the same aspect ratio that fits), `strict` (refuse a request that
    would need smaller frames) or `off` (send the frames at full size).
    With `clip`, the frames and frames a second of a clip, two or more `frames` of it are one video for models that
    take videos, and not so many pictures: see `video_fit`.
    An empty text counts as the model's fallback prompt. With `exact=False` the tokenizer's table is
    loaded only if the verdict depends on it.

    Raises UsageError for invalid sizes, counts or modes.

    >>> plan((960, 540), "A futuristic city at sunset", fit="off").prompt_tokens
    4157
    >>> chosen = plan((1920, 1080), "A futuristic city at sunset")
    >>> chosen.verdict, chosen.frame_width, chosen.frame_height
    ('resized', 910, 512)
    """
    facts = get_model(model)
    answer = facts.max_tokens if max_tokens is None else max_tokens
    limit = facts.max_model_len if max_model_len is None else max_model_len
    _check_arguments(size, frames, fit, answer, limit)
    tokens, counted = _bound(facts, text)

    def judge(text_tokens: int, counted: bool) -> Plan:
        if clip is None or min(frames, clip[0]) < 2:
            return _judge(facts, size, frames, fit, answer, limit, text_tokens, counted)
        return judge_video(facts, size, min(frames, clip[0]) // 2 * 2, clip, fit, answer, limit, text_tokens, counted)

    judged = judge(tokens, counted)
    if not counted and facts.text.exact and judged.verdict != "bad_input" and (exact or judged.verdict != "fits"):
        judged = judge(facts.text.count(text), True)
    return _named(judged, id) if id else judged


def _named(judged: Plan, id: str) -> Plan:
    """The plan with an id. `dataclasses.replace` would take most of the time that a million plans take."""
    named: Plan = object.__new__(Plan)
    named.__dict__.update(judged.__dict__, id=id)
    return named


@lru_cache(16384)
def _judge(
    facts: Model, size: tuple[int, int], frames: int, fit: Fit, answer: int, limit: int, text_tokens: int, counted: bool
) -> Plan:
    """The plan of a request, which depends only on these numbers: in a large batch most requests share them."""
    width, height = size

    def verdict(kind: Verdict, frame: tuple[int, int], reason: str = "", remedy: str = "") -> Plan:
        images = frames * _image_tokens(facts, frame)
        prompt = facts.wrapping_tokens + text_tokens + images
        return Plan(
            "", kind, facts.name, *frame, width, height, frames, text_tokens, images, prompt, answer, limit,
            limit - prompt, reason, remedy, counted, fit,
        )  # fmt: skip

    if frames > facts.max_images:
        return verdict(
            "bad_input",
            size,
            f"{frames} frames, but {facts.name} takes at most {facts.max_images} in a request",
            f"ask for at most {facts.max_images} frames (--frames {facts.max_images})",
        )
    if _image_tokens(facts, size) < 0:
        reason = f"{width}x{height} is too narrow: {facts.name} refuses this aspect ratio"
        return verdict("bad_input", size, reason, "crop the clip to a less extreme aspect ratio")

    budget = limit - answer - facts.wrapping_tokens  # for text and images
    images = frames * _image_tokens(facts, size)
    if images + text_tokens <= budget:
        return verdict("fits", size)

    room = limit - facts.wrapping_tokens - text_tokens - images
    largest = largest_frame(size, (budget - text_tokens) // frames, facts) if frames else None
    ways_out = _ways_out(facts, size, frames, text_tokens, answer, limit)
    if fit == "auto" and largest:
        reason = f"{width}x{height} would need {limit - room + answer:,} of {limit:,} tokens with its answer"
        return verdict("resized", largest, reason, f"for full size: {'; or '.join(ways_out)}" if ways_out else "")
    if largest:
        ways_out.insert(0, f"smaller frames: {largest[0]}x{largest[1]} (--fit auto)")
    remedy = "; or ".join(ways_out)
    if room <= 0:
        reason = f"the prompt is {limit - room:,} tokens, and the engine rejects {limit:,} or more"
        return verdict("too_long", size, reason, remedy)
    reason = f"{room:,} tokens are left of the {answer:,} asked for: the answer would stop mid-sentence"
    return verdict("cut_short", size, reason, remedy)


def largest_frame(size: tuple[int, int], budget: int, model: str | Model = DEFAULT_MODEL) -> tuple[int, int] | None:
    """The largest frame of the aspect ratio of `size`, no larger than it, that costs ≤ `budget` tokens.

    Exact: the cost rises only where a side crosses the edge of a cell, so only frames whose width or height
    lies on such an edge need to be tried. None if even one cell costs too much.

    >>> largest_frame((1920, 1080), 1893)
    (910, 512)
    """
    facts = get_model(model)
    width, height = size
    edges = facts.images.edges()
    # (scale × width × height, frame): compared as integers, so that no rounding decides.
    frames = [(width * height, size)]
    frames += [(edge * height, (edge, _scaled(height, edge, width))) for edge in edges if edge < width]
    frames += [(edge * width, (_scaled(width, edge, height), edge)) for edge in edges if edge < height]
    for _, frame in sorted(frames, reverse=True):
        if 0 <= _image_tokens(facts, frame) <= budget:
            return frame
    return None


def _scaled(side: int, edge: int, along: int) -> int:
    """`side` × `edge` / `along`, rounded to the nearest pixel."""
    return max(1, (2 * side * edge + along) // (2 * along))


def _image_tokens(model: Model, size: tuple[int, int]) -> int:
    try:
        return model.images.tokens(*size)
    except ValueError:
        return -1


def _bound(model: Model, text: str) -> tuple[int, bool]:
    """The text's tokens counted without the tokenizer's table, and whether that count is exact."""
    if not text:
        return model.fallback_tokens, True
    return model.text.bound(text), False


def _ways_out(model: Model, size: tuple[int, int], frames: int, text_tokens: int, answer: int, limit: int) -> list[str]:
    """Every way to make a request fit while its frames keep their size."""
    image = _image_tokens(model, size)
    ways = ways_out(model, frames * image, text_tokens, answer, limit)
    if frames > 1 and model.wrapping_tokens + text_tokens + answer + image <= limit:
        ways.insert(0, "one frame (--frames 1)")
    return ways


def _check_arguments(size: tuple[int, int], frames: int, fit: str, answer: int, limit: int) -> None:
    if min(size) < 1:
        raise UsageError(f"a frame of {size[0]}x{size[1]} pixels has no area", remedy="give a size of at least 1x1")
    if frames < 0:
        raise UsageError(f"invalid number of frames: {frames}", remedy="give 0 or more frames")
    if fit not in FIT_MODES:
        raise UsageError(f"unknown fit mode {fit!r}", remedy=f"choose one of {', '.join(FIT_MODES)}")
    if answer < 1 or limit < 1:
        raise UsageError("max_tokens and max_model_len must be 1 or more", remedy="give positive numbers")
