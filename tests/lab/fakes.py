"""A FAKE engine: arithmetic that answers at once, and breaks where a test says; a real one is in test_vllm_lab.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.lab.rigs import Call
from cosmos_workflow.limits import plan

PROPERTIES = {"version": "fake 1", "device": "cpu", "max_model_len": 4096, "max_num_seqs": 4, "block_size": 16}
CACHE = 6 * 4096


class ArithmeticRig:
    """`limit` is where it really stops, whatever it says; `breaks` names what kills it, `calls` counts."""

    name = "local"
    engine = "vllm"

    def __init__(
        self, limit: int = 4096, breaks: Callable[[Conversation], bool] = lambda conversation: False, **properties: Any
    ) -> None:
        self.limit, self.breaks, self.calls, self.requests = limit, breaks, 0, 0
        self.properties = {
            **PROPERTIES,
            "cache_bytes": CACHE * 160 * 1024,
            "cache_tokens": CACHE,
            "concurrency": 6.0,
            **properties,
        }
        self.seconds = 1.0

    @property
    def options(self) -> Mapping[str, Any]:
        return {"model_path": "/m"}

    def __enter__(self) -> ArithmeticRig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def ask(self, conversations: Sequence[Conversation], *, stay: bool = True) -> Call:
        self.calls += 1
        self.requests += len(conversations)
        parts = (
            {"start": 10.0, "load": 20.0, "compile": 5.0}
            if not stay
            else dict.fromkeys(("start", "load", "compile"), 0.0)
        )
        answers: dict[str, Answer] = {}
        for number, conversation in enumerate(conversations):
            if self.breaks(conversation):
                return Call(
                    answers,
                    self.seconds,
                    {**parts, "prompts": 1.0},
                    self.properties,
                    (),
                    "process",
                    "out_of_memory",
                    "CUDA out of memory. Tried",
                )
            answers[conversation.id] = self._answer(conversation, number)
        seconds = sum(parts.values()) + self.seconds
        return Call(
            answers, seconds, {**parts, "prompts": self.seconds}, self.properties, ((0.0, 100), (0.5, 250)), "process"
        )

    def _answer(self, conversation: Conversation, number: int) -> Answer:
        frames = len(conversation.frames)
        if frames > 2:
            text = "At most 2 image(s) may be provided in one prompt."
            return Answer(conversation.id, error=text, error_kind="too_many_images")
        size = (conversation.frames[0].width, conversation.frames[0].height) if frames else (16, 16)
        tokens = plan(size, conversation.text, frames=frames, fit="off").prompt_tokens
        room = self.limit - tokens
        if room <= 0:
            text = f"The decoder prompt (length {tokens}) is longer than the maximum model length of {self.limit}"
            return Answer(conversation.id, error=text, error_kind="too_long")
        count = min(room, conversation.max_tokens)
        # Four at a time.
        begin = number // 4 * 10.0
        times = {"queued": 0.0, "scheduled": begin, "first_token": begin + 1, "last_token": begin + 9, "preempted": 0}
        return Answer(conversation.id, "x", "length", tokens, count, self.seconds, times=times)
