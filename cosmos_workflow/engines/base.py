"""The one protocol that every engine speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from cosmos_workflow.media import Frame

__all__ = ["Answer", "Conversation", "Deliver", "Engine", "Offload", "Wants"]

Offload = Literal["never", "batch", "item"]
Wants = Literal["frames", "measurements"]


@dataclass(frozen=True)
class Conversation:
    """One request: the frames first, then the text. `measured` stands in for frames where an engine asks for it."""

    id: str
    text: str
    frames: tuple[Frame, ...] = ()
    max_tokens: int = 300
    temperature: float = 0.6
    seed: int | None = None
    measured: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """What an engine says to the Conversation of the same id; tokens as the engine counts them, time in s.

    `error` says why there is no text, and `error_kind` which kind of failure it is (see `failures`).
    `times` are moments of the engine's own clock, in s, where it tells them: `queued`, `scheduled`, `first_token`
    and `last_token`; `preempted` there counts how often the request had to give way.
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


class Engine(Protocol):
    """Something that answers a batch of conversations."""

    name: str
    wants: Wants

    @property
    def model(self) -> str:
        """Which model answers, as people would name it; empty where none does."""

    def load(self) -> None:
        """Load now what the first answer would load. Raises EngineUnavailable or OutOfMemory."""

    def properties(self) -> dict[str, Any]:
        """What the loaded engine says of itself, as far as it knows: `version`, `device`, `max_model_len` and
        `cache_tokens` in tokens, `block_size`, `concurrency` (requests of full length at once), `max_num_seqs`.
        """

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """Answer each conversation once, calling `deliver` for each as it finishes, in any order.

        `deliver` is called in the caller's thread. A conversation that the engine refuses is delivered with
        its error; EngineError is raised only for what concerns all of those still open.
        """

    def close(self) -> None:
        """Free what the engine holds; it may be asked again and then loads anew."""
