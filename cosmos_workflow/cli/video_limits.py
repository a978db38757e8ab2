"""What `cosmos limits` prints of the video models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosmos_workflow.cli.console import stdout, table
from cosmos_workflow.limits import TRANSFER_MODELS, Setting, TransferModel, VideoPlan, get_transfer_model

__all__ = ["facts", "print_video", "print_video_models", "video_document"]

FITS = {True: "fits", False: "does not fit", None: "not published"}
SIZE_WRITTEN = {
    "bucket": "the size that it works in",
    "input": "the clip's, made even",
    "3x": "three times as wide and high",
}
WORDS = {
    "hints": "controls", "computes": "makes itself", "output": "size written", "overlaps": "overlap of chunks",
    "first_overlaps": "clip's frames in the first", "most_frames": "frames read at most", "longest": "longest clip",
    "advised_frames": "frames of a chunk", "service_frames": "frames of NVIDIA's service",
    "sigma_without_video": "clip", "weight": "weight of a control",
}  # fmt: skip
WEIGHTS = {"scaled": "scaled down where their sum exceeds 1", "to_one": "always scaled to a sum of 1"}


def print_video_models() -> None:
    """The video models, shortly."""
    rows = table("model", "controls", ">frames a chunk", ">steps", "works in", title="Video models")
    for model in TRANSFER_MODELS.values():
        sizes = model.family.sizes[model.family.tier]
        rows.add_row(
            model.name, ", ".join(model.hints), str(model.family.chunk), _number(model.steps.default),
            f"{_size(*sizes[0])} and {len(sizes) - 1} other shapes",
        )  # fmt: skip
    stdout().print(rows)
    stdout().print("cosmos limits --model NAME shows one of them, with its needs on each GPU")


def video_document(plans: Sequence[VideoPlan]) -> dict[str, Any]:
    """The facts of a model, and its plans."""
    return {"model": get_transfer_model(plans[0].model).to_dict(), "plans": [plan.to_dict() for plan in plans]}


def print_video(plans: Sequence[VideoPlan], with_facts: bool) -> None:
    """What was planned for a clip, of one GPU in detail; with the facts of the model, of several GPUs."""
    console, first = stdout(), plans[0]
    model = get_transfer_model(first.model)
    if with_facts:
        rows = table("setting", "~value", "~source", title=model.title)
        for name, value in facts(model).items():
            rows.add_row(WORDS.get(name, name.replace("_", " ")), value, model.sources.get(name, model.family.source))
        console.print(rows)
    controls = f"{first.controls} control{'s' * (first.controls > 1)}"
    console.print(
        f"{first.frames:,} frames, {first.steps} steps, {controls}: {first.chunks} chunk{'s' * (first.chunks > 1)} of"
        f" {first.chunk} frames, made at {_size(first.width, first.height)},"
        f" written at {_size(first.output_width, first.output_height)}\n"
    )
    if with_facts:
        _print_gpus(plans)
    else:
        _print_ways(first)
    for note in first.notes:
        console.print(f"note: {note}")


def _print_gpus(plans: Sequence[VideoPlan]) -> None:
    rows = table("GPU", ">GiB", "fits", ">minutes", ">price")
    for plan in plans:
        rows.add_row(
            plan.gpu, f"{plan.memory_gib:.1f}", FITS[plan.fits], *_minutes(plan.fits, plan.minutes, plan.price)
        )
    stdout().print(rows)
    stdout().print("cosmos limits --gpu NAME shows the ways to run it on one of them, and what each figure rests on")


def _print_ways(plan: VideoPlan) -> None:
    console = stdout()
    console.print(f"{plan.gpu} ({plan.memory_gib:.1f} GiB): {_verdict(plan)}")
    if plan.reason:
        console.print(f"{plan.reason}\nremedy: {plan.remedy}")
    rows = table("way", ">GiB needed", "fits", ">minutes", ">price", "~memory", "~time")
    for way in plan.ways:
        needed = "-" if way.needed_gib is None else f"{way.needed_gib:.1f}"
        bound = "at most " if way.at_most else "at least " if way.at_least else ""
        memory = "not published" if way.needed_gib is None else f"{way.memory_basis} ({way.source})"
        time = f"{way.time_basis} on this card" if way.time_basis == "measured" else way.time_basis
        rows.add_row(
            way.way, f"{bound}{needed}", way.reason or FITS[way.fits], *_minutes(way.fits, way.minutes, way.price),
            memory, f"{time} ({way.about})" if way.about else time,
        )  # fmt: skip
    if plan.ways:
        console.print(rows)
    for note in dict.fromkeys(["the minutes are without loading the model", *(way.note for way in plan.ways)]):
        if note:
            console.print(f"note: {note}")


def _verdict(plan: VideoPlan) -> str:
    words = [{True: "it fits", False: "it does not fit", None: "whether it fits is not published"}[plan.fits]]
    if plan.fits is not False:
        words.append("its time is not published" if plan.minutes is None else f"{plan.minutes:.1f} minutes")
    if plan.price is not None:
        words.append(f"{plan.price:.2f} at {plan.price_per_hour:g} an hour")
    return ", ".join(words)


def _minutes(fits: bool | None, minutes: float | None, price: float | None) -> tuple[str, str]:
    if minutes is None:
        return ("-" if fits is False else "not published"), "-"
    return f"{minutes:.1f}", "-" if price is None else f"{price:.2f}"


def facts(model: TransferModel) -> dict[str, str]:
    """The facts of a model in words, by the names of its fields; those of its family have their source there."""
    family = model.family
    early = f" ({model.prompt.early} in early servers)" if model.prompt.early else ""
    advised = [f"{_span(*frames)} at {tier}" for tier, frames in model.advised_frames.items()]
    return {
        "repository": model.repository,
        "hints": ", ".join(model.hints),
        "computes": ", ".join(model.computes) or "none: each control has to be given",
        "sizes": ", ".join(_size(*size) for size in family.sizes[family.tier]) + f" ({family.tier})",
        "tiers": ", ".join(family.sizes),
        "output": SIZE_WRITTEN[model.output],
        "fps": model.fps,
        "chunk": f"made for {family.chunk} frames; by default {_setting(model.chunk)}",
        "overlaps": f"by default {family.overlap}; {_frames(model.overlaps)}",
        "first_overlaps": _frames(model.first_overlaps),
        "most_frames": f"{family.most_frames:,}",
        "longest": f"{model.longest:,} frames" if model.longest else "no other limit",
        "advised_frames": ", ".join(advised) or "not stated",
        "service_frames": _span(*model.service_frames) if model.service_frames else "not stated",
        "steps": _setting(model.steps),
        "guidance": _setting(model.guidance),
        "control_guidance": _setting(model.control_guidance),
        "sigma_max": _setting(model.sigma_max),
        "sigma_without_video": _clip(model.sigma_without_video),
        "seed": "drawn" if model.seed is None else str(model.seed),
        "weight": _setting(model.weight),
        "weights": WEIGHTS[model.weights],
        "prompt": f"{model.prompt.tokens:,} tokens{early} of {model.prompt.tokenizer}; the rest is cut off silently",
        "licence": model.licence,
        "guardrails": model.guardrails,
        "platforms": model.platforms,
        "aarch64": model.aarch64,
    }


def _setting(setting: Setting | None) -> str:
    if setting is None:
        return "not used"
    kind = "whole numbers" if setting.whole else "any number"
    bounds = [
        f"{word} {value:g}" for word, value in (("from", setting.least), ("to", setting.most)) if value is not None
    ]
    alone = [f"{value:g} for {hint} alone" for hint, value in setting.by_hint.items()]
    default = "off" if setting.default is None else f"{setting.default:g}"
    if setting.least == setting.most is not None:
        return f"{default}, always"
    return ", ".join([default, *alone]) + f" ({' '.join([kind, *bounds])})"


def _clip(sigma: float | None) -> str:
    if sigma is None:
        return "required"
    return f"required where sigma_max is below {sigma:g}" if sigma else "required where a control is to be computed"


def _frames(counts: tuple[int, ...] | None) -> str:
    if counts is None:
        return "any number below the chunk"
    return f"{counts[0]} alone" if len(counts) == 1 else " or ".join(map(str, counts))


def _span(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _size(width: int, height: int) -> str:
    return f"{width}x{height}"
