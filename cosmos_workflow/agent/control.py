"""What a client asks of a host: submit a run, how it stands, cancel it, remove it."""

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
from cosmos_workflow.agent.files import is_locked, read_json, size_of, tail, try_lock, waiting_lock, write_json
from cosmos_workflow.agent.paths import HostPaths, WorkerPaths, plain_name
from cosmos_workflow.agent.private import make_folder, open_private, touch
from cosmos_workflow.agent.supervising import STOP_SECONDS, end_group

__all__ = ["cancel", "read_input", "remove", "state_of", "submit"]

LAUNCH_SECONDS = 120.0  # for a container's start


def submit(paths: HostPaths, run: str, asked: dict[str, Any], program: str) -> None:
    """Put a run into its worker's spool and see that a worker lives; the same run again changes nothing.

    `asked` is {batch, keep_warm, worker}: the blob that holds the conversations, and how long to stay warm, in s.
    `worker` is {key, settings, launch, waits, remove, environment}: `launch` is the command that starts it,
    with {program}, {root}, {key} and {name} to be filled in, and `waits` says that it returns at once; `remove`
    ends a container by its {name}; `environment` may hold secrets, and is never written down.
    Raises RuntimeError where it cannot be started.
    """
    worker = asked["worker"]
    mine, files = paths.worker(worker["key"]), paths.run(run)
    if not files.order.exists():
        order = {"batch": plain_name(asked["batch"]), "keep_warm": asked["keep_warm"]}
        write_json(files.order, {**order, "worker": worker["key"], "remove": worker["remove"]})
    engine = worker["settings"]["engine"]
    engine["model_path"] = _absolute(engine["model_path"])
    for lock in (mine.lock, mine.door, files.lock, paths.device(worker["settings"]["device"])):
        # Made by whoever asks, so that a container's root owns none of them.
        make_folder(lock.parent)
        touch(lock)
    if not files.outcome.exists() and not is_locked(files.lock) and run not in mine.waiting():
        write_json(mine.settings, worker["settings"])
        mine.put(run, time.time_ns())
    if run in mine.waiting():
        _launch(paths, mine, worker, program)


def _launch(paths: HostPaths, mine: WorkerPaths, worker: dict[str, Any], program: str) -> None:
    """Start the worker detached, all its streams redirected, so that it outlives this line."""
    if is_locked(mine.lock):
        with waiting_lock(mine.door):
            if is_locked(mine.lock) and not mine.leaving.exists():
                return  # it lives, and looks into its spool once more before it goes
    name = f"cosmos-{worker['key']}-{time.time_ns():x}"
    fill = {
        "{program}": str(Path(program).absolute()), "{root}": str(paths.root), "{key}": worker["key"], "{name}": name,
        "{model}": worker["settings"]["engine"]["model_path"],
    }  # fmt: skip
    command = [_filled(word, fill) for word in worker["launch"]]
    command[0] = str(Path(command[0]).expanduser()) if command[0].startswith("~") else command[0]
    start = size_of(mine.log)
    try:
        with os.fdopen(open_private(mine.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=paths.root,
                env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **worker["environment"]},
            )  # fmt: skip
    except FileNotFoundError:
        raise RuntimeError(f"there is no {command[0]}") from None
    try:
        failed = worker["waits"] and process.wait(LAUNCH_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise RuntimeError(
            f"`{' '.join(command[:2])} …` took more than {LAUNCH_SECONDS:.0f} s: pull the image there first"
        ) from None
    if failed:
        words = tail(mine.log, min(1500, size_of(mine.log) - start))
        raise RuntimeError(f"`{' '.join(command[:2])} …` failed: {words}")


def _filled(word: str, fill: dict[str, str]) -> str:
    for name, value in fill.items():
        word = word.replace(name, value)
    return word


def _absolute(path: str) -> str:
    """A model folder as a container can mount it; the name of a repository stays one."""
    folder = Path(path).expanduser()
    return str(folder.absolute()) if path and folder.is_dir() else path


def state_of(paths: HostPaths, run: str) -> dict[str, Any]:
    """How a run stands: queued, running, done, failed, cancelled, gone (its worker is), or unknown here."""
    files = paths.run(run)
    order = read_json(files.order)
    if order is None:
        return {"state": "unknown"}
    mine = paths.worker(order["worker"])
    for _ in range(2):  # between two looks it may have been taken up, or ended: a second look sees that
        if outcome := read_json(files.outcome):
            return dict(outcome)
        if is_locked(files.lock):
            return {"state": "running"}
        if files.cancelled.exists():
            return {"state": "cancelled"}
        waits = run in mine.waiting()
        if waits and is_locked(mine.lock):
            return {"state": "queued"}
    if not files.order.exists():
        return {"state": "unknown"}  # removed meanwhile
    ended = read_json(mine.ended) or {}
    free = shutil.disk_usage(paths.root).free
    return {"state": "gone", "waits": waits, "free": free, "tail": tail(mine.log), **ended}


def cancel(paths: HostPaths, run: str) -> None:
    """End a run; where it is being worked on, the worker's process group ends with it."""
    files = paths.run(run)
    order = read_json(files.order)
    if order is None or files.outcome.exists():
        return
    mine = paths.worker(order["worker"])
    try:
        touch(files.cancelled)
    except FileNotFoundError:
        return  # removed meanwhile
    mine.take_out(run)
    if not _is_free(files.lock, 0.3):
        touch(mine.end)
        if not _is_free(files.lock, 2 * STOP_SECONDS):
            _end_by_force(mine, order["remove"])


def _is_free(lock: Path, patience: float) -> bool:
    descriptor = try_lock(lock, patience, create=False)
    if descriptor is None:
        return not lock.exists()
    os.close(descriptor)
    return True


def _end_by_force(mine: WorkerPaths, remove_command: list[str]) -> None:
    """For a worker whose supervisor is gone."""
    pids = read_json(mine.pids) or {}
    if remove_command:
        command = [_filled(word, {"{name}": pids["container"]}) for word in remove_command]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60, check=False)
    elif pids:
        end_group(pids["group"], 0.0)
    mine.end.unlink(missing_ok=True)


def remove(paths: HostPaths, names: list[str]) -> None:
    """Remove runs' folders, and frames that nobody has used for long."""
    for files in map(paths.run, names):
        if not is_locked(files.lock):
            shutil.rmtree(files.folder, ignore_errors=True)
    prune(paths)


def read_input() -> Any:
    """What the client sent on standard input, as JSON."""
    return json.loads(sys.stdin.buffer.read())
