"""`cosmos serve` as a process of its own, on a free port of loopback; stopped by its process id."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from cosmos_workflow.client import Client
from cosmos_workflow.errors import HostUnreachable

from .ports import reserved

__all__ = ["CosmosServer"]


class CosmosServer:
    """Started by `with`; after `kill()` or `stop()`, `start()` brings it back to the same data and the same port."""

    def __init__(
        self, data: Path, *options: object, token: str = "", python: Sequence[str] = (sys.executable,),
        **environment: str,
    ) -> None:  # fmt: skip
        self._reserved = reserved()
        port = self._reserved.getsockname()[1]
        self._command = [*python, "-m", "cosmos_workflow", "serve", "--port", str(port), *map(str, options)]
        self._environment = {**os.environ, "COSMOS_DATA": str(data), "PYTHONUTF8": "1", **environment}
        self._data = data
        self.token = token
        self.log: list[str] = []

    def __enter__(self) -> CosmosServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._reserved.close()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=self._environment, start_new_session=True, cwd=self._data.parent, encoding="utf-8", errors="replace",
        )  # fmt: skip
        heard = threading.Event()
        self.url = ""

        def read() -> None:
            assert self.process.stderr is not None
            for line in self.process.stderr:
                self.log.append(line)
                if found := re.search(r"cosmos is at (\S+)", line):
                    self.url = found[1]
                    heard.set()
            heard.set()

        threading.Thread(target=read, daemon=True).start()
        assert heard.wait(60) and self.url, "".join(self.log)
        self.port = int(self.url.rsplit(":", 1)[1])
        with self.client() as client:
            end = time.monotonic() + 60
            while True:
                try:
                    client.health()
                    return
                except HostUnreachable:  # noqa: PERF203 - not yet
                    assert time.monotonic() < end, "".join(self.log)
                    time.sleep(0.1)

    def client(self) -> Client:
        return Client(self.url, token=self.token)

    def kill(self) -> None:
        """As a machine does that is out of memory: the server alone, and nothing is put in order."""
        self.process.kill()
        self.process.wait(60)

    def stop(self) -> int:
        """As Ctrl-C does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)
