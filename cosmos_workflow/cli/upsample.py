"""`cosmos upsample`."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cosmos_workflow.cli.check import print_plans
from cosmos_workflow.cli.console import exit_code, note, print_json, stderr, stdout_for_results
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
from cosmos_workflow.cli.progress import Progress
from cosmos_workflow.cli.results import show_results
from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.engines import EngineSettings, Offload
    from cosmos_workflow.kinds.upsample import Item, Result, Settings

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
    from cosmos_workflow.api import choose, load_items, tokens_needed
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
    name, reason = choose(place, options["asked_engine"], engine_setup, config)
    say = stderr().print
    say(f"engine: {name}{'' if place == 'local' else f' on {place}'} ({reason})", style="dim")
    if place != "local" and not on_ray:
        from cosmos_workflow.ssh import one_line

        click.get_current_context().with_resource(one_line())
    length = model_len(options["max_model_len"], lambda: tokens_needed(items, settings), name, engine_setup, place)
    settings, engine_setup = replace(settings, max_model_len=length), replace(engine_setup, max_model_len=length)
    batch = on_ray or is_batch(source)
    if dry_run:
        plans = [checked.plan for checked in check_items(items, settings, exact=as_json)]
        if as_json:
            for plan in plans:
                print_json(plan.to_dict() | {"engine": name})
        else:
            print_plans(plans, as_table=batch)
        return exit_code([plan.verdict if not plan.runs else "" for plan in plans])

    if on_ray:
        from cosmos_workflow.cli.cluster import upsample_on_cluster

        return upsample_on_cluster(
            place, source, out or f"{Path(source).stem}.upsampled", name, engine_setup, settings,
            again=again, as_json=as_json, **{name: options[name] for name in ("detach", *RAY_OPTIONS)},
        )  # fmt: skip
    out = out or results_name(source)
    if place != "local":
        from cosmos_workflow.cli.remote import upsample_there

        keep_warm = options["keep_warm"] if options["no_offload"] else 0.0
        return upsample_there(
            place, items, source, out, options["asked_engine"], engine_setup, settings,
            keep_warm=keep_warm, wait=options["wait"], detach=options["detach"], again=again, as_json=as_json,
            batch=batch,
        )  # fmt: skip
    return _upsample_here(items, name, engine_setup, settings, out, again=again, as_json=as_json, batch=batch)


def _upsample_here(
    items: list[Item], name: str, engine_setup: EngineSettings, settings: Settings, out: str, *,
    again: bool, as_json: bool, batch: bool,
) -> int:  # fmt: skip
    from cosmos_workflow.api import upsample
    from cosmos_workflow.engines import make_engine
    from cosmos_workflow.kinds.upsample import ResultsStream, is_stream

    say = stderr().print
    engine = make_engine(name, engine_setup)
    stated = getattr(engine, "max_model_len", None)
    if name == "server" and stated and not settings.max_model_len:
        settings = replace(settings, max_model_len=stated)
    progress = Progress(len(items), enabled=batch, quiet=as_json)
    with ExitStack() as stack:
        # Before standard output is redirected because of what engines print.
        stream = stack.enter_context(ResultsStream(out)) if is_stream(out) else None

        def keep(result: Result) -> None:
            if stream:
                stream.write(result)
            progress.result(result)

        try:
            with stdout_for_results(name), progress, closing(engine):
                results = upsample(
                    items, engine=engine, settings=settings, out=None if stream else out, on_result=keep, again=again
                )
        except (CosmosError, KeyboardInterrupt) as error:
            if not isinstance(error, (BadInputError, UsageError)):  # those are of -o: nothing has begun
                how_on = "" if stream else "; run it again to go on"
                say(f"stopped: {progress.done} of {len(items)} done{how_on}", style="yellow")
                if not stream:
                    say(f"results: {out}", style="dim")
            raise
    return show_results(results, out, earlier=len(items) - progress.done, batch=batch, as_json=as_json)
