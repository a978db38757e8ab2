"""`cosmos upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cosmos_workflow.cli.console import note
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.kinds import begun, do_batch, work_options
from cosmos_workflow.cli.options import (
    WORDS,
    merged_config,
    model_path_option,
    ray_items,
    refuse_misplaced,
    results_name,
    settings_from,
)
from cosmos_workflow.cli.target import plans_of
from cosmos_workflow.cli.values import NUMBER, SEED, NumberRange
from cosmos_workflow.errors import UsageError
from cosmos_workflow.runs.places.ray import is_ray

__all__ = ["command"]

WORD = "4k"


@click.command("upscale", cls=Command)
@click.argument("sources", metavar="VIDEO... | FOLDER | BATCH.jsonl", nargs=-1, required=True, type=click.Path())
@click.option("-p", "--prompt", metavar="TEXT", help="What the video shows; none is needed.")
@click.option("--weight", type=NumberRange(0), help="How closely the video is kept.  [0.5]")
@click.option("--steps", type=click.IntRange(1), help="[10]")
@click.option("--seed", type=SEED, help="[1]")
@click.option("--sigma-max", type=NUMBER, help="The noise on the video.  [70]")
@work_options(WORD, ("program",), files=True)
@model_path_option("The folder with NVIDIA's repositories.")
def command(sources: tuple[str, ...], dry_run: bool, **options: Any) -> int:
    """Make videos three times as wide and as high, by Transfer1's upscaler (3840x2112 of 16:9).

    \b
    cosmos upscale night/city/video.mp4 --on gpu
    cosmos upscale night --on gpu               # the video of each item of a run

    A video is first brought to the nearest of the model's sizes, such as 1280x704. A long one is made in pieces of 121
    frames, which are joined; the same command again makes only the pieces that are missing.
    """
    from cosmos_workflow.cli.check import show_checked
    from cosmos_workflow.engines import EngineSettings
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.reading import is_batch
    from cosmos_workflow.transfers.upscaling import items_of, name_of

    place, engine, kind, source = options["place"], options["engine"], get_kind("upscale"), sources[0]
    asked = {name: options.pop(name) for name in ("prompt", "weight", "steps", "seed", "sigma_max")}
    asked = {name: value for name, value in asked.items() if value is not None}
    config = merged_config("upscale", **{word: options.pop(word) for word in WORDS if word in options})
    refuse_misplaced(options, is_ray(place))
    batch = len(sources) == 1 and not Path(source).is_dir() and is_batch(source)
    if (batch or is_ray(place)) and asked:
        raise UsageError(f"--{next(iter(asked)).replace('_', '-')} is for videos", where=source,
                         remedy="give each entry of the batch its own values")  # fmt: skip
    if is_ray(place):
        items = ray_items(kind, source) if dry_run else []
    else:
        items = list(kind.read(Path(source), note)) if batch else items_of(list(map(Path, sources)), asked)
    settings = EngineSettings(
        model_path=config.model_path, options=config.engine_options | settings_from(options["engine_option"])
    )
    decision = begun(
        kind, kind.settings(), settings, engine, place, config, given={}, wait=options["wait"],
        runs=not dry_run,
    )  # fmt: skip
    if dry_run:
        plans = plans_of(items, decision)
        return show_checked("upscale", plans, decision.engine.name, as_json=options["as_json"], in_lines=True)
    options["out"] = options["out"] or results_name(name_of(Path(source)), f".{WORD}")
    return do_batch(decision, source, items, WORD, batch=batch or len(items) > 1, **options)
