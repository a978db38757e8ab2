"""The protocol that every engine implements."""

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
        """The name of the model that answers; empty if the engine uses none."""

    def load(self) -> None:
        """Load the model now instead of at the first answer. Raises EngineUnavailable or OutOfMemory."""

    def properties(self) -> dict[str, Any]:
        """What the loaded engine reports about itself, as far as it is known: `version`, `device`, `max_model_len` and
        `cache_tokens` in tokens, `block_size`, `concurrency` (requests of full length at once), `max_num_seqs`.
        """

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """Answer each conversation once, calling `deliver` for each as it finishes, in any order.

        `deliver` is called in the caller's thread. A conversation that the engine refuses is delivered with
        its error; EngineError is raised only for a failure that affects all conversations that are still open.
        """

    def close(self) -> None:
        """Free the engine's memory; it loads again if it is asked again."""
