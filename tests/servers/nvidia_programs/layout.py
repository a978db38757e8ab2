"""Writes folders that look like NVIDIA's repositories, with the stand-ins where its programs are."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .checkpoints import write_cache, write_files

__all__ = ["PROGRAMS", "Layout", "write_layout"]

# Where the programs lie in their repositories, and the stand-in of each.
PROGRAMS = {
    "cosmos_transfer1/diffusion/inference/transfer.py": "transfer1",
    "examples/inference.py": "transfer25",
    "cosmos_framework/scripts/inference.py": "cosmos3",
    "scripts/download_checkpoints.py": "downloading",
    "scripts/test_environment.py": "downloading:check",
}
_SCRIPT = '''"""Stands in for NVIDIA's program of this name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[{depth}] / ".standin"))

from nvidia_programs.{program} import {name}  # noqa: E402

if __name__ == "__main__":
    {name}()
'''


@dataclass(frozen=True)
class Layout:
    """`repository` is the working folder of NVIDIA's command lines, `bin` holds python and torchrun for PATH."""

    repository: Path
    bin: Path
    checkpoints: Path
    cache: Path

    def environment(self) -> dict[str, str]:
        """What the documented command lines set beside PATH, to which `bin` must be added in front."""
        return {"PYTHONPATH": str(self.repository), "HF_HOME": str(self.cache)}

    def order(self, *orders: Mapping[str, Any], **settings: float) -> None:
        """Order what goes wrong from now on in programs that get no NVIDIA_STANDIN, and begin a new record."""
        folder = self.repository / ".standin"
        for path in [*folder.glob("orders.json*"), folder / "record.jsonl"]:
            path.unlink(missing_ok=True)
        written = {"record": str(folder / "record.jsonl"), "orders": orders, **settings}
        (folder / "orders.json").write_text(json.dumps(written), encoding="utf-8")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The record's lines of one event (start, load, item) of rank 0, oldest first."""
        path = self.repository / ".standin" / "record.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if (line["event"], line["rank"]) == (name, 0)]


def write_layout(folder: Path, *, leave_out: Collection[str] = (), python: str = sys.executable) -> Layout:
    """Write one repository for all three programs into `folder`, with its checkpoints and a cache of Hugging Face's.

    `leave_out` names parts of the paths of checkpoints that shall be missing. The folder holds all it needs but for
    `python`, which must have PyAV, NumPy and pydantic.
    """
    repository, programs = folder / "repo", folder / "repo" / ".standin" / "nvidia_programs"
    programs.mkdir(parents=True)
    for path in Path(__file__).parent.glob("*.py"):
        shutil.copy(path, programs / path.name)
    for name, program in PROGRAMS.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        module, _, function = program.partition(":")
        script = _SCRIPT.format(depth=len(Path(name).parts) - 1, program=module, name=function or "main")
        path.write_text(script, encoding="utf-8")
        for parent in path.relative_to(repository).parents[:-1]:
            (repository / parent / "__init__.py").touch()
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name, script in {"python": "", "torchrun": f' "{programs / "torchrun.py"}"'}.items():
        command = bin_folder / name
        command.write_text(f'#!/bin/sh\nexec "{python}"{script} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    checkpoints = write_files(repository / "checkpoints", leave_out)
    return Layout(repository, bin_folder, checkpoints, write_cache(folder / "cache", leave_out))
