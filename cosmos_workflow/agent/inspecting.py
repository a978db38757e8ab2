"""What a host has: read here, judged by the client."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import is_locked
from cosmos_workflow.agent.paths import HostPaths

__all__ = ["inspect"]


def inspect(paths: HostPaths, asked: dict[str, Any]) -> dict[str, Any]:
    """Facts by name; `asked` is {python, runtime, image, model_path, modules, gpu_query}. Nothing is changed.

    `held` are the devices that a worker of ours has; `daemon` is what the runtime says when it must do something.
    """
    found: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "root": str(paths.root),
        "writable": os.access(_existing(paths.root), os.W_OK),
        "disk_free": shutil.disk_usage(_existing(paths.root)).free,
        "nvidia_smi": _said(["nvidia-smi", f"--query-gpu={asked['gpu_query']}", "--format=csv,noheader,nounits"]),
        "held": [lock.stem for lock in (paths.root / "devices").glob("*.lock") if is_locked(lock)],
        "model": _model(asked["model_path"]),
    }
    if asked["runtime"]:
        found["runtime"] = _said([*asked["runtime"], "--version"])
        found["daemon"] = _said([*asked["runtime"], "ps", "-q"])
        found["image"] = _said([*asked["runtime"], "image", "inspect", "--format", "{{.Id}}", asked["image"]])
    else:
        code = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec(m)])"
        found["modules"] = _said([_program(asked["python"]), "-c", code, *asked["modules"]])
    return found


def _program(name: str) -> str:
    return str(Path(name).expanduser()) if name.startswith("~") else name or sys.executable


def _said(command: list[str]) -> dict[str, Any]:
    """What a command prints; {"missing": true} where there is none of that name."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=30, check=False
        )
    except FileNotFoundError:
        return {"missing": True, "code": 127, "out": "", "err": f"no {command[0]}"}
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"missing": False, "code": 1, "out": "", "err": str(error)}
    return {"missing": False, "code": done.returncode, "out": done.stdout.strip(), "err": done.stderr.strip()[-1500:]}


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
