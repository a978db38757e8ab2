"""What `nvidia-smi` says: of each GPU, or of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["QUERY", "Gpu", "asked_of", "parse_gpus", "smi_trouble"]

QUERY = "index,name,memory.total,memory.free"
NEEDS_DRIVER = "rent a machine with a GPU, or see that its driver runs: nvidia-smi"
# The texts are nvidia-smi's and NVML's own; they come on standard output.
REMEDIES = {
    "driver/library version mismatch": "restart the host: its driver was updated and the old one still runs",
    "couldn't communicate with the nvidia driver": "install the driver there, or load it: sudo modprobe nvidia",
    "no devices were found": "see whether the machine has one (lspci | grep -i nvidia), and what dmesg says",
    "couldn't find libnvidia-ml|libnvidia-ml.so": "install the driver's library there (libnvidia-compute)",
    "insufficient permissions": "let your user use /dev/nvidia* there",
    "unable to determine the device handle|gpu is lost|requires reset|unknown error": "restart the host",
}


@dataclass(frozen=True)
class Gpu:
    """Memory is in MiB, None where the driver does not tell of it, as for memory shared with the CPU."""

    index: int
    name: str
    total: int | None
    free: int | None

    @property
    def memory(self) -> str:
        """Free and total memory in words."""
        if self.total is None:
            return "memory not known"
        free = "an unknown part" if self.free is None else f"{self.free / 1024:.1f}"
        return f"{free} of {self.total / 1024:.1f} GiB free"


def parse_gpus(text: str) -> list[Gpu]:
    """The GPUs in the CSV of `nvidia-smi --query-gpu=` of QUERY, without units; lines of another kind are left out.

    >>> parse_gpus("0, NVIDIA L40S, 46068, 45559")
    [Gpu(index=0, name='NVIDIA L40S', total=46068, free=45559)]
    >>> parse_gpus("0, NVIDIA GB10, [N/A], [N/A]")[0].memory
    'memory not known'
    """
    found = []
    for line in text.splitlines():
        if row := re.fullmatch(r"\s*(\d+), *(.+?), *(\d+|\[?[^,\]]*\]?), *(\d+|\[?[^,\]]*\]?)\s*", line):
            total, free = (int(word) if word.isdigit() else None for word in row.groups()[2:])
            found.append(Gpu(int(row[1]), row[2], total, free))
    return found


def smi_trouble(answer: Mapping[str, Any]) -> tuple[str, str]:
    """What `nvidia-smi` says is wrong, and its remedy; empty where nothing is."""
    if answer["missing"]:
        return "no NVIDIA GPU: there is no nvidia-smi", NEEDS_DRIVER
    lines = f"{answer['out']}\n{answer['err']}".splitlines()
    lines = [line.strip() for line in lines if line.strip() and not parse_gpus(line)]
    for pattern, remedy in REMEDIES.items():
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                return line, remedy
    if answer["code"]:
        return lines[-1] if lines else f"nvidia-smi ended with exit code {answer['code']}", NEEDS_DRIVER
    return ("", "") if parse_gpus(answer["out"]) else ("nvidia-smi lists no GPU", NEEDS_DRIVER)


def asked_of(found: list[Gpu], wanted: str) -> tuple[list[Gpu], str]:
    """The GPUs that a host's `gpu` names, and what is wrong with it; a name that is no index stands for all.

    >>> asked_of(parse_gpus("0, NVIDIA L4, 1, 1"), "3")
    ([], 'GPU 3 was asked for; the host has 0')
    """
    if not re.fullmatch(r"\d+(,\d+)*", wanted):
        return found, ""
    numbers = [int(word) for word in wanted.split(",")]
    there = {gpu.index: gpu for gpu in found}
    lacking = [str(number) for number in numbers if number not in there]
    if found and lacking:
        return [], f"GPU {', '.join(lacking)} was asked for; the host has {', '.join(map(str, there))}"
    return [there[number] for number in numbers if number in there], ""
