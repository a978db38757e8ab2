"""Peak memory, prefill and decode of one size and batch; a case that does not fit is one that says so."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.pixtral import inputs
from cosmos_workflow.limits import Model

__all__ = ["GIB", "Case", "measure", "predicted_bytes"]

GIB = 1024**3
DECODED = 32


@dataclass(frozen=True)
class Case:
    """One measurement. Memory in bytes as PyTorch allocates it (without a GPU, the process's own), 0 where it did not
    fit; speeds in tokens a second.
    """

    width: int
    height: int
    batch: int
    prompt_tokens: int
    predicted: int
    peak: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    @property
    def fits(self) -> bool:
        return self.peak > 0

    @property
    def prefill_speed(self) -> float:
        return self.batch * self.prompt_tokens / self.prefill_seconds

    @property
    def decode_speed(self) -> float:
        return self.batch * DECODED / self.decode_seconds

    @property
    def off(self) -> float:
        """How far the prediction is from what was seen, as a share."""
        return self.predicted / self.peak - 1


def predicted_bytes(model: Model, parameters: int, tokens: int) -> int:
    """Weights in bf16 and the KV cache of so many tokens; activations are on top."""
    return 2 * parameters + tokens * model.kv.bytes_per_token()


def measure(built: Any, facts: Model, parameters: int, size: tuple[int, int], batch: int, device: str) -> Case:
    """One prefill with one token of answer, then the same with DECODED more."""
    import torch

    given = inputs(size, batch, device)
    tokens = given["input_ids"].shape[1]
    case = Case(*size, batch, tokens, predicted_bytes(facts, parameters, batch * (tokens + DECODED + 1)))
    cuda = device == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        prefill = _timed(built, given, 1, cuda)
        whole = _timed(built, given, DECODED + 1, cuda)
    except torch.OutOfMemoryError:
        return case
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Case(
        *size, batch, tokens, case.predicted, peak, prefill_seconds=prefill, decode_seconds=max(whole - prefill, 1e-9)
    )


def _timed(built: Any, given: dict[str, Any], count: int, cuda: bool) -> float:
    import torch

    with torch.inference_mode():
        if cuda:
            torch.cuda.synchronize()
        started = time.perf_counter()
        built.generate(**given, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0)
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started
