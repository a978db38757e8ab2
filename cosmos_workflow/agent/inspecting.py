"""What a host has: read here, judged by the client."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import read_json
from cosmos_workflow.agent.paths import AgentPaths, HostPaths
from cosmos_workflow.private import is_locked

__all__ = ["inspect"]


def inspect(paths: HostPaths, asked: dict[str, Any]) -> dict[str, Any]:
    """Facts by name; `asked` is {python, runtime, image, model_path, modules, survey}. Nothing is changed.

    `nvidia_smi` is an answer of `ask_driver`; `held` are the devices that one of our agents holds; `daemon` is what
    the container runtime prints when it must do something. `idle` are those of our agents that hold a device and have
    no run: {device, seconds}. `survey` may be left out: see `surveying`.
    """
    from cosmos_workflow.engines.gpus import ask_driver, output_of  # with the engines, which few commands need

    facts: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "root": str(paths.root),
        "writable": os.access(_existing(paths.root), os.W_OK),
        "disk_free": shutil.disk_usage(_existing(paths.root)).free,
        "nvidia_smi": ask_driver(),
        "held": [lock.stem for lock in (paths.root / "devices").glob("*.lock") if is_locked(lock)],
        "model": _model(asked["model_path"]),
    }
    facts["idle"] = list(_idle(paths, facts["held"]))
    if asked["runtime"]:
        facts["runtime"] = output_of([*asked["runtime"], "--version"])
        facts["daemon"] = output_of([*asked["runtime"], "ps", "-q"])
        facts["image"] = output_of([*asked["runtime"], "image", "inspect", "--format", "{{.Id}}", asked["image"]])
    else:
        code = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec(m)])"
        facts["modules"] = output_of([_program(asked["python"]), "-c", code, *asked["modules"]])
    if "survey" in asked:
        from cosmos_workflow.agent.surveying import survey

        facts["survey"] = survey(asked["survey"])
    return facts


def _idle(paths: HostPaths, held: list[str]) -> Iterator[dict[str, Any]]:
    """Agents that keep a model loaded for a run that has not come, and since when."""
    locked = [order for order in paths.root.glob("runs/*/order.json") if is_locked(order.with_name("lock"))]
    busy = {(read_json(order) or {}).get("worker") for order in locked}
    for folder in paths.root.glob("workers/*"):
        agent = AgentPaths(folder)
        device = str((read_json(agent.settings) or {}).get("device", ""))
        if folder.name not in busy and not agent.waiting() and set(device.split(",")) & set(held):
            since = [path.stat().st_mtime for path in (agent.rested, agent.log) if path.exists()]
            if since and is_locked(agent.lock):
                yield {"device": device, "seconds": max(0.0, time.time() - since[0])}


def _program(name: str) -> str:
    return str(Path(name).expanduser()) if name.startswith("~") else name or sys.executable


def _model(folder: str) -> dict[str, Any]:
    path = Path(folder).expanduser()
    if not folder or not path.is_dir():
        return {"found": False}
    files = [file for file in path.iterdir() if file.is_file()]
    weights = [file for file in files if file.suffix in (".safetensors", ".bin", ".pth")]
    return {
        "found": True,
        "files": sorted(file.name for file in files)[:50],
        "weights_bytes": sum(file.stat().st_size for file in weights),
    }


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
