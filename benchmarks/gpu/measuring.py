"""Peak memory, prefill and decode of one size and batch; a case that does not fit has a peak of 0."""

from __future__ import annotations

import resource
import statistics
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
        """The relative error of the prediction."""
        return self.predicted / self.peak - 1


def predicted_bytes(model: Model, parameters: int, tokens: int) -> int:
    """Weights in bf16 and the KV cache of `tokens` tokens; activations are not included."""
    return 2 * parameters + tokens * model.kv.bytes_per_token()


def measure(built: Any, facts: Model, parameters: int, size: tuple[int, int], batch: int, device: str) -> Case:
    """Measure two answers of DECODED + 1 tokens: the quicker prefill, and the median time between tokens of both."""
    import torch

    tensors = inputs(size, batch, device)
    tokens = tensors["input_ids"].shape[1]
    case = Case(*size, batch, tokens, predicted_bytes(facts, parameters, batch * (tokens + DECODED + 1)))
    cuda = device == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        answers = [_token_times(built, tensors, DECODED + 1) for _ in range(2)]
    except torch.OutOfMemoryError:
        return case
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    between = statistics.median(times[i + 1] - times[i] for times in answers for i in range(1, DECODED + 1))
    prefill = min(times[1] - times[0] for times in answers)
    return Case(*size, batch, tokens, case.predicted, peak, prefill_seconds=prefill, decode_seconds=DECODED * between)


def _token_times(built: Any, tensors: dict[str, Any], count: int) -> list[float]:
    """The times in seconds when the answer was begun and when each of its tokens had been copied to the CPU."""
    import torch
    from transformers.generation.streamers import BaseStreamer

    class Clock(BaseStreamer):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            self.times: list[float] = []

        def put(self, value: Any) -> None:
            self.times.append(time.perf_counter())

        def end(self) -> None:
            pass

    clock = Clock()
    with torch.inference_mode():
        built.generate(
            **tensors, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0, streamer=clock
        )
    return clock.times  # the streamer gets the prompt itself first
