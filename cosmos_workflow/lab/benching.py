"""`bench`: what the modes cost, by batch and by frame size, with the parts of the time."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.lab.environment import describe_environment
from cosmos_workflow.lab.recording import Budget, OutOfTime, Recorder
from cosmos_workflow.lab.rigs import Call, Rig, load
from cosmos_workflow.lab.trials import Subject, draw_frames
from cosmos_workflow.limits import Model
from cosmos_workflow.store import Experiment, Experiments

__all__ = ["MODES", "PARTS", "BenchSettings", "Timing", "bench"]

MODES = {
    "offload-each": "offload after every prompt",
    "one-at-a-time": "stay loaded, one at a time",
    "batch": "stay loaded, whole batch",
    "warm": "warm worker, whole batch",
}
PARTS = ("start", "load", "compile", "prompts")


@dataclass(frozen=True)
class BenchSettings:
    """What to time: every mode with every batch and size, `repeats` times, in random order. Sizes in pixels."""

    modes: tuple[str, ...] = tuple(MODES)
    batches: tuple[int, ...] = (3,)
    sizes: tuple[tuple[int, int], ...] = ((854, 480),)
    repeats: int = 3
    frames: int = 2
    text: str = "A futuristic city at sunset"
    max_tokens: int = 300


@dataclass(frozen=True)
class Timing:
    """One measurement as it is recorded: s, tokens, MiB.

    `seconds` is the total; `parts` are `start`, `load`, `compile` and `prompts`, and what remains is the time the
    engine takes to close. `memory` is its use over time: [seconds since the start, MiB].
    """

    mode: str
    batch: int
    width: int
    height: int
    repeat: int
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    answered: int = 0
    completion_tokens: int = 0
    peak_mib: int = 0
    memory_of: str = ""
    memory: list[list[float]] = field(default_factory=list)
    error: str = ""
    error_kind: str = ""
    begun: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.mode}, {self.batch} x {self.width}x{self.height}, {self.repeat}"

    def conversations(self, settings: BenchSettings) -> list[Conversation]:
        """One per prompt, each with pictures of its own, so that prefix caching saves no work."""
        first, pictures = zlib.crc32(self.key.encode()), partial(draw_frames, settings.frames, self.width, self.height)
        return [
            Conversation(f"{n}", settings.text, pictures(first + n), settings.max_tokens, temperature=0.0)
            for n in range(self.batch)
        ]


def bench(
    rig: Rig,
    model: Model,
    settings: BenchSettings,
    experiments: Experiments,
    *,
    max_minutes: float = 0.0,
    again: bool = False,
    on_timing: Callable[[Timing], None] = lambda timing: None,
) -> Experiment:
    """Time the modes on `rig`; each measurement is saved in `experiments` as it ends.

    An unfinished experiment with the same settings is continued, unless `again`. An experiment whose `state` is still
    `running` was stopped by `max_minutes`. Raises UsageError for an unknown mode, EngineUnavailable or OutOfMemory
    where the engine cannot be loaded.
    """
    if unknown := set(settings.modes) - MODES.keys():
        raise UsageError(f"unknown mode: {', '.join(sorted(unknown))}", remedy=f"choose from {', '.join(MODES)}")
    if rig.engine == "describe":
        raise UsageError("the describe engine uses no model, so there is nothing to time", remedy="give --engine")
    wanted = {**asdict(settings), "model": model.name, "options": rig.options}
    recorder = Recorder.open(experiments, "bench", rig.name, rig.engine, wanted, again=again)
    budget, longest = Budget(max_minutes), 0.0
    todo = [
        Timing(mode, batch, *size, repeat)
        for mode in settings.modes
        for batch in settings.batches
        for size in settings.sizes
        for repeat in range(settings.repeats)
    ]
    random.Random(recorder.experiment.id).shuffle(todo)
    todo = [timing for timing in todo if not recorder.finished(timing.key)]
    try:
        if todo:
            # The first load of a process imports the libraries and fills the caches: it is not counted.
            loaded = load(rig, stay=False)
            recorder.environment(describe_environment(Subject(model, loaded.properties), loaded))
        for timing in todo:
            budget.check(longest)
            with recorder.running({timing.key: asdict(timing)}) as records:
                began = time.monotonic()
                calls = _measure(rig, timing, settings)
                longest = max(longest, time.monotonic() - began)
                ended = _ended(timing, calls)
                records[timing.key] = asdict(ended)
            on_timing(ended)
        recorder.close()
    except OutOfTime:
        pass
    return experiments.get(recorder.experiment.id)


def _measure(rig: Rig, timing: Timing, settings: BenchSettings) -> list[Call]:
    """The calls of one measurement, which begins and ends with no model loaded."""
    batch = timing.conversations(settings)
    if timing.mode == "offload-each":
        return [rig.ask([conversation], stay=False) for conversation in batch]
    if timing.mode == "one-at-a-time":
        return [rig.ask([conversation], stay=conversation is not batch[-1]) for conversation in batch]
    if timing.mode == "warm":
        # Loading is not counted.
        load(rig)
    return [rig.ask(batch, stay=False)]


def _ended(timing: Timing, calls: list[Call]) -> Timing:
    seconds = sum(call.seconds for call in calls)
    if timing.mode == "warm":
        # A warm worker stays loaded, so the time to close it is not part of the batch.
        seconds = sum(call.parts["start"] + call.parts["prompts"] for call in calls)
    answers = [answer for call in calls for answer in call.answers.values()]
    failed = next((call for call in calls if call.error), None)
    refused = next((answer for answer in answers if answer.error and answer.error_kind != "empty_answer"), None)
    course: list[list[float]] = []
    offset = 0.0
    for call in calls:
        course += [[round(offset + second, 1), mib] for second, mib in call.memory]
        offset += call.seconds
    parts: dict[str, Any] = {name: round(sum(call.parts.get(name, 0.0) for call in calls), 3) for name in PARTS}
    return replace(
        timing,
        seconds=round(seconds, 3),
        parts=parts,
        answered=sum(not answer.error or answer.error_kind == "empty_answer" for answer in answers),
        completion_tokens=sum(answer.completion_tokens for answer in answers),
        peak_mib=max((mib for call in calls for _, mib in call.memory), default=0),
        memory_of=calls[-1].memory_of,
        memory=course,
        error=failed.error if failed else refused.error if refused else "",
        error_kind=failed.kind if failed else refused.error_kind if refused else "",
        begun=time.time() - seconds,
    )
