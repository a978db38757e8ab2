"""What is missing on this machine, and its remedy."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

from cosmos_workflow.config import Config, config_files, load_config
from cosmos_workflow.doctor.checks import Check, parse_gpus
from cosmos_workflow.engines import EngineSettings, choose_engine
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.limits import DEFAULT_MODEL, get_model, memory, model_at

__all__ = ["examine", "gpus"]


def examine() -> Iterator[Check]:
    """Look at everything, one Check at a time; nothing is changed and no network is used but a configured server."""
    yield Check("python", "ok", sys.version.split()[0])
    yield from (_library(name) for name in ("av", "opencv-python-headless", "kitoken"))
    yield _guard("tokenizer table", _table)
    config = Config()
    try:
        config = load_config()
        found = [str(path) for path in config_files() if path.is_file()]
        yield Check("settings", "ok", ", ".join(found) or "none: defaults and environment")
    except CosmosError as error:
        yield Check("settings", "missing", error.what, f"{error.where}: {error.remedy}")
    yield _console()
    yield _folder()
    yield from _gpu_checks()
    yield _extra("vllm")
    yield _extra("transformers")
    yield _guard("model folder", lambda: _model_folder(config))
    yield _guard("server", lambda: _server(config))
    name, why = choose_engine(
        config.engine if config.engine != "auto" else "",
        EngineSettings(model_path=config.model_path, server_url=config.server_url),
    )
    yield Check("engine", "ok", f"{name} ({why})")


def gpus() -> list[tuple[str, int, int]]:
    """Each NVIDIA GPU's name, total and free memory in MiB, as `nvidia-smi` tells; empty where there is none."""
    if not (tool := shutil.which("nvidia-smi")):
        return []
    query = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return parse_gpus(said)
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _guard(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except CosmosError as error:
        return Check(name, "missing", f"{error.where}: {error.what}" if error.where else error.what, error.remedy)


def _library(name: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "missing", "not installed", f"pip install {name}")


def _extra(name: str) -> Check:
    if importlib.util.find_spec(name) is None:
        return Check(
            name,
            "optional",
            "not installed",
            f"pip install 'cosmos-workflow[{name}]' where a model shall run",
        )
    return _library(name)


def _table() -> Check:
    tokens = get_model(DEFAULT_MODEL).text.count("A futuristic city at sunset")
    good = tokens == 6
    return Check(
        "tokenizer table",
        "ok" if good else "missing",
        "loads",
        "" if good else "pip install --force-reinstall cosmos-workflow",
    )


def _console() -> Check:
    encoding = getattr(sys.stdout, "encoding", None) or "unknown"
    if encoding.lower().replace("-", "") == "utf8":
        return Check("console", "ok", encoding)
    return Check("console", "optional", f"{encoding}: what it cannot show is replaced", "set PYTHONUTF8=1")


def _folder() -> Check:
    free = shutil.disk_usage(".").free / 1024**3
    if not os.access(".", os.W_OK):
        return Check("this folder", "missing", "cannot be written", "choose another folder, or give -o")
    return Check("this folder", "ok", f"{free:.0f} GiB free")


def _gpu_checks() -> Iterator[Check]:
    found = gpus()
    if not found:
        yield Check("gpu", "optional", "no NVIDIA GPU", "run the model elsewhere: --server-url")
    for name, total, free in found:
        plan = memory(gpu=name, memory_gib=total / 1024)
        detail = f"{name}, {free / 1024:.1f} of {total / 1024:.1f} GiB free"
        if plan.fits:
            yield Check("gpu", "ok", f"{detail}; {plan.model} fits, {plan.concurrency:.0f} at once")
        else:
            yield Check("gpu", "optional", f"{detail}; {plan.model}: {plan.reason}", plan.remedy)


def _model_folder(config: Config) -> Check:
    if not config.model_path:
        remedy = "give --model-path, or model_path in cosmos.toml, where a model shall run"
        return Check("model folder", "optional", "none", remedy)
    model_at(config.model_path, config.model or DEFAULT_MODEL)
    return Check("model folder", "ok", config.model_path)


def _server(config: Config) -> Check:
    if not config.server_url:
        return Check("server", "optional", "none", "give --server-url, or server_url in cosmos.toml, to use one")
    from cosmos_workflow.engines.server import ServerEngine

    engine = ServerEngine(config.server_url, model=config.server_model, timeout=10, max_retries=0)
    return Check(
        "server", "ok", f"{config.server_url}: {engine.listed()['id']}, {engine.max_model_len or 'unknown'} tokens"
    )
