"""NVIDIA's program for a model: where it is from, how its environment comes about, and whether it is on a machine.

`doctor` judges by these facts and `setup` acts on them. Their sources are the projects' own pages; what no page states
is left empty, and `about_environment` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from cosmos_workflow.doctor.finding import Finding
from cosmos_workflow.limits import TransferModel
from cosmos_workflow.ssh import Host

__all__ = ["SOURCES", "ProgramSource", "judge_program", "program_survey", "python_of"]


@dataclass(frozen=True)
class ProgramSource:
    """Where a family's program is from.

    `commit` is the one that this project was written for. `environment` are the words that make its Python environment
    in the clone, empty where none are known; `arm_environment` are those for aarch64. `python` is that Python, in the
    clone. `dockerfile` builds its image, `new_cards` is the one for Blackwell; both are empty where there is none.
    """

    url: str
    commit: str
    about_environment: str
    environment: tuple[str, ...] = ()
    arm_environment: tuple[str, ...] = ()
    python: str = ""
    dockerfile: str = ""
    new_cards: str = ""
    large_files: bool = False
    download_script: str = ""


SOURCES: dict[str, ProgramSource] = {
    "transfer1": ProgramSource(
        "https://github.com/nvidia-cosmos/cosmos-transfer1", "5005e82", dockerfile="Dockerfile",
        about_environment="INSTALL.md: conda with Python 3.12, vllm 0.9.2, flashinfer 0.2.5 and wheels of NVIDIA's",
        download_script="scripts/download_checkpoints.py",
    ),
    "transfer2.5": ProgramSource(
        "https://github.com/nvidia-cosmos/cosmos-transfer2.5", "2ff49d0", dockerfile="Dockerfile",
        new_cards="docker/nightly.Dockerfile", about_environment="docs/setup.md", large_files=True,
        environment=("uv", "sync", "--extra=cu128"), arm_environment=("uv", "sync", "--extra=cu130"),
        python=".venv/bin/python",
    ),
    "cosmos3": ProgramSource(
        "https://github.com/NVIDIA/cosmos-framework", "5eee9ed", python=".venv/bin/python",
        about_environment="docs/setup.md: uv 0.11.3 or newer",
    ),
}  # fmt: skip


def python_of(host: Host) -> str:
    """The Python of the program's environment on a host, as the engine takes it."""
    return str(host.engine_options.get("python") or host.python)


def program_survey(model: TransferModel, folder: str, python: str) -> dict[str, Any]:
    """What `survey` is asked of the program: {programs, commands}. `folder` has the clone in it, or is the clone."""
    from cosmos_workflow.engines.program.engine import PROGRAMS  # with the libraries of videos

    program, folder = PROGRAMS[model.family.name], folder or "~"
    clone = f"{folder}/{program.repository}"
    own_python = SOURCES[model.family.name].python
    places = [str(PurePosixPath(python).parent)] if "/" in python else []
    pythons = [*places, *([f"{clone}/{PurePosixPath(own_python).parent}"] if own_python else [])] or ["/nowhere"]
    return {
        "programs": [
            {"folders": [folder], "patterns": []},
            {"folders": [clone, folder], "patterns": [program.entry]},
            {"folders": [clone], "patterns": [".git"]},
            *({"folders": [place], "patterns": ["torchrun", "python*"]} for place in pythons),
        ],
        "commands": {
            "head": ["git", "-C", clone, "rev-parse", "HEAD"],
            "large": ["git", "-C", clone, "lfs", "ls-files"],
            "torchrun": ["sh", "-c", "command -v torchrun"],
            "git": ["git", "--version"],
            "hf": ["sh", "-c", "command -v hf"],
            "uv": ["sh", "-c", "command -v uv"],
        },
    }


def judge_program(model: TransferModel, facts: Mapping[str, Any], place: str, python: str) -> Iterator[Finding]:
    """The program's entry file and its version; and torchrun beside its `python`, which is empty in a container."""
    source, remedy = SOURCES[model.family.name], f"cosmos hosts setup {place} --model {model.name}"
    entry, head = facts["programs"][1], facts["commands"]["head"]["out"]
    name = PurePosixPath(source.url).name
    if entry["missing"]:
        yield Finding("program", "missing", f"no {entry['missing'][0]} in {entry['folder']}", remedy)
    elif head and not head.startswith(source.commit):
        yield Finding(
            "program", "optional", f"{name} in {entry['folder']} is at {head[:7]}; {source.commit} is documented",
            f"git -C {entry['folder']} checkout {source.commit}",
        )  # fmt: skip
    else:
        yield Finding("program", "ok", f"{name} {source.commit if head else 'of an unknown version'} in"
                      f" {entry['folder']}")  # fmt: skip
    if not python:
        return
    places = [state["folder"] for state in facts["programs"][3:] if not state["missing"]]
    if "/" not in python and (path := facts["commands"]["torchrun"]["out"]):
        yield Finding("torchrun", "ok", path)
    elif places and "/" in python and facts["programs"][3]["missing"] == []:
        yield Finding("torchrun", "ok", f"beside {python}")
    elif places:
        yield Finding(
            "torchrun", "missing", f"there is none beside {python}, which the settings name",
            f"name the program's own Python: --engine-option python={places[0]}/python",
        )  # fmt: skip
    else:
        yield Finding("torchrun", "missing", f"there is none beside {python}", f"{remedy} ({source.about_environment})")
