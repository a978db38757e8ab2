"""A host on loopback, and the faults that hit what goes on between it and its client: lines, processes, disks."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from cosmos_workflow.config import data_folder, known_keys_file, set_host
from cosmos_workflow.ssh import Pins
from tests.servers.cutting_proxy import CuttingProxy
from tests.servers.processes import end_all, named, of_folder
from tests.servers.sshd import SSHD

__all__ = ["ANYTIME", "FaultyHost"]

ANYTIME = ("sshd away", "host's disk full", "disk full here")  # these always hit something
DISK = "16m"
# The engines answer at once: a slow disk on the host keeps the agent running long enough to be hit.
SLOW_DISK = """
import os, sys, time
if "work" in sys.argv:
    sync = os.fsync
    os.fsync = lambda file: (time.sleep(0.1), sync(file))[1]
"""


class FaultyHost:
    """A real sshd behind a proxy that cuts connections; its folder and the user's are small disks, where root runs it.

    It is the host `gpu` in the settings of the user whom `os.environ` names. `faults` are its faults by their names:
    each returns whether it found anything to hit.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self._folder, self._rng = folder, rng
        self._stack = ExitStack()
        self._later: list[int] = []  # bytes after which the next lines are cut
        self.faults: dict[str, Callable[[], bool]] = {
            "line cut": lambda: self._proxy.cut() > 0, "line cut later": self._cut_later,
            "sshd session killed": self._kill_session, "sshd away": self._away,
            "host command killed": lambda: self._kill_any("offer", "receive", "submit", "follow", "cancel"),
            "agent killed": lambda: self._kill_any("work"), "supervisor killed": lambda: self._kill_any("supervise"),
            "agent and supervisor killed": lambda: _killed(self._running("work", "supervise")),
        }  # fmt: skip

    def __enter__(self) -> FaultyHost:
        self._sshd = self._stack.enter_context(SSHD(self._folder / "sshd"))
        self.workdir = self._sshd.home / "ours"
        cuts: Callable[[], int] = lambda: self._later.pop() if self._later else 1 << 62  # noqa: E731
        self._proxy = self._stack.enter_context(CuttingProxy(self._sshd.port, iter(cuts, -1)))
        config = self._sshd.config.read_text()
        self._sshd.config.write_text(config.replace(f"Port {self._sshd.port}", f"Port {self._proxy.port}"))
        slow = self._folder / "slow"
        slow.mkdir()
        (slow / "sitecustomize.py").write_text(SLOW_DISK)
        set_host("gpu", {
            "ssh": "there", "workdir": str(self.workdir), "python": sys.executable,
            "ssh_config": str(self._sshd.config), "environment": {"PYTHONPATH": str(slow)},
        })  # fmt: skip
        Pins(known_keys_file()).pin("gpu", self._sshd.host_key)
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # only root mounts disks
            for name, path in {"host's disk full": self.workdir, "disk full here": data_folder()}.items():
                self._stack.enter_context(_small_disk(path))
                self.faults[name] = lambda path=path: self._fill(path)  # type: ignore[misc]
        return self

    def __exit__(self, *_: object) -> None:
        end_all(self.processes())
        self._stack.close()

    def processes(self) -> list[psutil.Process]:
        """The processes of this project on the host."""
        return of_folder(self.workdir)

    def _running(self, *commands: str) -> list[psutil.Process]:
        """Those that run one of these commands of the program that the host was sent."""
        chosen = []
        for process in self.processes():
            words = process.info["cmdline"]
            command = next((words[n + 1] for n, word in enumerate(words[:-1]) if word.endswith(".pyz")), "")
            chosen += [process] if command in commands else []
        return chosen

    def _kill_any(self, *commands: str) -> bool:
        processes = self._running(*commands)
        return _killed(self._rng.sample(processes, min(1, len(processes))))

    def _cut_later(self) -> bool:
        sizes = [2_000, 8_000, 50_000, 300_000]
        self._later = [self._rng.choice(sizes) + self._rng.randrange(9_000) for _ in range(2)]
        return self._proxy.cut() > 0

    def _kill_session(self) -> bool:
        sessions = []
        for process in named(psutil.Process().children(recursive=True), "sshd"):
            with suppress(psutil.NoSuchProcess):
                sessions += [process] if "-D" not in process.cmdline() else []
        return _killed(self._rng.sample(sessions, min(1, len(sessions))))

    def _away(self) -> bool:
        self._sshd.stop()
        time.sleep(self._rng.uniform(0.2, 2.0))
        self._sshd.listen()
        return True

    def _fill(self, disk: Path) -> bool:
        """Keep the disk full for a while, to the last byte."""
        stuff = disk / "stuff"
        with suppress(OSError), stuff.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        time.sleep(self._rng.uniform(0.2, 2.0))
        stuff.unlink()
        return True


def _killed(processes: list[psutil.Process]) -> bool:
    end_all(processes)
    return bool(processes)


@contextmanager
def _small_disk(path: Path) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
