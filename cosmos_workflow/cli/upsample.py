"""`cosmos upsample`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli.check import print_plans
from cosmos_workflow.cli.console import exit_code, note, print_json
from cosmos_workflow.cli.formats import format_of, format_options, target_of
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.kinds import begun, do_batch, work_options
from cosmos_workflow.cli.options import (
    ENGINES,
    WORDS,
    LocalOption,
    engine_settings,
    fitting_length,
    frames_option,
    length_option,
    limits_model,
    merged_config,
    model_options,
    pick_option,
    ray_items,
    refuse_misplaced,
    request_options,
)
from cosmos_workflow.cli.target import client_of, server_plans
from cosmos_workflow.cli.values import SEED, NumberRange
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import Plan
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.engines import Offload

__all__ = ["command"]


@click.command("upsample", cls=Command)
@click.argument("source", metavar="VIDEO | BATCH.jsonl", type=click.Path())
@work_options("upsampled", ENGINES)
@request_options
@model_options
@frames_option
@length_option(auto=True)
@pick_option
@format_options
@click.option("--temperature", type=NumberRange(0), help="0 gives the same answer each time.  [0.6]")
@click.option("--seed", type=SEED, help="Makes sampling repeatable.")
@click.option(
    "--no-offload/--offload",
    "no_offload",
    default=True,
    help="Keep the model loaded, or free the GPU after the batch.  [--no-offload]",
)
@click.option(
    "--offload-each",
    cls=LocalOption,
    is_flag=True,
    help="Load and free the model for each item, as NVIDIA's script does.",
)
@click.option("--keep-described", is_flag=True, help="Keep answers of the `describe` engine, although a model is here.")
def command(source: str, dry_run: bool, **options: Any) -> int:
    """Turn a short prompt and its video, or a batch of them, into long, detailed prompts.

    \b
    cosmos upsample clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample prompts.jsonl -o upsampled.jsonl --engine vllm --model-path ~/models/upsampler
    cosmos upsample prompts.csv --server-url http://localhost:8000/v1
    cosmos upsample prompts.jsonl --on gpu
    cosmos upsample clip.mp4 -p "The same street at night" --format cosmos3 --for spec.json
    cosmos upsample s3://bucket/prompts/ -o s3://bucket/upsampled/ --on ray://head:10001 --model-path /models/upsampler

    Each result is on disk before the next one starts. Run the same command again to continue where it
    stopped.
    """
    from cosmos_workflow.api import load_items, tokens_needed
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.reading import is_batch
    from cosmos_workflow.kinds.upsample import Settings, check_items

    place, asked_engine, prompt, as_json = (options[name] for name in ("place", "engine", "prompt", "as_json"))
    config = merged_config("upsample", **{name: options.pop(name) for name in WORDS})
    options["format"] = format_of(options["format"], config)
    options |= target_of(options, options["format"])
    on_ray = is_ray(place)
    refuse_misplaced(options, on_ray)
    if on_ray and prompt:
        raise UsageError("-p is for one video", where="--on ray", remedy="give each entry its prompt in a batch file")
    if on_ray and (options["offload_each"] or not options["no_offload"]):
        raise UsageError("engines on Ray end with the run", where="--on ray", remedy="leave --offload out")
    kind = get_kind("upsample")
    items = ray_items(kind, source) if on_ray and dry_run else [] if on_ray else load_items(source, prompt, note)
    asked_length = options["max_model_len"]
    length = None if asked_length == "auto" else asked_length
    given = {name: value for name, value in options.items() if name in Settings.__dataclass_fields__}
    settings = Settings(**given | {"limits": limits_model(config, place), "max_model_len": length})
    offload: Offload = "item" if options["offload_each"] else "never" if options["no_offload"] else "batch"
    engine_setup = engine_settings(config, options["engine_option"], length, offload, place)
    if given["format"] == "text":  # as every server takes it
        del given["format"]
    decision = begun(
        kind, settings, engine_setup, asked_engine, place, config, given=given | {"model": config.model or None},
        wait=options["wait"],
    )  # fmt: skip
    engine = decision.engine.name
    if asked_length == "auto" and not client_of():
        length = fitting_length(lambda: tokens_needed(items, settings), decision, engine_setup)
        decision = decision.with_length(length)
    batch = on_ray or is_batch(source)
    if dry_run:
        if client := client_of():
            plans = server_plans(client, items, decision)
        else:
            plans = [checked.plan for checked in check_items(items, decision.settings, exact=as_json)]
        if as_json:
            for plan in plans:
                print_json({name: getattr(plan, name) for name in Plan.__dataclass_fields__} | {"engine": engine})
        else:
            print_plans(plans, as_table=batch)
        return exit_code([plan.verdict if not plan.runs else "" for plan in plans])
    options["keep_warm"] = options["keep_warm"] if options["no_offload"] else 0.0
    keep_of = ("describe",) if options["keep_described"] else ()
    return do_batch(decision, source, items, "upsampled", batch=batch, keep_of=keep_of, **options)
