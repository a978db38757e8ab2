"""A machine as a video model sees it: system, driver, card and its memory, shared memory, libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cosmos_workflow.doctor.finding import Finding, Status
from cosmos_workflow.doctor.gpus import describe_gpu, driver_trouble
from cosmos_workflow.doctor.models import SETUPS, Form, Setup
from cosmos_workflow.engines.gpus import Gpu
from cosmos_workflow.limits import TransferModel, plan_video

__all__ = ["judge_cards", "judge_libraries", "judge_shared", "judge_system"]

MIB = 1024**2
DOCKERS_OWN = 64 * MIB  # /dev/shm of a container that was given no size
# Newer drivers name the two parts of a driver (KMD, UMD) where older ones have one version.
DRIVER = re.compile(r"(?:Driver|KMD) Version\s*:\s*([\d.]+)")
CUDA = re.compile(r"CUDA (?:UMD )?Version\s*:\s*([\d.]+)")
UPDATE = "install a newer driver there: docs.nvidia.com/datacenter/tesla/driver-installation-guide"


def judge_system(model: TransferModel, facts: Mapping[str, Any], form: Form) -> Iterator[Finding]:
    """The operating system and the processor; then the driver and its CUDA."""
    setup = SETUPS[model.family.name]
    cuda = _found(CUDA, facts)
    detail = f"{facts['system']} {facts['machine']}" + (f", glibc {facts['glibc']}" if facts["glibc"] else "")
    arm = facts["machine"].lower() in ("aarch64", "arm64")
    if facts["system"] != "Linux":
        yield Finding(
            "system", "missing", f"{detail}; the model runs on Linux alone ({setup.source})", "use a host: --on"
        )
    elif arm and not setup.arm_cuda:
        yield Finding(
            "system", "missing", f"{detail}; aarch64: {model.aarch64} ({model.sources['aarch64']})",
            "use a machine with an x86-64 processor",
        )  # fmt: skip
    elif arm and cuda and _version(cuda) < _version(setup.arm_cuda):
        yield Finding(
            "system", "missing", f"{detail}; on aarch64 CUDA {setup.arm_cuda} is needed, the driver has {cuda}"
            f" ({setup.source})", UPDATE,
        )  # fmt: skip
    elif form != "diffusers" and facts["glibc"] and _version(facts["glibc"]) < _version(setup.glibc):
        yield Finding(
            "system", "missing", f"{detail}; NVIDIA's program needs glibc {setup.glibc} ({setup.source})",
            f"use a newer Linux, or a container: {setup.image}",
        )  # fmt: skip
    else:
        yield Finding("system", "ok", detail)
    yield _driver(setup, _found(DRIVER, facts), cuda)


def _driver(setup: Setup, driver: str, cuda: str) -> Finding:
    asked = f"{f'driver {setup.driver}, ' if setup.driver else ''}CUDA {setup.cuda}"
    if not driver:
        return Finding(
            "driver", "unknown", f"nvidia-smi names none; {asked} or newer is asked for ({setup.source})",
            "see yourself there: nvidia-smi",
        )  # fmt: skip
    detail = f"driver {driver}, CUDA {cuda or 'not known'}"
    if setup.driver and _version(driver) < _version(setup.driver):
        return Finding("driver", "missing", f"{detail}; {setup.driver} or newer is needed ({setup.source})", UPDATE)
    if not cuda or _version(cuda) >= _version(setup.cuda):
        return Finding("driver", "ok", detail)
    # Within one major version CUDA promises that an older driver will do (minor version compatibility).
    same = _version(cuda)[:1] == _version(setup.cuda)[:1]
    return Finding(
        "driver", "optional" if same else "missing",
        f"{detail}; the libraries are made for {setup.cuda} ({setup.source})", UPDATE,
    )  # fmt: skip


def judge_cards(
    model: TransferModel, facts: Mapping[str, Any], gpus: Sequence[Gpu], answer: Mapping[str, Any]
) -> Iterator[Finding]:
    """Each card: what it can compute, and its memory; the first one is the one that is used.

    `answer` is that of `ask_driver`, which says in words why there is none.
    """
    what, remedy = driver_trouble(answer)
    if what:
        yield Finding("gpu", "missing" if not gpus else "optional", what, remedy)
    capabilities = _capabilities(facts["capability"]["out"])
    for number, gpu in enumerate(gpus):
        needed: Status = "missing" if number == 0 else "optional"
        if gpu.index in capabilities:
            yield _architecture(SETUPS[model.family.name], gpu, capabilities[gpu.index], needed)
        yield _memory(model, gpu, needed)


def _architecture(setup: Setup, gpu: Gpu, capability: float, needed: Status) -> Finding:
    detail = f"{gpu.name}, compute capability {capability:.1f}"
    if capability < setup.capability:
        return Finding(
            "gpu architecture", needed, f"{detail} of {setup.capability:.1f} ({setup.capability_source})",
            "take a card of the Ampere generation or newer",
        )  # fmt: skip
    if capability >= 10 and setup.new_cards:
        return Finding("gpu architecture", "optional", f"{detail}; {setup.new_cards}", f"if it fails: {setup.image}")
    return Finding("gpu architecture", "ok", detail)


def _memory(model: TransferModel, gpu: Gpu, needed: Status) -> Finding:
    detail = describe_gpu(gpu)
    if gpu.total is None:
        return Finding("gpu memory", "unknown", detail, "see yourself whether the model fits: cosmos limits --model")
    plan = plan_video(model, gpu=gpu.name, memory_gib=gpu.total / 1024)
    if plan.fits is False:
        return Finding("gpu memory", needed, f"{detail}; {model.name}: {plan.reason}", plan.remedy)
    if plan.fits is None:
        known = [f"{way.way}: more than {way.needed_gib:g} GiB ({way.source})" for way in plan.ways if way.needed_gib]
        return Finding(
            "gpu memory", "unknown", f"{detail}; {model.name}: {'; '.join(known) or 'not published'}",
            "try it with the smallest size and one control",
        )  # fmt: skip
    ways = [way for way in plan.ways if way.fits and way.needed_gib]
    about = f"{ways[0].way} takes {ways[0].needed_gib:g} GiB at {plan.tier} ({ways[0].source})" if ways else "fits"
    return Finding("gpu memory", "ok", f"{detail}; {model.name}: {about}")


def judge_shared(size: int | None, options: Iterable[str] = (), *, container: bool = False) -> Finding:
    """/dev/shm, through which processes of several GPUs talk; how much they need is not published.

    `size` is the machine's, in bytes; in a container its `options` decide.
    """
    name, remedy = "shared memory", "add --ipc=host (or --shm-size=32g) to run_options of this host"
    given = [option for option in options if option.startswith(("--ipc=host", "--shm-size"))]
    if container and not given:
        return Finding(name, "optional", "the container has Docker's 64 MiB; several GPUs need more", remedy)
    if given and given[-1].startswith("--shm-size"):
        return Finding(name, "ok", f"{given[-1]} of the container")
    if size is None:
        return Finding(name, "unknown", "there is no /dev/shm", "only several GPUs need it; start with one")
    words = f"{size / MIB:,.0f} MiB in /dev/shm"
    if size <= DOCKERS_OWN:
        return Finding(name, "optional", f"{words}; several GPUs need more", "start the container with --ipc=host")
    return Finding(name, "ok", words)


def judge_libraries(model: TransferModel, form: Form, python: str, present: Iterable[str]) -> Finding:
    """What the Python there can import of what runs the model."""
    setup, present = SETUPS[model.family.name], set(present)
    if form == "diffusers":
        lacking = [name for name in DIFFUSERS if name not in present]
        if lacking:
            remedy = f"pip install 'cosmos-workflow[diffusers]' cosmos_guardrail, for {python}"
            return Finding("libraries", "missing", f"{python} has no {', '.join(lacking)}", remedy)
        return Finding("libraries", "ok", f"{python} has {', '.join(DIFFUSERS)}")
    lacking = [name for name in setup.modules if name not in present]
    if lacking:
        return Finding(
            "libraries", "optional",
            f"{python} has no {', '.join(lacking)}: NVIDIA's program needs an environment of its own",
            f"make it ({setup.source}), or its image: {setup.image}",
        )  # fmt: skip
    return Finding("libraries", "ok", f"{python} has {', '.join(setup.modules)}")


DIFFUSERS = ("torch", "transformers", "diffusers", "cosmos_guardrail")


def _found(pattern: re.Pattern[str], facts: Mapping[str, Any]) -> str:
    match = pattern.search(facts["smi"]["out"])
    return match[1] if match else ""


def _capabilities(text: str) -> dict[int, float]:
    rows = (re.fullmatch(r"\s*(\d+), *[^,]*, *(\d+\.\d+)\s*", line) for line in text.splitlines())
    return {int(row[1]): float(row[2]) for row in rows if row}


def _version(text: str) -> tuple[int, ...]:
    """The parts of a version, each as a number; an empty one is before all others.

    >>> _version("570.86.15") < _version("570.124.06")
    True
    """
    return tuple(map(int, re.findall(r"\d+", text)))
