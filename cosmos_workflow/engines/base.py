"""The one protocol that every engine speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from cosmos_workflow.kinds.upsample.conversation import Conversation, Deliver, Wants

__all__ = ["Engine", "Offload"]

Offload = Literal["never", "batch", "item"]


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
