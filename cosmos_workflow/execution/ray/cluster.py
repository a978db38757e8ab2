"""The way to a Ray cluster: connect, start the job there or find it, follow it, cancel it.

The job's driver is an actor of the cluster, detached, under a name made from its output: it goes on when the line
to a laptop breaks, and whoever starts the same again follows it instead of asking twice.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import CosmosError, EngineError, HostError, HostUnreachable, RunFailed, UsageError
from cosmos_workflow.execution.ray.answering import Who
from cosmos_workflow.execution.ray.pipeline import Job, run
from cosmos_workflow.version import __version__

__all__ = ["Cluster", "connected", "is_ray", "who_answers"]

NAMESPACE = "cosmos-workflow"
WAIT_SECONDS = 1.0
LINGER_SECONDS = 60.0  # after its end, for a client whose line is down
GONE = "the job's driver is gone"


def is_ray(place: str) -> bool:
    """Whether a place is Ray: `ray`, the cluster of this machine (or one started for the run), or `ray://HEAD:PORT`."""
    return place == "ray" or place.startswith("ray:")


def who_answers(name: str, settings: EngineSettings) -> tuple[Who, str]:
    """Which engine a cluster's actors run, and why. Raises UsageError for a model that is not named."""
    from cosmos_workflow.engines import ENGINES

    why = "as asked"
    if not name or name == "auto":
        name, why = "describe", "no model folder and no server are named, so clips are measured and no model is used"
        if settings.server_url:
            name, why = "server", f"a server is configured: {settings.server_url}"
        elif settings.model_path:
            name, why = "vllm", "a model folder is named"
    if name not in ENGINES:
        raise UsageError(f"no engine named {name!r}", remedy=f"choose one of {', '.join(ENGINES)}")
    if name in ("vllm", "transformers") and not settings.model_path:
        raise UsageError(f"the {name} engine needs a model", remedy="give --model-path, a folder on every machine")
    if name == "describe":
        return Who(name, "", "measurements"), why
    return Who(name, settings.server_model if name == "server" else settings.model_path, "frames"), why


@contextmanager
def connected(place: str) -> Iterator[Cluster]:
    """A line to the cluster. Raises HostUnreachable where nobody answers, UsageError where Ray is not installed."""
    if not re.fullmatch(r"ray(://[^\s/:]+:\d+)?", place):
        raise UsageError(f"no place {place!r}", remedy="give ray, or ray://HEAD:10001")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of what users run
    if _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # as `ray start` does where there is one
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            f"Ray is not installed ({error})", where=place, remedy="pip install 'cosmos-workflow[ray]'"
        ) from error
    ours, dashboard = not ray.is_initialized(), ""
    if ours:
        try:
            context = ray.init(
                None if place == "ray" else place, namespace=NAMESPACE, log_to_driver=False, logging_level="error"
            )
        except Exception as error:
            words = str(error).strip().splitlines()
            raise HostUnreachable(
                f"no Ray cluster answers ({words[0] if words else type(error).__name__})", where=place,
                remedy="see that it runs (ray status), and that its version of Ray and Python is the one here",
            ) from error  # fmt: skip
        dashboard = str(getattr(context, "dashboard_url", "") or "")
    try:
        yield Cluster(place, f"http://{dashboard}" if ours and dashboard else "")
    finally:
        if ours:
            ray.shutdown()


def _has_token() -> bool:
    told = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return told or (Path.home() / ".ray" / "auth_token").exists()


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to; `dashboard` is the URL of Ray's own page."""

    place: str
    dashboard: str = ""

    def gpus(self) -> int:
        """How many GPUs it has now."""
        import ray

        return int(ray.cluster_resources().get("GPU", 0))

    def follow(self, job: Job, on_event: Callable[[dict[str, Any]], None]) -> None:
        """Start the job, or find it where it runs already, and stay to its end; `on_event` hears of its progress.

        Raises what ended the job early: RunFailed where it was cancelled or its driver is gone, else see
        `pipeline.run`. HostUnreachable where the line breaks: the job then goes on.
        """
        import ray

        with self._guarded():
            conductor = self._found(job) or self._started(job)
            heard, state, error = 0, "running", None
            while state == "running":
                event, heard, state, error = ray.get(conductor.listen.remote(heard))
                if event:
                    on_event(event)
            ray.kill(conductor)
        if error is not None:
            raise error

    def _found(self, job: Job) -> Any:
        """The driver of a job with the same output that has not ended."""
        import ray

        try:
            conductor = ray.get_actor(_name(job), namespace=NAMESPACE)
            source, state = ray.get(conductor.about.remote())
        except (ValueError, ray.exceptions.ActorDiedError):
            return None
        if state == "running" and source == job.source:
            return conductor
        if state == "running":
            raise UsageError(f"{source} is being answered into it", where=job.output.url, remedy="choose another -o")
        ray.kill(conductor)
        return None

    def _started(self, job: Job) -> Any:
        import ray

        options = {"name": _name(job), "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
        # Without a CPU of its own it can sit on a head that lends none.
        return ray.remote(Conductor).options(**options, max_concurrency=8, num_cpus=0).remote(job, __version__)

    def cancel(self, job: Job) -> bool:
        """End the job; whether it ran. What is written stands."""
        import ray

        with self._guarded():
            try:
                conductor = ray.get_actor(_name(job), namespace=NAMESPACE)
            except ValueError:
                return False
            ray.get(conductor.cancel.remote())
            time.sleep(2 * WAIT_SECONDS)  # for those who follow it to hear why
            ray.kill(conductor)
            return True

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

        try:
            yield
        except (ConnectionError, ActorUnavailableError) as error:
            raise HostUnreachable(
                f"the line broke ({error})", where=self.place, remedy="the job goes on there"
            ) from error
        except ActorDiedError as error:
            cause = error.__cause__ or getattr(error, "cause", None)
            if isinstance(cause, CosmosError):
                raise cause from error
            raise RunFailed(
                GONE, kind="worker_killed", where=self.place, remedy="run it again: what is written stands"
            ) from error
        except RayError as error:
            words = str(error).strip().splitlines() or [type(error).__name__]
            missing = any("ModuleNotFoundError" in word or "No module named" in word for word in words)
            remedy = "install the same cosmos-workflow on every machine of it" if missing else "see Ray's dashboard"
            raise HostError(f"Ray refuses the job ({words[-1]})", where=self.place, remedy=remedy) from error


def _name(job: Job) -> str:
    return "cosmos-" + hashlib.sha256(job.output.url.encode()).hexdigest()[:16]


class Conductor:
    """The driver of one job, as an actor; clients come and go."""

    def __init__(self, job: Job, version: str) -> None:
        if version != __version__:
            raise HostError(
                f"cosmos-workflow {__version__} is on the cluster, {version} here", where=job.place,
                remedy="install the same on both",
            )  # fmt: skip
        self._job = job
        self._event: dict[str, Any] | None = None
        self._told = 0
        self._state = "running"
        self._error: CosmosError | None = None
        self._news = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def about(self) -> tuple[str, str]:
        """The batch, and `running`, `done`, `failed` or `cancelled`."""
        return self._job.source, self._state

    def listen(self, heard: int) -> tuple[dict[str, Any] | None, int, str, CosmosError | None]:
        """The latest event where it is newer than number `heard`, its number, the state, and the error of its end."""
        with self._news:
            self._news.wait_for(lambda: self._told > heard or self._state != "running", WAIT_SECONDS)
            return self._event if self._told > heard else None, self._told, self._state, self._error

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
            self._event, self._told = event | {"time": round(time.time(), 3)}, self._told + 1
            self._news.notify_all()

    def _end(self, state: str, error: CosmosError | None) -> None:
        with self._news:
            if self._state == "running":
                self._state, self._error = state, error
                self._news.notify_all()
