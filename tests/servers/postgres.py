"""A real PostgreSQL (Debian's) on loopback, in a temporary folder, as the user `postgres` where this is root."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from .ports import reserved

__all__ = ["Postgres"]


class Postgres:
    """`fresh()` gives the URL of a new, empty database."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            raise AssertionError("no PostgreSQL here: apt install postgresql")
        self._bin = found[-1]
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def __enter__(self) -> Postgres:
        self._folder = tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        folder.chmod(0o777)
        self._reserved = reserved()
        self._port = self._reserved.getsockname()[1]
        data = folder / "data"
        self._run("initdb", "-D", str(data), "-U", "cosmos", "--auth=trust", "--encoding=UTF8", "--no-sync")
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._as, str(self._bin / "postgres"), "-D", str(data), "-p", str(self._port), "-k", str(folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            )  # fmt: skip
        self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self._port), tries=1200)
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGQUIT)
        self._process.wait(60)
        self._reserved.close()
        self._folder.cleanup()

    def fresh(self) -> str:
        name = f"t{uuid4().hex}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "cosmos", name)
        return f"postgresql+psycopg://cosmos@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *words: str, tries: int = 1) -> None:
        for left in reversed(range(tries)):
            command = [*self._as, str(self._bin / program), *words]
            done = subprocess.run(command, capture_output=True, cwd="/", check=False)
            if done.returncode == 0:
                return
            time.sleep(0.1 if left else 0)
        raise AssertionError(f"{program}: {done.stderr.decode()}")
