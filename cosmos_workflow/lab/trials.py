"""One trial: what is sent, what the arithmetic predicts, and what the engine did."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from cosmos_workflow.engines import classify, refused_tokens
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.lab.rigs import Call
from cosmos_workflow.limits import Fit, KVCache, Model, Plan, kv_cache, memory, plan
from cosmos_workflow.media import Frame
from cosmos_workflow.media.frames import encode_png

__all__ = ["Request", "Subject", "Trial", "draw_frame", "draw_frames", "ended", "most_at_once"]


@dataclass(frozen=True)
class Request:
    """What a trial sends: `batch` requests of one shape at once, each with pictures of its own. Sizes in pixels."""

    frames: int
    width: int
    height: int
    text: str
    max_tokens: int
    batch: int = 1

    @property
    def key(self) -> str:
        text = hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()[:8]
        return f"{self.batch} of {self.frames} x {self.width}x{self.height}, text {text}, {self.max_tokens} tokens"

    def conversations(self) -> list[Conversation]:
        """The requests as conversations, with greedy decoding so that the same trial gives the same answer."""
        return [
            Conversation(f"{self.key} #{n}", self.text, self._frames(n), self.max_tokens, temperature=0.0)
            for n in range(self.batch)
        ]

    def _frames(self, number: int) -> tuple[Frame, ...]:
        return draw_frames(self.frames, self.width, self.height, number)


@dataclass(frozen=True)
class Trial:
    """A trial as it is recorded. Tokens, pixels, s, MiB.

    `search` names the search it belongs to. `predicted` and `seen` are verdicts: `fits`, `cut_short`, `too_long`,
    `bad_input` (predicted only: more pictures than the engine takes), `out_of_memory`, `other` (with its `error`).
    `at_once` is how many of a batch ran at the same time without being preempted, 0 where the engine does not say.
    `memory` is its use over time: [seconds since the trial's start, MiB].
    """

    search: str
    frames: int
    width: int
    height: int
    text_tokens: int
    max_tokens: int
    max_model_len: int
    batch: int
    predicted: str
    predicted_tokens: int
    predicted_at_once: int = 0
    seen: str = ""
    reported_tokens: int = 0
    at_once: int = 0
    finish_reason: str = ""
    completion_tokens: int = 0
    seconds: float = 0.0
    queue_seconds: float | None = None
    prefill_seconds: float | None = None
    decode_seconds: float | None = None
    peak_mib: int = 0
    memory_of: str = ""
    memory: list[list[float]] = field(default_factory=list)
    error: str = ""
    error_kind: str = ""
    begun: float = 0.0
    attempts: int = 1

    @property
    def agrees(self) -> bool:
        """Whether what was seen is what was predicted, to the token where the engine counts them."""
        if self.predicted == "bad_input":
            return self.seen == "other" and self.error_kind == "too_many_images"
        counted = self.reported_tokens in (0, self.predicted_tokens)
        together = self.at_once in (0, self.predicted_at_once)
        return self.seen == self.predicted and counted and together


@dataclass(frozen=True)
class Subject:
    """What is measured: a model's facts, and the properties that the engine stated when it was loaded."""

    model: Model
    properties: Mapping[str, Any]

    @property
    def max_model_len(self) -> int:
        # Nothing but memory limits an engine that states no context length.
        return int(self.properties.get("max_model_len") or self.model.longest_model_len)

    @property
    def planned_cache(self) -> KVCache | None:
        """The KV cache that the arithmetic predicts, to compare with the engine's; None where the memory is unknown."""
        properties = self.properties
        block_size = int(properties.get("block_size", 16))
        if blocks := properties.get("blocks_override"):
            size = blocks * block_size * self.model.kv.bytes_per_token()
        elif properties.get("cache_bytes"):
            size = properties["cache_bytes"]
        elif properties.get("gpu_mib"):
            share = properties.get("gpu_memory_utilization") or 0.0
            plan = memory(self.model, memory_gib=properties["gpu_mib"] / 1024, gpu_memory_utilization=share)
            size = int(plan.kv_cache_gib * 1024**3)
        else:
            return None
        return kv_cache(self.model, int(size), max_model_len=self.max_model_len, block_size=block_size)

    def plan(self, request: Request, fit: Fit = "off") -> Plan:
        size = (request.width, request.height)
        return plan(
            size, request.text, self.model, request.frames, fit, max_tokens=request.max_tokens,
            max_model_len=self.max_model_len,
        )  # fmt: skip

    def expect(self, search: str, request: Request) -> Trial:
        """The trial as the arithmetic predicts it."""
        planned = self.plan(request)
        verdict = planned.verdict
        return Trial(
            search, request.frames, request.width, request.height, planned.text_tokens, request.max_tokens,
            self.max_model_len, request.batch, verdict, planned.prompt_tokens,
            self._at_once(request, planned) if request.batch > 1 and verdict == "fits" else 0, begun=time.time(),
        )  # fmt: skip

    def _at_once(self, request: Request, planned: Plan) -> int:
        """How many of a batch run at the same time: as many as the cache holds to their last token."""
        properties, cache = self.properties, self.planned_cache
        if not cache or "max_num_seqs" not in properties:
            return 0
        blocks = -(-planned.total_tokens // properties["block_size"])
        # vLLM keeps one block for itself (`null_block` of its block pool), which its own concurrency leaves out.
        return int(min(request.batch, properties["max_num_seqs"], (cache.blocks - 1) // blocks))


def ended(trial: Trial, answers: Sequence[Answer], call: Call) -> Trial:
    """The trial with what was seen; `answers` are those to its own conversations."""
    # An empty text counts as an answer: the trial asks how much room there is, not what is written.
    refused = next((answer for answer in answers if answer.error and answer.error_kind != "empty_answer"), None)
    error, kind = (refused.error, refused.error_kind) if refused else ("", "")
    if len(answers) < trial.batch and not refused:
        error, kind = call.error, call.kind
    cut = any(answer.finish_reason == "length" and answer.completion_tokens < trial.max_tokens for answer in answers)
    seen = _verdict(kind, error) if error else "cut_short" if cut else "fits"
    first = answers[0] if answers else Answer("")
    times = [answer.times for answer in answers if answer.times]
    return replace(
        trial,
        seen=seen,
        reported_tokens=first.prompt_tokens or refused_tokens(error),
        at_once=most_at_once(times) if trial.batch > 1 else 0,
        finish_reason=first.finish_reason,
        completion_tokens=sum(answer.completion_tokens for answer in answers),
        seconds=round(max((answer.seconds for answer in answers), default=call.seconds), 3),
        queue_seconds=_mean(times, "queued", "scheduled"),
        prefill_seconds=_mean(times, "scheduled", "first_token"),
        decode_seconds=_mean(times, "first_token", "last_token"),
        peak_mib=max((mib for _, mib in call.memory), default=0),
        memory_of=call.memory_of,
        memory=[[round(second, 1), mib] for second, mib in call.memory],
        error=error,
        error_kind=kind,
    )


def _verdict(kind: str, error: str) -> str:
    kind = classify(error) if kind in ("", "engine", "rejected", "other") else kind
    return kind if kind in ("too_long", "out_of_memory") else "other"


def _mean(times: Sequence[Mapping[str, float]], begin: str, end: str) -> float | None:
    return round(sum(moments[end] - moments[begin] for moments in times) / len(times), 4) if times else None


def most_at_once(times: Sequence[Mapping[str, float]]) -> int:
    """How many requests ran at the same time: all of them, where none waited for another to end and none was preempted;
    else the most that ran together, without those that were preempted. 0 where no times are known.

    >>> first = {"queued": 0, "scheduled": 0, "first_token": 1, "last_token": 2}
    >>> most_at_once([first, {"queued": 0, "scheduled": 2.1, "first_token": 3, "last_token": 4}])
    1
    """
    ends = [moments["last_token"] for moments in times]
    waited = any(moments["queued"] < end <= moments["scheduled"] for moments in times for end in ends)
    ran = [moments for moments in times if not moments.get("preempted")]
    if not waited and len(ran) == len(times):
        # Even if they began one by one: preparing the pictures takes time, and the cache had room for all.
        return len(times)
    # Counted from the first token: before it, the cache may hold only a part of the prompt. Where one ends at the
    # moment another begins, the end is counted first.
    steps = sorted([(moments["first_token"], 1) for moments in ran] + [(moments["last_token"], -1) for moments in ran])
    return max(accumulate(change for _, change in steps), default=0)


def draw_frames(count: int, width: int, height: int, number: int) -> tuple[Frame, ...]:
    """The pictures of a request; requests of different `number` have different pictures."""
    return tuple(draw_frame(width, height, number * count + n) for n in range(count))


def draw_frame(width: int, height: int, seed: int = 0) -> Frame:
    """A gradient from left to right between two colours chosen by `seed`."""
    import numpy as np

    left, right = np.random.default_rng(seed).uniform(0, 255, (2, 3))
    row = np.linspace(left, right, width).astype(np.uint8)
    return Frame(encode_png(np.tile(row, (height, 1, 1))), width, height)
