"""The engine that a worker keeps, the device it holds, and what both say of themselves."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import try_lock
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.agent.private import touch
from cosmos_workflow.engines import Engine, EngineSettings, make_engine

__all__ = ["EngineHost", "Sampler", "device", "memory_used", "properties_of"]

SAMPLE_SECONDS = 1.0
TOLD_SECONDS = 5.0  # between two notes while nothing grows
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
            note("warm", properties=properties_of(self._engine))
            return self._engine
        self._take_device(note)
        note("loading", engine=self.name)
        started = time.monotonic()
        engine = make_engine(self.name, self._settings)
        engine.load()
        self._engine = engine
        seconds = round(time.monotonic() - started, 3)
        note("loaded", seconds=seconds, properties=properties_of(engine))
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
                touch(self._wanted)
                self._lock = try_lock(self._lock_path, patience=1.0)
        self._wanted.unlink(missing_ok=True)


def properties_of(engine: Engine) -> dict[str, Any]:
    """What a loaded engine runs on, and what it says of itself."""
    return {**device(), **engine.properties()}


class Sampler:
    """Tells of the memory in use, each new peak and at least every few seconds, in a thread, until closed.

    `group` is the process group that counts where no GPU is, by default this process's own.
    """

    def __init__(self, note: Note, group: Callable[[], int] = lambda: 0) -> None:
        self._group = group
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(note,), daemon=True)
        self._thread.start()

    def _run(self, note: Note) -> None:
        peak, told = 0, 0.0
        while True:
            used = memory_used(self._group())
            now, most = time.monotonic(), sum(used.values())
            if used and (most > peak or now - told >= TOLD_SECONDS):
                peak, told = max(peak, most), now
                with suppress(OSError):
                    note("memory", **used)
            if self._done.wait(SAMPLE_SECONDS):
                return

    def close(self) -> None:
        self._done.set()
        self._thread.join()


@lru_cache(1)
def device() -> dict[str, Any]:
    """What an engine runs on: `gpu` and, if known, `gpu_mib` where `nvidia-smi` is, else `cpu`, with `cores`."""
    if gpus := _nvidia_smi("name,memory.total"):
        name, size = gpus[0].rsplit(",", 1)
        told = {"gpu": name.strip(), "gpu_mib": int(size)} if size.strip().isdigit() else {"gpu": name.strip()}
        return {**told, **({"gpus": len(gpus)} if len(gpus) > 1 else {})}
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return {"cpu": name, "cores": os.cpu_count()}


def memory_used(group: int = 0) -> dict[str, int]:
    """MiB: `gpu_mib` of all GPUs where `nvidia-smi` is, else `process_mib` of a process group, 0 being our own."""
    # A GPU that shares the CPU's memory says [N/A].
    if gpus := [int(line) for line in _nvidia_smi("memory.used") if line.strip().isdigit()]:
        return {"gpu_mib": sum(gpus)}
    pages = 0
    for status in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getpgid(int(status.name)) == os.getpgid(group):
                pages += int((status / "statm").read_text().split()[1])
    return {"process_mib": pages * os.sysconf("SC_PAGE_SIZE") // 2**20} if pages else {}


def _nvidia_smi(fields: str) -> list[str]:
    """A line a GPU; none where there is no such tool, or it fails."""
    if tool := shutil.which("nvidia-smi"):
        query = [tool, f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
        with suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
            return said.splitlines()
    return []
