"""Decides the engine, the model's limits and the place of a run, once: `check`, the page and the run say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cosmos_workflow.config import Config, load_config
from cosmos_workflow.engines import (
    ChosenEngine,
    EngineSettings,
    Surroundings,
    choose_engine,
    library_is_here,
    make_engine,
)
from cosmos_workflow.errors import EngineUnavailable, NotFound, UsageError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.ssh import Host

__all__ = ["Decision", "decide", "find_host", "surroundings_here"]


@dataclass(frozen=True)
class Decision:
    """What a run is begun with. `notes` are what a person should know of it."""

    kind: Kind
    place: str
    engine: ChosenEngine
    settings: Any
    host: Host | None = None
    notes: tuple[str, ...] = ()


def decide(
    kind: Kind, settings: Any, *, place: str = "local", engine: str = "", engine_settings: EngineSettings | None = None,
    config: Config | None = None, runs: bool = True,
) -> Decision:  # fmt: skip
    """The engine that a run of a kind gets at a place, and the settings with the limits that this engine states.

    A server states its own `max_model_len`; one that cannot be reached leaves the model's, with a note. Nothing
    `runs` where it is only checked, which needs neither a model folder nor a server's URL.
    Raises UsageError or NotFound for an unknown place or engine, or a setting that is missing or invalid.
    """
    config = config or load_config()
    engine_settings = engine_settings or EngineSettings()
    host, surroundings = None, surroundings_here(config, engine_settings)
    if is_ray(place):
        surroundings = replace(surroundings, name="the cluster", can_load=lambda name: name == "vllm")
    elif place != "local":
        host = find_host(place, config)
        engine_settings = replace(engine_settings, options={**host.engine_options, **engine_settings.options})
        surroundings = Surroundings(host.name, host.engine, host.model_path, can_load=lambda name: name == "vllm")
    chosen = choose_engine(kind, engine, engine_settings, surroundings, runs=runs)
    notes: tuple[str, ...] = ()
    if chosen.name == "server" and place == "local" and engine_settings.server_url:
        try:
            stated = getattr(make_engine(chosen.name, engine_settings), "max_model_len", None)
        except EngineUnavailable as error:
            stated, notes = None, (f"the model's own limits are used, as the server does not answer ({error.what})",)
        if stated:
            settings = kind.limited(settings, stated)
    return Decision(kind, place, chosen, settings, host, notes)


def surroundings_here(config: Config, settings: EngineSettings) -> Surroundings:
    """What this machine has, under these settings."""
    return Surroundings(
        default=config.engine, model_path=settings.model_path, server_url=settings.server_url, can_load=library_is_here
    )


def find_host(name: str, config: Config | None = None) -> Host:
    """A host from the settings. Raises NotFound if none has that name."""
    from cosmos_workflow.ssh import host_from

    if is_ray(name):
        raise UsageError(
            "this is a cluster, but a single host is needed", where=name, remedy="choose one of `cosmos hosts list`"
        )
    hosts = (config or load_config()).hosts
    if name not in hosts:
        known = f"known are {', '.join(hosts)}" if hosts else "add it: cosmos hosts add NAME [USER@]HOST[:PORT]"
        raise NotFound(f"no host named {name!r}", remedy=known)
    return host_from(name, hosts[name])
