"""What the driver's answers mean for people: words for a GPU, for what is wrong, and its remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cosmos_workflow.engines.gpus import Gpu, gpus_in, parse_gpus

__all__ = ["chosen_gpus", "describe_gpu", "driver_trouble"]

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


def describe_gpu(gpu: Gpu) -> str:
    """Its name, and its free and total memory.

    >>> describe_gpu(Gpu(0, "NVIDIA L40S", 46068, 45559))
    'NVIDIA L40S, 44.5 of 45.0 GiB free'
    >>> describe_gpu(Gpu(0, "NVIDIA GB10", None, None))
    'NVIDIA GB10, memory not known'
    """
    if gpu.total is None:
        return f"{gpu.name}, memory not known"
    free = "an unknown part" if gpu.free is None else f"{gpu.free / 1024:.1f}"
    return f"{gpu.name}, {free} of {gpu.total / 1024:.1f} GiB free"


def driver_trouble(answer: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong according to an answer of `ask_driver`, and its remedy; empty where nothing is."""
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
    return ("", "") if gpus_in(answer) else ("nvidia-smi lists no GPU", NEEDS_DRIVER)


def chosen_gpus(gpus: list[Gpu], wanted: str) -> tuple[list[Gpu], str]:
    """The GPUs that a host's `gpu` setting names, and what is wrong with it; a setting without indices means all.

    >>> chosen_gpus([Gpu(0, "NVIDIA L4", 23034, 22565)], "3")
    ([], 'GPU 3 was asked for; the host has 0')
    """
    if not re.fullmatch(r"\d+(,\d+)*", wanted):
        return gpus, ""
    numbers = [int(word) for word in wanted.split(",")]
    by_index = {gpu.index: gpu for gpu in gpus}
    lacking = [str(number) for number in numbers if number not in by_index]
    if gpus and lacking:
        return [], f"GPU {', '.join(lacking)} was asked for; the host has {', '.join(map(str, by_index))}"
    return [by_index[number] for number in numbers if number in by_index], ""
