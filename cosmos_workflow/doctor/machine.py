"""What is missing on this machine, and its remedy."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator

from cosmos_workflow.config import Config, config_files, load_config
from cosmos_workflow.deciding import settings_for, surroundings_here
from cosmos_workflow.doctor.finding import Finding
from cosmos_workflow.doctor.gpus import describe_gpu, driver_trouble
from cosmos_workflow.doctor.video import examine_video, folder_for, video_model
from cosmos_workflow.engines import ChosenEngine, EngineSettings, choose_engine
from cosmos_workflow.engines.gpus import ask_driver, gpus_in
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.limits import DEFAULT_MODEL, Model, get_model, memory, model_at

__all__ = ["examine"]


def examine(model: str = "", folder: str = "", engine: str = "") -> Iterator[Finding]:
    """Look at everything, one Finding at a time; nothing is changed, and only a configured server is asked.

    With a `model`, one of those that make videos too, at what it needs: its files are in `folder`, by default that of
    the settings, and the hub is asked for access to those that are missing; with the `engine` program also at NVIDIA's
    program. Raises UsageError for an unknown model.
    """
    video = video_model(model)
    wanted = get_model(DEFAULT_MODEL if video else model or DEFAULT_MODEL)
    yield Finding("python", "ok", sys.version.split()[0])
    yield from (_library(name) for name in ("av", "opencv-python-headless", "kitoken"))
    yield _guard("tokenizer table", _table)
    config = Config()
    try:
        config = load_config()
        files = [str(path) for path in config_files() if path.is_file()]
        yield Finding("settings", "ok", ", ".join(files) or "none: defaults and environment")
    except CosmosError as error:
        yield Finding("settings", "missing", error.what, f"{error.where}: {error.remedy}")
    yield _console()
    yield _folder()
    if video:
        own = settings_for(get_kind("transfer"), config)
        yield from examine_video(video, folder or folder_for(video, config), engine or own.engine, own.engine_options)
        return
    kind = get_kind("upsample")
    config = settings_for(kind, config)
    yield from _gpus(wanted)
    yield _extra("vllm")
    yield _extra("transformers")
    yield _guard("model folder", lambda: _model_folder(folder or config.model_path, model or config.model))
    yield _guard("server", lambda: _server(config))
    settings = EngineSettings(model_path=config.model_path, server_url=config.server_url)
    yield _guard("engine", lambda: _engine(choose_engine(kind, "", settings, surroundings_here(config, settings))))


def _engine(chosen: ChosenEngine) -> Finding:
    return Finding("engine", "ok", f"{chosen.name} ({chosen.why})")


def _guard(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except CosmosError as error:
        return Finding(name, "missing", f"{error.where}: {error.what}" if error.where else error.what, error.remedy)


def _library(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", f"pip install {name}")


def _extra(name: str) -> Finding:
    if importlib.util.find_spec(name) is None:
        return Finding(
            name,
            "optional",
            "not installed",
            f"pip install 'cosmos-workflow[{name}]' where a model is to run",
        )
    return _library(name)


def _table() -> Finding:
    tokens = get_model(DEFAULT_MODEL).text.count("A futuristic city at sunset")
    good = tokens == 6
    return Finding(
        "tokenizer table",
        "ok" if good else "missing",
        "loads",
        "" if good else "pip install --force-reinstall cosmos-workflow",
    )


def _console() -> Finding:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    if encoding.lower().replace("-", "") == "utf8":
        return Finding("console", "ok", encoding)
    return Finding("console", "optional", f"{encoding}: what it cannot show is replaced", "set PYTHONUTF8=1")


def _folder() -> Finding:
    free = shutil.disk_usage(".").free / 1024**3
    if not os.access(".", os.W_OK):
        return Finding("this folder", "missing", "cannot be written", "choose another folder, or give -o")
    return Finding("this folder", "ok", f"{free:.0f} GiB free")


def _gpus(model: Model) -> Iterator[Finding]:
    answer = ask_driver()
    what, remedy = driver_trouble(answer)
    if what:
        elsewhere = "run the model elsewhere: --server-url"
        yield Finding("gpu", "optional", what, elsewhere if answer["missing"] else f"{remedy}; or {elsewhere}")
    for gpu in gpus_in(answer):
        detail = describe_gpu(gpu)
        if gpu.total is None:
            yield Finding("gpu", "optional", detail, "see yourself whether the model fits: cosmos limits")
            continue
        plan = memory(model, gpu=gpu.name, memory_gib=gpu.total / 1024)
        if plan.fits:
            yield Finding("gpu", "ok", f"{detail}; {plan.model} fits, {plan.concurrency:.0f} at once")
        else:
            yield Finding("gpu", "optional", f"{detail}; {plan.model}: {plan.reason}", plan.remedy)


def _model_folder(folder: str, model: str) -> Finding:
    if not folder:
        remedy = "give --model-path, or model_path in cosmos.toml, where a model is to run"
        return Finding("model folder", "optional", "none", remedy)
    model_at(folder, model or DEFAULT_MODEL)
    return Finding("model folder", "ok", folder)


def _server(config: Config) -> Finding:
    if not config.server_url:
        return Finding("server", "optional", "none", "give --server-url, or server_url in cosmos.toml, to use one")
    from cosmos_workflow.engines.server import ServerEngine

    engine = ServerEngine(config.server_url, model=config.server_model, timeout=10, max_retries=0)
    return Finding(
        "server", "ok", f"{config.server_url}: {engine.listed()['id']}, {engine.max_model_len or 'unknown'} tokens"
    )
