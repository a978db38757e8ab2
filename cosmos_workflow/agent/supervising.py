"""The agent's supervisor: holds its lock, runs it in a process group of its own, records how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from cosmos_workflow.agent.files import read_json, write_json
from cosmos_workflow.agent.paths import AgentPaths, HostPaths
from cosmos_workflow.private import open_private, touch, try_lock, waiting_lock

__all__ = ["STOP_SECONDS", "end_group", "run_agent", "supervise"]

STOP_SECONDS = 10.0  # from asking a process group to end to killing it
POLL_SECONDS = 0.05
LEAVING_SECONDS = 120.0  # an engine may need that long to free a GPU


def supervise(paths: HostPaths, key: str, container: str) -> int:
    """Run the agent, again while its spool holds runs; a run that killed the agent is not in the spool any more."""
    agent = paths.agent(key)
    lock = try_lock(agent.lock, LEAVING_SECONDS if agent.leaving.exists() else 0.3)
    if lock is None:
        return 0  # another supervisor has it
    for stale in (agent.leaving, agent.end, agent.ended):
        stale.unlink(missing_ok=True)
    # The agent holds the lock as well: it is free only when both have ended.
    os.set_inheritable(lock, True)
    while True:
        code = _run(paths, agent, lock, container)
        with suppress(OSError):  # a full disk
            write_json(agent.ended, {"code": code, "signal": signal.Signals(-code).name if code < 0 else ""})
        with waiting_lock(agent.door):
            if code == 0 or not agent.waiting():
                touch(agent.leaving)
                return 0


def _run(paths: HostPaths, agent: AgentPaths, lock: int, container: str) -> int:
    with os.fdopen(open_private(agent.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab") as log:
        command = [sys.executable, sys.argv[0], "work", str(paths.root), agent.folder.name, str(log.tell())]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=(lock,)
        )
    signal.signal(signal.SIGTERM, lambda *_: touch(agent.end))
    write_json(agent.pids, {"supervisor": os.getpid(), "group": process.pid, "container": container})
    while (code := process.poll()) is None:
        if agent.end.exists():
            agent.end.unlink(missing_ok=True)
            end_group(process.pid, STOP_SECONDS, process)
        time.sleep(POLL_SECONDS)
    end_group(process.pid, 0.0)  # engines have children of their own
    return code


def end_group(group: int, patience: float, leader: subprocess.Popen[bytes] | None = None) -> None:
    """Ask a process group to end, and kill what is left after `patience` seconds."""
    with suppress(ProcessLookupError, PermissionError):
        if patience:
            os.killpg(group, signal.SIGTERM)
            deadline = time.monotonic() + patience
            while leader and leader.poll() is None and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)
        os.killpg(group, signal.SIGKILL)


def run_agent(paths: HostPaths, key: str, log_start: str) -> int:
    """Work as the supervised agent, whose own output begins at byte `log_start` of its log."""
    from cosmos_workflow.agent.running import Broken, work  # imports the engines, which no other command needs

    try:
        work(paths, key, read_json(paths.agent(key).settings), int(log_start))
    except Broken:
        return 1
    return 0
