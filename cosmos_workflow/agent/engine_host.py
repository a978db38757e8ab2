"""The engine that an agent keeps, the device that it holds, and what both report of themselves."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import try_lock
from cosmos_workflow.agent.gpus import read_gpus
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.agent.private import touch
from cosmos_workflow.engines import Engine, EngineSettings, make_engine

__all__ = ["EngineHost", "Sampler", "device", "memory_used", "properties_of"]

SAMPLE_SECONDS = 1.0
NOTE_SECONDS = 5.0  # between two notes while the memory in use does not grow
DRIVER_SECONDS = 10.0  # a driver that answers later is taken for one that does not answer
NEEDS_DEVICE = ("vllm", "transformers")

Note = Callable[..., None]


class EngineHost:
    """One engine, loaded once and kept; while it is loaded it holds the device's lock.

    Two agents with different models take turns on one GPU: the one that waits makes a file that says so, and the
    warm one ends when it has nothing to do.
    """

    def __init__(self, paths: HostPaths, settings: dict[str, Any], device: str) -> None:
        self.name = settings["name"]
        self._module = settings.get("module", "")
        options = {key: value for key, value in settings.items() if key not in ("name", "module")}
        self._settings = EngineSettings(**options)
        self._lock_path = paths.device(device)
        self._wanted = self._lock_path.with_suffix(".wanted")
        self._lock: int | None = None
        self._engine: Engine | None = None
        self._asleep = False

    def ready(self, note: Note) -> Engine:
        """The engine, loaded; notes `loading`, then `loaded` with the seconds it took, or `warm`."""
        if self._engine is not None:
            if self._asleep:
                self._engine.wake_up()  # type: ignore[attr-defined]
                self._asleep = False
            note("warm", properties=properties_of(self._engine))
            return self._engine
        self._take_device(note)
        note("loading", engine=self.name)
        started = time.monotonic()
        engine = make_engine(self.name, self._settings, self._module)
        engine.load()
        self._engine = engine
        seconds = round(time.monotonic() - started, 3)
        note("loaded", seconds=seconds, properties=properties_of(engine))
        return engine

    def rest(self) -> None:
        """Call it between batches: where vLLM's sleep mode is on, the weights leave the GPU and come back quickly."""
        if self._engine is not None and self._settings.options.get("enable_sleep_mode") and not self._asleep:
            self._engine.sleep()  # type: ignore[attr-defined]
            self._asleep = True

    def is_wanted(self) -> bool:
        """Whether another agent waits for the device."""
        return self._lock is not None and self._wanted.exists()

    def close(self) -> None:
        """Free the engine and the device."""
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
    """What a loaded engine runs on, and what it reports of itself."""
    return {**device(), **engine.properties()}


class Sampler:
    """Notes the memory in use, at each new peak and at least every few seconds, in a thread, until closed.

    `group` gives the process group that counts where there is no GPU, by default this process's own.
    """

    def __init__(self, note: Note, group: Callable[[], int] = lambda: 0) -> None:
        self._group = group
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(note,), daemon=True)
        self._thread.start()

    def _run(self, note: Note) -> None:
        peak, noted = 0, 0.0
        while True:
            used = memory_used(self._group())
            now, total = time.monotonic(), sum(used.values())
            if used and (total > peak or now - noted >= NOTE_SECONDS):
                peak, noted = max(peak, total), now
                with suppress(OSError):
                    note("memory", **used)
            if self._done.wait(SAMPLE_SECONDS):
                return

    def close(self) -> None:
        self._done.set()
        self._thread.join()


@lru_cache(1)
def device() -> dict[str, Any]:
    """What an engine runs on.

    The first GPU's name (`gpu`) and, if known, its memory in MiB (`gpu_mib`), with the number of GPUs (`gpus`) if there
    are several; without a GPU the processor's name (`cpu`) and its number of cores (`cores`).
    """
    if gpus := read_gpus(DRIVER_SECONDS):
        size = {} if gpus[0].total is None else {"gpu_mib": gpus[0].total}
        return {"gpu": gpus[0].name, **size, **({"gpus": len(gpus)} if len(gpus) > 1 else {})}
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return {"cpu": name, "cores": os.cpu_count()}


def memory_used(group: int = 0) -> dict[str, int]:
    """MiB in use: `gpu_mib` of all GPUs, or `process_mib` of a process group where no GPU reports it; 0 is our own."""
    used = [gpu.used for gpu in read_gpus(DRIVER_SECONDS) if gpu.used is not None]
    if used:
        return {"gpu_mib": sum(used)}
    # psutil knows no process groups: it would only replace the last of these lines, and is on no host.
    pages = 0
    for status in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getpgid(int(status.name)) == os.getpgid(group):
                pages += int((status / "statm").read_text().split()[1])
    return {"process_mib": pages * os.sysconf("SC_PAGE_SIZE") // 2**20} if pages else {}
