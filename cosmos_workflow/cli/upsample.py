"""`cosmos upsample`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cosmos_workflow.cli.check import exit_code, print_plans
from cosmos_workflow.cli.console import print_json, stderr, stdout
from cosmos_workflow.cli.options import (
    limit_options,
    limits_model,
    merged_config,
    request_options,
    settings_from,
)
from cosmos_workflow.cli.progress import Progress
from cosmos_workflow.errors import CosmosError

__all__ = ["command"]


@click.command("upsample")
@click.argument("source", metavar="VIDEO | BATCH.jsonl", type=click.Path())
@request_options
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Results file.  [NAME.upsampled.jsonl]")
@click.option("--engine", default="", metavar="NAME", help="vllm, server, transformers or describe.  [what is here]")
@click.option("--server-url", default="", help="An OpenAI-compatible server, for the server engine.")
@click.option("--server-model", default="", help="What the server calls the model.  [its first]")
@limit_options
@click.option("--pick", type=click.Choice(["first", "spread"]), default="first", help="Which frames.  [first]")
@click.option("--temperature", type=click.FloatRange(0), help="0 gives the same answer each time.  [0.6]")
@click.option("--seed", type=int, help="Makes sampling repeatable.")
@click.option(
    "--no-offload/--offload",
    "no_offload",
    default=True,
    help="Keep the model loaded, or free the GPU after the batch.  [--no-offload]",
)
@click.option("--offload-each", is_flag=True, help="Load and free the model for each item, as NVIDIA's script does.")
@click.option("--engine-option", multiple=True, metavar="KEY=VALUE", help="For the engine's library; repeatable.")
@click.option("--again", is_flag=True, help="Ask also for what the results file already answers.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the engine; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (JSON Lines for a batch).")
def command(source: str, out: str | None, as_json: bool, dry_run: bool, again: bool, **options: Any) -> int:
    """Turn a short prompt and its video, or a batch of them, into long, detailed prompts.

    \b
    cosmos upsample clip.mp4 -p "A futuristic city at sunset"
    cosmos upsample prompts.jsonl -o upsampled.jsonl --engine vllm --model-path ~/models/upsampler
    cosmos upsample prompts.csv --server-url http://localhost:8000/v1

    Each result is on disk before the next one starts. Run again with the same results file, it goes on
    where it stopped.
    """
    from cosmos_workflow.api import load_items, upsample
    from cosmos_workflow.engines import EngineSettings, choose_engine, make_engine
    from cosmos_workflow.prompts import Settings, check_items, is_batch, to_dict

    words = ("model", "model_path", "engine", "server_url", "server_model")
    config = merged_config(**{name: options.pop(name) for name in words})
    items = load_items(source, options.pop("prompt"))
    settings = Settings(
        limits=limits_model(config),
        **{name: options[name] for name in Settings.__dataclass_fields__ if name != "limits"},
    )
    engine_settings = EngineSettings(
        settings.limits,
        config.model_path,
        config.server_url,
        config.server_model,
        settings.max_model_len,
        "item" if options["offload_each"] else "never" if options["no_offload"] else "batch",
        config.engine_options | settings_from(options["engine_option"]),
    )
    name, why = choose_engine(config.engine, engine_settings)
    say = stderr().print
    say(f"engine: {name} ({why})", style="dim")
    batch = is_batch(source)
    if dry_run:
        plans = [one.plan for one in check_items(items, settings, exact=as_json)]
        if as_json:
            for plan in plans:
                print_json(plan.to_dict() | {"engine": name})
        else:
            print_plans(plans, as_table=batch)
        return exit_code([one.verdict if not one.runs else "" for one in plans])

    engine = make_engine(name, engine_settings)
    stated = getattr(engine, "max_model_len", None)
    if name == "server" and stated and not settings.max_model_len:
        settings = replace(settings, max_model_len=stated)
    out = out or f"{Path(source).stem}.upsampled.jsonl"
    progress = Progress(len(items), enabled=batch, quiet=as_json)
    try:
        with _stdout_for_results(name), progress, closing(engine):
            results = upsample(items, engine=engine, settings=settings, out=out, on_result=progress.result, again=again)
    except (CosmosError, KeyboardInterrupt):
        say(f"stopped: {progress.done} of {len(items)} done; run it again to go on", style="yellow")
        say(f"results: {out}", style="dim")
        raise
    if as_json:
        for result in results:
            print_json(to_dict(result))
    else:
        _print_results(results, len(items) - progress.done, batch)
    say(f"saved: {out}", style="dim")
    return exit_code([(result.error and result.error_kind) or "" for result in results])


def _print_results(results: list[Any], earlier: int, batch: bool) -> None:
    console, warn = stdout(), stderr()
    if earlier > 0:
        warn.print(f"{earlier} answered earlier (--again asks anew)", style="dim")
    for result in results:
        title = f"{result.id}  " if batch else ""
        if result.error:
            warn.print(f"{title}failed: {result.error}", style="red")
            continue
        if batch:
            console.print(f"{result.id}", style="bold")
        console.print(result.upsampled_prompt)
        if batch:
            console.print()
        if result.note:
            style = "yellow" if result.truncated else "dim"
            warn.print(f"{title}note: {result.note}", style=style)
    failed = sum(not result.ok for result in results)
    if batch:
        warn.print(f"{len(results) - failed} answered, {failed} failed")


@contextmanager
def _redirected_stdout() -> Iterator[None]:
    """Whatever an engine's library or its child processes print goes to stderr; stdout is for results."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _stdout_for_results(engine: str) -> Any:
    return _redirected_stdout() if engine in ("vllm", "transformers") else nullcontext()
