"""Trials on a host: each call is one run of the agent's worker there, which stays warm between calls."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from cosmos_workflow.engines import ChosenEngine, classify, root_cause
from cosmos_workflow.errors import CosmosError, HostUnreachable
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.tasks import answer_of, task_of
from cosmos_workflow.lab.rigs import Call, load_parts, measured_options
from cosmos_workflow.runs.places import host_steps
from cosmos_workflow.runs.places.parcel import Parcel
from cosmos_workflow.ssh import Host, HostProgram, Pins, line_to, run_steps

__all__ = ["HostRig"]

WARM_SECONDS = 120.0  # between one trial and the next
GIVE_UP_SECONDS = 600.0

OnLost = Callable[[HostUnreachable, float], None]


@dataclass
class _Transcript:
    """What one run has sent: its answers, events and log."""

    answers: dict[str, Answer] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    log: bytes = b""

    def add(self, file: str, data: bytes) -> None:
        if file == "results":
            self.answers |= {outcome.id: answer_of(outcome) for outcome in host_steps.outcomes_in(data)}
        elif file == "events":
            self.events += [json.loads(line) for line in data.splitlines()]
        else:
            self.log += data

    def event(self, *kinds: str) -> dict[str, Any] | None:
        """The last event of these kinds."""
        return next((event for event in reversed(self.events) if event["event"] in kinds), None)


class HostRig:
    """A host of the settings, with the engine asked for, or else the one that its entry names.

    The lab has a worker of its own there, because it makes vLLM log more than people want to read. `folder` holds
    the files to send until they have been sent.
    """

    def __init__(
        self, host: Host, chosen: ChosenEngine, pins: Pins, folder: Path,
        on_lost: OnLost = lambda error, wait: None,
    ) -> None:  # fmt: skip
        self.name, self.engine = host.name, chosen.name
        self._host = replace(host, environment={"VLLM_LOGGING_LEVEL": "INFO", **host.environment})
        sent = dict(chosen.settings)
        self._remote = replace(
            chosen, settings={**sent, "offload": "never", "options": measured_options(chosen.name, sent["options"])}
        )
        self.options = {"model_path": sent["model_path"], "max_model_len": sent["max_model_len"], **sent["options"]}
        self._pins, self._folder, self._on_lost = pins, folder / "lab", on_lost

    def __enter__(self) -> HostRig:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to do: a warm agent ends by itself."""

    def ask(self, conversations: Sequence[Conversation], *, stay: bool = True) -> Call:
        name = f"lab-{secrets.token_hex(6)}"
        parcel = Parcel(self._folder / name, self._folder / name / "blobs")
        transcript = _Transcript()
        began = time.monotonic()
        try:
            parcel.pack(task_of(conversation) for conversation in conversations)
            ended = run_steps(self._run(name, parcel, transcript, WARM_SECONDS if stay else 0.0))
        finally:
            shutil.rmtree(parcel.folder, ignore_errors=True)
        return self._call(transcript, ended, time.monotonic() - began)

    async def _run(self, name: str, parcel: Parcel, transcript: _Transcript, keep_warm: float) -> dict[str, Any]:
        async with line_to(self._host, self._pins) as manager:
            program = HostProgram(manager)

            async def send_and_follow() -> dict[str, Any]:
                await host_steps.upload(program, parcel, lambda came, total: None)
                await host_steps.submit(program, name, parcel, self._remote, keep_warm)
                return await host_steps.follow(program, name, parcel, transcript.add)

            ended = None
            try:
                ended = await manager.persistently(send_and_follow, self._on_lost, give_up=GIVE_UP_SECONDS)
            finally:
                with suppress(CosmosError):
                    if ended is None:  # interrupted: the person does not want to wait for it
                        await host_steps.cancel(program, name)
                    await host_steps.clean_up(program, [name])
        return ended

    def _call(self, transcript: _Transcript, ended: dict[str, Any], seconds: float) -> Call:
        failure = host_steps.failure(ended, self.name, self.name)
        log = transcript.log.decode("utf-8", "replace")
        error = root_cause(failure.what, log) if failure else ""
        kind, remedy = (failure.kind, failure.remedy) if failure else ("", "")
        if kind == "engine":
            kind = classify(error)
        ready, last = transcript.event("loaded", "warm"), transcript.events[-1] if transcript.events else None
        prompts = last["time"] - ready["time"] if ready and last else 0.0
        loading = transcript.event("loading")
        load_seconds = ready["time"] - loading["time"] if ready and loading else 0.0
        parts = load_parts(log, load_seconds)
        # What is neither loading nor prompts: the connection, the upload, the start of the worker.
        parts["start"] += max(0.0, seconds - load_seconds - prompts)
        course, begun = [], transcript.events[0]["time"] if transcript.events else 0.0
        for event in transcript.events:
            if event["event"] == "memory":
                used = sum(value for name, value in event.items() if name.endswith("_mib"))
                course.append((event["time"] - begun, used))
        owners = {name.removesuffix("_mib") for event in transcript.events for name in event if name.endswith("_mib")}
        properties = ready["properties"] if ready else {}
        return Call(
            transcript.answers, seconds, parts | {"prompts": prompts}, properties, course, "".join(sorted(owners)),
            kind, error, remedy,
        )  # fmt: skip
