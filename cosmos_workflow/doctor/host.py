"""Whether a host can take a run: each thing that a run needs, before anything is uploaded."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cosmos_workflow.config import price_of
from cosmos_workflow.deciding import settings_for
from cosmos_workflow.doctor.finding import Finding, Status
from cosmos_workflow.doctor.gpus import chosen_gpus, describe_gpu, driver_trouble
from cosmos_workflow.doctor.video import folder_for, image_for, judge_video, modules_for, survey_for, video_model
from cosmos_workflow.engines.gpus import Gpu, gpus_in
from cosmos_workflow.errors import CosmosError, HostError, HostKeyError, HostUnreachable
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.limits import DEFAULT_MODEL, Model, TransferModel, get_model, memory
from cosmos_workflow.ssh import Host, HostProgram, Pins, container_trouble, line_to, run_steps

__all__ = ["examine_host", "inspect_host", "require_host", "require_libraries"]

GIB = 1024**3
ENOUGH_DISK = 2 * GIB
IN_USE_MIB = 1024  # less is what a desktop has there
MODULES = ("vllm", "transformers", "torch", "httpx2", "httpx")


async def examine_host(host: Host, pins: Pins, model: str | Model | None = "") -> AsyncIterator[Finding]:
    """Look at a host, one Finding at a time; what a failure makes impossible to look at is left out.

    `model` may be a video model too, by its name; with None no model is looked for. Raises UsageError for an unknown
    one.
    """
    video = video_model(model)
    wanted = None if video or model is None else get_model(model or DEFAULT_MODEL)
    if video:
        host = replace(host, model_path=folder_for(video, host))
    elif isinstance(model, str) and wanted:  # a run has decided itself what is looked at
        host = settings_for(get_kind("upsample"), host)
    async with line_to(host, pins) as manager:
        program = HostProgram(manager)
        try:
            await manager.connection()
        except HostKeyError as error:  # the rest of the way is not known: the key may be a jump host's
            yield Finding("host key", "missing", f"{error.where}: {error.what}", error.remedy)
            return
        except CosmosError as error:
            yield Finding("reachable", "missing", f"{error.where or host.ssh}: {error.what}", error.remedy)
            return
        yield Finding("reachable", "ok", host.ssh)
        pinned = pins.get(host.name)
        yield Finding("host key", "ok", f"pinned, {pinned.get_fingerprint() if pinned else ''}")
        try:
            yield Finding("python", "ok", f"{host.control_python} {await program.check_python()}")
            facts = (
                await inspect_host(program, modules_for(video), survey_for(video, host))
                if video
                else await inspect_host(program)
            )
        except CosmosError as error:
            yield Finding("agent", "missing", error.what, error.remedy)
            return
        yield Finding("agent", "ok", f"{facts['root']}/program/{program.sha256[:12]}….pyz")
        for finding in judge_for_video(video, host, facts) if video else judge(host, facts, wanted):
            yield finding


async def inspect_host(
    program: HostProgram, modules: Iterable[str] = MODULES, survey: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The host's facts (see `agent.inspecting`), and which of `modules` its Python has. Raises HostError."""
    host = program.host
    asked = {
        "python": host.python,
        "runtime": list(host.container),
        "image": host.image,
        "model_path": host.model_path,
        "modules": list(modules),
    } | ({"survey": survey} if survey else {})
    (facts,) = await program.ask("inspect", data=asked, timeout=120)
    return facts


def judge(host: Host, facts: dict[str, Any], model: Model | None) -> Iterator[Finding]:
    """What the facts of `inspect_host` mean for a run of `model` there; without one, for a run of the host's engine."""
    yield _disk(facts)
    yield from _runtime(host, facts) if host.container else _engines(host, facts)
    yield from _idle(host, facts)
    if model is None:
        return
    yield _model_files(host, facts["model"], model)
    yield from _gpus(host, facts, model)


def judge_for_video(model: TransferModel, host: Host, facts: dict[str, Any]) -> Iterator[Finding]:
    """The same for a run of a video model."""
    yield _disk(facts)
    if host.container:
        for finding in _runtime(host, facts):
            built = finding.name == "image" and finding.status == "missing"
            yield replace(finding, remedy=f"{finding.remedy}; {image_for(model)}") if built else finding
    yield from judge_video(model, host, facts)
    yield from _idle(host, facts)


def _idle(host: Host, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """GPUs that cost money and do nothing for a run of ours: a model kept warm, or memory that others have in use."""
    price = price_of(host.price, f"hosts.{host.name}, price")
    for agent in facts.get("idle", ()):
        cost = f" (about ${agent['seconds'] / 3600 * price:.2f})" if price else ""
        yield Finding(
            "idle gpu", "optional", f"GPU {agent['device']}: warm for {agent['seconds'] / 60:.0f} min, no run{cost}",
            "it is freed by itself after the --keep-warm of its last run; stop the machine if nothing comes",
        )  # fmt: skip
    held = {name for each in facts["held"] for name in each.split(",")}
    for gpu in chosen_gpus(gpus_in(facts["nvidia_smi"]), host.gpu)[0]:
        used = gpu.used or 0
        if str(gpu.index) not in held and used > IN_USE_MIB:
            detail = f"GPU {gpu.index}: {used / 1024:.1f} GiB in use, and no run of ours"
            yield Finding("idle gpu", "optional", detail, "see there: nvidia-smi")


def _disk(facts: dict[str, Any]) -> Finding:
    free = facts["disk_free"] / GIB
    if not facts["writable"]:
        return Finding("disk", "missing", f"{facts['root']} cannot be written", "set another workdir for this host")
    if facts["disk_free"] < ENOUGH_DISK:
        return Finding("disk", "missing", f"{free:.1f} GiB free", "free space there, or set another workdir")
    return Finding("disk", "ok", f"{free:.0f} GiB free in {facts['root']}")


def _runtime(host: Host, facts: dict[str, Any]) -> Iterator[Finding]:
    if facts["runtime"]["code"]:
        remedy = f'install {host.runtime} there, or set runtime = "none"'
        yield Finding("container runtime", "missing", facts["runtime"]["err"] or "does not run", remedy)
        return
    if facts["daemon"]["code"]:
        what, remedy = container_trouble(facts["daemon"]["err"])
        yield Finding(
            "container runtime", "missing", what or "does not answer", remedy or f"see there: {host.runtime} ps"
        )
        return
    yield Finding("container runtime", "ok", facts["runtime"]["out"])
    tag = host.image.rsplit("/", 1)[-1]
    if facts["image"]["code"]:
        what, remedy = container_trouble(facts["image"]["err"])
        if not what or re.search("no such image|image not known", what, re.IGNORECASE):
            what, remedy = f"{host.image} is not there", f"{' '.join(host.container)} pull {host.image}"
        yield Finding("image", "missing", what, remedy or f"see there: {' '.join(host.container)} images")
    elif "@sha256:" not in host.image and (":" not in tag or tag.endswith(":latest")):
        remedy = f"name it by its digest: {host.image.split(':')[0]}@sha256:…"
        yield Finding("image", "optional", f"{host.image} may be another image tomorrow", remedy)
    else:
        yield Finding("image", "ok", host.image)


def _engines(host: Host, facts: dict[str, Any]) -> Iterator[Finding]:
    modules = facts["modules"]["out"].split()
    wanted = host.engine or ("vllm" if host.model_path else "describe")
    needs = {"vllm": ["vllm"], "transformers": ["transformers"], "server": ["httpx2", "httpx"]}.get(wanted, [])
    if needs and not any(name in modules for name in needs):
        remedy = f"install it for {host.python} there (pip install {needs[0]}), or set a container runtime"
        yield Finding("engine", "missing", f"{wanted}: {host.python} has no {' or '.join(needs)}", remedy)
    else:
        yield Finding("engine", "ok", f"{wanted}; {host.python} has {', '.join(modules) or 'no engine library'}")


def _model_files(host: Host, files: dict[str, Any], model: Model) -> Finding:
    if not host.model_path:
        remedy = f'download {model.repository} there and set model_path; without it the engine is "describe"'
        return Finding("model files", "optional", "no model_path", remedy)
    if not files["found"]:
        remedy = f"download {model.repository} there, or correct model_path"
        return Finding("model files", "missing", f"{host.model_path} is not there", remedy)
    if not {"params.json", "config.json"} & set(files["files"]):
        remedy = f"copy all of {model.repository}"
        return Finding("model files", "missing", f"neither params.json nor config.json in {host.model_path}", remedy)
    return Finding("model files", "ok", f"{host.model_path}, {files['weights_bytes'] / GIB:.1f} GiB of weights")


def _gpus(host: Host, facts: dict[str, Any], model: Model) -> Iterator[Finding]:
    wants = host.model_path and host.engine in ("", "vllm") and host.gpu != "none"
    needed: Status = "missing" if wants else "optional"
    answer = facts["nvidia_smi"]
    what, remedy = driver_trouble(answer)
    if what:
        yield Finding("gpu", needed, what, remedy)
    gpus, wrong = chosen_gpus(gpus_in(answer), host.gpu)
    if wrong:
        yield Finding("gpu", needed, wrong, f"cosmos hosts add {host.name} … --gpu with one of these")
    used = int(host.engine_options.get("tensor_parallel_size", 1))
    held = not set((host.gpu or "0").split(",")).isdisjoint(facts["held"])
    for number, gpu in enumerate(gpus):
        yield _gpu(gpu, model, needed if number < used else "optional", held)


def _gpu(gpu: Gpu, model: Model, needed: Status, held: bool) -> Finding:
    """One GPU for the model; `held` says that an agent of ours has it, which makes way for the next."""
    detail = describe_gpu(gpu)
    if gpu.total is None:
        return Finding("gpu", "optional", detail, "see yourself whether the model fits: cosmos limits")
    plan = memory(model, gpu=gpu.name, memory_gib=gpu.total / 1024)
    if not plan.fits:
        return Finding("gpu", needed, f"{detail}; {plan.model}: {plan.reason}", plan.remedy)
    if gpu.free is not None and gpu.free / 1024 < plan.usable_gib * 0.95 and not held:
        remedy = "end the other programs on it, or lower gpu_memory_utilization in engine_options"
        return Finding("gpu", needed, f"{detail}; {plan.model} wants {plan.usable_gib:.1f}", remedy)
    warm = ", held by a cosmos agent" if held else ""
    return Finding("gpu", "ok", f"{detail}{warm}; {plan.model} fits, {plan.concurrency:.0f} at once")


def require_host(host: Host, pins: Pins, model: Model | None, warn: Callable[[str], None]) -> None:
    """Look at a host before anything is uploaded, and for a language model there. Raises HostError for what it lacks.

    `warn` gets the words about a GPU that looks too small, as the weights may be quantised. Nothing is raised for a
    host that cannot be reached: the run tries for longer, and says why it cannot.
    """

    async def collect() -> list[Finding]:
        return [finding async for finding in examine_host(host, pins, model)]

    for finding in run_steps(collect()):
        if finding.name == "reachable" and finding.status != "ok":
            return
        if finding.status == "missing" and finding.name != "gpu":
            raise HostError(finding.detail, where=f"{host.name}, {finding.name}", remedy=finding.remedy)
        if finding.name == "gpu" and finding.status != "ok":
            warn(f"{host.name}, gpu: {finding.detail}; {finding.remedy}")


def require_libraries(host: Host, pins: Pins, engine: str, libraries: Mapping[str, str]) -> None:
    """See that a host's Python has the modules that an engine needs, each with its name at PyPI.

    Raises HostError for what is missing. Nothing is raised for a host that cannot be reached: the run tries for longer.
    """

    async def modules() -> str:
        async with line_to(host, pins) as manager:
            return str((await inspect_host(HostProgram(manager), libraries))["modules"]["out"])

    try:
        present = run_steps(modules()).split()
    except HostUnreachable:
        return
    if missing := [module for module in libraries if module not in present]:
        packages = " ".join(libraries[module] for module in missing)
        raise HostError(
            f"{engine}: {host.python} has no {', '.join(missing)}", where=f"{host.name}, engine",
            remedy=f"install for {host.python} there (pip install {packages}), or set another python for this host",
        )  # fmt: skip
