"""Tables of docs/SCALE.md: a million prompts by arithmetic, and the simulated clusters."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scale_sim import Rates, simulate
from cosmos_workflow.limits import DEFAULT_MODEL, get_model, memory

MILLION = 1_000_000
FIELD_SECONDS, LOAD_SECONDS = 14.0, 97.0  # for a prompt, one at a time, and for a load: field tests of 2025-09-01
PROMPT_TOKENS = 3_719  # two frames of 910×512 and a short text, as a 16:9 clip is sent
SEQUENCES = 16  # `max_num_seqs` of the vllm engine
OF_BANDWIDTH, OF_COMPUTE = 0.6, 0.4  # assumed: the share of the data sheet's figures that vLLM reaches


@dataclass(frozen=True)
class Sheet:
    """A GPU as in NVIDIA's data sheet: memory bandwidth in TB/s, dense bf16 in TFLOPS; the price in $/h is assumed."""

    bandwidth: float
    compute: float
    price: float


SHEETS = {
    "L40S": Sheet(0.864, 362, 1.00),
    "A100 80GB": Sheet(2.039, 312, 1.50),
    "H100": Sheet(3.35, 989, 2.50),
    "H200": Sheet(4.8, 989, 3.50),
}


def seconds_a_prompt(gpu: str) -> float:
    """Seconds of GPU time for one prompt: its prefill, and its share of 300 steps for `SEQUENCES` prompts together."""
    model, sheet = get_model(DEFAULT_MODEL), SHEETS[gpu]
    at_once = min(SEQUENCES, int(memory(gpu=gpu).concurrency))
    prefill = 2 * model.parameters * PROMPT_TOKENS / (sheet.compute * 1e12 * OF_COMPUTE)
    cache = at_once * (PROMPT_TOKENS + model.max_tokens / 2) * model.kv.bytes_per_token()
    step = (model.weight_bytes + cache) / (sheet.bandwidth * 1e12 * OF_BANDWIDTH)
    return prefill + model.max_tokens * step / at_once


def million() -> None:
    """Print the GPU-hours and cost of a million prompts."""
    print("| GPU | from | s a prompt | GPU-hours | assumed $/h | cost |")
    print("|---|---|---:|---:|---:|---:|")
    field = MILLION * FIELD_SECONDS / 3600
    print(f"| not recorded | field test, one at a time | {FIELD_SECONDS:.0f} | {field:,.0f} | | |")
    for name, sheet in SHEETS.items():
        seconds = seconds_a_prompt(name)
        hours = MILLION * seconds / 3600
        print(
            f"| {name} | data sheet, {SEQUENCES} at once | {seconds:.2f} | {hours:,.0f} | {sheet.price:.2f}"
            f" | ${hours * sheet.price:,.0f} |"
        )


def simulated(gpu: str = "H100") -> None:
    """Print a million prompts on 1 … 512 GPUs, on machines that stay and on a spot market."""
    rates = Rates(start=10, load=LOAD_SECONDS, item=seconds_a_prompt(gpu), piece=0.5)
    print("| GPUs | hours | GPUs busy | hours on spot | preemptions | asked twice | GPUs busy |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for engines in (1, 2, 8, 32, 128, 512):
        stay = simulate(MILLION, rates, engines)
        spot = simulate(MILLION, rates, engines, between_losses=4 * 3600)
        print(
            f"| {engines} | {stay.seconds / 3600:,.2f} | {stay.efficiency(MILLION, rates):.1%}"
            f" | {spot.seconds / 3600:,.2f} | {spot.preemptions:,} | {spot.asked_twice:,}"
            f" | {spot.efficiency(MILLION, rates):.1%} |"
        )
