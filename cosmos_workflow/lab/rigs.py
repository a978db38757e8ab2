"""Where trials run: on an engine in this process or on a host; and what each call brought back, took and broke."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from cosmos_workflow.agent.paths import devices_here
from cosmos_workflow.engines import ChosenEngine, EngineSettings, classify, root_cause
from cosmos_workflow.engines.keeper import Keeper
from cosmos_workflow.engines.logs import LogPart, log_vllm_to
from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.errors import EngineError, EngineUnavailable, OutOfMemory
from cosmos_workflow.kinds.kind import Outcome
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.tasks import answer_of, task_of

__all__ = ["Call", "LocalRig", "Rig", "load", "load_parts", "measured_options"]

Course = list[tuple[float, int]]


@dataclass(frozen=True)
class Call:
    """What one call brought. Times in s; `memory` is its use over time as (seconds since the start, MiB), and
    `memory_of` says whose (`gpu` or `process`).

    `kind` and `error` say why not every conversation has an answer. `parts` divides the time: `start` (process and
    imports), `load` (weights), `compile` (profile run, KV cache, compiling), `prompts`.
    """

    answers: Mapping[str, Answer]
    seconds: float
    parts: Mapping[str, float]
    properties: Mapping[str, Any] = field(default_factory=dict)
    memory: Sequence[tuple[float, int]] = ()
    memory_of: str = ""
    kind: str = ""
    error: str = ""
    remedy: str = ""


class Rig(Protocol):
    """An engine on a machine, to be measured; it answers conversations and loads the engine when needed."""

    name: str
    engine: str

    @property
    def options(self) -> Mapping[str, Any]:
        """The settings that distinguish this engine from another of the same name."""

    def ask(self, conversations: Sequence[Conversation], *, stay: bool = True) -> Call:
        """Ask for answers. Where the engine fails, the result says so, and the next call loads it again.

        With `stay` the engine is kept loaded, else it is closed before this returns.
        Raises HostError where a host cannot be asked.
        """

    def __enter__(self) -> Rig: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def measured_options(engine: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """An engine's options, with those that make it report when each request was scheduled and answered."""
    return ({"disable_log_stats": False} if engine == "vllm" else {}) | dict(options)


def load(rig: Rig, *, stay: bool = True) -> Call:
    """Ask the smallest request there is, so that the engine is loaded and states its properties.

    Raises EngineUnavailable or OutOfMemory where that fails.
    """
    loaded = rig.ask([Conversation("hello", "hello", max_tokens=1, temperature=0.0)], stay=stay)
    if loaded.error:
        kind = OutOfMemory if loaded.kind == "out_of_memory" else EngineUnavailable
        remedy = loaded.remedy or "`cosmos doctor` says what is missing"
        raise kind(loaded.error, where=f"{rig.engine} on {rig.name}", remedy=remedy)
    return loaded


class LocalRig:
    """An engine in this process; vLLM itself runs in further processes, which may die while this one goes on.

    `on_waiting` is called with the reason when another process has the device.
    """

    name = "local"

    def __init__(
        self, engine: str, settings: EngineSettings, on_waiting: Callable[[str], None] = lambda why: None
    ) -> None:
        self.engine = engine
        self.options = {"model_path": settings.model_path, "max_model_len": settings.max_model_len, **settings.options}
        settings = replace(settings, offload="never", options=measured_options(engine, settings.options))
        self._choice = ChosenEngine(engine, "", "", settings=vars(settings))
        self._keeper, self._on_waiting = Keeper(devices_here()), on_waiting
        self._folder = tempfile.TemporaryDirectory(prefix="cosmos-lab-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "engine.log"

    def __enter__(self) -> LocalRig:
        log_vllm_to(self._log)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.close()
        if os.environ.get("VLLM_LOGGING_CONFIG_PATH", "").startswith(self._folder.name):
            del os.environ["VLLM_LOGGING_CONFIG_PATH"]
        self._folder.cleanup()

    def ask(self, conversations: Sequence[Conversation], *, stay: bool = True) -> Call:
        answers: dict[str, Answer] = {}
        course: Course = []
        owners: set[str] = set()
        log, written = LogPart(self._log), b""
        loading, kind, error, remedy, properties = 0.0, "", "", "", {}
        began = ready = time.monotonic()

        def note(event: str, **more: Any) -> None:
            nonlocal began, ready, loading, properties
            now = time.monotonic()
            if event == "waiting":
                self._on_waiting(more["why"])
            elif event == "loading":
                began = ready = now  # it may have waited for the device
            elif event == "memory":
                owners.update(name.removesuffix("_mib") for name in more)
                course.append((now - began, sum(more.values())))
            else:
                ready, loading, properties = now, more.get("seconds", 0.0), more["properties"]

        def keep(outcome: Outcome) -> None:
            answers[outcome.id] = answer_of(outcome)

        try:
            with self._keeper.lend(self._choice, note) as engine:
                packed = [task_of(conversation) for conversation in conversations]
                files = {sha256: file for each in packed for sha256, file in each.files.items()}
                engine.run([each.task for each in packed], TaskFiles(files), keep)
        except EngineError as failure:
            written = log.read()
            error = root_cause(failure.what, written.decode("utf-8", "replace"))
            remedy = failure.remedy
            kind = "out_of_memory" if isinstance(failure, OutOfMemory) else classify(error)
            self._keeper.close()
        prompts = time.monotonic() - ready
        if not stay:
            self._keeper.close()
        parts = load_parts((written + log.read()).decode("utf-8", "replace"), loading) | {"prompts": prompts}
        return Call(
            answers, time.monotonic() - began, parts, properties, course, "".join(owners), kind, error, remedy
        )  # fmt: skip


def load_parts(log: str, loading: float) -> dict[str, float]:
    """The `loading` seconds in parts, read from vLLM's log; where the log says nothing, all of it is `start`."""
    load = _last(r"Model loading took \S+ GiB memory and ([\d.]+) seconds", log)
    load = load or _last(r"Initializing model took ([\d.]+) seconds", log) + _last(
        r"weights took ([\d.]+) seconds", log
    )
    compiling = _last(r"init engine \([^)]*\) took ([\d.]+) s", log)
    return {"start": max(0.0, loading - load - compiling), "load": load, "compile": compiling}


def _last(pattern: str, log: str) -> float:
    matches = re.findall(pattern, log)
    return float(matches[-1]) if matches else 0.0
