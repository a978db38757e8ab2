"""How long a context an engine can have where it runs, from which `--max-model-len auto` chooses."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from cosmos_workflow.doctor.gpus import chosen_gpus
from cosmos_workflow.doctor.host import inspect_host
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.engines.gpus import Gpu, gpus_in, read_gpus
from cosmos_workflow.limits import kv_cache, memory
from cosmos_workflow.ssh import Host, HostProgram, Pins, line_to

__all__ = ["longest_here", "longest_on"]

GIB = 1024**3


def longest_here(engine: str, settings: EngineSettings) -> tuple[int, str]:
    """The longest `max_model_len` for one request on this machine, in tokens, and why.

    The model's default where the memory is not known. Raises EngineUnavailable for a server that does not answer.
    """
    model = settings.model
    if engine == "server":
        with closing(make_engine(engine, settings)) as server:
            stated = getattr(server, "max_model_len", None)
        return (stated or model.max_model_len, "as the server states" if stated else "the server states none")
    if engine == "transformers":
        return model.longest_model_len, "transformers sets no limit but the memory"
    if engine == "describe":
        return model.max_model_len, "no model is used"
    if gpus := read_gpus():
        return _on_gpus(gpus, settings, _weights(settings.model_path))
    if space := os.environ.get("VLLM_CPU_KVCACHE_SPACE", ""):
        # vLLM for CPUs: this is the size of its cache, in GiB.
        tokens = kv_cache(model, int(float(space) * GIB), block_size=128).tokens
        return min(tokens, model.longest_model_len), f"VLLM_CPU_KVCACHE_SPACE is {space} GiB"
    return model.max_model_len, "no GPU of this machine reports its memory"


async def longest_on(host: Host, engine: str, settings: EngineSettings, pins: Pins) -> tuple[int, str]:
    """The same on a host. Raises HostError where the host cannot be asked."""
    if engine != "vllm":
        return longest_here(engine, settings)
    async with line_to(host, pins) as manager:
        facts = await inspect_host(HostProgram(manager))
    gpus, wrong = chosen_gpus(gpus_in(facts["nvidia_smi"]), host.gpu)
    if wrong:
        return settings.model.max_model_len, wrong
    if not gpus:
        return settings.model.max_model_len, f"no GPU of {host.name} reports its memory"
    return _on_gpus(gpus, settings, facts["model"].get("weights_bytes", 0))


def _on_gpus(gpus: Sequence[Gpu], settings: EngineSettings, weight_bytes: int) -> tuple[int, str]:
    count = min(int(settings.options.get("tensor_parallel_size", 1)), len(gpus))
    name, total = gpus[0].name, gpus[0].total
    if total is None:
        return settings.model.max_model_len, f"the memory of {name} is not known"
    size = count * total / 1024
    planned = memory(
        settings.model, gpu=name, memory_gib=size, weight_bytes=weight_bytes,
        gpu_memory_utilization=float(settings.options.get("gpu_memory_utilization", 0.0)),
    )  # fmt: skip
    times = f"{count} × " if count > 1 else ""
    return planned.longest_model_len, f"{times}{name} holds {planned.cache_tokens:,} tokens beside the weights"


def _weights(folder: str) -> int:
    files = Path(folder).expanduser().glob("*.safetensors") if folder else ()
    return sum(file.stat().st_size for file in files)
