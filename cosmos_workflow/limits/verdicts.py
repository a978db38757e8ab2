"""The verdict on a request, and what can be done where it does not fit: the same for pictures and for a video."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from cosmos_workflow.limits.model import Model

__all__ = ["FIT_MODES", "Fit", "Plan", "Verdict", "ways_out"]

Fit = Literal["auto", "strict", "off"]
FIT_MODES: tuple[Fit, ...] = ("auto", "strict", "off")
Verdict = Literal["fits", "resized", "cut_short", "too_long", "bad_input"]


@dataclass(frozen=True)
class Plan:
    """The verdict on one request before it runs; sizes in pixels, the rest in tokens.

    `room` is what the model has left for its answer, below zero where the prompt alone is too long.
    `exact` is false where `text_tokens` is only an upper bound, which was enough for the verdict.
    `runs` is whether the request may be sent under its `fit`. `note` is what a reader should know about the clip.
    """

    id: str
    verdict: Verdict
    model: str
    frame_width: int
    frame_height: int
    source_width: int
    source_height: int
    frames: int
    text_tokens: int
    image_tokens: int
    prompt_tokens: int
    max_tokens: int
    max_model_len: int
    room: int
    reason: str = ""
    remedy: str = ""
    exact: bool = True
    fit: Fit = "auto"
    note: str = ""

    @property
    def runs(self) -> bool:
        return self.verdict in ("fits", "resized") or (self.verdict == "cut_short" and self.fit == "off")

    @property
    def total_tokens(self) -> int:
        """The `max_model_len` that the request needs with its whole answer."""
        return self.prompt_tokens + self.max_tokens

    @property
    def answer_tokens(self) -> int:
        """How many tokens of answer may be asked for: `max_tokens`, or the room where that is less."""
        return max(0, min(self.max_tokens, self.room))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def ways_out(model: Model, images: int, text_tokens: int, answer: int, limit: int) -> list[str]:
    """Every way to make a request fit while its images stay as they are, of `images` tokens."""
    over = model.wrapping_tokens + text_tokens + answer + images - limit
    ways = []
    if over < text_tokens:
        ways.append(f"a text shorter by {over:,} tokens")
    if answer - over > 0:
        ways.append(f"an answer of at most {answer - over:,} tokens (--max-tokens)")
    longer = -(-(limit + over) // 1024) * 1024
    if longer <= model.longest_model_len:
        ways.append(f"a longer context where the engine is yours (--max-model-len {longer})")
    return ways
