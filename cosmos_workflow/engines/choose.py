"""Chooses the engine of a run, once: the one asked for, else the first that its place can run; with the reason."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

from cosmos_workflow.engines.base import Engine, Offload
from cosmos_workflow.engines.options import checked_options, takes_options
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.limits import DEFAULT_MODEL, Model, Purpose, get_model

__all__ = [
    "ENGINES",
    "ChosenEngine",
    "EngineSettings",
    "EngineType",
    "Surroundings",
    "check_settings",
    "choose_engine",
    "engine_type",
    "is_engine",
    "library_is_here",
    "make_engine",
]

GROUP = "cosmos_workflow.engines"  # entry points of distributions that bring engines of their own
GIVEN = "given:"


@dataclass(frozen=True)
class EngineSettings:
    """The settings of engines: where the model or the server is, and how to run it."""

    limits: str | Model = DEFAULT_MODEL
    model_path: str = ""
    server_url: str = ""
    server_model: str = ""
    max_model_len: int | None = None
    offload: Offload = "never"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        """The facts about the model."""
        return get_model(self.limits)


@dataclass(frozen=True)
class ChosenEngine:
    """The engine of a run, as it is kept with it; `settings` are its `EngineSettings` as a dict for JSON.

    `model` is the model's name for people, `fingerprint` what stands for the model in identities: it is empty where no
    model is used, or nobody could say which. `module` names where an engine of another distribution is made
    (`module:object`), as its entry point says; that of an engine which a script made begins with GIVEN.
    """

    name: str
    model: str
    wants: str
    why: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""
    fingerprint: str = ""

    @property
    def is_given(self) -> bool:
        """Whether a script made the engine: no other process has it."""
        return self.module.startswith(GIVEN)


@dataclass(frozen=True)
class EngineType:
    """How an engine is made, what it needs (`model`: a folder, `server`: a URL), and how it wants its inputs packed.

    An engine that needs neither is made with its options alone. `libraries` are the modules that a host's own Python
    must have for it, each with its name at PyPI; `model` is what the models are for that it loads. One `by_name` is
    used only where it is asked for: a server's URL in the settings may be that of another kind of server.
    """

    make: Callable[[EngineSettings], Engine]
    needs: Literal["", "model", "server"] = ""
    wants: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    model: Purpose = ""
    by_name: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What a place has, as far as it decides which engine a run there gets.

    `default` is the engine that the place's own settings name, `can_load` tells whether an engine's library is there.
    `options` are the options of engines in settings files: those of an engine that is not chosen mean nothing.
    """

    name: str = "this machine"
    default: str = ""
    model_path: str = ""
    server_url: str = ""
    can_load: Callable[[str], bool] = lambda name: True
    options: Mapping[str, Any] = field(default_factory=dict)


def choose_engine(
    kind: Kind, name: str, settings: EngineSettings, place: Surroundings, *, runs: bool = True
) -> ChosenEngine:
    """The engine for a kind of work at a place; `name` is empty or "auto" if none was asked for.

    Raises UsageError for an unknown name, an engine that does another kind of work, and a setting that is invalid, or
    missing where it `runs`: a check needs no model. Raises EngineUnavailable where the only engine has no model.
    """
    name, why = _choose(kind, name, place)
    type = engine_type(name)
    if name not in kind.engines:
        raise UsageError(
            f"the engine {name} does not do {kind.name}", remedy=f"choose one of {', '.join(kind.engines)}"
        )
    settings = replace(settings, model_path=place.model_path or settings.model_path)
    if not takes_options(name):  # what nobody asked for now, but a settings file has for other engines, is no mistake
        asked = {option: value for option, value in settings.options.items() if place.options.get(option) != value}
        settings = replace(settings, options=asked)
    check_settings(name, settings)
    if not type.needs:
        values = asdict(EngineSettings(options=settings.options))
        return ChosenEngine(name, "", type.wants, why, values, _module_of(name))
    if runs and kind.engines == (name,) and type.needs == "model" and not settings.model_path:
        raise EngineUnavailable(
            f"nothing here can {kind.name}",
            remedy=f"the engine {name} can: give --model-path FOLDER, or --on HOST, which has what it needs",
        )
    if runs:
        _missing(name, type, settings)
    model = settings.server_model if type.needs == "server" else Path(settings.model_path).name
    values = asdict(replace(settings, limits=settings.model.name))
    return ChosenEngine(name, model, type.wants, why, values, _module_of(name))


def _choose(kind: Kind, name: str, place: Surroundings) -> tuple[str, str]:
    if name and name != "auto":
        return name, "as asked"
    if place.default and place.default != "auto":
        return place.default, f"the settings of {place.name} name it"
    for candidate in kind.engines:
        type = engine_type(candidate)
        if len(kind.engines) == 1 and type.needs:
            return candidate, "it is the only one that can"
        if type.by_name:
            continue
        needs = type.needs
        if needs == "server" and place.server_url:
            return candidate, f"a server is configured: {place.server_url}"
        if needs == "model" and place.model_path and place.can_load(candidate):
            return candidate, f"{place.name} has a model folder, and can load it"
        if not needs:
            if candidate == kind.engines[0]:
                return candidate, "it needs no model"
            missing = "no model folder (--model-path)"
            if place.model_path:
                missing = f"{place.name} has a model folder, but no engine that can load it"
            elif any(type.needs == "server" and not type.by_name for type in map(engine_type, kind.engines)):
                missing += " and no server (--server-url)"
            return candidate, f"{missing}, so no model is used"
    raise UsageError(f"no engine here does {kind.name}", remedy=f"choose one of {', '.join(kind.engines)}")


def _missing(name: str, type: EngineType, settings: EngineSettings) -> None:
    if type.needs == "server" and not settings.server_url:
        such = "http://localhost:8000/v1 (vLLM) or http://localhost:11434/v1 (Ollama)"
        such = "http://localhost:8000 (vLLM-Omni or a NIM)" if name == "http" else such
        raise UsageError(f"the {name} engine needs a URL", remedy=f"give --server-url, such as {such}")
    if type.needs == "model" and not settings.model_path:
        raise UsageError(
            f"the {name} engine needs a model",
            remedy="give --model-path FOLDER, or set model_path in cosmos.toml",
        )


def library_is_here(name: str) -> bool:
    """Whether this machine has the library of an engine, and for vLLM a GPU."""
    if name == "vllm":
        return _has("vllm") and bool(shutil.which("nvidia-smi"))
    return _has(name) and _has("torch")


def make_engine(name: str, settings: EngineSettings, module: str = "") -> Engine:
    """The engine, not loaded yet. Raises UsageError for an unknown name or a missing setting."""
    type = engine_type(name, module)
    check_settings(name, settings)
    _missing(name, type, settings)
    return type.make(settings)


def check_settings(name: str, settings: EngineSettings) -> None:
    """Raise UsageError for an invalid option, or an invalid server URL."""
    checked_options(name, settings.options)
    if name in ("server", "http") and settings.server_url:
        from cosmos_workflow.engines.connection import checked_url

        checked_url(settings.server_url)


def engine_type(name: str, module: str = "") -> EngineType:
    """How an engine is made; `module` is ChosenEngine's. Raises UsageError for one that is not known, or not here."""
    if module.startswith(GIVEN):
        raise UsageError(
            f"the engine {name} was made by a script, and only that script has it", remedy="run the script again"
        )
    if module:
        return _imported(module)
    if name in ENGINES:
        return ENGINES[name]
    others = _others()
    if name not in others:
        raise UsageError(f"unknown engine {name!r}", remedy=f"choose one of {', '.join([*ENGINES, *others])}")
    return _imported(others[name])


def is_engine(name: str) -> bool:
    """Whether an engine of that name is installed, for whatever kind of work."""
    return name in ENGINES or name in _others()


def _others() -> dict[str, str]:
    """Where the engines of other distributions are made, by their names."""
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def _module_of(name: str) -> str:
    return "" if name in ENGINES else _others()[name]


def _imported(where: str) -> EngineType:
    module, _, attribute = where.partition(":")
    try:
        type: EngineType = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the engine cannot be imported ({error})", where=where, remedy="install the distribution that it came with"
        ) from error
    return type


def _vllm(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.vllm import VLLMEngine

    return VLLMEngine(
        settings.model_path,
        limits=settings.limits,
        max_model_len=settings.max_model_len,
        offload=settings.offload,
        options=settings.options,
    )


def _server(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.server import ServerEngine

    return ServerEngine(settings.server_url, model=settings.server_model, **settings.options)


def _transformers(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.transformers import TransformersEngine

    return TransformersEngine(settings.model_path, options=settings.options)


def _describe(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.describe import DescribeEngine

    return DescribeEngine()


def _diffusers(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.diffusers import DiffusersEngine

    return DiffusersEngine(settings.model_path, options=settings.options)


def _http(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.http import HttpEngine

    return HttpEngine(settings.server_url, model=settings.server_model, **settings.options)


def _program(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.program import ProgramEngine

    return ProgramEngine(settings.model_path, settings.options)


def _preview(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.preview import PreviewEngine

    return PreviewEngine()


def _opencv(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.opencv import OpenCVEngine

    return OpenCVEngine()


PICTURES = {"av": "av", "cv2": "opencv-python-headless", "numpy": "numpy", "PIL": "pillow"}
DIFFUSERS = {name: name for name in ("diffusers", "torch", "transformers", "accelerate", "ftfy")}
# A new engine is one new file and one line in this table.
ENGINES: dict[str, EngineType] = {
    "vllm": EngineType(_vllm, "model", "frames", model="language"),
    "server": EngineType(_server, "server", "frames"),
    "transformers": EngineType(_transformers, "model", "frames", model="language"),
    "describe": EngineType(_describe, "", "measurements"),
    "opencv": EngineType(_opencv, "", "files", PICTURES),
    "preview": EngineType(_preview, "", "files", PICTURES),
    "diffusers": EngineType(_diffusers, "model", "files", {**PICTURES, **DIFFUSERS}, "video"),
    "program": EngineType(_program, "model", "files", PICTURES, "video", by_name=True),
    "http": EngineType(_http, "server", "files", PICTURES, by_name=True),
}


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
