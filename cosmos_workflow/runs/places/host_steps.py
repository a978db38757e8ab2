"""Running a batch on a host by SSH: upload, submit, follow, fetch, clean up; every step can be done again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import unsealed
from cosmos_workflow.engines import ChosenEngine, engine_type
from cosmos_workflow.errors import HostError, HostUnreachable, RunFailed, UsageError
from cosmos_workflow.files import of_this_machine
from cosmos_workflow.kinds.kind import Outcome, load_outcome
from cosmos_workflow.runs.places.parcel import MIRRORED, Parcel
from cosmos_workflow.ssh import Host, HostProgram, Sent, send_blobs

__all__ = [
    "OnData",
    "cancel",
    "clean_up",
    "failure",
    "follow",
    "outcomes_in",
    "prune",
    "submit",
    "upload",
]

SILENT_SECONDS = 30.0  # the host beats every 2 s
SUBMIT_SECONDS = 180.0
PRUNE_SECONDS = 600.0
FULL_BYTES = 1 << 20  # less free than this, and an agent that is gone had no disk to write to

OnData = Callable[[str, bytes], None]


async def upload(program: HostProgram, parcel: Parcel, on_bytes: Callable[[int, int], None]) -> Sent:
    """Bring the batch and its frames to the host. Raises HostUnreachable, HostFull, HostError; may be called again."""
    program.on_bytes = on_bytes
    return await send_blobs(program, parcel.files(), on_bytes)


async def submit(
    program: HostProgram, run: str, parcel: Parcel, engine: ChosenEngine, keep_warm: float
) -> dict[str, Any]:
    """Give the run to the host's agent, started if none lives; doing it again for the same run changes nothing."""
    agent = _agent(program, engine, keep_warm)
    request = {"batch": parcel.batch_sha256(), "keep_warm": keep_warm, "worker": agent}
    (state,) = await program.ask("submit", run, data=request, timeout=SUBMIT_SECONDS)
    return state


def _agent(program: HostProgram, engine: ChosenEngine, keep_warm: float) -> dict[str, Any]:
    """How the host starts the agent; runs of the same engine and settings share one, and its loaded model."""
    host = program.host
    engine_settings = {"name": engine.name, "module": engine.module, **engine.settings}
    settings = {"engine": engine_settings, "device": host.gpu or "0"}
    environment = dict(host.environment)
    if host.gpu.replace(",", "").isdigit() and not host.container:
        environment["CUDA_VISIBLE_DEVICES"] = host.gpu
    identity = [settings, environment, host.container, host.image, host.run_options, host.python, program.sha256]
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    missing = [name for name in host.secrets if name not in os.environ]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} not set on this machine",
            where=f"hosts.{host.name}.secrets",
            remedy="set them, or take them out",
        )
    environment |= {name: os.environ[name] for name in host.secrets}
    return {
        "key": key,
        "settings": {**settings, "keep_warm": keep_warm},
        "launch": _launch_command(host, list(environment), _model_folder(engine)),
        "waits": bool(host.container),
        "remove": [*host.container, "rm", "-f", "{name}"] if host.container else [],
        "environment": environment,
    }


def _model_folder(engine: ChosenEngine) -> str:
    """The folder of the model that an engine loads; empty for one that loads none."""
    loads = engine_type(engine.name, engine.module).needs == "model"
    return str(engine.settings["model_path"]) if loads else ""


def _launch_command(host: Host, variables: list[str], model_path: str) -> list[str]:
    """The command that starts an agent; the host fills in {program}, {root}, {key}, {name} and {model}."""
    work = [host.python, "{program}", "supervise", "{root}", "{key}", "{name}"]
    if not host.container:
        return work
    gpus: list[str] = []
    if host.gpu != "none":
        chosen = f"device={host.gpu}" if host.gpu else "all"
        gpus = ["--gpus", chosen] if host.runtime == "docker" else ["--device", f"nvidia.com/gpu={host.gpu or 'all'}"]
    # An engine that loads nothing has no folder. A repository has none, unless the host's settings name it as one.
    is_folder = bool(host.model_path and model_path) or model_path.startswith(("/", "~"))
    mounts = ["-v", "{root}:{root}"] + (["-v", "{model}:{model}:ro"] if is_folder else [])
    # A variable by its name alone is taken from the runtime's own environment: no value stands in an argument.
    named = [word for name in ("PYTHONUTF8", "PYTHONUNBUFFERED", *variables) for word in ("-e", name)]
    run = [*host.container, "run", "-d", "--rm", "--name", "{name}", *gpus, *mounts, *named, *host.run_options]
    return [*run, host.image, *work]


async def follow(
    program: HostProgram, run: str, parcel: Parcel, on_data: OnData, *, to_results: bool = False
) -> dict[str, Any]:
    """Copy what the run writes, as it writes it, until it is over; returns how it ended.

    With `to_results` it may return with the state `results` before: some have come, and the run goes on.

    `on_data` gets each piece after it is on this disk, by the file it belongs to: results, events or log. The
    copies say where an earlier listener stopped, so a new connection goes on exactly there. Each copy is
    compared with the host's own sum at the end; one that differs is fetched again.
    Raises HostUnreachable when the line breaks, OSError with its path where this machine's disk takes nothing.
    """
    await program.install()
    for _ in range(2):
        ended = await _follow_once(program, run, parcel, on_data, to_results)
        damaged = [name for name, sha256 in ended.get("sums", {}).items() if _sha256(parcel.mirror(name)) != sha256]
        for name in damaged:
            parcel.mirror(name).unlink(missing_ok=True)
        if not damaged:
            return ended
    raise HostError(f"{', '.join(damaged)} arrived damaged", where=program.host.name, remedy="try again")


async def _follow_once(
    program: HostProgram, run: str, parcel: Parcel, on_data: OnData, to_results: bool
) -> dict[str, Any]:
    words = [run, *(str(_whole(parcel, name)) for name in MIRRORED), *(["to-results"] if to_results else [])]
    async with program.manager.process(program.arguments("follow", *words), endless=True) as process:
        while True:
            line = await program.manager.within(process.stdout.readline(), SILENT_SECONDS)
            if line == b"\n":
                continue  # a beat
            if not line.endswith(b"\n"):
                raise HostUnreachable("the connection broke", where=program.host.name)
            try:
                head = json.loads(line)
            except ValueError:  # it was ended, and its shell says goodbye
                raise HostUnreachable("the connection broke", where=program.host.name) from None
            program.check(head)
            if "state" in head:
                return dict(head)
            data = await program.manager.within(process.stdout.readexactly(head["size"]), SILENT_SECONDS)
            with of_this_machine(parcel.mirror(head["file"])):
                _append(parcel.mirror(head["file"]), head["offset"], data)
            with of_this_machine("what is printed here"):
                on_data(head["file"], data)


def _whole(parcel: Parcel, name: str) -> int:
    """How much of a copy is there; a torn last line, left by a crash, does not count."""
    path = parcel.mirror(name)
    if not path.exists():
        return 0
    return path.stat().st_size if name == "log" else path.read_bytes().rfind(b"\n") + 1


def _append(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()


def outcomes_in(data: bytes) -> list[Outcome]:
    """The outcomes in lines of a host's results; a damaged line holds none, and its item counts as not answered."""
    values = [unsealed(line) for line in data.split(b"\n") if line]
    return [load_outcome(value) for value in values if value is not None]


def failure(ended: Mapping[str, Any], run: str, place: str) -> RunFailed | None:
    """Why a run did not end well, from what `follow` returned; None where it did."""
    state = ended["state"]
    if state == "done":
        return None
    if state == "cancelled":
        return RunFailed("the run was cancelled", kind="cancelled", where=run)
    if state == "unknown":
        return RunFailed("the host no longer has this run (its folder was removed)", kind="lost", where=run)
    if state == "failed":
        return RunFailed(ended["what"], kind=ended["kind"], where=run, remedy=ended["remedy"])
    if ended["free"] < FULL_BYTES:
        return RunFailed("the host's disk is full", kind="disk_full", where=place, remedy="free space there")
    signal, code = ended.get("signal"), ended.get("code")
    ending = (
        f"was killed by {signal}" if signal else f"ended with exit code {code}" if code else "ended without a message"
    )
    hint = " (often the host's memory)" if signal == "SIGKILL" else ""
    return RunFailed(f"the agent {ending}{hint}", kind="worker_killed", where=run)


async def cancel(program: HostProgram, run: str) -> dict[str, Any]:
    """End a run on the host; returns how it stands then."""
    (state,) = await program.ask("cancel", run)
    return state


async def clean_up(program: HostProgram, runs: Sequence[str]) -> None:
    """Remove runs' folders on the host."""
    await program.ask("remove", *runs)


async def prune(program: HostProgram, older_than: float, most: int | None, *, remove: bool) -> dict[str, int]:
    """Remove files on the host that nobody has asked for, for `older_than` seconds, and the oldest beyond `most` bytes.

    What a run there still names stays. Returns their number and bytes; without `remove`, only tells.
    """
    asked = {"older_than": older_than, "most": most, "remove": remove}
    (answer,) = await program.ask("prune", data=asked, timeout=PRUNE_SECONDS)
    return {name: answer[name] for name in ("files", "bytes")}
