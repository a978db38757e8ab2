"""Conversations as tasks, and outcomes as answers: how prompt upsampling travels."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosmos_workflow.kinds.kind import Files, Outcome, Packed, Task, bytes_of
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.media import Frame

__all__ = ["answer_of", "conversation_of", "outcome_of", "task_of"]


def task_of(conversation: Conversation) -> Packed:
    """A conversation as a task; its frames are files, named by their content."""
    asks: dict[str, Any] = asdict(conversation) | {"frames": []}
    del asks["id"]
    # The task of a prose prompt with pictures stays as every version knows it.
    for name in ("caption", "turns", "sampling", "video_fps"):
        if not asks[name]:
            del asks[name]
    inputs: dict[str, str] = {}
    files: dict[str, bytes | Path] = {}
    for number, frame in enumerate(conversation.frames):
        sha256 = hashlib.sha256(frame.png).hexdigest()
        inputs[f"frame-{number}"] = sha256
        files[sha256] = frame.png
        asks["frames"].append({"width": frame.width, "height": frame.height, "seconds": frame.seconds})
    return Packed(Task(conversation.id, "upsample", asks, inputs), files)


def conversation_of(task: Task, files: Files) -> Conversation:
    """The conversation that a task stands for, its frames read."""
    frames = tuple(
        Frame(bytes_of(files[task.inputs[f"frame-{number}"]]), **facts)
        for number, facts in enumerate(task.asks["frames"])
    )
    turns = tuple(task.asks.get("turns", ()))
    return Conversation(**{**task.asks, "id": task.id, "frames": frames, "turns": turns})


def outcome_of(answer: Answer) -> Outcome:
    """An answer as an outcome."""
    says = asdict(answer)
    ours = {name: says.pop(name) for name in ("id", "error", "error_kind", "seconds")}
    return Outcome(**ours, says=says)


def answer_of(outcome: Outcome) -> Answer:
    """The answer that an outcome stands for; one that has only an error says nothing else."""
    return Answer(
        id=outcome.id,
        error=outcome.error,
        error_kind=outcome.error_kind,
        seconds=outcome.seconds,
        **outcome.says,
    )
