"""What is missing on this machine, and its remedy."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from cosmos_workflow.config import Config, config_files, load_config
from cosmos_workflow.doctor.checks import Check
from cosmos_workflow.doctor.gpus import QUERY, Gpu, parse_gpus, smi_trouble
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


def gpus() -> list[Gpu]:
    """Each NVIDIA GPU, as `nvidia-smi` tells; empty where there is none."""
    return parse_gpus(_ask_nvidia_smi()["out"])


def _ask_nvidia_smi() -> dict[str, Any]:
    """What it says: {missing, code, out, err}."""
    if not (tool := shutil.which("nvidia-smi")):
        return {"missing": True, "code": 127, "out": "", "err": ""}
    query = [tool, f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return {"missing": False, "code": 1, "out": "", "err": str(error)}
    return {"missing": False, "code": done.returncode, "out": done.stdout, "err": done.stderr}


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
    answer = _ask_nvidia_smi()
    what, remedy = smi_trouble(answer)
    if what:
        elsewhere = "run the model elsewhere: --server-url"
        yield Check("gpu", "optional", what, elsewhere if answer["missing"] else f"{remedy}; or {elsewhere}")
    for gpu in parse_gpus(answer["out"]):
        detail = f"{gpu.name}, {gpu.memory}"
        if gpu.total is None:
            yield Check("gpu", "optional", detail, "see yourself whether the model fits: cosmos limits")
            continue
        plan = memory(gpu=gpu.name, memory_gib=gpu.total / 1024)
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
