"""`cosmos limits`."""

from __future__ import annotations

from typing import Any

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import print_json, stdout, table, verdict_text
from cosmos_workflow.cli.options import (
    SIZE,
    frames_option,
    length_option,
    limits_model,
    merged_config,
    model_options,
    request_options,
)
from cosmos_workflow.cli.target import client_of
from cosmos_workflow.limits import GPUS, MemoryPlan, Model, Overview, Plan, memory, overview

__all__ = ["command"]


@click.command("limits")
@click.option("--size", "sizes", type=SIZE, multiple=True, help="Show these sizes instead of the usual ones.")
@request_options
@model_options
@frames_option
@length_option()
@click.option("--gpu", shell_complete=completion.gpus, default="", help=f"Show only this GPU: {', '.join(GPUS)}.")
@click.option(
    "--memory-gib",
    type=click.FloatRange(0, min_open=True),
    help="Plan for a GPU with so much memory, instead of the known ones.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(
    sizes: tuple[tuple[int, int], ...], gpu: str, memory_gib: float | None, as_json: bool, **options: Any
) -> None:
    """Show the largest frames by aspect ratio, the usual sizes, and what fits on a GPU.

    \b
    cosmos limits
    cosmos limits --size 940x529 --fit off -p "A futuristic city at sunset"
    cosmos limits --gpu L4
    """
    named, model_path = options.pop("model"), options.pop("model_path")
    if client := client_of():
        gpu = gpu and memory(gpu=gpu).gpu  # as a person writes it
        asked = [f"{width}x{height}" for width, height in sizes]
        limits = Overview.from_dict(
            client.limits(model=named, sizes=asked, gpu=gpu, memory_gib=memory_gib, **options)
        )  # fmt: skip
    else:
        model = limits_model(merged_config(model=named, model_path=model_path))
        limits = overview(model, options.pop("prompt"), sizes=sizes, gpu=gpu, memory_gib=memory_gib or 0.0, **options)
    if as_json:
        print_json(limits.to_dict())
        return
    _print(limits.model, limits.aspects, limits.sizes)
    _print_memory(limits.memory, limits.full_size)


def _print(model: Model, aspects: dict[str, Plan], plans: list[Plan]) -> None:
    console = stdout()
    first = plans[0]
    console.print(
        f"{model.name}: {first.frames} frames and {first.text_tokens:,} tokens of text in {first.max_model_len:,},"
        f" {first.max_tokens:,} of them for the answer\n"
    )
    rows = table(
        "aspect",
        ">largest frame",
        ">prompt tokens",
        ">room",
        title="Largest frames that leave room for the answer",
    )
    for name, plan in aspects.items():
        fits = plan.runs
        size = f"{plan.frame_width}x{plan.frame_height}" if fits else "none fits"
        if plan.verdict == "fits":
            # The model's own shrinking to its longest side already does it.
            size = "any size"
        rows.add_row(name, size, f"{plan.prompt_tokens:,}" if fits else "-", f"{plan.room:,}" if fits else "-")
    console.print(rows)
    rows = table(">size", "verdict", ">frames sent", ">prompt tokens", ">room", title="Usual sizes")
    for plan in plans:
        source, frame = (f"{plan.source_width}x{plan.source_height}", f"{plan.frame_width}x{plan.frame_height}")
        rows.add_row(source, verdict_text(plan.verdict), frame, f"{plan.prompt_tokens:,}", f"{plan.room:,}")
    console.print(rows)


def _print_memory(gpus: dict[str, list[MemoryPlan]], full_size: dict[str, list[MemoryPlan]]) -> None:
    """For each GPU, how many requests at once in each dtype, and what full-size frames would take."""
    console = stdout()
    first, full = gpus["bf16"][0], full_size["bf16"][0].max_model_len
    rows = table(
        "GPU",
        ">GiB",
        *(f">{dtype}: {plans[0].weights_gib:.1f} GiB" for dtype, plans in gpus.items()),
        ">longest context",
        f">full size ({full:,})",
        title=f"Memory: requests of {first.max_model_len:,} tokens at once, by dtype of the weights",
    )
    for number, plan in enumerate(gpus["bf16"]):
        at_once = [_at_once(plans[number]) for plans in gpus.values()]
        # The largest dtype that fits says what is left for the context.
        best = next((plans[number] for plans in gpus.values() if plans[number].fits), None)
        longest = f"{best.longest_model_len:,} in {best.dtype}" if best else "-"
        full_sized = next((plans[number] for plans in full_size.values() if plans[number].fits), None)
        at_full = f"{full_sized.concurrency:.1f} in {full_sized.dtype}" if full_sized else "-"
        rows.add_row(plan.gpu, f"{plan.memory_gib:.1f}", *at_once, longest, at_full)
    console.print(rows)
    if len(gpus["bf16"]) == 1:
        if first.fits:
            console.print(
                f"{first.gpu}: {first.weights_gib:.1f} GiB of weights, {first.kv_cache_gib:.1f} of KV cache:"
                f" {first.cache_tokens:,} tokens"
            )
        else:
            console.print(f"{first.gpu}: {first.reason}")
            console.print(f"remedy: {first.remedy}")


def _at_once(plan: MemoryPlan) -> str:
    return f"{plan.concurrency:.1f}" if plan.fits else "does not fit"
