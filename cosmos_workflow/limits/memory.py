"""What fits into a GPU: weights, KV cache, concurrency."""

from __future__ import annotations

from dataclasses import dataclass

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.models import DEFAULT_MODEL, DTYPES, Model, get_model

__all__ = ["GPUS", "KVCache", "MemoryPlan", "find_gpu", "full_size_model_len", "kv_cache", "memory"]

GIB = 1024**3

# GiB that nvidia-smi reports as memory.total, from its MiB.
GPUS = {
    "L4": 23034 / 1024,
    "A10": 23028 / 1024,
    "RTX 4090": 24564 / 1024,
    "RTX 5090": 32607 / 1024,
    "A100 40GB": 40960 / 1024,
    "L40S": 46068 / 1024,
    "RTX 6000 Ada": 49140 / 1024,
    "A100 80GB": 81920 / 1024,
    "H100": 81559 / 1024,
    "H100 PCIe": 81559 / 1024,
    "H100 NVL": 95830 / 1024,
    "GH200": 97871 / 1024,
    "H20": 97871 / 1024,
    "RTX PRO 6000": 97887 / 1024,
    "H200": 143771 / 1024,
    "H200 NVL": 143771 / 1024,
    "B200": 183359 / 1024,
    "B300": 275040 / 1024,
}

# An allowance, not a measurement: activations of the profiling run, CUDA context, compiled graphs.
OVERHEAD_GIB = 2.0


@dataclass(frozen=True)
class KVCache:
    """A KV cache as vLLM counts it: whole blocks, the tokens they hold, and how many requests of full length fit."""

    blocks: int
    tokens: int
    concurrency: float


def kv_cache(model: str | Model, cache_bytes: int, *, max_model_len: int = 0, block_size: int = 16) -> KVCache:
    """The cache that fits into `cache_bytes`, in bf16, as vLLM prints it when it starts.

    `block_size` is 16 tokens on a GPU and 128 on a CPU (vLLM 0.32). The formula is that of
    `get_kv_cache_capacity` in vLLM; the tests compare it with a running engine.

    >>> kv_cache("cosmos-upsampler-12b", 8 * 1024**3).concurrency
    12.796875
    """
    facts = get_model(model)
    length = max_model_len or facts.max_model_len
    blocks = cache_bytes // (facts.kv.bytes_per_token() * block_size)
    concurrency = blocks / -(-length // block_size)
    return KVCache(blocks, int(concurrency * length), concurrency)


def full_size_model_len(model: str | Model = DEFAULT_MODEL, frames: int = 2) -> int:
    """The `max_model_len`, a multiple of 1,024, that takes frames of any size at full size, with their answer.

    >>> full_size_model_len()
    9216
    """
    facts = get_model(model)
    needed = facts.wrapping_tokens + frames * facts.images.max_image_tokens() + facts.max_tokens
    return min(-(-(needed + 1) // 1024) * 1024, facts.longest_model_len)


@dataclass(frozen=True)
class MemoryPlan:
    """What a GPU of `memory_gib` GiB holds of a model; sizes in GiB, `longest_model_len` in tokens."""

    model: str
    dtype: str
    gpu: str
    memory_gib: float
    usable_gib: float
    weights_gib: float
    overhead_gib: float
    kv_cache_gib: float
    cache_tokens: int
    max_model_len: int
    concurrency: float
    longest_model_len: int
    fits: bool
    reason: str
    remedy: str


def memory(
    model: str | Model = DEFAULT_MODEL,
    *,
    gpu: str = "",
    memory_gib: float = 0.0,
    max_model_len: int = 0,
    gpu_memory_utilization: float = 0.0,
    dtype: str = "bf16",
    weight_bytes: int = 0,
) -> MemoryPlan:
    """Whether a model fits a GPU, named or given in GiB, and what is left for the KV cache.

    `dtype` is that of the weights: bf16, fp8 or int4, unless a checkpoint's `weight_bytes` are known; the cache is in
    bf16. 2 GiB are set aside for activations and the CUDA context: an allowance, not a measurement.
    Raises UsageError for an unknown GPU or dtype.

    >>> memory(gpu="RTX 4090").fits, memory(gpu="RTX 4090", dtype="fp8").fits
    (False, True)
    """
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}", remedy=f"choose one of {', '.join(DTYPES)}")
    facts = get_model(model)
    name, size = find_gpu(gpu, memory_gib)
    length = max_model_len or facts.max_model_len
    usable = size * (gpu_memory_utilization or facts.gpu_memory_utilization)
    weights = (weight_bytes or facts.weight_bytes_as(dtype)) / GIB
    room = usable - weights - OVERHEAD_GIB
    cache = kv_cache(facts, max(0, int(room * GIB)), max_model_len=length)
    longest = min(cache.blocks * 16, facts.longest_model_len)
    reason, remedy = "", ""
    if room <= 0:
        short = f"{weights + OVERHEAD_GIB:.1f} GiB needed, {usable:.1f} usable"
        reason = f"the weights do not fit ({short})"
        remedy = "take a GPU with more memory, or a quantised checkpoint"
        smaller = [name for name in DTYPES if usable - facts.weight_bytes_as(name) / GIB > OVERHEAD_GIB]
        if smaller:
            remedy = f"take a GPU with more memory, or a quantised checkpoint ({' or '.join(smaller)})"
    elif cache.concurrency < 1:
        reason = f"the KV cache holds {cache.tokens:,} tokens, fewer than max_model_len {length:,}"
        remedy = f"lower max_model_len to {longest:,}, or take a GPU with more memory"
    return MemoryPlan(
        model=facts.name,
        dtype=dtype,
        gpu=name,
        memory_gib=round(size, 2),
        usable_gib=round(usable, 2),
        weights_gib=round(weights, 2),
        overhead_gib=OVERHEAD_GIB,
        kv_cache_gib=round(max(0.0, room), 2),
        cache_tokens=cache.tokens,
        max_model_len=length,
        concurrency=round(cache.concurrency, 2),
        longest_model_len=longest,
        fits=not reason,
        reason=reason,
        remedy=remedy,
    )


def find_gpu(gpu: str, memory_gib: float = 0.0) -> tuple[str, float]:
    """A GPU's name in GPUS and its GiB; with `memory_gib`, one that has so much. Raises UsageError for an unknown one.

    >>> find_gpu("h100-nvl"), find_gpu("a100")
    (('H100 NVL', 93.583984375), ('A100 40GB', 40.0))
    """
    if memory_gib > 0:
        return gpu or f"{memory_gib:g} GiB", memory_gib
    wanted = _plain(gpu)
    # "A100" alone means the one with less memory: a plan must not promise memory that some A100s do not have.
    for name, size in sorted(GPUS.items(), key=lambda entry: entry[1]):
        if wanted and _plain(name).startswith(wanted):
            return name, size
    raise UsageError(f"unknown GPU {gpu!r}", remedy=f"choose one of {', '.join(GPUS)}, or give its memory in GiB")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
