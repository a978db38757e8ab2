"""Chooses the engine: the one asked for, else what this machine can run, else `describe`; always with the reason."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cosmos_workflow.engines.base import Engine, Offload
from cosmos_workflow.engines.options import checked_options
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import DEFAULT_MODEL, Model, get_model

__all__ = ["ENGINES", "EngineSettings", "check_settings", "choose_engine", "known", "make_engine"]


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


def choose_engine(name: str, settings: EngineSettings) -> tuple[str, str]:
    """The engine's name and why it was chosen; `name` is empty or "auto" if none was asked for.

    Raises UsageError for an unknown name, or an invalid option.
    """
    name, why = _choose(name, settings)
    check_settings(name, settings)
    return name, why


def _choose(name: str, settings: EngineSettings) -> tuple[str, str]:
    if name and name != "auto":
        return known(name), "as asked"
    if settings.server_url:
        return "server", f"a server is configured: {settings.server_url}"
    if settings.model_path and _has("vllm") and shutil.which("nvidia-smi"):
        return "vllm", "vLLM, a GPU and a model folder are here"
    if settings.model_path and _has("transformers") and _has("torch"):
        return "transformers", "transformers and a model folder are here"
    missing = "no model folder (--model-path) and no server (--server-url)"
    if settings.model_path:
        missing = "neither vLLM with a GPU nor transformers is here"
    return "describe", f"{missing}, so the clip is measured and no model is used"


def make_engine(name: str, settings: EngineSettings) -> Engine:
    """The engine, not loaded yet. Raises UsageError for an unknown name or a missing setting."""
    check_settings(name, settings)
    return ENGINES[name](settings)


def check_settings(name: str, settings: EngineSettings) -> None:
    """Raise UsageError for an unknown engine, an invalid option, or an invalid server URL."""
    checked_options(known(name), settings.options)
    if name == "server" and settings.server_url:
        from cosmos_workflow.engines.connection import checked_url

        checked_url(settings.server_url)


def known(name: str) -> str:
    """The name, if an engine has it. Raises UsageError otherwise."""
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}", remedy=f"choose one of {', '.join(ENGINES)}")
    return name


def _vllm(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.vllm import VLLMEngine

    return VLLMEngine(
        _model_path("vllm", settings),
        limits=settings.limits,
        max_model_len=settings.max_model_len,
        offload=settings.offload,
        options=settings.options,
    )


def _server(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.server import ServerEngine

    if not settings.server_url:
        raise UsageError(
            "the server engine needs a URL",
            remedy="give --server-url, such as http://localhost:8000/v1 (vLLM) or http://localhost:11434/v1 (Ollama)",
        )
    return ServerEngine(settings.server_url, model=settings.server_model, **settings.options)


def _transformers(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.transformers import TransformersEngine

    return TransformersEngine(_model_path("transformers", settings), options=settings.options)


def _describe(settings: EngineSettings) -> Engine:
    from cosmos_workflow.engines.describe import DescribeEngine

    return DescribeEngine()


# A new engine is one new file and one line in this table.
ENGINES: dict[str, Callable[[EngineSettings], Engine]] = {
    "vllm": _vllm,
    "server": _server,
    "transformers": _transformers,
    "describe": _describe,
}


def _model_path(engine: str, settings: EngineSettings) -> str:
    if not settings.model_path:
        raise UsageError(
            f"the {engine} engine needs a model",
            remedy="give --model-path FOLDER, or set model_path in cosmos.toml",
        )
    return settings.model_path


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
