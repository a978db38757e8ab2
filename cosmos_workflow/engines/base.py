"""The protocol that every engine implements, whatever the kind of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.kinds.kind import Outcome, Task

__all__ = ["Deliver", "Engine", "Offload"]

Offload = Literal["never", "batch", "item"]
Deliver = Callable[[Outcome], None]


class Engine(Protocol):
    """Something that does tasks: loaded once, asked many times, closed.

    `wants` says how it wants a task's inputs packed, in the words of the kind (see `Kind.pack`).
    """

    name: str

    @property
    def wants(self) -> str: ...

    @property
    def model(self) -> str:
        """The name of the model that answers; empty if the engine uses none."""

    def load(self) -> None:
        """Load the model now instead of at the first task. Raises EngineUnavailable or OutOfMemory."""

    def properties(self) -> dict[str, Any]:
        """What the loaded engine reports about itself, as far as it is known: `version`, `device`, `max_model_len` and
        `cache_tokens` in tokens, `block_size`, `concurrency` (requests of full length at once), `max_num_seqs`.
        """

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        """Do each task once, calling `deliver` with its outcome as it finishes, in any order.

        `files` holds the inputs that the tasks name, by their SHA-256: `files.path(sha256)` is one as a file. What lies
        in `files.folder(task)` when the outcome of a task is delivered are its output files; the outcome need not name
        them. `files.on_step` may be told how far a task is. `deliver` is called in the caller's thread. A task that the
        engine refuses is delivered with its error; EngineError is raised only for a failure that affects all tasks that
        are still open.
        """

    def close(self) -> None:
        """Free the engine's memory; it loads again if it is asked again."""
