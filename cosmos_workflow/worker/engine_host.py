"""The engine that a worker keeps, the device it holds, and what both say of themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from cosmos_workflow.engines import Engine, EngineSettings, make_engine
from cosmos_workflow.worker.files import try_lock
from cosmos_workflow.worker.paths import HostPaths

__all__ = ["EngineHost", "memory_used"]

SAMPLE_SECONDS = 5.0
NEEDS_DEVICE = ("vllm", "transformers")

Note = Callable[..., None]


class EngineHost:
    """One engine, loaded once and kept; while it is loaded it holds the device's lock.

    Two workers for different models take turns on one GPU: the one that waits says so by a file, and the
    warm one gives way when it has nothing to do.
    """

    def __init__(self, paths: HostPaths, settings: dict[str, Any], device: str) -> None:
        self.name = settings["name"]
        self._settings = EngineSettings(**{key: value for key, value in settings.items() if key != "name"})
        self._lock_path = paths.device(device)
        self._wanted = self._lock_path.with_suffix(".wanted")
        self._lock: int | None = None
        self._engine: Engine | None = None
        self._asleep = False

    def ready(self, note: Note) -> Engine:
        """The engine, loaded; tells `loading` and `loaded` with the seconds it took, or `warm`."""
        if self._engine is not None:
            if self._asleep:
                self._engine.wake_up()  # type: ignore[attr-defined]
                self._asleep = False
            note("warm")
            return self._engine
        self._take_device(note)
        note("loading", engine=self.name)
        started = time.monotonic()
        engine = make_engine(self.name, self._settings)
        load = getattr(engine, "load", None)
        if load:
            load()
        self._engine = engine
        note("loaded", seconds=round(time.monotonic() - started, 3))
        return engine

    def rest(self) -> None:
        """Between batches: where vLLM's sleep mode is on, the weights leave the GPU and come back quickly."""
        if self._engine is not None and self._settings.options.get("enable_sleep_mode") and not self._asleep:
            self._engine.sleep()  # type: ignore[attr-defined]
            self._asleep = True

    def is_wanted(self) -> bool:
        """Whether another worker waits for the device."""
        return self._lock is not None and self._wanted.exists()

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_device(self, note: Note) -> None:
        if self.name not in NEEDS_DEVICE or self._lock is not None:
            return
        self._lock = try_lock(self._lock_path)
        if self._lock is None:
            note("waiting", why="another model is on the device")
            while self._lock is None:
                self._wanted.touch()
                self._lock = try_lock(self._lock_path, patience=1.0)
        self._wanted.unlink(missing_ok=True)


class Sampler:
    """Tells of the memory in use every few seconds, in a thread, until closed."""

    def __init__(self, note: Note) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(note,), daemon=True)
        self._thread.start()

    def _run(self, note: Note) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            with suppress(OSError):
                note("memory", **memory_used())

    def close(self) -> None:
        self._done.set()
        self._thread.join()


def memory_used() -> dict[str, int]:
    """MiB: `gpu_mib` of each GPU together where `nvidia-smi` is, else `process_mib` of this process group."""
    if tool := shutil.which("nvidia-smi"):
        query = [tool, "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            said = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
            return {"gpu_mib": sum(int(line) for line in said.split())}
    pages = 0
    for status in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getpgid(int(status.name)) == os.getpgid(0):
                pages += int((status / "statm").read_text().split()[1])
    return {"process_mib": pages * os.sysconf("SC_PAGE_SIZE") // 2**20}
