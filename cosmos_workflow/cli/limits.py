"""`cosmos limits`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import click
from click.core import ParameterSource

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import print_json, stdout, table, verdict_text
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.options import length_option, limits_model, merged_config, model_path_option, request_options
from cosmos_workflow.cli.target import client_of
from cosmos_workflow.cli.values import SIZE, NumberRange
from cosmos_workflow.cli.video_limits import print_video, print_video_models, video_document
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import (
    DEFAULT_MODEL,
    GPUS,
    MODELS,
    OF_FAMILY,
    TRANSFER_MODELS,
    MemoryPlan,
    Model,
    Overview,
    Plan,
    memory,
    overview,
    plan_video,
)

__all__ = ["command"]

# What only one sort of model knows.
OF_PROMPTS = ("prompt", "fit", "model_path", "max_tokens", "max_model_len")
OF_VIDEOS = ("tier", "steps", "controls", "price_per_hour")


class Limits(Command):
    """Its help says which options are for which sort of model."""

    sections = MappingProxyType({
        "Both": ("model", "size", "sizes", "frames", "gpu", "memory_gib"),
        "Prompt upsampling": OF_PROMPTS,
        "Video models": OF_VIDEOS,
    })  # fmt: skip


@click.command("limits", cls=Limits)
@click.option(
    "--model",
    type=click.Choice([*MODELS, *TRANSFER_MODELS, *OF_FAMILY]),
    metavar="NAME",
    help=f"The model whose limits are shown: {', '.join([*MODELS, *TRANSFER_MODELS])}.  [{DEFAULT_MODEL}]",
)
@click.option(
    "--size", "sizes", type=SIZE, multiple=True, help="Show these sizes instead of the usual ones; of a clip."
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    help="Frames sent with each prompt [2]; of a video model, frames of the clip [one chunk].",
)
@click.option("--gpu", shell_complete=completion.gpus, default="", help=f"Show only this GPU: {', '.join(GPUS)}.")
@click.option(
    "--memory-gib",
    type=NumberRange(0, min_open=True),
    help="Plan for a GPU with so much memory, instead of the known ones.",
)
@request_options
@model_path_option("The model's folder; its limits are read from its files.")
@click.option("--max-tokens", type=click.IntRange(1), help="The longest answer, in tokens.  [300]")
@length_option()
@click.option("--tier", metavar="NAME", help="The model's sizes: 720, 480, 480p, …  [720]")
@click.option("--steps", type=click.IntRange(1), help="Steps of each chunk.  [the model's]")
@click.option("--controls", type=click.IntRange(1), default=1, help="How many control videos.  [1]")
@click.option("--price-per-hour", type=NumberRange(0), metavar="N", help="Of the GPU; shows what a clip costs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(as_json: bool, **options: Any) -> None:
    """Show what a model takes, and what fits on a GPU.

    For prompt upsampling: the largest frames by aspect ratio, and the usual sizes. For a video model: its settings, and
    for a clip the chunks, and the minutes and the price where they were measured or published.

    \b
    cosmos limits
    cosmos limits --size 940x529 --fit off -p "A futuristic city at sunset"
    cosmos limits --gpu L4
    cosmos limits --model transfer2.5-2b --gpu H100 --frames 240 --price-per-hour 2.5
    """
    is_video = options["model"] in {*TRANSFER_MODELS, *OF_FAMILY}
    _refuse(OF_PROMPTS if is_video else OF_VIDEOS, is_video)
    if is_video:
        _video(as_json, **{name: value for name, value in options.items() if name not in OF_PROMPTS})
    else:
        _prompts(as_json, **{name: value for name, value in options.items() if name not in OF_VIDEOS})


def _refuse(names: tuple[str, ...], is_video: bool) -> None:
    """Raise UsageError for options that mean nothing for this sort of model."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = f"--{name.replace('_', '-')}"
            sort, others = ("prompt upsampling", MODELS) if is_video else ("video models", TRANSFER_MODELS)
            raise UsageError(
                f"{option} is for {sort}", remedy=f"leave it out, or give --model with one of {', '.join(others)}"
            )


def _video(
    as_json: bool, model: str, sizes: tuple[tuple[int, int], ...], gpu: str, memory_gib: float | None, **options: Any
) -> None:
    if len(sizes) > 1:
        raise UsageError("a clip has one size", remedy="give --size once")
    cards = [gpu] if gpu or memory_gib else list(GPUS)
    size = sizes[0] if sizes else (1280, 720)
    plans = [plan_video(model, gpu=card, memory_gib=memory_gib or 0.0, size=size, **options) for card in cards]
    if as_json:
        print_json(video_document(plans))
    else:
        print_video(plans, with_facts=len(cards) > 1)


def _prompts(
    as_json: bool,
    model: str | None,
    model_path: str | None,
    sizes: tuple[tuple[int, int], ...],
    gpu: str,
    memory_gib: float | None,
    **options: Any,
) -> None:
    if client := client_of():
        gpu = gpu and memory(gpu=gpu).gpu  # as a person writes it
        asked = [f"{width}x{height}" for width, height in sizes]
        limits = Overview.from_dict(
            client.limits(model=model, sizes=asked, gpu=gpu, memory_gib=memory_gib, **options)
        )  # fmt: skip
    else:
        facts = limits_model(merged_config("upsample", model=model, model_path=model_path))
        limits = overview(facts, options.pop("prompt"), sizes=sizes, gpu=gpu, memory_gib=memory_gib or 0.0, **options)
    if as_json:
        print_json(limits.to_dict())
        return
    _print(limits.model, limits.aspects, limits.sizes)
    _print_memory(limits.memory, limits.full_size)
    if not (model or gpu or memory_gib):
        _print_models()
        print_video_models()


def _print_models() -> None:
    """The models that write prompts, shortly."""
    rows = table("model", ">parameters", ">bf16 GiB", ">context", ">longest", ">answer", title="Models for prompts")
    for model in MODELS.values():
        rows.add_row(
            model.name, f"{model.parameters / 1e9:.1f} G", f"{model.weight_bytes / 2**30:.1f}",
            *(f"{tokens:,}" for tokens in (model.max_model_len, model.longest_model_len, model.max_tokens)),
        )  # fmt: skip
    stdout().print(rows)


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
