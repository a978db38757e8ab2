"""What tests of runs share."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
from servers import unwell
from servers.model_servers import FAULTS, NO_ANSWERS, NO_COMPLETIONS, SORTS
from servers.peers import Peer
from servers.processes import of_folder

from cosmos_workflow.api import upsample_on
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.upsample import Item, Result
from cosmos_workflow.runs import Runs

__all__ = ["Gate", "host_processes", "settled", "upsample_there"]


def host_processes(peer: Peer) -> list[psutil.Process]:
    """Whatever runs on the host for us."""
    return of_folder(peer.home / "ours")


def upsample_there(runs: Runs, items: list[Item], out: Path, **more: object) -> tuple[str, list[Result]]:
    return upsample_on("gpu", items, out=out, runs=runs, keep_warm=0.0, **more)  # type: ignore[arg-type]


def settled(peer: Peer, seconds: float = 60) -> bool:
    """Whether nothing of ours runs on the host any more."""
    deadline = time.monotonic() + seconds
    while host_processes(peer):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Gate(unwell.UnwellServer):
    """An engine's server that answers as many requests as it has been let, one at a time."""

    def __init__(self, free: int = 0) -> None:
        self.passes = threading.Semaphore(free)

        def reply(text: str, attempt: int) -> unwell.Reply | None:
            return unwell.answer(f"long {text}") if self.passes.acquire(timeout=300) else None

        super().__init__(reply)

    def let(self, count: int) -> None:
        self.passes.release(count)

    def settings(self) -> dict[str, object]:
        settings = EngineSettings(server_url=self.url, server_model="m", options={"concurrency": 1, "max_retries": 0})
        return {"engine": "server", "engine_settings": settings}


BAD_REPLIES: dict[str, unwell.Reply | None] = {
    "empty": NO_ANSWERS["null"],
    "thinking": NO_ANSWERS["thinking cut off"],
    "page": NO_COMPLETIONS["page"],
    "list": NO_COMPLETIONS["list"],
    "refused": FAULTS["422"][0],
    "broken": FAULTS["500"][0],
    "too long": SORTS[0].too_long,
    "closed": None,
}
BAD_KINDS = {
    "empty": "empty_answer", "thinking": "empty_answer", "page": "bad_answer", "list": "bad_answer",
    "refused": "rejected", "broken": "server_error", "too long": "too_long", "closed": "unreachable",
}  # fmt: skip


class Faulty(unwell.UnwellServer):
    """A server that gives each of BAD_REPLIES to the prompt of that name, and good answers to others."""

    def __init__(self) -> None:
        super().__init__(
            lambda text, attempt: BAD_REPLIES[text] if text in BAD_REPLIES else unwell.answer(f"long {text}")
        )

    def settings(self) -> dict[str, object]:
        settings = EngineSettings(server_url=self.url, server_model="m", options={"max_retries": 0})
        return {"engine": "server", "engine_settings": settings}
