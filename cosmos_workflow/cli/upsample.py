"""`cosmos upsample`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli.check import print_plans
from cosmos_workflow.cli.console import exit_code, note, print_json, stderr
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.options import (
    DURATION,
    RAY_OPTIONS,
    SEED,
    WORDS,
    engine_options,
    engine_settings,
    frames_option,
    length_option,
    limits_model,
    merged_config,
    model_len,
    model_options,
    ray_items,
    ray_options,
    refuse_misplaced,
    request_options,
    results_name,
    wait_option,
)
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.engines import Offload

__all__ = ["command"]


@click.command("upsample", cls=Command)
@click.argument("source", metavar="VIDEO | BATCH.jsonl", type=click.Path())
@request_options
@click.option(
    "-o", "--out", type=click.Path(), help="Results file, - for stdout; on Ray a folder.  [NAME.upsampled.jsonl]"
)
@engine_options
@model_options
@frames_option
@length_option(auto=True)
@click.option("--pick", type=click.Choice(["first", "spread"]), default="first", help="Which frames to send.  [first]")
@click.option("--temperature", type=click.FloatRange(0), help="0 gives the same answer each time.  [0.6]")
@click.option("--seed", type=SEED, help="Makes sampling repeatable.")
@click.option(
    "--no-offload/--offload",
    "no_offload",
    default=True,
    help="Keep the model loaded, or free the GPU after the batch.  [--no-offload]",
)
@click.option("--offload-each", is_flag=True, help="Load and free the model for each item, as NVIDIA's script does.")
@click.option("--detach", is_flag=True, help="On a host: return as soon as it has the batch; see `cosmos runs`.")
@click.option("--keep-warm", type=DURATION, default="10m", help="On a host: how long the model stays loaded.  [10m]")
@wait_option
@ray_options
@click.option("--again", is_flag=True, help="Ask again for what the results file already answers.")
@click.option("--keep-described", is_flag=True, help="Keep answers of the `describe` engine, although a model is here.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the engine; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (JSON Lines for a batch).")
def command(source: str, out: str | None, as_json: bool, dry_run: bool, again: bool, **options: Any) -> int:
    """Turn a short prompt and its video, or a batch of them, into long, detailed prompts.

    \b
    cosmos upsample clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample prompts.jsonl -o upsampled.jsonl --engine vllm --model-path ~/models/upsampler
    cosmos upsample prompts.csv --server-url http://localhost:8000/v1
    cosmos upsample prompts.jsonl --on gpu
    cosmos upsample s3://bucket/prompts/ -o s3://bucket/upsampled/ --on ray://head:10001 --model-path /models/upsampler

    Each result is on disk before the next one starts. Run the same command again to continue where it
    stopped.
    """
    from cosmos_workflow.api import decide, load_items, tokens_needed
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.upsample import Settings, check_items, is_batch

    options["asked_engine"] = options["engine"]
    config = merged_config(**{name: options.pop(name) for name in WORDS})
    place = options["place"]
    on_ray = is_ray(place)
    refuse_misplaced(options, on_ray)
    items = (
        ray_items(source) if on_ray and dry_run else [] if on_ray else load_items(source, options.pop("prompt"), note)
    )
    settings = Settings(
        limits=limits_model(config, place),
        **{name: options[name] for name in Settings.__dataclass_fields__ if name not in ("limits", "max_model_len")},
    )
    offload: Offload = "item" if options["offload_each"] else "never" if options["no_offload"] else "batch"
    engine_setup = engine_settings(config, options["engine_option"], None, offload, place)
    kind = get_kind("upsample")
    decision = decide(
        kind, settings, place=place, engine=options["asked_engine"], engine_settings=engine_setup, config=config
    )
    engine = decision.engine
    say = stderr().print
    say(f"engine: {engine.name}{'' if place == 'local' else f' on {place}'} ({engine.why})", style="dim")
    for text in decision.notes:
        note(text)
    if decision.host:
        from cosmos_workflow.ssh import one_line

        click.get_current_context().with_resource(one_line())
    if options["max_model_len"]:
        needed = lambda: tokens_needed(items, settings)  # noqa: E731
        length = model_len(options["max_model_len"], needed, engine.name, engine_setup, place)
        settings = replace(settings, max_model_len=length)
        engine_setup = replace(engine_setup, max_model_len=length)
        decision = decide(kind, settings, place=place, engine=engine.name, engine_settings=engine_setup, config=config)
    batch = on_ray or is_batch(source)
    if dry_run:
        plans = [checked.plan for checked in check_items(items, decision.settings, exact=as_json)]
        if as_json:
            for plan in plans:
                print_json(plan.to_dict() | {"engine": engine.name})
        else:
            print_plans(plans, as_table=batch)
        return exit_code([plan.verdict if not plan.runs else "" for plan in plans])

    if on_ray:
        from cosmos_workflow.cli.cluster import upsample_on_cluster

        return upsample_on_cluster(
            place, source, out or f"{Path(source).stem}.upsampled", engine.name, engine_setup, settings,
            again=again, as_json=as_json, **{name: options[name] for name in ("detach", *RAY_OPTIONS)},
        )  # fmt: skip
    from cosmos_workflow.cli.driving import run_batch

    return run_batch(
        items, decision, source, out or results_name(source),
        keep_warm=options["keep_warm"] if options["no_offload"] else 0.0, wait=options["wait"],
        detach=options["detach"], again=again, keep_of=("describe",) if options["keep_described"] else (),
        as_json=as_json, batch=batch,
    )  # fmt: skip
