"""The GPUs of this machine: asked of NVIDIA's library where Python can import it, else of `nvidia-smi`.

The library is `nvidia-ml-py` (module `pynvml`). A host needs no installation: every driver comes with `nvidia-smi`,
which also says in words what is wrong. Both list every GPU, whatever CUDA_VISIBLE_DEVICES is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Gpu", "ask_driver", "asking", "gpus_in", "output_of", "parse_gpus", "read_gpus"]

FIELDS = "index,name,memory.total,memory.free,memory.used"
MEMORY = r", *(\d+|\[?[^,\]]*\]?)"  # a number, or words as [N/A]
ROW = re.compile(rf"\s*(\d+), *(.+?){MEMORY}{MEMORY}(?:{MEMORY})?\s*")
MIB = 1 << 20


@dataclass(frozen=True)
class Gpu:
    """One GPU; `index` is the driver's.

    Memory is in MiB, and None where the driver does not report it: where the GPU shares the CPU's memory, or where
    only a part of it (MIG) is given to us. `used` is without what the driver keeps for itself, so `free` and `used`
    are less than `total`.
    """

    index: int
    name: str
    total: int | None
    free: int | None
    used: int | None = None


def read_gpus(timeout: float = 30.0) -> list[Gpu]:
    """Every NVIDIA GPU that works; empty where there is none. Library and `nvidia-smi` have `timeout` seconds each."""
    return gpus_in(ask_driver(timeout))


def ask_driver(timeout: float = 30.0) -> dict[str, Any]:
    """What the driver says, as JSON can carry it.

    {missing, code, out, err} is what `nvidia-smi` printed (see `output_of`). Where NVIDIA's library answered, these
    say that nothing is wrong, and `gpus` holds the fields of each Gpu.
    """
    if gpus := _within(timeout, _from_library):
        return {"missing": False, "code": 0, "out": "", "err": "", "gpus": [asdict(gpu) for gpu in gpus]}
    return _ask_tool(timeout)


@contextmanager
def asking(timeout: float = 30.0) -> Iterator[Callable[[], list[Gpu]]]:
    """What gives the same as `read_gpus`, to be called again and again: NVIDIA's library is started once for all calls.

    It asks the library in the caller's thread, so that a driver that hangs holds no other.
    """
    with _library() as read:
        yield lambda: read() or parse_gpus(_ask_tool(timeout)["out"])


def gpus_in(answer: Mapping[str, Any]) -> list[Gpu]:
    """The GPUs in an answer of `ask_driver`."""
    return [Gpu(**row) for row in answer["gpus"]] if "gpus" in answer else parse_gpus(answer["out"])


def parse_gpus(text: str) -> list[Gpu]:
    """The GPUs in the CSV of `nvidia-smi --query-gpu=` of FIELDS, without units; `used` may be left out.

    Lines of another kind are left out.

    >>> parse_gpus("0, NVIDIA L40S, 46068, 45559, 1")
    [Gpu(index=0, name='NVIDIA L40S', total=46068, free=45559, used=1)]
    >>> parse_gpus("0, NVIDIA GB10, [N/A], [N/A], [N/A]")
    [Gpu(index=0, name='NVIDIA GB10', total=None, free=None, used=None)]
    """
    rows = filter(None, map(ROW.fullmatch, text.splitlines()))
    return [Gpu(int(row[1]), row[2], *(_number(word) for word in row.groups()[2:])) for row in rows]


def _number(word: str | None) -> int | None:
    return int(word) if word and word.isdigit() else None


def _within(timeout: float, read: Callable[[], list[Gpu]]) -> list[Gpu]:
    """What `read` returns; nothing where a driver that hangs does not let it return in time."""
    gpus: list[Gpu] = []
    thread = threading.Thread(target=lambda: gpus.extend(read()), daemon=True)
    thread.start()
    thread.join(timeout)
    return gpus


def _from_library() -> list[Gpu]:
    with _library() as read:
        return read()


@contextmanager
def _library() -> Iterator[Callable[[], list[Gpu]]]:
    """What reads the GPUs from NVIDIA's library, started until this ends.

    It gives none where the library is not there or reports an error: `nvidia-smi` names that in words known to users.
    """
    try:
        import pynvml as nvml
    except ImportError:
        yield list
        return
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # no driver, or not the one that the library was made for
        yield list
        return

    def read() -> list[Gpu]:
        try:
            return [_gpu(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
        except (nvml.NVMLError, AttributeError):  # a GPU that is lost; a library or driver from before 2022
            return []

    try:
        yield read
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    name = name.decode() if isinstance(name, bytes) else name  # bytes before version 12
    try:
        # Version 2 tells the driver's own share from what is used, as `nvidia-smi` does.
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_NoPermission):
        return Gpu(index, name, None, None)
    return Gpu(index, name, memory.total // MIB, memory.free // MIB, memory.used // MIB)


def _ask_tool(timeout: float) -> dict[str, Any]:
    return output_of(["nvidia-smi", f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"], timeout)


def output_of(command: list[str], timeout: float = 30.0) -> dict[str, Any]:
    """{missing, code, out, err}: `missing` where there is no program of that name; code 1 where it cannot be run, or
    does not end within `timeout` seconds. `err` is cut to its last 1,500 characters.
    """
    program = shutil.which(command[0], mode=os.F_OK)  # one that may not be run is there
    if program is None:
        return {"missing": True, "code": 127, "out": "", "err": f"no {command[0]}"}
    try:
        done = subprocess.run(
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return {"missing": False, "code": 1, "out": "", "err": str(error)}
    return {"missing": False, "code": done.returncode, "out": done.stdout.strip(), "err": done.stderr.strip()[-1500:]}
