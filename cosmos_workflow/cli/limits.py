"""`cosmos limits`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

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
from cosmos_workflow.limits import (
    ASPECTS,
    DTYPES,
    GPUS,
    USUAL_SIZES,
    MemoryPlan,
    Model,
    Plan,
    full_size_model_len,
    memory,
    plan,
)

__all__ = ["command"]


@click.command("limits")
@click.option("--size", "sizes", type=SIZE, multiple=True, help="Show these sizes instead of the usual ones.")
@request_options
@model_options
@frames_option
@length_option()
@click.option("--gpu", default="", help=f"Only this GPU: {', '.join(GPUS)}.")
@click.option("--memory-gib", type=click.FloatRange(0, min_open=True), help="A GPU with so much memory.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(
    sizes: tuple[tuple[int, int], ...], gpu: str, memory_gib: float | None, as_json: bool, **options: Any
) -> None:
    """Show the largest frames by aspect ratio, the usual sizes, and what fits a GPU.

    \b
    cosmos limits
    cosmos limits --size 940x529 --fit off -p "A futuristic city at sunset"
    cosmos limits --gpu L4
    """
    model = limits_model(merged_config(model=options.pop("model"), model_path=options.pop("model_path")))
    prompt, fit = options.pop("prompt"), options.pop("fit")
    options["frames"] = options["frames"] or model.default_frames
    # Sources larger than any frame that could fit, so that what is left of them is the limit itself.
    aspects = {
        name: plan((width * 2048, height * 2048), prompt, model, **options) for name, (width, height) in ASPECTS.items()
    }
    plans = [plan(size, prompt, model, fit=fit, **options) for size in sizes or USUAL_SIZES]
    wanted = [gpu] if gpu or memory_gib else list(GPUS)
    length, full = options["max_model_len"] or 0, full_size_model_len(model, options["frames"])

    def fitted(dtype: str, max_model_len: int) -> list[MemoryPlan]:
        size = memory_gib or 0.0
        return [memory(model, gpu=one, memory_gib=size, max_model_len=max_model_len, dtype=dtype) for one in wanted]

    gpus = {dtype: fitted(dtype, length) for dtype in DTYPES}
    full_size = {dtype: fitted(dtype, full) for dtype in DTYPES}
    if as_json:
        print_json(
            {
                "model": model.name,
                "max_model_len": options["max_model_len"] or model.max_model_len,
                "max_tokens": options["max_tokens"] or model.max_tokens,
                "frames": options["frames"],
                "aspects": [{"aspect": name, **one.to_dict()} for name, one in aspects.items()],
                "sizes": [one.to_dict() for one in plans],
                "memory": [asdict(one) for one in gpus["bf16"]],
                "quantised_memory": [asdict(one) for dtype in ("fp8", "int4") for one in gpus[dtype]],
                "full_size_memory": [asdict(one) for one in full_size["bf16"]],
            }
        )
        return
    _print(model, aspects, plans)
    _print_memory(gpus, full_size)


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
    for name, one in aspects.items():
        fits = one.runs
        size = f"{one.frame_width}x{one.frame_height}" if fits else "none fits"
        if one.verdict == "fits":
            # The model's own shrinking to its longest side already does it.
            size = "any size"
        rows.add_row(name, size, f"{one.prompt_tokens:,}" if fits else "-", f"{one.room:,}" if fits else "-")
    console.print(rows)
    rows = table(">size", "verdict", ">frames sent", ">prompt tokens", ">room", title="Usual sizes")
    for one in plans:
        source, sent = (f"{one.source_width}x{one.source_height}", f"{one.frame_width}x{one.frame_height}")
        rows.add_row(source, verdict_text(one.verdict), sent, f"{one.prompt_tokens:,}", f"{one.room:,}")
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
    for number, one in enumerate(gpus["bf16"]):
        at_once = [_at_once(plans[number]) for plans in gpus.values()]
        # The largest dtype that fits says what is left for the context.
        best = next((plans[number] for plans in gpus.values() if plans[number].fits), None)
        longest = f"{best.longest_model_len:,} in {best.dtype}" if best else "-"
        full_sized = next((plans[number] for plans in full_size.values() if plans[number].fits), None)
        at_full = f"{full_sized.concurrency:.1f} in {full_sized.dtype}" if full_sized else "-"
        rows.add_row(one.gpu, f"{one.memory_gib:.1f}", *at_once, longest, at_full)
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


def _at_once(one: MemoryPlan) -> str:
    return f"{one.concurrency:.1f}" if one.fits else "does not fit"
