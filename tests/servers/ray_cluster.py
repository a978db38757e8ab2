"""A real Ray cluster on loopback: a head and further raylets, each a node of its own with its own CPUs."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

from .ports import reserved

__all__ = ["RayCluster"]

STARTED = "Ray runtime started."  # what `ray start` says when the cluster knows its raylet

START_SECONDS = 120
START_TRIES = 5
# A raylet ends where its agents do not name their ports within 15 s, as on a busy machine: they are given these.
AGENT_PORTS = ("--dashboard-agent-grpc-port", "--dashboard-agent-listen-port", "--runtime-env-agent-port")


class RayCluster:
    """`nodes` raylets with `cpus` CPUs each; `address` is for drivers here, `url` (`ray://…`) for clients.

    `environment` is for all that runs there. `pinned` gives each raylet one core of this machine, as if it had no more.
    """

    def __init__(self, nodes: int = 2, cpus: int = 1, *, pinned: bool = False, **environment: str) -> None:
        self._environment = environment
        self._cpus = cpus
        self._pinned = pinned
        self._token = secrets.token_hex(32)
        # A socket's name may be 107 bytes, and Ray's are long.
        self._folder = tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True)
        self._reserved = [reserved() for _ in range(3)]
        self._ports = [holder.getsockname()[1] for holder in self._reserved]
        self.address = f"127.0.0.1:{self._ports[0]}"
        self.url = f"ray://127.0.0.1:{self._ports[1]}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._nodes = nodes

    def __enter__(self) -> RayCluster:
        try:
            self._start(
                "--head", f"--port={self._ports[0]}", f"--ray-client-server-port={self._ports[1]}",
                f"--dashboard-port={self._ports[2]}", f"--temp-dir={self._folder.name}",
            )  # fmt: skip
            for _ in range(self._nodes - 1):
                self.add_node()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_node(self) -> None:
        """One more raylet, ready when this returns."""
        self._start(f"--address={self.address}")

    @property
    def pids(self) -> list[int]:
        """The processes that all others of the cluster come from."""
        return [process.pid for process in self._processes]

    def processes(self) -> set[psutil.Process]:
        """All that runs on the cluster, but not what other clusters and other tests have started."""
        processes = set()
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                processes |= {*psutil.Process(process.pid).children(recursive=True)}
        for orphan in psutil.process_iter():  # the engine of an actor that was killed
            with suppress(psutil.Error):
                processes |= {orphan} if orphan.environ().get("RAY_AUTH_TOKEN") == self._token else set()
        return processes

    def kill_node(self, number: int) -> None:
        """End a raylet and all that it runs, as a machine that loses its power."""
        _kill_tree(self._processes[number])

    def close(self) -> None:
        for process in reversed(self._processes):
            _kill_tree(process)
        for holder in self._reserved:
            holder.close()
        self._folder.cleanup()

    def _start(self, *options: str) -> None:
        """Start a raylet, and wait until it says that it has joined the cluster: asking Ray would cost a busy machine
        more than the raylet itself. Ray gives itself half a minute, so on a busy machine it is started again.
        """
        text = ""
        for _ in range(START_TRIES):
            process, log = self._started(*options)
            end = time.monotonic() + START_SECONDS
            while process.poll() is None and time.monotonic() < end:
                if STARTED in (text := log.read_text(errors="replace")):
                    self._processes.append(process)
                    return
                time.sleep(0.1)
            _kill_tree(process)
        raise AssertionError(text)

    def _started(self, *options: str) -> tuple[subprocess.Popen[bytes], Path]:
        """The process of a raylet that starts, and its log."""
        pin = ["taskset", "-c", str(len(self._processes))] if self._pinned else []
        path = Path(self._folder.name, f"start-{len(self._reserved)}.log")
        holders = [reserved() for _ in AGENT_PORTS]
        self._reserved += holders
        ports = [f"{name}={holder.getsockname()[1]}" for name, holder in zip(AGENT_PORTS, holders, strict=True)]
        with path.open("wb") as log:
            process = subprocess.Popen(
                [
                    *(*pin, sys.executable, "-u", "-m", "ray.scripts.scripts", "start", "--block"),
                    "--disable-usage-stats",
                    *("--node-ip-address=127.0.0.1", "--object-store-memory=200000000", f"--num-cpus={self._cpus}"),
                    *ports, *options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env=self.environment(),
            )  # fmt: skip
        return process, path

    def environment(self) -> dict[str, str]:
        """For drivers of this cluster: found where `RAY_ADDRESS` is looked at."""
        ours = {"RAY_ADDRESS": self.address, "RAY_USAGE_STATS_ENABLED": "0"}
        return {**os.environ, **ours, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token} | self._environment


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(process.pid)
        for one in [*found.children(recursive=True), found]:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
    process.wait()
