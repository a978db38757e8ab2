"""What the commands of all kinds of work share, and the command of a kind that has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cosmos_workflow.cli.console import note, stderr
from cosmos_workflow.cli.help import Command
from cosmos_workflow.cli.options import (
    RAY_OPTIONS,
    WORDS,
    LocalOption,
    engine_options,
    merged_config,
    model_path_option,
    ray_items,
    ray_options,
    refuse_misplaced,
    results_name,
    settings_from,
    wait_option,
    with_options,
)
from cosmos_workflow.cli.progress import say_lost
from cosmos_workflow.cli.target import plans_of, server_decision
from cosmos_workflow.cli.values import DURATION
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.config import Config
    from cosmos_workflow.deciding import Decision
    from cosmos_workflow.engines import EngineSettings
    from cosmos_workflow.kinds.kind import Kind
    from cosmos_workflow.runs.stopping import StopAfter

__all__ = ["begun", "command_of", "do_batch", "work_options"]

Function = TypeVar("Function", bound=Callable[..., Any])


def work_options(word: str, engines: Sequence[str], *, files: bool = False) -> Callable[[Function], Function]:
    """The options of every command that does a batch; the results of NAME.jsonl are in NAME.`word`.jsonl.

    Where the kind makes `files`, the results are in the folder NAME.`word`.
    """
    out = f"Results file, - for stdout; on Ray a folder.  [NAME.{word}.jsonl]"
    if files:
        out = f"Folder for the results and their files.  [NAME.{word}]"
    options: list[Callable[[Any], Any]] = [
        click.option("-o", "--out", type=click.Path(), help=out),
        partial(engine_options, engines=engines),
        click.option(
            "--detach", is_flag=True, help="On a host or a server: return when it has the batch; see `cosmos runs`."
        ),
        click.option(
            "--keep-warm",
            type=DURATION,
            default="10m",
            help="On a host or a server: how long the model stays loaded.  [10m]",
        ),
        wait_option,
        click.option(
            "--stop-after",
            cls=LocalOption,
            metavar="COST|TIME",
            help="End the run at this cost ('$5', 5usd) or time (2h) since it began; `runs retry` does the rest.",
        ),
        click.option(
            "--priority",
            cls=LocalOption,
            for_server=True,
            type=click.IntRange(-1000, 1000),
            default=0,
            help="On a server: higher goes first.  [0]",
        ),
        ray_options,
        click.option("--again", is_flag=True, help="Ask again for what the results file already answers."),
        click.option("--dry-run", is_flag=True, help="Show the plan and the engine; run nothing."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document (JSON Lines for a batch)."),
    ]

    return with_options(options)


def begun(
    kind: Kind, settings: Any, engine_settings: EngineSettings, engine: str, place: str, config: Config, *,
    given: Mapping[str, Any], wait: float, runs: bool = True,
) -> Decision:  # fmt: skip
    """Decide what a run is begun with, and tell the person; a server gets the settings that were `given`.

    Where nothing `runs`, no model need be there.
    """
    from cosmos_workflow.api import decide

    decision = server_decision(kind, given, engine, place, wait=wait, on_lost=say_lost) or decide(
        kind, settings, place=place, engine=engine, engine_settings=engine_settings, config=config, runs=runs
    )
    on_host = "" if place == "local" else f" on {place}"
    stderr().print(f"engine: {decision.engine.name}{on_host} ({decision.engine.why})", style="dim")
    for text in decision.notes:
        note(text)
    if decision.host:
        from cosmos_workflow.ssh import one_line

        click.get_current_context().with_resource(one_line())
    return decision


def do_batch(
    decision: Decision, source: str, items: list[Any], word: str, *,
    keep_warm: float, batch: bool = True, keep_of: Collection[str] = (), out: str | None, again: bool,
    as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Do a batch where it was decided; `options` are those of `work_options`. On Ray, `source` is read there."""
    limit = options.pop("stop_after", None)
    stop_after = _stop_after(limit, decision, detach=options["detach"]) if limit else None
    if is_ray(decision.place):
        from cosmos_workflow.cli.cluster import run_on_cluster

        more = {name: options[name] for name in ("detach", *RAY_OPTIONS)}
        return run_on_cluster(
            decision, source, out or f"{Path(source).stem}.{word}", again=again, keep_of=keep_of, as_json=as_json,
            **more,
        )  # fmt: skip
    from cosmos_workflow.cli.driving import run_batch

    suffix = f".{word}" if decision.kind.makes_files else f".{word}.jsonl"
    return run_batch(
        items, decision, source, out or results_name(source, suffix), keep_warm=keep_warm,
        wait=options["wait"], detach=options["detach"], priority=options["priority"], again=again, keep_of=keep_of,
        as_json=as_json, batch=batch, stop_after=stop_after,
    )  # fmt: skip


def _stop_after(limit: str, decision: Decision, *, detach: bool) -> StopAfter:
    """`--stop-after`, which the program that drives the run sees to. Raises UsageError where none does."""
    from cosmos_workflow.config import load_config, price_of
    from cosmos_workflow.errors import UsageError
    from cosmos_workflow.runs.stopping import StopAfter

    if detach or is_ray(decision.place):
        what = "nobody would stop a run that is detached" if detach else "a run on Ray cannot be stopped at a limit"
        raise UsageError(what, where="--stop-after", remedy=f"leave out --{'detach' if detach else 'stop-after'}")
    price = decision.host.price if decision.host else load_config().price
    return StopAfter.of(limit, price_of(price, f"the price of {decision.place}"), decision.place)


def command_of(name: str, summary: str) -> click.Command:
    """The command of a kind of another distribution, whose summary is its help."""

    from cosmos_workflow.kinds.kind import get_kind

    kind = get_kind(name)

    @click.command(name, cls=Command, help=summary)
    @click.argument("source", metavar="BATCH", type=click.Path())
    @work_options(name, kind.engines, files=kind.makes_files)
    @model_path_option("The model's folder.")
    def command(source: str, dry_run: bool, **options: Any) -> int:
        from cosmos_workflow.engines import EngineSettings

        place, engine = options["place"], options["engine"]
        config = merged_config(name, **{word: options.pop(word) for word in WORDS if word in options})
        refuse_misplaced(options, is_ray(place))
        engine_settings = EngineSettings(
            model_path=config.model_path, server_url=config.server_url, server_model=config.server_model,
            options=config.engine_options | settings_from(options["engine_option"]),
        )  # fmt: skip
        items: list[Any] = []
        if not is_ray(place):
            items = list(kind.read(Path(source), note))
        elif dry_run:
            items = ray_items(kind, source)
        decision = begun(
            kind, kind.settings(), engine_settings, engine, place, config, given={}, wait=options["wait"]
        )  # fmt: skip
        if dry_run:
            from cosmos_workflow.cli.check import show_checked

            plans = plans_of(items, decision)
            return show_checked(name, plans, decision.engine.name, as_json=options["as_json"])
        return do_batch(decision, source, items, name, **options)

    return command
