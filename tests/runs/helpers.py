"""What tests of runs share."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
from servers import unwell
from servers.model_servers import FAULTS, NO_ANSWERS, NO_COMPLETIONS, SORTS
from servers.peers import Peer
from servers.processes import of_folder

from cosmos_workflow.api import decide, submit, upsample
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.upsample import Item, Result, Settings
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE
from cosmos_workflow.runs import Listener, Runs, results
from cosmos_workflow.store import RunRecord

__all__ = ["Gate", "enqueue", "host_processes", "read_results", "settled", "upsample_there"]


def host_processes(peer: Peer) -> list[psutil.Process]:
    """Whatever runs on the host for us."""
    return of_folder(peer.home / "ours")


def read_results(path: Path) -> list[Result]:
    return results.read_results(path, UPSAMPLE)


def enqueue(
    items: list[Item], *, runs: Runs, place: str = "local", engine: str = "", priority: int = 0, held: bool = False,
    engine_settings: EngineSettings | None = None, settings: Settings | None = None, keep_warm: float = 600.0,
) -> RunRecord:  # fmt: skip
    """A run in the queue, as the server makes it."""
    decision = decide(UPSAMPLE, settings or Settings(), place=place, engine=engine, engine_settings=engine_settings)
    submission = submit(
        items, decision, source=f"{len(items)} items", keep_warm=keep_warm, queued=True, priority=priority, held=held,
        runs=runs,
    )  # fmt: skip
    assert submission.run
    return submission.run


def upsample_there(
    runs: Runs, items: list[Item], out: Path, keep_warm: float = 0.0, listener: Listener | None = None, **more: object
) -> tuple[str, list[Result]]:
    """The run's id, empty where nothing was to be asked, and the results."""
    ids: list[str] = []
    listener = listener or Listener()
    planned = listener.planned

    def keep_id(run: RunRecord) -> None:
        ids.append(run.id)
        planned(run)

    listening = replace(listener, planned=keep_id)
    results = upsample(items, place="gpu", out=out, runs=runs, keep_warm=keep_warm, listener=listening, **more)  # type: ignore[arg-type]
    return "".join(ids), results


def settled(peer: Peer, seconds: float = 180) -> bool:
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
