"""Measure the full-size model on this machine's GPU, within nine minutes, and write docs/GPU.md and its figures.

With `--tiny` the same steps run on any processor with a tiny model, to check that they work; nothing is written.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu.measuring import GIB, Case, measure
from benchmarks.gpu.pixtral import build, count_parameters, inputs
from cosmos_workflow.limits import DEFAULT_MODEL, get_model

SIZES = ((320, 180), (640, 360), (854, 480), (910, 512), (1280, 720))
BATCHES = (1, 2, 4, 8, 16)
LOOPED, ANSWER = 8, 64  # prompts, tokens of answer
MINUTES = 8.5
DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path, default=DOCS / "GPU.md")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    arguments = parser.parse_args()
    import torch
    import transformers

    if not arguments.tiny and not torch.cuda.is_available():
        print("not measured: no CUDA GPU on this machine")
        return 0
    device = "cpu" if arguments.tiny else "cuda"
    deadline = time.monotonic() + 60 * arguments.minutes
    facts = get_model(DEFAULT_MODEL)
    started = time.perf_counter()
    built = build(device, tiny=arguments.tiny)
    loading, parameters = time.perf_counter() - started, count_parameters(built)
    at_load = torch.cuda.memory_allocated() if device == "cuda" else 2 * parameters
    measure(built, facts, parameters, SIZES[0], 1, device)  # a warm-up: kernels are chosen the first time
    cases: list[Case] = []
    for batch in BATCHES[:2] if arguments.tiny else BATCHES:
        for size in SIZES[:2] if arguments.tiny else SIZES:
            if time.monotonic() < deadline - 60 or arguments.tiny:
                cases.append(measure(built, facts, parameters, size, batch, device))
                print(_line(cases[-1]), flush=True)
    loop, together = loop_and_batch(built, device, 2 if arguments.tiny else LOOPED, 4 if arguments.tiny else ANSWER)
    name = torch.cuda.get_device_name() if device == "cuda" else "no GPU (tiny model)"
    versions = f"PyTorch {torch.__version__}, transformers {transformers.__version__}"
    text = page(name, versions, loading, at_load, parameters, cases, loop, together)
    print(text)
    if not arguments.tiny:
        arguments.out.write_text(text, encoding="utf-8")
        today = str(datetime.datetime.now(datetime.timezone.utc).date())
        figures = {"device": name, "date": today, "versions": versions, "seconds_to_make": loading}
        figures |= {"parameters": parameters, "at_load": at_load, "loop": loop, "batch": together}
        arguments.out.with_suffix(".json").write_text(
            json.dumps({**figures, "cases": [asdict(case) for case in cases]}, indent=1) + "\n", encoding="utf-8"
        )
    return 0


def loop_and_batch(built: Any, device: str, prompts: int, answer: int) -> tuple[float, float]:
    """Seconds per prompt, one after another and all at once."""
    import torch

    def timed(batch: int) -> float:
        tensors = inputs((910, 512), batch, device)
        started = time.perf_counter()
        with torch.inference_mode():
            built.generate(**tensors, max_new_tokens=answer, min_new_tokens=answer, do_sample=False, pad_token_id=0)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return sum(timed(1) for _ in range(prompts)) / prompts, timed(prompts) / prompts


def page(
    device: str,
    versions: str,
    loading: float,
    at_load: int,
    parameters: int,
    cases: list[Case],
    loop: float,
    batch: float,
) -> str:
    """The page: the measurements beside what the planner predicts."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines = [
        "# On a GPU",
        "",
        f"Measured {today} on one {device} ({versions}) by `python -m benchmarks.gpu`:",
        "the full-size Pixtral-12B with random bf16 weights in transformers; vLLM was not measured. The prediction is",
        "that of `cosmos limits`: weights and KV cache, without activations. Neither figure includes what CUDA itself",
        "takes of the card (0.8 GiB, measured with the video models). The decoding speed comes from the median",
        "time between two tokens; it is low for small batches because transformers starts each kernel from Python. All",
        "figures are in GPU.json; the video models have [a page of their own](GPU_VIDEO.md).",
        "",
        f"- {parameters:,} parameters, created in {loading:.0f} s; {at_load / GIB:.2f} GiB when loaded"
        f" ({2 * parameters / GIB:.2f} predicted)",
        f"- {LOOPED} prompts of 910×512 with {ANSWER} tokens of answer: {loop:.2f} s a prompt one at a time,"
        f" {batch:.2f} s in one batch ({loop / batch:.1f}×)",
        "",
        "| frames | batch | prompt tokens | peak GiB | predicted | off | prefill tokens/s | decode tokens/s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *map(_line, cases),
    ]
    return "\n".join(lines) + "\n"


def _line(case: Case) -> str:
    start = f"| 2 × {case.width}×{case.height} | {case.batch} | {case.prompt_tokens:,} |"
    predicted = f"{case.predicted / GIB:.2f}"
    if not case.fits:
        return f"{start} out of memory | {predicted} | - | - | - |"
    return (
        f"{start} {case.peak / GIB:.2f} | {predicted} | {case.off:+.1%} | {case.prefill_speed:,.0f} |"
        f" {case.decode_speed:,.0f} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
