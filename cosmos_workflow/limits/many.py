"""The arithmetic of `fit` for many sizes at once, with numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.models import DEFAULT_MODEL, Model, get_model

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Integers = NDArray[np.int64]

__all__ = ["PlanArrays", "plan_many"]

CHUNK = 65536


@dataclass(frozen=True)
class PlanArrays:
    """Plans of n requests, each field of shape (n,); sizes in pixels, the rest in tokens.

    `prompt_tokens` and `room` are those of the source size (-1 tokens where the model refuses it);
    `frame_width` × `frame_height` is the largest frame that fits, 0 × 0 where none does.
    `verdict` holds the words of `Plan.verdict` under fit `auto`.
    """

    verdict: NDArray[np.str_]
    prompt_tokens: Integers
    room: Integers
    frame_width: Integers
    frame_height: Integers


def plan_many(
    widths: ArrayLike,
    heights: ArrayLike,
    text_tokens: ArrayLike = 0,
    model: str | Model = DEFAULT_MODEL,
    *,
    frames: int = 2,
    max_tokens: int | None = None,
    max_model_len: int | None = None,
) -> PlanArrays:
    """`plan` for n sizes at once; `text_tokens` is one number or one for each size.

    Raises UsageError if shapes differ or a size is below 1.
    """
    facts = get_model(model)
    answer = facts.max_tokens if max_tokens is None else max_tokens
    limit = facts.max_model_len if max_model_len is None else max_model_len
    try:
        columns = np.broadcast_arrays(*(np.asarray(values, np.int64) for values in (widths, heights, text_tokens)))
    except ValueError as error:
        raise UsageError(
            "widths, heights and text_tokens differ in length", remedy="give one of each for every request"
        ) from error
    width, height, text = (column.ravel() for column in columns)
    if width.size and min(width.min(), height.min()) < 1:
        raise UsageError("a frame has no area", remedy="give only sizes of at least 1x1")
    if not 1 <= frames <= facts.max_images:
        raise UsageError(f"invalid number of frames: {frames}", remedy=f"give 1 to {facts.max_images}")

    image = facts.images.tokens_many(width, height)
    prompt = np.where(image < 0, -1, facts.wrapping_tokens + text + frames * image)
    room = limit - prompt
    budget = (limit - answer - facts.wrapping_tokens - text) // frames
    fits = (image >= 0) & (image <= budget)
    frame_width, frame_height = np.where(fits, width, 0), np.where(fits, height, 0)
    todo = np.flatnonzero(~fits & (image >= 0))
    for start in range(0, todo.size, CHUNK):
        part = todo[start : start + CHUNK]
        frame = _largest(facts, width[part], height[part], budget[part])
        frame_width[part], frame_height[part] = frame
    verdict = np.select(
        [image < 0, fits, frame_width > 0, room <= 0],
        ["bad_input", "fits", "resized", "too_long"],
        "cut_short",
    )
    return PlanArrays(verdict, prompt, room, frame_width, frame_height)


def _largest(model: Model, width: Integers, height: Integers, budget: Integers) -> tuple[Integers, Integers]:
    """`largest_frame` for many sizes: tries each edge on both axes and keeps the largest scale."""
    best = np.zeros_like(width)
    best_width, best_height = np.zeros_like(width), np.zeros_like(height)

    def consider(scale: Integers, frame_width: Integers, frame_height: Integers, allowed: NDArray[np.bool_]) -> None:
        tokens = model.images.tokens_many(frame_width, frame_height)
        # Of two frames with the same scale the wider counts as larger, as the tuples in `largest_frame` compare.
        larger = (scale > best) | ((scale == best) & (frame_width > best_width))
        better = allowed & larger & (tokens >= 0) & (tokens <= budget)
        best[better] = scale[better]
        best_width[better], best_height[better] = frame_width[better], frame_height[better]

    for edge in _edges_within(model.images.edges(), int(max(width.max(), height.max()))):
        fixed = np.full_like(width, edge)
        scaled = np.maximum(1, (2 * height * edge + width) // (2 * width))
        consider(edge * height, fixed, scaled, edge < width)
        scaled = np.maximum(1, (2 * width * edge + height) // (2 * height))
        consider(edge * width, scaled, fixed, edge < height)
    return best_width, best_height


def _edges_within(edges: Sequence[int], longest: int) -> list[int]:
    return [edge for edge in edges if edge < longest]
