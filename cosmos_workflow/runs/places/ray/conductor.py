"""The driver of one job, as an actor of the cluster: it goes on when the line to a laptop breaks."""

from __future__ import annotations

import threading
import time
from typing import Any

from cosmos_workflow.errors import CosmosError, EngineError, HostError, RunFailed
from cosmos_workflow.runs.places.ray.pipeline import Job, run
from cosmos_workflow.version import __version__

__all__ = ["WAIT_SECONDS", "Conductor"]

WAIT_SECONDS = 1.0
LINGER_SECONDS = 60.0  # after its end, for a client whose line is down


class Conductor:
    """Runs the job in a thread of its own and tells clients about it, which come and go."""

    def __init__(self, job: Job, version: str) -> None:
        if version != __version__:
            raise HostError(
                f"cosmos-workflow {__version__} is on the cluster, {version} here", where=job.place,
                remedy="install the same on both",
            )  # fmt: skip
        self._job = job
        self._event: dict[str, Any] | None = None
        self._count = 0
        self._state = "running"
        self._error: CosmosError | None = None
        self._news = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def about(self) -> tuple[str, str]:
        """The batch, and `running`, `done`, `failed` or `cancelled`."""
        return self._job.source, self._state

    def listen(self, number: int) -> tuple[dict[str, Any] | None, int, str, CosmosError | None]:
        """The latest event where it is newer than `number`, its number, the state, and the error of its end."""
        with self._news:
            self._news.wait_for(lambda: self._count > number or self._state != "running", WAIT_SECONDS)
            return self._event if self._count > number else None, self._count, self._state, self._error

    def cancel(self) -> None:
        """Tell those who listen; whoever calls this ends the actor, and all that it runs with it."""
        self._end("cancelled", RunFailed("the run was cancelled", kind="cancelled", where=self._job.place))

    def _run(self) -> None:
        import ray

        me = ray.get_runtime_context().current_actor
        try:
            run(self._job, self._tell)
            self._end("done", None)
        except CosmosError as error:
            self._end("failed", error)
        except BaseException as error:
            self._end("failed", EngineError(f"{type(error).__name__}: {error}", remedy="see Ray's logs"))
        time.sleep(LINGER_SECONDS)
        ray.kill(me)

    def _tell(self, event: dict[str, Any]) -> None:
        with self._news:
            self._event, self._count = event | {"time": round(time.time(), 3)}, self._count + 1
            self._news.notify_all()

    def _end(self, state: str, error: CosmosError | None) -> None:
        with self._news:
            if self._state == "running":
                self._state, self._error = state, error
                self._news.notify_all()
