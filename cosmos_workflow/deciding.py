"""Decides the engine, the model's limits and the place of a run, once: `check`, the page and the run say the same."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from cosmos_workflow.config import Config, load_config
from cosmos_workflow.engines import (
    ENGINES,
    ChosenEngine,
    EngineSettings,
    Surroundings,
    choose_engine,
    engine_type,
    is_engine,
    library_is_here,
    make_engine,
)
from cosmos_workflow.errors import EngineUnavailable, NotFound, UsageError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.limits import Purpose, fingerprint, purpose_of
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.ssh import Host

__all__ = ["Decision", "decide", "find_host", "settings_for", "surroundings_here"]

# What machines elsewhere are taken to have beside their models: nobody looks before a run is submitted.
ELSEWHERE = ("vllm", "diffusers")
AnySettings = TypeVar("AnySettings", "Config", "Host")


@dataclass(frozen=True)
class Decision:
    """What a run is begun with. `notes` are what a person should know of it."""

    kind: Kind
    place: str
    engine: ChosenEngine
    settings: Any
    host: Host | None = None
    notes: tuple[str, ...] = ()

    def with_length(self, max_model_len: int) -> Decision:
        """The same with a context length, in tokens, that was not known before the engine was."""
        engine = replace(self.engine, settings={**self.engine.settings, "max_model_len": max_model_len})
        return replace(self, engine=engine, settings=self.kind.limited(self.settings, max_model_len))


def decide(
    kind: Kind, settings: Any, *, place: str = "local", engine: str = "", engine_settings: EngineSettings | None = None,
    config: Config | None = None, runs: bool = True,
) -> Decision:  # fmt: skip
    """The engine that a run of a kind gets at a place, and the settings with the limits that this engine states.

    A server that this machine asks states its model and its own `max_model_len`; where it cannot be reached, the model
    is not known and its limits are those of the settings, with a note. What stands for the model in identities is a
    hash of its folder where that is on this machine; elsewhere it is the folder's path, or the name of the server's
    model, as they are configured. Nothing `runs` where it is only checked, which needs neither a model folder nor a
    server's URL, and asks a server once.
    Raises UsageError or NotFound for an unknown place or engine, or a setting that is missing or invalid.
    """
    config = settings_for(kind, config or load_config())
    engine_settings = engine_settings or EngineSettings()
    host, surroundings = None, surroundings_here(config, engine_settings)
    if is_ray(place):
        surroundings = replace(surroundings, name="the cluster", can_load=ELSEWHERE.__contains__)
    elif place != "local":
        host = find_host(place, config)
        own = settings_for(kind, host)
        engine_settings = replace(engine_settings, options={**own.engine_options, **engine_settings.options})
        surroundings = Surroundings(
            host.name, own.engine, own.model_path, can_load=ELSEWHERE.__contains__,
            options={**own.engine_options, **config.engine_options},
        )  # fmt: skip
    chosen = choose_engine(kind, engine, engine_settings, surroundings, runs=runs)
    needs = engine_type(chosen.name, chosen.module).needs
    notes: tuple[str, ...] = ()
    if needs == "model":
        folder = chosen.settings["model_path"]
        # A folder of video models is known by its path: another model beside those in it changes none of them.
        hashed = place == "local" and folder and engine_type(chosen.name, chosen.module).model != "video"
        chosen = replace(chosen, fingerprint=fingerprint(folder) if hashed else folder)
    elif needs == "server" and place != "local":
        chosen = replace(chosen, fingerprint=chosen.model or chosen.settings["server_url"])
    elif needs == "server" and engine_settings.server_url:
        asked = engine_settings
        if not runs:  # a page asks this as one types
            asked = replace(asked, options={**asked.options, "max_retries": 0})
        with closing(make_engine(chosen.name, asked, chosen.module)) as server:
            try:
                if stated := getattr(server, "max_model_len", None):
                    settings = kind.limited(settings, stated)
                name = getattr(server, "stated_model", "") or server.model
                chosen = replace(chosen, model=name, fingerprint=name)
            except EngineUnavailable as error:
                notes = (f"the model's own limits are used, as the server does not answer ({error.what})",)
    return Decision(kind, place, chosen, kind.for_engine(settings, chosen.name), host, notes)


def settings_for(kind: Kind, settings: AnySettings) -> AnySettings:
    """The settings of this machine or of a host as far as they are about a kind of work; they are one for all kinds.

    An engine that does other work is not chosen for this one, and its options and its model are not used. Nor is a
    folder with a model for other work, and the options beside it. What is not known stays, and is an error later.
    """
    engine = settings.engine
    if engine not in ("", "auto", *kind.engines) and is_engine(engine):
        loads = engine not in ENGINES or ENGINES[engine].needs == "model"
        settings = replace(settings, engine="", model_path="" if loads else settings.model_path, engine_options={})
    purposes: set[Purpose] = {ENGINES[name].model for name in kind.engines if name in ENGINES} - {""}
    is_here = isinstance(settings, Config)  # the folders of a host are not those of this machine
    if settings.model_path and purposes and purpose_of(settings.model_path, is_here) not in ("", *purposes):
        settings = replace(settings, model_path="", engine_options={})
    return settings


def surroundings_here(config: Config, settings: EngineSettings) -> Surroundings:
    """What this machine has, under these settings."""
    return Surroundings(
        default=config.engine, model_path=settings.model_path, server_url=settings.server_url, can_load=library_is_here,
        options=config.engine_options,
    )  # fmt: skip


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
