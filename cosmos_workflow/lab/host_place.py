"""Trials on a host: each call is a run of its worker, which stays warm in between."""

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

from cosmos_workflow.engines import EngineSettings, classify, root_cause
from cosmos_workflow.errors import CosmosError, HostUnreachable
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.lab.places import Asked, load_parts, measured_options
from cosmos_workflow.runs.places import host_steps
from cosmos_workflow.runs.places.host_steps import remote_engine
from cosmos_workflow.runs.places.parcel import Parcel
from cosmos_workflow.ssh import Host, HostProgram, Pins, line_to, run_steps

__all__ = ["HostPlace"]

WARM_SECONDS = 120.0  # from one trial to the next
GIVE_UP_SECONDS = 600.0

OnLost = Callable[[HostUnreachable, float], None]


@dataclass
class _Heard:
    """What came of one run."""

    answers: dict[str, Answer] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    log: bytes = b""

    def hear(self, file: str, data: bytes) -> None:
        if file == "results":
            self.answers |= {one.id: one for one in host_steps.answers_in(data)}
        elif file == "events":
            self.events += [json.loads(line) for line in data.splitlines()]
        else:
            self.log += data

    def event(self, *kinds: str) -> dict[str, Any] | None:
        """The last event of these kinds."""
        return next((one for one in reversed(self.events) if one["event"] in kinds), None)


class HostPlace:
    """A host of the settings, with the engine that its entry names, or the one asked for.

    Its worker is one of its own, as vLLM is told to say more than people want to read. `folder` is where what
    travels is kept until it has.
    """

    def __init__(
        self, host: Host, engine: str, settings: EngineSettings, pins: Pins, folder: Path,
        on_lost: OnLost = lambda error, wait: None,
    ) -> None:  # fmt: skip
        chosen = remote_engine(host, engine, settings)
        self.name, self.engine, self.why = host.name, chosen.name, chosen.why
        self._host = replace(host, environment={"VLLM_LOGGING_LEVEL": "INFO", **host.environment})
        told = dict(chosen.settings)
        self._remote = replace(
            chosen, settings={**told, "offload": "never", "options": measured_options(chosen.name, told["options"])}
        )
        self.options = {"model_path": told["model_path"], "max_model_len": told["max_model_len"], **told["options"]}
        self._pins, self._folder, self._on_lost = pins, folder / "lab", on_lost

    def __enter__(self) -> HostPlace:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A warm worker leaves by itself."""

    def ask(self, conversations: Sequence[Conversation], *, stay: bool = True) -> Asked:
        name = f"lab-{secrets.token_hex(6)}"
        parcel = Parcel(self._folder / name, self._folder / name / "blobs")
        heard = _Heard()
        began = time.monotonic()
        try:
            parcel.pack(conversations)
            ended = run_steps(self._run(name, parcel, heard, WARM_SECONDS if stay else 0.0))
        finally:
            shutil.rmtree(parcel.folder, ignore_errors=True)
        return self._asked(heard, ended, time.monotonic() - began)

    async def _run(self, name: str, parcel: Parcel, heard: _Heard, keep_warm: float) -> dict[str, Any]:
        async with line_to(self._host, self._pins) as manager:
            program = HostProgram(manager)

            async def whole() -> dict[str, Any]:
                await host_steps.upload(program, parcel, lambda came, total: None)
                await host_steps.submit(program, name, parcel, self._remote, keep_warm)
                return await host_steps.follow(program, name, parcel, heard.hear)

            ended = None
            try:
                ended = await manager.persistently(whole, self._on_lost, give_up=GIVE_UP_SECONDS)
            finally:
                with suppress(CosmosError):
                    if ended is None:  # a person does not want to wait for it
                        await host_steps.cancel(program, name)
                    await host_steps.clean_up(program, [name])
        return ended

    def _asked(self, heard: _Heard, ended: dict[str, Any], seconds: float) -> Asked:
        failure = host_steps.failure(ended, self.name, self.name)
        log = heard.log.decode("utf-8", "replace")
        error = root_cause(failure.what, log) if failure else ""
        kind, remedy = (failure.kind, failure.remedy) if failure else ("", "")
        if kind == "engine":
            kind = classify(error)
        ready, last = heard.event("loaded", "warm"), heard.events[-1] if heard.events else None
        prompts = last["time"] - ready["time"] if ready and last else 0.0
        loading = heard.event("loading")
        load_seconds = ready["time"] - loading["time"] if ready and loading else 0.0
        parts = load_parts(log, load_seconds)
        # What is neither loading nor prompts: the line, the upload, the worker's own start.
        parts["start"] += max(0.0, seconds - load_seconds - prompts)
        course = [
            (one["time"] - heard.events[0]["time"], sum(value for name, value in one.items() if name.endswith("_mib")))
            for one in heard.events
            if one["event"] == "memory"
        ]
        of = {name.removesuffix("_mib") for one in heard.events for name in one if name.endswith("_mib")}
        properties = ready["properties"] if ready else {}
        return Asked(
            heard.answers, seconds, parts | {"prompts": prompts}, properties, course, "".join(sorted(of)), kind, error,
            remedy,
        )  # fmt: skip
