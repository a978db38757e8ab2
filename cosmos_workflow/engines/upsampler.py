"""What the engines of prompt upsampling share: a task is a conversation, its outcome an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from cosmos_workflow.engines import base
from cosmos_workflow.kinds.kind import Files, Task
from cosmos_workflow.kinds.upsample.conversation import Conversation, Deliver, Wants
from cosmos_workflow.kinds.upsample.tasks import conversation_of, outcome_of

__all__ = ["Upsampler"]

MOST_FRAMES = 1024  # in one call: about a gigabyte of frames of 1280x720


class Upsampler(ABC):
    """An engine that answers conversations. `wants` says whether it looks at frames, or at measurements of the clip."""

    wants: Wants = "frames"

    def run(self, tasks: Sequence[Task], files: Files, deliver: base.Deliver) -> None:
        """As `Engine.run`. Tasks with many frames are not all asked at once, so that they need not all be in memory."""
        some: list[Conversation] = []
        for task in tasks:
            some.append(conversation_of(task, files))
            if sum(len(conversation.frames) for conversation in some) >= MOST_FRAMES:
                self.answer(some, lambda answer: deliver(outcome_of(answer)))
                some = []
        if some:
            self.answer(some, lambda answer: deliver(outcome_of(answer)))

    @abstractmethod
    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """Answer each conversation once, calling `deliver` for each as it finishes, in any order: see `Engine.run`."""
