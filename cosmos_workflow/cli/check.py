"""`cosmos check`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cosmos_workflow.cli.console import exit_code, note, print_json, stderr, stdout, table, verdict_text
from cosmos_workflow.cli.formats import format_of, format_option
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.options import (
    WORDS,
    engine_options,
    engine_settings,
    fitting_length,
    frames_option,
    length_option,
    merged_config,
    model_options,
    pick_option,
    request_options,
)
from cosmos_workflow.cli.target import client_of, server_decision, server_plans
from cosmos_workflow.cli.values import SIZE
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import Model, Plan

__all__ = ["command", "print_plans", "say_warnings", "show_checked"]

OF_TRANSFERS = ("prompt", "engine", "engine_option", "place", "model_path", "gpu", "as_json")
FIELDS = [name for name in Plan.__dataclass_fields__ if name not in ("exact", "fit")]


@click.command("check", cls=Command)
@click.argument("source", required=False, metavar="[VIDEO | BATCH.jsonl | SPEC.json]", type=click.Path())
@click.option("--size", type=SIZE, help="Check this size instead of a video.")
@request_options
@model_options
@frames_option
@pick_option
@length_option(auto=True)
@format_option
@engine_options
@click.option("--gpu", metavar="NAME", help="Of a transfer: check the memory of this card.")
@click.option("--exact", is_flag=True, help="Count the text's tokens exactly, even where an upper bound is enough.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document (JSON Lines for a batch).")
def command(source: str | None, size: tuple[int, int] | None, as_json: bool, exact: bool, **options: Any) -> int:
    """Check whether a prompt and its video fit the model, or what a transfer would make. Nothing runs.

    \b
    cosmos check clip.mp4 -p "A futuristic city at sunset"
    cosmos check --size 960x540 --fit off
    cosmos check prompts.jsonl --json
    cosmos check spec.json --gpu H100
    """
    if (source is None) == (size is None):
        raise UsageError("nothing to check, or more than one thing", remedy="give exactly one of VIDEO, BATCH, --size")
    if source and is_transfer(source):
        from cosmos_workflow.cli.transfer import check_specs

        _refuse_of_prompts(source)
        return check_specs(source, options, as_json=as_json)
    if options.pop("gpu"):
        raise UsageError(
            "--gpu means something for a transfer alone", remedy="leave it out, or see: cosmos limits --gpu"
        )
    place, asked_engine = options.pop("place"), options["engine"]
    config = merged_config("upsample", **{name: options.pop(name) for name in WORDS})
    options["format"] = format_of(options["format"], config)
    settings = engine_settings(config, options.pop("engine_option"), place=place)
    model, length = settings.model, options["max_model_len"]
    from cosmos_workflow.api import decide, load_items
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.reading import is_batch
    from cosmos_workflow.kinds.upsample import Settings

    kind = get_kind("upsample")
    without = ("prompt", "engine", *(("format",) if options["format"] == "text" else ()))  # every server's format
    given = {name: value for name, value in options.items() if name not in without}
    decision = server_decision(kind, given | {"model": config.model or None}, asked_engine, place) or decide(
        kind, Settings(
            model, max_model_len=None if isinstance(length, str) else length, format=options["format"],
            pick=options["pick"],
        ),
        place=place, engine=asked_engine, engine_settings=settings, config=config, runs=False,
    )  # fmt: skip
    no_model = decision.engine.name == "describe" and "describe" not in (asked_engine, config.engine)
    if no_model and not client_of():
        # Chosen only as there is no model here: what is checked is whether the model could take it.
        decision = replace(decision, settings=replace(decision.settings, by_rules=False, pick=options["pick"]))
    for text in decision.notes:
        note(text)
    if client := client_of():
        more = {"width": size[0], "height": size[1], "prompt": options["prompt"]} if size else {}
        items = [] if source is None else load_items(source, options["prompt"], note)
        plans = server_plans(client, items, decision, **more)
    else:
        options |= {name: getattr(decision.settings, name) for name in ("max_model_len", "by_rules", "pick")}
        if length == "auto":
            free = {**options, "fit": "off", "max_model_len": model.longest_model_len}
            needs = [plan for plan in _plans(source, size, model, True, free, lambda text: None) if plan.source_width]
            needed = max((plan.total_tokens for plan in needs), default=0)
            options["max_model_len"] = fitting_length(lambda: needed, decision, settings)
        # A document is read by programs, which cannot see that a number is only a bound.
        plans = _plans(source, size, model, exact or as_json, options)
    if as_json:
        for plan in plans:
            print_json({name: getattr(plan, name) for name in FIELDS})
    else:
        print_plans(plans, as_table=bool(source and is_batch(source)))
    return exit_code([plan.verdict if not plan.runs else "" for plan in plans])


def _refuse_of_prompts(source: str) -> None:
    """Raise UsageError for an option that means nothing for the check of a transfer."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and isinstance(parameter, click.Option) and parameter.name not in OF_TRANSFERS:
            raise UsageError(
                f"{parameter.opts[0]} is for prompts, and this is a transfer", where=source,
                remedy=f"leave it out; cosmos transfer {shlex.quote(source)} --dry-run takes all options of a transfer",
            )  # fmt: skip


def is_transfer(source: str) -> bool:
    """Whether a path is a spec of a transfer, or a folder of `cosmos prepare`, and no video or batch of prompts."""
    path = Path(source)
    if path.suffix.lower() not in (".json", ".jsonl") and not path.is_dir():
        return False  # without the imports of what reads specs
    from cosmos_workflow.kinds.transfer.asking import is_spec

    return is_spec(path)


def _plans(
    source: str | None, size: tuple[int, int] | None, model: Model, exact: bool, options: dict[str, Any],
    on_note: Callable[[str], None] = note,
) -> list[Plan]:  # fmt: skip
    from cosmos_workflow.api import load_items
    from cosmos_workflow.kinds.upsample import Settings, check_items
    from cosmos_workflow.kinds.upsample.preflight import plan_of

    settings = Settings(limits=model, **{name: value for name, value in options.items() if name != "prompt"})
    if size:
        return [plan_of(size, options["prompt"], settings, exact=exact)]
    assert source is not None
    return [
        checked.plan for checked in check_items(load_items(source, options["prompt"], on_note), settings, exact=exact)
    ]


def print_plans(plans: list[Plan], *, as_table: bool) -> None:
    """Plans for people: a table of a batch, a few lines of one."""
    console = stdout()
    if as_table:
        rows = table("id", "verdict", ">source", ">frames sent", ">prompt tokens", ">room", "~reason and remedy")
        for plan in plans:
            # What runs needs no remedy in a table; `check` of one item tells how to keep its full size.
            reason = "; ".join(filter(None, [plan.reason, "" if plan.runs else plan.remedy, plan.note]))
            tokens = f"{'' if plan.exact else '≤ '}{plan.prompt_tokens:,}"
            rows.add_row(
                plan.id, verdict_text(plan.verdict), _source(plan), _sent(plan), tokens, f"{plan.room:,}", reason
            )
        console.print(rows)
        return
    for plan in plans:
        console.print(verdict_text(plan.verdict), f" {plan.id}" if plan.id else "", sep="")
        if plan.source_width:
            most = "" if plan.exact else "at most "
            console.print(f"  source      {_source(plan)}")
            console.print(f"  frames      {_sent(plan)}")
            console.print(
                f"  prompt      {most}{plan.prompt_tokens:,} tokens:"
                f" {plan.image_tokens:,} images + {most}{plan.text_tokens:,} text"
                f" + {plan.prompt_tokens - plan.image_tokens - plan.text_tokens:,} template"
            )
            room = f"{plan.room:,} of {plan.max_model_len:,} tokens left"
            if plan.room < 0:
                room = f"no room: {-plan.room:,} tokens over {plan.max_model_len:,}"
            answer = f"{room}, {plan.max_tokens:,} asked for"
            console.print(f"  answer      {answer}")
        if plan.reason:
            console.print(f"  reason      {plan.reason}")
        if plan.remedy:
            console.print("  remedy      " + plan.remedy.replace("; or ", "\n              or "))
        if plan.note:
            console.print(f"  note        {plan.note}")


def show_checked(kind: str, plans: Iterable[Any], engine: str, *, as_json: bool, in_lines: bool = False) -> int:
    """Plans of items of any kind, as a table or JSON Lines; returns the exit code that they stand for.

    With `in_lines` each statement has a line, in place of the table, and items of which the same is known stand
    together.
    """
    plans = list(plans)
    if as_json:
        for each in plans:
            known = {"id": each.id, "kind": kind, "verdict": each.verdict, "reason": each.reason}
            more = {"remedy": each.remedy, "warnings": list(each.warnings), "engine": engine, "note": each.note}
            print_json(known | more)
    elif in_lines:
        _print_lines(plans)
    else:
        rows = table("id", "verdict", "~what is known of it")
        for each in plans:
            words = "; ".join(filter(None, (each.reason, each.remedy, each.note)))
            rows.add_row(each.id, verdict_text(each.verdict), words)
        stdout().print(rows)
    return exit_code(["" if each.runs else each.verdict for each in plans])


def _print_lines(plans: Iterable[Any]) -> None:
    alike: dict[tuple[Any, ...], list[str]] = {}
    for each in plans:
        reason = "" if each.runs and each.warnings else each.reason  # else it says the warnings once more
        facts = (each.verdict, each.note, reason, each.remedy, tuple(each.warnings))
        alike.setdefault(facts, []).append(each.id)
    say = stdout().print
    for (verdict, made, reason, remedy, warnings), ids in alike.items():
        say(verdict_text(verdict), f" {', '.join(ids)}", sep="")
        lines = [("makes", made), ("reason", reason), ("remedy", remedy), *(("warning", text) for text in warnings)]
        for name, text in lines:
            if text:
                say(f"  {name:<10}  {text}")


def say_warnings(plans: Iterable[Any]) -> None:
    """Say on stderr what makes the results of items bad that run, each warning once."""
    ids: dict[str, list[str]] = {}
    for each in plans:
        for text in each.warnings if each.runs else ():
            ids.setdefault(text, []).append(each.id)
    for text, of in ids.items():
        more = f" and {len(of) - 1} more" if len(of) > 1 else ""
        stderr().print(f"warning: {of[0]}{more}: {text}", style="yellow")


def _source(plan: Plan) -> str:
    return f"{plan.source_width}x{plan.source_height}" if plan.source_width else "-"


def _sent(plan: Plan) -> str:
    return f"{plan.frames} × {plan.frame_width}x{plan.frame_height}" if plan.frame_width else "-"
