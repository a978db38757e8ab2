"""Every file that the agent keeps on a host, named in one place."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cosmos_workflow.private import make_folder, touch

__all__ = ["WORKDIR", "AgentPaths", "HostPaths", "RunPaths", "devices_here", "plain_name"]

WORKDIR = ".cosmos-workflow"  # an agent's folder in the home folder, unless the host's settings name another one


@dataclass(frozen=True)
class RunPaths:
    """The files of one run: `order` names its batch and its agent; `lock` is held while the agent works on it."""

    folder: Path

    @property
    def order(self) -> Path:
        return self.folder / "order.json"

    @property
    def results(self) -> Path:
        return self.folder / "results.jsonl"

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def outcome(self) -> Path:
        return self.folder / "outcome.json"

    @property
    def cancelled(self) -> Path:
        return self.folder / "cancelled"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"


@dataclass(frozen=True)
class AgentPaths:
    """The files of one agent.

    `lock` is held while it is alive, `door` while it looks into its spool for the last time; `leaving` says that it
    has done so, and `end` asks its supervisor to end the run that it works on. `rested` is as old as the end of its
    latest run.
    """

    folder: Path

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def door(self) -> Path:
        return self.folder / "door"

    @property
    def leaving(self) -> Path:
        return self.folder / "leaving"

    @property
    def end(self) -> Path:
        return self.folder / "end"

    @property
    def rested(self) -> Path:
        return self.folder / "rested"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.json"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    @property
    def pids(self) -> Path:
        return self.folder / "pids.json"

    @property
    def ended(self) -> Path:
        return self.folder / "ended.json"

    def waiting(self) -> list[str]:
        """The runs in the spool, the oldest first."""
        return [path.name.split("+", 1)[1].removesuffix(".run") for path in sorted(self.spool.glob("*.run"))]

    def put(self, run: str, order: int) -> None:
        """Put a run into the spool behind those of a smaller `order`."""
        make_folder(self.spool)
        touch(self.spool / f"{order:020d}+{plain_name(run)}.run")

    def take_out(self, run: str) -> None:
        """Take a run out of the spool, if it is there."""
        for entry in self.spool.glob(f"*+{plain_name(run)}.run"):
            entry.unlink(missing_ok=True)


@dataclass(frozen=True)
class HostPaths:
    """The folder of cosmos-workflow on a host."""

    root: Path

    def program(self, sha256: str) -> Path:
        return self.root / "program" / f"{plain_name(sha256)}.pyz"

    def blob(self, sha256: str) -> Path:
        name = plain_name(sha256)
        return self.root / "blobs" / name[:2] / name

    @property
    def pieces(self) -> Path:
        """Parts of what takes hours, kept for the next try (see `engines.outputs`)."""
        return self.root / "pieces"

    def run(self, run: str) -> RunPaths:
        return RunPaths(self.root / "runs" / plain_name(run))

    def agent(self, key: str) -> AgentPaths:
        return AgentPaths(self.root / "workers" / plain_name(key))

    def devices(self, names: str) -> tuple[Path, ...]:
        """The locks of some GPUs (`0,1`), in the order in which everybody takes them, so that none waits in a circle.

        Raises ValueError for a name that is not plain.
        """
        each = sorted(set(re.split("[, ]+", names.replace("/", "-"))))
        return tuple(self.root / "devices" / f"{plain_name(name)}.lock" for name in each)


def plain_name(name: str) -> str:
    """`name`, if it is a file name without a folder, of safe characters. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise ValueError(f"not a plain name: {name[:100]!r}")
    return name


def devices_here() -> tuple[Path, ...]:
    """The locks of the GPUs that engines of this machine load on; none where the user has no home folder.

    An agent of this machine has the same, so that they take turns: where its `workdir` is not the usual one,
    COSMOS_WORKDIR in the environment names it.
    """
    with suppress(RuntimeError):
        paths = HostPaths(Path(os.environ.get("COSMOS_WORKDIR") or Path.home() / WORKDIR))
        try:
            return paths.devices(os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip(", "))
        except ValueError:  # empty, or -1
            return paths.devices("none")
    return ()
