"""`cosmos limits`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from cosmos_workflow.cli.console import print_json, stdout, table, verdict_text
from cosmos_workflow.cli.options import SIZE, limit_options, limits_model, merged_config, request_options
from cosmos_workflow.limits import GPUS, Model, Plan, memory, plan

__all__ = ["command"]

ASPECTS = {
    "16:9": (16, 9),
    "3:2": (3, 2),
    "4:3": (4, 3),
    "1:1": (1, 1),
    "3:4": (3, 4),
    "9:16": (9, 16),
    "21:9": (21, 9),
}
# Sizes that cameras, editors and the field tests of 2025-09-01 use.
SIZES = [
    *("320x180", "420x236", "500x281", "640x360", "640x480", "720x405", "854x480"),
    *("928x522", "940x529", "960x540", "1280x704", "1280x720", "1920x1080", "3840x2160"),
]


@click.command("limits")
@click.option("--size", "sizes", type=SIZE, multiple=True, help="Show these sizes instead of the usual ones.")
@request_options
@limit_options
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
    shown = sizes or tuple(SIZE.convert(size, None, None) for size in SIZES)
    plans = [plan(size, prompt, model, fit=fit, **options) for size in shown]
    wanted = [gpu] if gpu or memory_gib else list(GPUS)
    gpus = [
        memory(model, gpu=name, memory_gib=memory_gib or 0.0, max_model_len=options["max_model_len"] or 0)
        for name in wanted
    ]
    if as_json:
        print_json(
            {
                "model": model.name,
                "max_model_len": options["max_model_len"] or model.max_model_len,
                "max_tokens": options["max_tokens"] or model.max_tokens,
                "frames": options["frames"],
                "aspects": [{"aspect": name, **one.to_dict()} for name, one in aspects.items()],
                "sizes": [one.to_dict() for one in plans],
                "memory": [asdict(one) for one in gpus],
            }
        )
        return
    _print(model, aspects, plans)
    _print_memory(gpus)


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


def _print_memory(gpus: list[Any]) -> None:
    console = stdout()
    rows = table(
        "GPU",
        ">memory",
        ">weights",
        ">KV cache",
        ">cache tokens",
        ">at once",
        ">longest context",
        "",
        title="Memory, GiB, in bf16",
    )
    for one in gpus:
        cells = [f"{value:.1f}" for value in (one.memory_gib, one.weights_gib, one.kv_cache_gib)]
        counts = [f"{one.cache_tokens:,}", f"{one.concurrency:.1f}", f"{one.longest_model_len:,}"]
        rows.add_row(one.gpu, *cells, *counts, one.reason or "fits")
    console.print(rows)
    if len(gpus) == 1 and gpus[0].remedy:
        console.print(f"remedy: {gpus[0].remedy}")
