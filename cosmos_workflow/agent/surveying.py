"""What a machine has for a model: files, access to those that are to be downloaded, driver, memory to share.

It reads, judges nothing, and names no model: what is looked for is asked. Standard library only.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.hub import Fetch, Hub, expanded, fetch

__all__ = ["survey"]

SHARED = Path("/dev/shm")


def survey(asked: Mapping[str, Any], ask_hub: Fetch = fetch) -> dict[str, Any]:
    """Facts by name; `asked` is {files, environment}, and may have {programs, commands}.

    Each entry of `files` is {repository, folders, patterns}: the patterns of files that are looked for in the first
    of the folders that is there, or, without folders, in the hub's cache. The answer for it is {folder, missing, free,
    problem}: the missing patterns and shards, the bytes free there, or why it cannot be read. The hub is asked for
    access to the repositories that lack something and for no other: `access`, by name. `environment` are variables
    that count before this machine's own. No token is in the answer.

    `programs` are entries as those of `files`, of which no hub has anything; `commands` are argument lists by names of
    the asker's, each of which only looks: the answers are those of `output_of`.
    """
    from cosmos_workflow.engines.gpus import output_of  # with the engines, which few commands need

    hub = Hub.of({**os.environ, **asked["environment"]})
    files = [_look(entry, hub) for entry in asked["files"]]
    lacking = [entry["repository"] for entry, state in zip(asked["files"], files, strict=True) if state["missing"]]
    fields = "index,driver_version,compute_cap"
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "glibc": platform.libc_ver()[1] if platform.libc_ver()[0] == "glibc" else "",
        "shared": shutil.disk_usage(SHARED).total if SHARED.is_dir() else None,
        "smi": output_of(["nvidia-smi"]),
        "capability": output_of(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"]),
        "files": files,
        "programs": [_look(entry, hub) for entry in asked.get("programs", [])],
        "commands": {
            name: output_of([str(expanded(word)) if word.startswith("~") else word for word in words])
            for name, words in asked.get("commands", {}).items()
        },
        "cache": str(hub.cache),
        "endpoint": hub.endpoint,
        "token": bool(hub.token),
        "token_from": hub.token_from,
        "access": hub.access(lacking, ask_hub),
    }


def _look(entry: Mapping[str, Any], hub: Hub) -> dict[str, Any]:
    """Where the files are looked for, and which of them are not there."""
    folders = [expanded(name) for name in entry["folders"]]
    folder = folders[0] if folders else hub.cache
    try:
        folder = next((path for path in folders if path.is_dir()), folder).absolute()
        missing = _missing_in(folder, entry["patterns"]) if folders else _missing_in_cache(entry, hub)
        free, problem = shutil.disk_usage(_existing(folder)).free, ""
    except OSError as error:
        missing, free, problem = entry["patterns"], None, error.strerror or "cannot be read"
    return {"folder": str(folder), "missing": missing, "free": free, "problem": problem}


def _missing_in_cache(entry: Mapping[str, Any], hub: Hub) -> list[str]:
    versions = hub.folders(entry["repository"])
    missing = [pattern for pattern in entry["patterns"] if not any(_there(folder, pattern) for folder in versions)]
    # Shards belong together: each version has to be whole by itself.
    return missing or min((list(_lost_shards(folder)) for folder in versions), key=len, default=[])


def _missing_in(folder: Path, patterns: Sequence[str]) -> list[str]:
    return [*(pattern for pattern in patterns if not _there(folder, pattern)), *_lost_shards(folder)]


def _there(folder: Path, pattern: str) -> bool:
    """Whether a file of that name is there, and not empty; or a folder, with a file in it. `|` is between names."""
    return any(_holds(path) for name in pattern.split("|") for path in folder.glob(name))


def _holds(path: Path) -> bool:
    try:
        if path.is_dir():
            return any(_holds(inner) for inner in path.iterdir())
        return path.stat().st_size > 0
    except OSError:  # a link to a file of the cache that is gone
        return False


def _lost_shards(folder: Path) -> Iterator[str]:
    """The files that an index of weights names and that are not there."""
    for index in sorted([*folder.glob("*.safetensors.index.json"), *folder.glob("*/*.safetensors.index.json")]):
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            yield f"{index.relative_to(folder).as_posix()} (cannot be read)"
            continue
        lost = [index.parent / str(name) for name in sorted(map(str, names)) if not _holds(index.parent / str(name))]
        yield from (path.relative_to(folder).as_posix() for path in lost)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
