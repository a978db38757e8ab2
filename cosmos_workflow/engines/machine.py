"""What engines run on: the device's name, and the memory in use while they answer."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from cosmos_workflow.engines.gpus import Gpu, asking, read_gpus

__all__ = ["Note", "Sampler", "device", "memory_used"]

SAMPLE_SECONDS = 1.0
FIRST_SECONDS = 2.0  # that a short call waits at its end for the first sample
NOTE_SECONDS = 5.0  # between two notes while the memory in use does not grow
DRIVER_SECONDS = 10.0  # a driver that answers later is taken for one that does not answer

Note = Callable[..., None]
"""Takes the name of an event, and what belongs to it by keywords."""

# Where a driver hangs, so does the thread that asks it; the other samplers wait here, each until its end.
_one_asks = threading.Lock()


class Sampler:
    """Notes the memory in use, at each new peak and at least every few seconds, in a thread, while it is entered.

    `group` gives the process group that counts where there is no GPU, by default this process's own.
    """

    def __init__(self, note: Note, group: Callable[[], int] = lambda: 0) -> None:
        self._note, self._group = note, group
        self._sampled, self._done = threading.Event(), threading.Event()
        self._noting = threading.Lock()

    def __enter__(self) -> Sampler:
        threading.Thread(target=self._run, name="cosmos-sampler", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is noted after this. The thread is not waited for, as a driver that hangs may hold it."""
        self._sampled.wait(FIRST_SECONDS)
        with self._noting:
            self._done.set()

    def _run(self) -> None:
        peak, noted = 0, 0.0
        with ExitStack() as stack:
            read: Callable[[], Sequence[Gpu]] | None = None
            while not self._done.is_set():
                if not _one_asks.acquire(timeout=SAMPLE_SECONDS):
                    continue
                try:
                    read = read or stack.enter_context(asking(DRIVER_SECONDS))
                    gpus = read()
                finally:
                    _one_asks.release()
                used = memory_used(gpus, self._group())
                now, total = time.monotonic(), sum(used.values())
                if used and (total > peak or now - noted >= NOTE_SECONDS):
                    peak, noted = max(peak, total), now
                    with self._noting, suppress(OSError):
                        if not self._done.is_set():
                            self._note("memory", **used)
                self._sampled.set()
                self._done.wait(SAMPLE_SECONDS)


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


def memory_used(gpus: Sequence[Gpu], group: int = 0) -> dict[str, int]:
    """MiB in use: `gpu_mib` of all GPUs, or `process_mib` of a process group where no GPU reports it; 0 is our own."""
    used = [gpu.used for gpu in gpus if gpu.used is not None]
    if used:
        return {"gpu_mib": sum(used)}
    # psutil knows no process groups: it would only replace the last of these lines, and is on no host.
    pages = 0
    for status in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getpgid(int(status.name)) == os.getpgid(group):
                pages += int((status / "statm").read_text().split()[1])
    return {"process_mib": pages * os.sysconf("SC_PAGE_SIZE") // 2**20} if pages else {}
