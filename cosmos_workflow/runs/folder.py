"""What a run has on this machine's disk: its items, its attempts and its progress."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cosmos_workflow.errors import Conflict
from cosmos_workflow.files import of_this_machine
from cosmos_workflow.runs.places.parcel import Parcel

__all__ = ["RunFolder"]

LOCK_SECONDS = 1.0  # whoever only looks whether a run is driven holds its lock for a moment


class RunFolder:
    """The folder of one run, named by its id; `attempt` is its latest."""

    def __init__(self, path: Path, attempt: int = 1) -> None:
        self.path = path
        self._attempt = attempt
        self._writing = threading.Lock()

    @property
    def parcel(self) -> Parcel:
        """What travels to a host, and the copies of what comes back."""
        return self.parcel_of(self._attempt)

    def parcel_of(self, attempt: int) -> Parcel:
        return Parcel(self.path / str(attempt), self.path / "blobs")

    @property
    def progress_file(self) -> Path:
        """The events of the run as it was driven, a JSON object a line, for those who watch it."""
        return self.path / "heard.jsonl"

    def old_request(self) -> dict[str, Any]:
        """The `items` and `settings` of a run of the version before, as JSON; later ones have them in the store."""
        request: dict[str, Any] = json.loads((self.path / "items.json").read_text(encoding="utf-8"))
        return request

    def note(self, event: str, **more: Any) -> None:
        """Add an event to the progress file."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **more}) + "\n"
        self.path.mkdir(parents=True, exist_ok=True)  # a run that was never driven has none
        with self._writing, of_this_machine(self.progress_file), self.progress_file.open("a", encoding="utf-8") as file:
            file.write(line)

    @contextmanager
    def alone(self, wait: float = LOCK_SECONDS) -> Iterator[None]:
        """One process at a time drives a run. Raises Conflict where another one does."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / "lock")
        try:
            lock.acquire(timeout=wait)
        except Timeout:
            remedy = f"watch it: cosmos runs logs -f {self.path.name}"
            raise Conflict("another process is driving this run", where=self.path.name, remedy=remedy) from None
        try:
            yield
        finally:
            lock.release()

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
