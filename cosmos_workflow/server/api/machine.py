"""What can be known before anything runs: checks, limits, models, hosts; and what the lab has measured."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import StringConstraints

from cosmos_workflow.api import find_host
from cosmos_workflow.config import known_keys_file, load_config
from cosmos_workflow.doctor import examine, examine_host
from cosmos_workflow.limits import GPUS, MODELS, Fit, overview
from cosmos_workflow.server.kind_shapes import AnyCheck, AnyChecked
from cosmos_workflow.server.server import Ctx
from cosmos_workflow.server.shapes import Experiment, Health, Host, HostCheck, ModelFacts
from cosmos_workflow.ssh import Pins, host_from
from cosmos_workflow.version import __version__

__all__ = ["hosts_of", "router"]

router = APIRouter(tags=["machine"])

SIZE = "^[1-9][0-9]{0,5}x[1-9][0-9]{0,5}$"

Many = Annotated[int | None, Query(ge=1, le=1_000_000)]


@router.get("/health")
def health() -> Health:
    """Whether the server is there; anybody may ask."""
    return Health(version=__version__)


@router.post("/check")
def check(ctx: Ctx, body: AnyCheck) -> AnyChecked:
    """Check items before anything runs: verdict, reason and remedy of each, and what its kind says besides."""
    return ctx.check(body)


@router.get("/models")
def list_models() -> list[ModelFacts]:
    """The models whose limits are known."""
    return [ModelFacts(**{name: getattr(model, name) for name in ModelFacts.model_fields}) for model in MODELS.values()]


@router.get("/limits")
def show_limits(
    ctx: Ctx, model: Literal[tuple(MODELS)] | None = None,  # type: ignore[valid-type]
    prompt: Annotated[str, Query(max_length=10_000)] = "", frames: Annotated[int | None, Query(ge=1, le=1000)] = None,
    max_tokens: Many = None, max_model_len: Many = None,
    gpu: Literal[tuple(GPUS)] | None = None,  # type: ignore[valid-type]
    memory_gib: Annotated[float | None, Query(gt=0, le=100_000)] = None, fit: Fit = "auto",
    sizes: Annotated[list[Annotated[str, StringConstraints(pattern=SIZE)]], Query(max_length=100)] = [],  # noqa: B006
) -> dict[str, Any]:  # fmt: skip
    """The largest frames by aspect ratio, the usual sizes, and what fits which GPU: as `cosmos limits --json`."""
    return overview(
        ctx.model(model), prompt, frames=frames, max_tokens=max_tokens, max_model_len=max_model_len,
        gpu=gpu or "", memory_gib=memory_gib or 0.0, fit=fit, sizes=[_pixels(size) for size in sizes],
    ).to_dict()  # fmt: skip


def _pixels(size: str) -> tuple[int, int]:
    width, height = map(int, size.split("x"))
    return width, height


@router.get("/hosts")
def list_hosts() -> list[Host]:
    """The machines of the settings."""
    return hosts_of()


@router.post("/hosts/{name}/check")
def check_host(
    ctx: Ctx, name: Annotated[str, Path(max_length=200)], model: Annotated[str, Query(max_length=100)] = ""
) -> list[HostCheck]:
    """What a host has and lacks, with remedies; `local` is the server's own machine. Takes seconds.

    With a `model`, what that needs: one that makes videos may be named too.
    """
    if name == "local":
        return [HostCheck(**asdict(finding)) for finding in examine(model)]
    host = find_host(name)

    async def looked() -> list[HostCheck]:
        findings = examine_host(host, Pins(known_keys_file()), model or ctx.model())
        return [HostCheck(**asdict(finding)) async for finding in findings]

    return asyncio.run(looked())


@router.get("/experiments")
def list_experiments(ctx: Ctx, kind: Literal["probe", "bench"] | None = None) -> list[Experiment]:
    """What the lab has measured, the newest first."""
    return [Experiment(**vars(record)) for record in ctx.store.experiments.all(kind)]


@router.get("/experiments/{id}/trials")
def list_trials(ctx: Ctx, id: Annotated[str, Path(min_length=1, max_length=40)]) -> list[dict[str, Any]]:
    """Each trial of a probe or a bench, as it was recorded."""
    experiment = ctx.store.experiments.get(id)
    return [{"key": key, "done": done, **data} for key, done, data in ctx.store.experiments.trials(experiment.id)]


def hosts_of() -> list[Host]:
    """The hosts as they are shown: what a person may read of them."""
    pins = Pins(known_keys_file())
    hosts = [host_from(name, values) for name, values in load_config().hosts.items()]
    return [
        Host(
            name=host.name, ssh=host.ssh, runtime=host.runtime, image=host.image, engine=host.engine,
            model_path=host.model_path, trusted=pins.get(host.name) is not None,
        )
        for host in hosts
    ]  # fmt: skip
