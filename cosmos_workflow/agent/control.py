"""What a client asks of a host: submit a run, show its state, cancel it, remove it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.blobs import prune
from cosmos_workflow.agent.files import read_json, size_of, tail, write_json
from cosmos_workflow.agent.paths import AgentPaths, HostPaths, plain_name
from cosmos_workflow.agent.supervising import STOP_SECONDS, end_group
from cosmos_workflow.private import is_locked, make_folder, open_private, touch, waiting_lock

__all__ = ["cancel", "read_input", "remove", "state_of", "submit"]

LAUNCH_SECONDS = 120.0  # for a container's start


def submit(paths: HostPaths, run: str, asked: dict[str, Any], program: str) -> None:
    """Put a run into its agent's spool and start the agent if it is not alive; the same run again changes nothing.

    `asked` is {batch, keep_warm, worker}: the blob that holds the conversations, how long to stay warm, in seconds,
    and the agent. The agent is {key, settings, launch, waits, remove, environment}: `launch` is the command that
    starts it, with {program}, {root}, {key}, {name} and {model} to be filled in, and `waits` says whether to wait for
    that command to end; `remove` is the command that ends a container by its {name}; `environment` may hold secrets,
    and is never written to disk. Raises RuntimeError where the agent cannot be started.
    """
    wanted = asked["worker"]
    agent, files = paths.agent(wanted["key"]), paths.run(run)
    if not files.order.exists():
        order = {"batch": plain_name(asked["batch"]), "keep_warm": asked["keep_warm"]}
        write_json(files.order, {**order, "worker": wanted["key"], "remove": wanted["remove"]})
    engine = wanted["settings"]["engine"]
    engine["model_path"] = _absolute(engine["model_path"])
    for lock in (agent.lock, agent.door, files.lock, *paths.devices(wanted["settings"]["device"])):
        # Made by the user's own process, so that a container's root owns none of them.
        make_folder(lock.parent)
        touch(lock)
    if not files.outcome.exists() and not is_locked(files.lock) and run not in agent.waiting():
        write_json(agent.settings, wanted["settings"])
        agent.put(run, time.time_ns())
    if run in agent.waiting():
        _launch(paths, agent, wanted, program)


def _launch(paths: HostPaths, agent: AgentPaths, wanted: dict[str, Any], program: str) -> None:
    """Start the agent detached, all its streams redirected, so that it outlives this connection."""
    if is_locked(agent.lock):
        with waiting_lock(agent.door):
            if is_locked(agent.lock) and not agent.leaving.exists():
                return  # it is alive, and looks into its spool once more before it ends
    name = f"cosmos-{wanted['key']}-{time.time_ns():x}"
    fill = {
        "{program}": str(Path(program).absolute()), "{root}": str(paths.root), "{key}": wanted["key"], "{name}": name,
        "{model}": wanted["settings"]["engine"]["model_path"],
    }  # fmt: skip
    command = [_filled(word, fill) for word in wanted["launch"]]
    command[0] = str(Path(command[0]).expanduser()) if command[0].startswith("~") else command[0]
    start = size_of(agent.log)
    try:
        with os.fdopen(open_private(agent.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=paths.root,
                env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **wanted["environment"]},
            )  # fmt: skip
    except FileNotFoundError:
        raise RuntimeError(f"there is no {command[0]}") from None
    try:
        failed = wanted["waits"] and process.wait(LAUNCH_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError(
            f"`{' '.join(command[:2])} …` took more than {LAUNCH_SECONDS:.0f} s: pull the image there first"
        ) from None
    if failed:
        words = tail(agent.log, min(1500, size_of(agent.log) - start))
        raise RuntimeError(f"`{' '.join(command[:2])} …` failed: {words}")


def _filled(word: str, fill: dict[str, str]) -> str:
    for name, value in fill.items():
        word = word.replace(name, value)
    return word


def _absolute(path: str) -> str:
    """A model folder's absolute path, which a container can mount; the name of a repository is returned as it is."""
    folder = Path(path).expanduser()
    return str(folder.absolute()) if path and folder.is_dir() else path


def state_of(paths: HostPaths, run: str) -> dict[str, Any]:
    """A run's state: queued, running, done, failed, cancelled, gone (its agent ended), or unknown (no such run)."""
    files = paths.run(run)
    order = read_json(files.order)
    if order is None:
        return {"state": "unknown"}
    agent = paths.agent(order["worker"])
    for _ in range(2):  # between two of these tests the run may start or end, which the second pass sees
        if outcome := read_json(files.outcome):
            return dict(outcome)
        if is_locked(files.lock):
            return {"state": "running"}
        if files.cancelled.exists():
            return {"state": "cancelled"}
        waits = run in agent.waiting()
        if waits and is_locked(agent.lock):
            return {"state": "queued"}
    if not files.order.exists():
        return {"state": "unknown"}  # removed meanwhile
    ended = read_json(agent.ended) or {}
    free = shutil.disk_usage(paths.root).free
    return {"state": "gone", "waits": waits, "free": free, "tail": tail(agent.log), **ended}


def cancel(paths: HostPaths, run: str) -> None:
    """End a run; where the agent is working on it, the agent's process group ends with it."""
    files = paths.run(run)
    order = read_json(files.order)
    if order is None or files.outcome.exists():
        return
    agent = paths.agent(order["worker"])
    try:
        touch(files.cancelled)
    except FileNotFoundError:
        return  # removed meanwhile
    agent.take_out(run)
    if is_locked(files.lock, 0.3):
        touch(agent.end)
        if is_locked(files.lock, 2 * STOP_SECONDS):
            _end_by_force(agent, order["remove"])


def _end_by_force(agent: AgentPaths, remove_command: list[str]) -> None:
    """For an agent whose supervisor has ended."""
    pids = read_json(agent.pids) or {}
    if remove_command:
        command = [_filled(word, {"{name}": pids["container"]}) for word in remove_command]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60, check=False)
    elif pids:
        end_group(pids["group"], 0.0)
    agent.end.unlink(missing_ok=True)


def remove(paths: HostPaths, names: list[str]) -> None:
    """Remove the folders of runs that have ended, and files that nobody has used for a week."""
    for files in map(paths.run, names):
        # An agent lets go of a run a moment after it has recorded the outcome.
        if not is_locked(files.lock, STOP_SECONDS if files.outcome.exists() else 0.0):
            shutil.rmtree(files.folder, ignore_errors=True)
    prune(paths)


def read_input() -> Any:
    """What the client sent on standard input, as JSON."""
    return json.loads(sys.stdin.buffer.read())
