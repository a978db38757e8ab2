"""`cosmos check`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cosmos_workflow.cli.console import exit_code, note, print_json, stdout, table, verdict_text
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.options import (
    SIZE,
    WORDS,
    engine_options,
    engine_settings,
    frames_option,
    length_option,
    merged_config,
    model_len,
    model_options,
    request_options,
)
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import Model, Plan, plan

__all__ = ["command", "print_plans"]

FIELDS = [name for name in Plan.__dataclass_fields__ if name not in ("exact", "fit")]


@click.command("check", cls=Command)
@click.argument("source", required=False, metavar="[VIDEO | BATCH.jsonl]", type=click.Path())
@click.option("--size", type=SIZE, help="Check this size instead of a video.")
@request_options
@model_options
@frames_option
@length_option(auto=True)
@engine_options
@click.option("--exact", is_flag=True, help="Count the text exactly even where an upper bound decides.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (JSON Lines for a batch).")
def command(source: str | None, size: tuple[int, int] | None, as_json: bool, exact: bool, **options: Any) -> int:
    """Tell whether the model can take a prompt and its video. Nothing runs.

    \b
    cosmos check clip.mp4 -p "A futuristic city at sunset"
    cosmos check --size 960x540 --fit off
    cosmos check prompts.jsonl --json
    """
    if (source is None) == (size is None):
        raise UsageError("nothing to check, or two things", remedy="give a VIDEO, a BATCH or --size WxH")
    place, asked_engine = options.pop("place"), options["engine"]
    config = merged_config(**{name: options.pop(name) for name in WORDS})
    told = engine_settings(config, options.pop("engine_option"))
    model = told.model
    if options["max_model_len"] == "auto":
        from cosmos_workflow.api import choose

        engine, _ = choose(place, asked_engine, told, config)
        free = {**options, "fit": "off", "max_model_len": model.longest_model_len}
        needs = [one for one in _plans(source, size, model, True, free, lambda text: None) if one.source_width]
        needed = max((one.total_tokens for one in needs), default=0)
        options["max_model_len"] = model_len("auto", lambda: needed, engine, told, place)
    # A document is read by programs, which cannot see that a number is only a bound.
    exact = exact or as_json
    plans = _plans(source, size, model, exact, options)
    from cosmos_workflow.kinds.upsample.batch import is_batch

    if as_json:
        for one in plans:
            print_json({name: getattr(one, name) for name in FIELDS})
    else:
        print_plans(plans, as_table=bool(source and is_batch(source)))
    return exit_code([one.verdict if not one.runs else "" for one in plans])


def _plans(
    source: str | None, size: tuple[int, int] | None, model: Model, exact: bool, options: dict[str, Any],
    tell: Callable[[str], None] = note,
) -> list[Plan]:  # fmt: skip
    if size:
        limits = {name: options[name] for name in ("max_tokens", "max_model_len")}
        frames = options["frames"] or model.default_frames
        return [plan(size, options["prompt"], model, frames, options["fit"], exact=exact, **limits)]
    from cosmos_workflow.api import load_items
    from cosmos_workflow.kinds.upsample import Settings, check_items

    assert source is not None
    settings = Settings(limits=model, **{name: value for name, value in options.items() if name != "prompt"})
    return [one.plan for one in check_items(load_items(source, options["prompt"], tell), settings, exact=exact)]


def print_plans(plans: list[Plan], *, as_table: bool) -> None:
    """Plans for people: a table of a batch, a few lines of one."""
    console = stdout()
    if as_table:
        rows = table("id", "verdict", ">source", ">frames sent", ">prompt tokens", ">room", "~reason and remedy")
        for one in plans:
            # What runs needs no remedy in a table; `check` of one item tells how to keep its full size.
            why = "; ".join(filter(None, [one.reason, "" if one.runs else one.remedy, one.note]))
            tokens = f"{'' if one.exact else '≤ '}{one.prompt_tokens:,}"
            rows.add_row(one.id, verdict_text(one.verdict), _source(one), _sent(one), tokens, f"{one.room:,}", why)
        console.print(rows)
        return
    for one in plans:
        console.print(verdict_text(one.verdict), f" {one.id}" if one.id else "", sep="")
        if one.source_width:
            most = "" if one.exact else "at most "
            console.print(f"  source      {_source(one)}")
            console.print(f"  frames      {_sent(one)}")
            console.print(
                f"  prompt      {most}{one.prompt_tokens:,} tokens:"
                f" {one.image_tokens:,} images + {most}{one.text_tokens:,} text"
                f" + {one.prompt_tokens - one.image_tokens - one.text_tokens:,} template"
            )
            left = f"{one.room:,} of {one.max_model_len:,} tokens left"
            if one.room < 0:
                left = f"no room: {-one.room:,} tokens over {one.max_model_len:,}"
            asked = f"{left}, {one.max_tokens:,} asked for"
            console.print(f"  answer      {asked}")
        if one.reason:
            console.print(f"  reason      {one.reason}")
        if one.remedy:
            console.print("  remedy      " + one.remedy.replace("; or ", "\n              or "))
        if one.note:
            console.print(f"  note        {one.note}")


def _source(one: Plan) -> str:
    return f"{one.source_width}x{one.source_height}" if one.source_width else "-"


def _sent(one: Plan) -> str:
    return f"{one.frames} × {one.frame_width}x{one.frame_height}" if one.frame_width else "-"
