"""A host's folder and its program, asked by its own commands as an SSH session would."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from servers.processes import of_folder

from cosmos_workflow.agent.bundling import bundle
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.kind import Task
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.kinds.upsample.tasks import task_of

__all__ = ["HostFolder"]


class HostFolder:
    def __init__(self, root: Path) -> None:
        self.root = root
        sha256, data = bundle()
        self.program = root / "program" / f"{sha256}.pyz"
        self.program.parent.mkdir(parents=True)
        self.program.write_bytes(data)

    def ask(self, command: str, *words: str, data: Any = None) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, str(self.program), command, str(self.root), *words],
            input=b"" if data is None else json.dumps(data).encode(), capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr.decode()
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]

    def submit(self, run: str, conversations: list[Conversation], **more: Any) -> dict[str, Any]:
        return self.submit_tasks(run, [task_of(conversation).task for conversation in conversations], **more)

    def submit_tasks(self, run: str, tasks: list[Task], window: int = 256, **more: Any) -> dict[str, Any]:
        batch = json.dumps({"window": window, "tasks": [asdict(task) for task in tasks]}).encode()
        sha256 = hashlib.sha256(batch).hexdigest()
        path = self.root / "blobs" / sha256[:2] / sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(batch)
        (state,) = self.ask("submit", run, data=order(sha256, **more))
        return state

    def state(self, run: str) -> dict[str, Any]:
        (state,) = self.ask("state", run)
        return state

    def wait(self, run: str, *states: str, seconds: float = 180) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (state := self.state(run))["state"] not in states:
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        return state

    def settle(self) -> None:
        """Wait until nothing runs from this folder any more."""
        deadline = time.monotonic() + 60
        while left := of_folder(self.root):
            assert time.monotonic() < deadline, left
            time.sleep(0.05)

    def events(self, run: str) -> list[dict[str, Any]]:
        """The run's events but those of the memory in use, which come at any time."""
        path = self.root / "runs" / run / "events.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [event for event in events if event["event"] != "memory"]

    def answers(self, run: str) -> list[dict[str, Any]]:
        path = self.root / "runs" / run / "results.jsonl"
        return [json.loads(line)["value"] for line in path.read_text().splitlines()]

    def pids(self, key: str) -> dict[str, int]:
        return dict(json.loads((self.root / "workers" / key / "pids.json").read_text()))


def order(
    batch: str, *, key: str = "k1", keep_warm: float = 0.0, engine: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    settings = {"engine": engine or {"name": "describe", **asdict(EngineSettings())}, "device": "0"}
    return {
        "batch": batch,
        "keep_warm": keep_warm,
        "worker": {
            "key": key, "settings": {**settings, "keep_warm": keep_warm}, "waits": False, "remove": [],
            "launch": [sys.executable, "{program}", "supervise", "{root}", "{key}", "{name}"],
            "environment": environment or {},
        },
    }  # fmt: skip
