"""Whether a host can take a run: each thing that it needs, before anything is uploaded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from cosmos_workflow.doctor.checks import Check, Status
from cosmos_workflow.doctor.gpus import QUERY, Gpu, asked_of, parse_gpus, smi_trouble
from cosmos_workflow.errors import CosmosError, HostError, HostKeyError
from cosmos_workflow.limits import DEFAULT_MODEL, Model, get_model, memory
from cosmos_workflow.ssh import Host, HostProgram, Pins, container_trouble, line_to, run_steps

__all__ = ["examine_host", "inspect_host", "require_host"]

GIB = 1024**3
ENOUGH_DISK = 2 * GIB


async def examine_host(host: Host, pins: Pins, model: str | Model = DEFAULT_MODEL) -> AsyncIterator[Check]:
    """Look at a host, one Check at a time; what cannot be looked at after a failure is left out."""
    facts = get_model(model)
    async with line_to(host, pins) as manager:
        program = HostProgram(manager)
        try:
            await manager.connection()
        except HostKeyError as error:  # nothing is known of the way: it may be a jump host's key, or never asked
            yield Check("host key", "missing", f"{error.where}: {error.what}", error.remedy)
            return
        except CosmosError as error:
            yield Check("reachable", "missing", f"{error.where or host.ssh}: {error.what}", error.remedy)
            return
        yield Check("reachable", "ok", host.ssh)
        pinned = pins.get(host.name)
        yield Check("host key", "ok", f"pinned, {pinned.get_fingerprint() if pinned else ''}")
        try:
            yield Check("python", "ok", f"{host.control_python} {await program.check_python()}")
            found = await inspect_host(program)
        except CosmosError as error:
            yield Check("worker", "missing", error.what, error.remedy)
            return
        yield Check("worker", "ok", f"{found['root']}/program/{program.sha256[:12]}….pyz")
        for check in judge(host, found, facts):
            yield check


async def inspect_host(program: HostProgram) -> dict[str, Any]:
    """What the host says of itself (see `worker.inspecting`). Raises HostError."""
    host = program.host
    asked = {
        "python": host.python,
        "runtime": list(host.container),
        "image": host.image,
        "model_path": host.model_path,
        "gpu_query": QUERY,
        "modules": ["vllm", "transformers", "torch", "httpx2", "httpx"],
    }
    (found,) = await program.ask("inspect", data=asked, timeout=120)
    return found


def judge(host: Host, found: dict[str, Any], facts: Model) -> Iterator[Check]:
    """What the host's own facts mean for a run of `facts` there."""
    free = found["disk_free"] / GIB
    if not found["writable"]:
        yield Check("disk", "missing", f"{found['root']} cannot be written", "set another workdir for this host")
    elif found["disk_free"] < ENOUGH_DISK:
        yield Check("disk", "missing", f"{free:.1f} GiB free", "free space there, or set another workdir")
    else:
        yield Check("disk", "ok", f"{free:.0f} GiB free in {found['root']}")
    yield from _runtime(host, found) if host.container else _engines(host, found)
    yield _model_files(host, found["model"], facts)
    yield from _gpus(host, found, facts)


def _runtime(host: Host, found: dict[str, Any]) -> Iterator[Check]:
    if found["runtime"]["code"]:
        remedy = f'install {host.runtime} there, or set runtime = "none"'
        yield Check("container runtime", "missing", found["runtime"]["err"] or "does not run", remedy)
        return
    if found["daemon"]["code"]:
        what, remedy = container_trouble(found["daemon"]["err"])
        yield Check(
            "container runtime", "missing", what or "does not answer", remedy or f"see there: {host.runtime} ps"
        )
        return
    yield Check("container runtime", "ok", found["runtime"]["out"])
    tag = host.image.rsplit("/", 1)[-1]
    if found["image"]["code"]:
        what, remedy = container_trouble(found["image"]["err"])
        if not what or re.search("no such image|image not known", what, re.IGNORECASE):
            what, remedy = f"{host.image} is not there", f"{' '.join(host.container)} pull {host.image}"
        yield Check("image", "missing", what, remedy or f"see there: {' '.join(host.container)} images")
    elif "@sha256:" not in host.image and (":" not in tag or tag.endswith(":latest")):
        remedy = f"name it by its digest: {host.image.split(':')[0]}@sha256:…"
        yield Check("image", "optional", f"{host.image} may be another one tomorrow", remedy)
    else:
        yield Check("image", "ok", host.image)


def _engines(host: Host, found: dict[str, Any]) -> Iterator[Check]:
    there = found["modules"]["out"].split()
    wanted = host.engine or ("vllm" if host.model_path else "describe")
    needs = {"vllm": ["vllm"], "transformers": ["transformers"], "server": ["httpx2", "httpx"]}.get(wanted, [])
    if needs and not any(name in there for name in needs):
        remedy = f"install it for {host.python} there (pip install {needs[0]}), or set a container runtime"
        yield Check("engine", "missing", f"{wanted}: {host.python} has no {' or '.join(needs)}", remedy)
    else:
        yield Check("engine", "ok", f"{wanted}; {host.python} has {', '.join(there) or 'no engine library'}")


def _model_files(host: Host, found: dict[str, Any], facts: Model) -> Check:
    if not host.model_path:
        remedy = f'download {facts.repository} there and set model_path; without it the engine is "describe"'
        return Check("model files", "optional", "no model_path", remedy)
    if not found["found"]:
        remedy = f"download {facts.repository} there, or correct model_path"
        return Check("model files", "missing", f"{host.model_path} is not there", remedy)
    if not {"params.json", "config.json"} & set(found["files"]):
        remedy = f"copy all of {facts.repository}"
        return Check("model files", "missing", f"neither params.json nor config.json in {host.model_path}", remedy)
    return Check("model files", "ok", f"{host.model_path}, {found['weights_bytes'] / GIB:.1f} GiB of weights")


def _gpus(host: Host, found: dict[str, Any], facts: Model) -> Iterator[Check]:
    wants = host.model_path and host.engine in ("", "vllm") and host.gpu != "none"
    needed: Status = "missing" if wants else "optional"
    answer = found["nvidia_smi"]
    what, remedy = smi_trouble(answer)
    if what:
        yield Check("gpu", needed, what, remedy)
    gpus, wrong = asked_of(parse_gpus(answer["out"]), host.gpu)
    if wrong:
        yield Check("gpu", needed, wrong, f"cosmos hosts add {host.name} … --gpu with one of these")
    used = int(host.engine_options.get("tensor_parallel_size", 1))
    held = (host.gpu.replace(",", "-") or "0") in found["held"]
    for number, gpu in enumerate(gpus):
        yield _gpu(gpu, facts, needed if number < used else "optional", held)


def _gpu(gpu: Gpu, facts: Model, needed: Status, held: bool) -> Check:
    """One GPU for the model; `held` says that a worker of ours has it, which gives way to another."""
    detail = f"{gpu.name}, {gpu.memory}"
    if gpu.total is None:
        return Check("gpu", "optional", detail, "see yourself whether the model fits: cosmos limits")
    plan = memory(facts, gpu=gpu.name, memory_gib=gpu.total / 1024)
    if not plan.fits:
        return Check("gpu", needed, f"{detail}; {plan.model}: {plan.reason}", plan.remedy)
    if gpu.free is not None and gpu.free / 1024 < plan.usable_gib * 0.95 and not held:
        remedy = "end what else runs on it, or lower gpu_memory_utilization in engine_options"
        return Check("gpu", needed, f"{detail}; {plan.model} wants {plan.usable_gib:.1f}", remedy)
    warm = ", in use by a worker of ours" if held else ""
    return Check("gpu", "ok", f"{detail}{warm}; {plan.model} fits, {plan.concurrency:.0f} at once")


def require_host(host: Host, pins: Pins, model: Model, warn: Callable[[str], None]) -> None:
    """Look at a host before anything is uploaded. Raises HostError for what it lacks.

    A GPU that looks too small is only warned of, as the weights may be quantised; a host that cannot be reached is
    left to the run, which tries for longer and says why it cannot.
    """

    async def collect() -> list[Check]:
        return [check async for check in examine_host(host, pins, model)]

    for check in run_steps(collect()):
        if check.name == "reachable" and check.status != "ok":
            return
        if check.status == "missing" and check.name != "gpu":
            raise HostError(check.detail, where=f"{host.name}, {check.name}", remedy=check.remedy)
        if check.name == "gpu" and check.status != "ok":
            warn(f"{host.name}, gpu: {check.detail}; {check.remedy}")
