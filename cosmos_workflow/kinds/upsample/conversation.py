"""The request that an engine gets for a prompt, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cosmos_workflow.media import Frame

__all__ = ["Answer", "Conversation", "Deliver", "Wants"]

Wants = Literal["frames", "measurements"]


@dataclass(frozen=True)
class Conversation:
    """One request: the frames first, then the text. `measured` takes the frames' place if the engine wants that.

    With `video_fps` the frames are one video of so many frames a second, else so many pictures.

    Where a structured caption is wanted, `caption` is `{"prompt": str, "facts": {…}, "negative": bool}`, as JSON, and
    `text` what a model is asked for it; `turns` are earlier answers, each with what was then said of it:
    `{"answer": str, "said": str}`. `sampling` is that of the model (`limits.Model.sampling`).
    """

    id: str
    text: str
    frames: tuple[Frame, ...] = ()
    max_tokens: int = 300
    temperature: float = 0.6
    seed: int | None = None
    measured: Mapping[str, Any] | None = None
    caption: Mapping[str, Any] | None = None
    turns: tuple[Mapping[str, str], ...] = ()
    sampling: Mapping[str, float] = field(default_factory=dict)
    video_fps: float = 0.0


@dataclass(frozen=True)
class Answer:
    """An engine's answer to the Conversation of the same id; tokens as the engine counts them, time in s.

    `error` says why there is no text, and `error_kind` which kind of failure it is (see `failures`).
    `times` has moments of the engine's own clock, in s, if it states them: `queued`, `scheduled`, `first_token`
    and `last_token`; `preempted` in it counts how often the request was interrupted for others.
    """

    id: str
    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    note: str = ""
    error: str = ""
    error_kind: str = ""
    times: Mapping[str, float] = field(default_factory=dict)


Deliver = Callable[[Answer], None]
