"""The way to a Ray cluster: connect, start the job there or find it, follow it, cancel it.

The job's driver is an actor of the cluster, detached, under a name made from its output: it goes on when the line
to a laptop breaks, and whoever starts the same again follows it instead of asking twice.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import ChosenEngine
from cosmos_workflow.errors import CosmosError, HostError, HostUnreachable, RunFailed, UsageError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.runs.places.ray.conductor import WAIT_SECONDS, Conductor
from cosmos_workflow.runs.places.ray.parts import Format, Output
from cosmos_workflow.runs.places.ray.pipeline import Job
from cosmos_workflow.version import __version__

__all__ = ["Cluster", "connected"]

NAMESPACE = "cosmos-workflow"
OWN_MODEL = ("vllm", "transformers")
BUSY_SECONDS = (2.0, 5.0)
GONE = "the job's driver is gone"


@contextmanager
def connected(place: str) -> Iterator[Cluster]:
    """A line to the cluster. Raises HostUnreachable where nobody answers, UsageError where Ray is not installed."""
    if not re.fullmatch(r"ray(://[^\s/:]+:\d+)?", place):
        raise UsageError(f"no place {place!r}", remedy="give ray, or ray://HEAD:10001")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told of what users run
    if "ray" not in sys.modules and _has_token():
        # As `ray start` does where there is one; a Ray that is imported has made up its mind.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError(
            f"Ray is not installed ({error})", where=place, remedy="pip install 'cosmos-workflow[ray]'"
        ) from error
    if ray.is_initialized():
        try:
            yield _clusters.get(place, Cluster(place))
        except HostUnreachable:
            ray.shutdown()  # so that the next try makes a new line
            raise
        return
    try:
        context, own = _joined(place)
    except Exception as error:
        words = str(error).strip().splitlines()
        raise HostUnreachable(
            f"no Ray cluster answers ({words[0] if words else type(error).__name__})", where=place,
            remedy="see that it runs (ray status), and that its version of Ray and Python is the one here",
        ) from error  # fmt: skip
    dashboard = str(getattr(context, "dashboard_url", "") or "")
    _clusters[place] = Cluster(place, f"http://{dashboard}" if dashboard else "", own)
    try:
        yield _clusters[place]
    finally:
        _clusters.pop(place, None)
        ray.shutdown()


def _joined(place: str) -> tuple[Any, bool]:
    """Ray's context, and whether the cluster was started for this process and ends with it."""
    import ray

    options: dict[str, Any] = {"namespace": NAMESPACE, "log_to_driver": False, "logging_level": "error"}
    if place != "ray":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is raised too
            return _by_client(place, options), False
    try:
        return ray.init("auto", **options), False
    except ConnectionError:
        if "RAY_ADDRESS" in os.environ:
            raise
        return ray.init("local", **options), True


def _by_client(place: str, options: dict[str, Any]) -> Any:
    """A head that is busy may be too slow to start the process that serves a client: it is asked again."""
    import ray

    for wait in BUSY_SECONDS:
        try:
            return ray.init(place, **options)
        except ConnectionError as error:  # noqa: PERF203 - it takes seconds anyway
            if "Initialization failure" not in str(error):
                raise
            ray.shutdown()
            time.sleep(wait)
    return ray.init(place, **options)


def _has_token() -> bool:
    named = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return named or (Path.home() / ".ray" / "auth_token").exists()


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that this process is connected to; `dashboard` is the URL of Ray's own page.

    One that is `own` was started for this process and ends with it.
    """

    place: str
    dashboard: str = ""
    own: bool = False

    def job(
        self, kind: Kind, source: str, out: str, engine: ChosenEngine, settings: Any, *,
        format: Format | None = None, engines: int | None = None, gpus_per_engine: int | None = None,
        again: bool = False, keep_of: Sequence[str] = (),
    ) -> Job:  # fmt: skip
        """A job for this cluster; see `api.run_on_ray`."""
        count, gpus = self._shares(engine, engines, gpus_per_engine)
        if engine.name == "vllm" and gpus > 1:
            options = {"tensor_parallel_size": gpus, **engine.settings["options"]}
            engine = replace(engine, settings={**engine.settings, "options": options})
        format = format or ("parquet" if source.endswith(".parquet") else "jsonl")
        output = Output(out, format, kind=kind.name)
        return Job(
            source, output, engine, settings, self.place, count, gpus, again=again, keep_of=tuple(keep_of)
        )  # fmt: skip

    def _shares(self, engine: ChosenEngine, engines: int | None, gpus_per_engine: int | None) -> tuple[int, int]:
        """How many engines, and GPUs for each, where nobody says so: one a GPU, or one a machine that needs none."""
        import ray

        gpus = int(ray.cluster_resources().get("GPU", 0)) if engine.name in OWN_MODEL else 0
        each = min(1, gpus) if gpus_per_engine is None else gpus_per_engine
        if engines:
            return engines, each
        return max(1, gpus // each if each else sum(node["Alive"] for node in ray.nodes())), each

    def submit(self, job: Job) -> None:
        """Start the job, unless it runs already. Raises UsageError where another batch is written to its output."""
        self._submitted(job)

    def follow(self, job: Job, on_event: Callable[[dict[str, Any]], None]) -> None:
        """Start the job, or find it where it runs already, and stay to its end; `on_event` gets its progress.

        Raises what ended the job early: RunFailed where it was cancelled or its driver is gone, else see
        `pipeline.run`. HostUnreachable where the line breaks: the job then goes on.
        """
        import ray

        conductor = self._submitted(job)
        with self._guarded():
            number, state, error = 0, "running", None
            while state == "running":
                event, number, state, error = ray.get(conductor.listen.remote(number))
                if event:
                    on_event(event)
        if error is not None:
            raise error

    def _submitted(self, job: Job) -> Any:
        import ray

        with self._guarded():
            conductor = self._found(job) or self._started(job)
            ray.get(conductor.about.remote())
            return conductor

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
        # On the head, which is not of the spot market, and may lend no CPUs.
        place: dict[str, Any] = {"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}}
        return ray.remote(Conductor).options(**options, **place, max_concurrency=8).remote(job, __version__)

    def cancel(self, job: Job) -> bool:
        """End the job; whether it ran. What is written stands."""
        import ray

        with self._guarded():
            try:
                conductor = ray.get_actor(_name(job), namespace=NAMESPACE)
            except ValueError:
                return False
            ray.get(conductor.cancel.remote())
            time.sleep(2 * WAIT_SECONDS)  # for those who follow it to learn why
            ray.kill(conductor)
            return True

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

        try:
            yield
        except (ConnectionError, ActorUnavailableError) as error:
            raise HostUnreachable(
                f"the connection broke ({error})", where=self.place, remedy="the job goes on there"
            ) from error
        except ActorDiedError as error:
            cause = error.__cause__ or getattr(error, "cause", None)
            if isinstance(cause, CosmosError):
                raise cause from error
            raise RunFailed(
                GONE, kind="worker_killed", where=self.place, remedy="run it again: written results are kept"
            ) from error
        except RayError as error:
            words = str(error).strip().splitlines() or [type(error).__name__]
            missing = any("ModuleNotFoundError" in word or "No module named" in word for word in words)
            remedy = (
                "install the same cosmos-workflow on every machine of it, and what this kind needs"
                if missing
                else "see Ray's dashboard"
            )
            raise HostError(f"Ray refuses the job ({words[-1]})", where=self.place, remedy=remedy) from error


_clusters: dict[str, Cluster] = {}  # that this process is connected to; Ray allows one


def _name(job: Job) -> str:
    return "cosmos-" + hashlib.sha256(job.output.url.encode()).hexdigest()[:16]
