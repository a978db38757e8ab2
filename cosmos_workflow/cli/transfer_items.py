"""What `cosmos transfer` is asked: its options, and the Items that they make of a clip, a folder or a spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli.console import note
from cosmos_workflow.cli.options import LocalOption
from cosmos_workflow.cli.values import NUMBER, SEED
from cosmos_workflow.errors import UsageError
from cosmos_workflow.files import at_home

if TYPE_CHECKING:
    from cosmos_workflow.kinds.transfer.item import Item

__all__ = ["ASKED", "FIELDS", "HINTS", "WHAT", "asked_of", "items_of"]

HINTS = ("edge", "vis", "depth", "seg", "keypoint", "hdmap", "lidar", "wsm")
HELP = {
    "edge": "Edges", "vis": "The blurred picture", "depth": "Distances", "seg": "Segmentation",
    "keypoint": "People's joints (Transfer1)", "hdmap": "A road map (Transfer1, driving)",
    "lidar": "Lidar (Transfer1, driving)", "wsm": "A world scenario map (Cosmos 3)",
}  # fmt: skip
PRESETS = ("none", "very_low", "low", "medium", "high", "very_high")
RESTORED = ("size", "fps", "audio")


def _restored(text: str) -> list[str]:
    words = list(RESTORED) if text == "all" else [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in RESTORED]:
        raise UsageError(
            f"{unknown[0]!r} cannot be restored", remedy="give size, fps and audio, as many as you want, or all"
        )
    return words


# Each option is a field of a Spec, by the same name.
FIELDS = [
    click.option("--negative-prompt", metavar="TEXT", help="What the video shall not show."),
    click.option("--seed", type=SEED, help="[the model's]"),
    click.option("--steps", type=click.IntRange(1), help="[the model's]"),
    click.option("--guidance", type=NUMBER, help="How closely the prompt is followed.  [the model's]"),
    click.option("--control-guidance", type=NUMBER, help="The same for the controls (Cosmos 3).  [the model's]"),
    click.option("--sigma-max", type=NUMBER, help="The noise on the clip.  [the model's]"),
    click.option("--size", metavar="TIER | WxH", help="A tier such as 720, or one of the model's sizes.  [720]"),
    click.option("--fps", type=NUMBER, help="The rate of the video.  [the model's, else the clip's]"),
    click.option("--frames", type=click.IntRange(1), help="Make so many at most.  [all of the clip]"),
    click.option("--chunk", type=click.IntRange(1), help="Frames of a chunk.  [the model's]"),
    click.option("--overlap", type=click.IntRange(0), help="Frames that a later chunk repeats.  [the model's]"),
    click.option(
        "--restore",
        callback=lambda ctx, param, value: value and _restored(value),
        metavar="LIST",
        help="What the video gets back of the clip: size, fps, audio, or all.",
    ),
    click.option("--keep-frames", is_flag=True, default=None, help="Write the frames of the video as PNG too."),
]
ASKED = ("negative_prompt", "seed", "steps", "guidance", "control_guidance", "sigma_max", "size", "fps", "frames",
         "chunk", "overlap", "restore", "keep_frames")  # fmt: skip
WHAT = [
    click.option("-p", "--prompt", "prompts", multiple=True, metavar="TEXT",
                 help="What the video shall show; several make a video each."),
    *(click.option(f"--{hint}", is_flag=False, flag_value="", metavar="[=WEIGHT,PRESET,VIDEO]", help=f"{HELP[hint]}.")
      for hint in HINTS),
    click.option("--model", metavar="NAME", help="transfer2.5, transfer1, cosmos3, …: `cosmos limits`."),
    click.option("--seeds", metavar="LIST", help="A video for each, such as 1-4 or 1,5,9."),
    click.option("--weights", multiple=True, metavar="HINT=LIST", help="A video for each, such as edge=0.3,0.6."),
    click.option("--batch", type=click.Path(), metavar="LINES.jsonl",
                 help="Lines of Transfer1's batch, which stand beside its SPEC: a video for each."),
    click.option("--upsample", cls=LocalOption, is_flag=True, help="Have the upsampler write the prompts first."),
    click.option("--look-at", cls=LocalOption, type=click.Choice(["clip", "control"]),
                 help="What the upsampler sees; control: vis or edge, else seg or depth, as Transfer1.  [clip]"),
    click.option("--convert", type=click.Choice(["transfer1", "transfer2.5", "cosmos3", "own"]),
                 help="Translate the spec, and run nothing."),
    click.option("--gpu", metavar="NAME", help="Check the memory of this card."),
]  # fmt: skip


def asked_of(options: dict[str, Any]) -> dict[str, Any]:
    """What the options ask of each Spec; they are taken out."""
    from cosmos_workflow.kinds.transfer.variants import numbers_of

    asked: dict[str, Any] = {"fields": {}, "controls": {}, "prompts": options.pop("prompts"), "weights": {}}
    for name in ASKED:
        if (value := options.pop(name)) is not None:
            asked["fields"][name] = value
    for hint in HINTS:
        if (value := options.pop(hint)) is not None:
            asked["controls"][hint] = _control(hint, value)
    seeds = options.pop("seeds")
    asked["seeds"] = numbers_of(seeds) if seeds else []
    for text in options.pop("weights"):
        hint, _, values = text.partition("=")
        try:
            asked["weights"].setdefault(hint, []).extend(float(value) for value in values.split(","))
        except ValueError:
            raise UsageError(f"these are no weights: {text!r}", remedy="give HINT=LIST, such as edge=0.3,0.6") from None
    return asked


def _control(hint: str, value: str) -> dict[str, Any]:
    """A control from an option's value: a weight, a preset and a video, in any order, as many as are given."""
    made: dict[str, Any] = {}
    parts = (
        [value]
        if value and at_home(Path(value)).exists()
        else [part.strip() for part in value.split(",") if part.strip()]
    )
    for part in parts:
        try:
            key, content = "weight", float(part)
        except ValueError:
            key, content = ("preset", part) if part in PRESETS else ("path", part)  # type: ignore[assignment]
        if key in made:
            raise UsageError(
                f"--{hint}={value}: there are two of {key}", remedy="give a weight, a preset and a video at most"
            )
        made[key] = str(at_home(Path(part)).absolute()) if key == "path" else content
    return made


def items_of(source: str, model: str, asked: Mapping[str, Any], batch: str | None = None) -> list[Item]:
    """The Items of what is given, with what the options ask on top of it; `batch` is a file of Transfer1's lines."""
    from cosmos_workflow.kinds.transfer import sources

    fields = {**asked.get("fields", {}), **({"model": model} if model else {})}
    more = {name: value for name, value in asked.items() if name != "fields"}
    return sources.items_of(Path(source), note, fields=fields, batch=Path(batch) if batch else None, **more)
