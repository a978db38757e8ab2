"""The commands of `python AGENT.pyz COMMAND FOLDER …`. Data comes on standard input, as JSON or bytes."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cosmos_workflow.agent import blobs, control, following, inspecting, supervising
from cosmos_workflow.agent.closing import close_to_others
from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.private import make_folder

__all__ = ["main"]


def main() -> int:
    """Run one command; answers are JSON lines on standard output, in UTF-8 whatever the locale."""
    command, root, *words = sys.argv[1:]
    paths = HostPaths(Path(root).expanduser().absolute())
    if command not in ("supervise", "work"):
        # When the client has gone, nobody wants the answer.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        return COMMANDS[command](paths, words)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")  # numbers differ from system to system
        tell({"failed": os.strerror(error.errno or 0), "errno": name, "path": str(error.filename or "")})
        return 1
    except RuntimeError as error:
        tell({"failed": str(error)})
        return 1


def tell(answer: dict[str, Any]) -> None:
    """Send one answer to the client."""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _offer(paths: HostPaths, words: list[str]) -> int:
    make_folder(paths.root)
    close_to_others(paths.root)
    lacking = blobs.offer(paths, control.read_input())
    tell({"program": sha256_of(Path(sys.argv[0])), "lacking": lacking, "root": str(paths.root)})
    return 0


def _receive(paths: HostPaths, words: list[str]) -> int:
    blobs.receive(paths, sys.stdin.buffer, tell)
    return 0


def _send(paths: HostPaths, words: list[str]) -> int:
    blobs.send(paths, control.read_input(), sys.stdout.buffer)
    return 0


def _prune(paths: HostPaths, words: list[str]) -> int:
    tell(blobs.prune(paths, **control.read_input()))
    return 0


def _submit(paths: HostPaths, words: list[str]) -> int:
    (run,) = words
    control.submit(paths, run, control.read_input(), sys.argv[0])
    tell(control.state_of(paths, run))
    return 0


def _follow(paths: HostPaths, words: list[str]) -> int:
    run, results, events, log, *more = words
    offsets = {"results": int(results), "events": int(events), "log": int(log)}
    following.follow(paths, run, offsets, sys.stdout.buffer, to_results="to-results" in more)
    return 0


def _state(paths: HostPaths, words: list[str]) -> int:
    for run in words:
        tell({"run": run, **control.state_of(paths, run)})
    return 0


def _cancel(paths: HostPaths, words: list[str]) -> int:
    control.cancel(paths, *words)
    tell(control.state_of(paths, *words))
    return 0


def _remove(paths: HostPaths, words: list[str]) -> int:
    control.remove(paths, words)
    tell({"removed": words})
    return 0


def _inspect(paths: HostPaths, words: list[str]) -> int:
    tell(inspecting.inspect(paths, control.read_input()))
    return 0


COMMANDS: dict[str, Callable[[HostPaths, list[str]], int]] = {
    "offer": _offer,
    "receive": _receive,
    "send": _send,
    "prune": _prune,
    "submit": _submit,
    "follow": _follow,
    "state": _state,
    "cancel": _cancel,
    "remove": _remove,
    "inspect": _inspect,
    "supervise": lambda paths, words: supervising.supervise(paths, *words),
    "work": lambda paths, words: supervising.run_agent(paths, *words),
}
