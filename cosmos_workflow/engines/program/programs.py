"""What is the same for NVIDIA's programs: how they are set up, what they are given, and what they make."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cosmos_workflow.engines.outputs import OnStep
from cosmos_workflow.engines.program.running import Start
from cosmos_workflow.engines.program.watching import Watch
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.kind import Task
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.limits.video_models import get_transfer_model

__all__ = ["Given", "Made", "Program", "Setup", "guidance_of", "path_of", "tier_of", "torchrun", "without_empty"]


@dataclass(frozen=True)
class Setup:
    """Where the programs are, and how they run: `repository` is one's own, `checkpoints` only Transfer1 has."""

    repository: Path
    checkpoints: Path
    python: str = sys.executable
    gpus: int = 1
    offload: bool = True


@dataclass(frozen=True)
class Given:
    """A task for a program: its input files by their roles, and the `name` that it has there."""

    task: Task
    work: Work
    inputs: Mapping[str, Path]
    name: str


@dataclass(frozen=True)
class Made:
    """What a program made of a task: the video, the videos of controls by hint, and the prompt that it used."""

    video: Path
    controls: Mapping[str, Path] = field(default_factory=dict)
    prompt: str = ""


class Program(Protocol):
    """One of NVIDIA's programs."""

    title: str
    repository: str  # its folder's usual name
    entry: str  # a file or folder of the repository that must be there

    def together(self, work: Work) -> Hashable:
        """Works of equal keys can be done by one start."""

    def prepare(self, given: Given, out: Path) -> None:
        """Make of an item's inputs what the program wants. Raises CosmosError for an item that cannot be used."""

    def start(self, given: Sequence[Given], out: Path, setup: Setup) -> Start:
        """Write what the program reads into the folder `out`, and say how it is started."""

    def watch(self, given: Sequence[Given], on_step: OnStep) -> Watch: ...

    def read_more(self, watch: Watch, out: Path) -> None:
        """Have the watch read what the program wrote elsewhere than on its console."""

    def made(self, given: Sequence[Given], out: Path) -> dict[str, Made]:
        """What lies in `out` by the tasks' names, matched by what is in the files, not by place alone."""


def torchrun(setup: Setup) -> tuple[str, ...]:
    """PyTorch's launcher beside the Python of the program, with its own flags. Raises EngineUnavailable.

    The port is a free one, as its own is the same for all: programs on other cards of the machine may have it.
    """
    beside = Path(setup.python).parent / "torchrun"
    launcher = str(beside) if beside.is_absolute() and beside.is_file() else shutil.which("torchrun")
    if not launcher:
        raise EngineUnavailable(
            "there is no torchrun", where=str(beside.parent),
            remedy="--engine-option python=PATH names the Python in whose environment the program is installed",
        )  # fmt: skip
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return launcher, f"--nproc_per_node={setup.gpus}", f"--master_port={port}"


def path_of(given: Given, role: str) -> str:
    """The path of an input file; empty where there is none."""
    return str(given.inputs[role]) if role in given.inputs else ""


def tier_of(work: Work) -> str:
    """The program's own name of the sizes among which that of the work is."""
    sizes = get_transfer_model(work.model).family.sizes
    return next((tier for tier, each in sizes.items() if (work.width, work.height) in each), "")


def guidance_of(work: Work) -> float | None:
    """The guidance; None for a distilled model, which has none."""
    return None if get_transfer_model(work.model).guidance is None else work.guidance


def without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are given: neither None nor empty. An empty negative prompt is asked for, and counts."""
    return {
        key: value
        for key, value in values.items()
        if value is not None and (value not in ("", ()) or key == "negative_prompt")
    }
