"""`cosmos transfer`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cosmos_workflow.cli import transfer_prompts
from cosmos_workflow.cli.check import say_warnings, show_checked
from cosmos_workflow.cli.console import stderr
from cosmos_workflow.cli.help import SECTIONS, Command
from cosmos_workflow.cli.kinds import begun, do_batch, work_options
from cosmos_workflow.cli.options import (
    WORDS,
    merged_config,
    model_path_option,
    ray_items,
    refuse_misplaced,
    results_name,
    settings_from,
    with_options,
)
from cosmos_workflow.cli.target import client_of, plans_of
from cosmos_workflow.cli.transfer_files import contact_sheet, convert_specs
from cosmos_workflow.cli.transfer_items import ASKED, FIELDS, HINTS, WHAT, asked_of, items_of
from cosmos_workflow.errors import UsageError
from cosmos_workflow.runs.places.ray import is_ray

if TYPE_CHECKING:
    from cosmos_workflow.config import Config
    from cosmos_workflow.deciding import Decision
    from cosmos_workflow.engines import EngineSettings

__all__ = ["check_specs", "command"]

WORD = "videos"
ENGINES = ("diffusers", "program", "http", "preview")


class Transfer(Command):
    """Its help has groups of its own."""

    sections = MappingProxyType({
        "Controls": HINTS,
        "The video": ASKED,
        "Prompts": ("prompts", "upsample", "look_at", "server_url", "server_model"),
        "Several": ("seeds", "weights", "batch"),
        "Engine": ("model", "engine", "model_path", "engine_option", "gpu"),
        "On a host": SECTIONS["On a host"],
        "On Ray": SECTIONS["On Ray"],
    })  # fmt: skip


@click.command("transfer", cls=Transfer)
@click.argument("source", metavar="SPEC.json | SPECS.jsonl | FOLDER | VIDEO", type=click.Path())
@with_options([*WHAT, *FIELDS])
@work_options(WORD, ENGINES, files=True)
@model_path_option("The folder with the models.")
def command(source: str, dry_run: bool, convert: str | None, batch: str | None, **options: Any) -> int:
    """Make a photoreal video of a clip, its controls and a prompt.

    \b
    cosmos transfer clip.mp4 -p "A city at night, in the rain" --edge=0.6 --vis=0.4
    cosmos transfer clip.controls/clip -p "A city at night" --seeds 1-4
    cosmos transfer spec.json --dry-run
    cosmos transfer clip.mp4 --edge=high --depth=depth.mp4,0.5 -p "…" --engine preview
    cosmos transfer spec.json --convert transfer2.5
    cosmos transfer spec.json --batch lines.jsonl
    cosmos transfer clip.mp4 -p "A city at night" --edge --upsample

    A spec is one of Transfer1, Transfer2.5 or Cosmos 3, or our own form; a folder is one that `cosmos prepare` made.
    A control is computed of the clip unless a video is given for it. Look at the check (--dry-run) and at the preview
    before you pay for a GPU.
    """
    from cosmos_workflow.config import load_config
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.transfer.item import Settings

    if convert:
        _refuse_to_change()
        return convert_specs(source, convert, options["out"], batch)
    asked = asked_of(options)
    of_upsampler, server = (
        {"look_at": options["look_at"]},
        {name: options[name] for name in ("server_url", "server_model")},
    )
    place, engine, kind = options["place"], options["engine"], get_kind("transfer")
    settings = Settings(model=options.pop("model") or "", gpu=options.pop("gpu") or "")
    config = merged_config("transfer", **{word: options.pop(word) for word in WORDS if word in options})
    refuse_misplaced(options, is_ray(place))
    by_server = "http" in (engine, config.engine)  # else the server is the upsampler's
    engine_settings = _engine_settings(config, options["engine_option"], by_server)
    if by_server:  # the upsampler's server is that of the settings
        config = replace(config, server_url=load_config().server_url, server_model=load_config().server_model)
    items: list[Any] = []
    if not is_ray(place):
        items = items_of(source, settings.model, asked, batch)
    else:
        _refuse_on_ray(place, batch or any(asked.values()) or options["upsample"])
        items = ray_items(kind, source) if dry_run else []
    upsample, look_at = options.pop("upsample"), options.pop("look_at")
    of_upsampler |= {} if by_server else server
    if not upsample and (misplaced := [name for name, value in of_upsampler.items() if value]):
        name = f"--{misplaced[0].replace('_', '-')}"
        raise UsageError(f"{name} is for the upsampler", remedy="give --upsample too, or leave it out")
    given = {name: value for name, value in (("model", settings.model), ("gpu", settings.gpu)) if value}
    decision = begun(
        kind, settings, engine_settings, engine, place, config, given=given, wait=options["wait"], runs=not dry_run
    )
    if dry_run:
        loads: list[str] = []
        if upsample:
            items, loads = transfer_prompts.planned(items, decision, look_at or "clip", config)
        return _show_plans(items, decision, loads, as_json=options["as_json"])
    options["out"] = options["out"] or results_name(source, f".{WORD}")
    failed = 0
    if upsample:
        items, failed = transfer_prompts.upsampled(
            items, decision, look_at or "clip", config, Path(options["out"]), wait=options["wait"], source=source
        )
        if failed and not items:
            return 1
    if not is_ray(place):
        say_warnings(plans_of(items, decision))
    code = do_batch(decision, source, items, WORD, batch=len(items) > 1, **options)
    if len(items) > 1 and not (is_ray(place) or options["detach"] or options["as_json"]):
        contact_sheet(Path(options["out"]), [item.id for item in items])
    return code or (1 if failed else 0)


def _refuse_to_change() -> None:
    """Raise UsageError for an option beside --convert that would change the spec, or run it."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in ("source", "convert", "batch", "out", "as_json"):
            raise UsageError(
                f"--convert writes a spec as it is, without {parameter.opts[-1]}",
                remedy="leave that out, and change the spec that is written",
            )


def _refuse_on_ray(place: str, added: Any) -> None:
    if added:
        raise UsageError(
            "a cluster reads the specs itself, and nothing is added to them", where=place,
            remedy="write it into the specs, and leave these options out",
        )  # fmt: skip


def _show_plans(items: list[Any], decision: Decision, loads: list[str], *, as_json: bool) -> int:
    """What is known of the items, and which models are loaded one after the other, those of `loads` first."""
    from cosmos_workflow.engines import engine_type

    plans = plans_of(items, decision)
    if client_of() is None and (loads or engine_type(decision.engine.name).needs == "model"):
        checked_items = decision.kind.check(items, decision.settings)
        models = [checked.work.model for checked in checked_items if checked.runs and checked.work]
        loads += dict.fromkeys(models if engine_type(decision.engine.name).needs == "model" else ())
        stderr().print(f"loads: {', then '.join(loads) or 'none'}", style="dim")
    return show_checked("transfer", plans, decision.engine.name, as_json=as_json, in_lines=True)


def check_specs(source: str, options: Mapping[str, Any], *, as_json: bool) -> int:
    """`cosmos check SPEC`: what would run with these options, and what is said of it."""
    from cosmos_workflow.kinds.kind import get_kind
    from cosmos_workflow.kinds.transfer.item import Settings

    config = merged_config("transfer", model_path=options["model_path"], engine=options["engine"])
    gpu = options["gpu"] or ""
    decision = begun(
        get_kind("transfer"), Settings(gpu=gpu), _engine_settings(config, options["engine_option"]), options["engine"],
        options["place"], config, given={"gpu": gpu} if gpu else {}, wait=0.0, runs=False,
    )  # fmt: skip
    items = items_of(source, "", {"prompts": [options["prompt"]] if options["prompt"] else []})
    return _show_plans(items, decision, [], as_json=as_json)


def _engine_settings(config: Config, pairs: tuple[str, ...], by_server: bool = False) -> EngineSettings:
    """The settings of the engine for videos; the configured server is its own only where it is `by_server`."""
    from cosmos_workflow.engines import EngineSettings

    return EngineSettings(
        model_path=config.model_path, server_url=config.server_url if by_server else "",
        server_model=config.server_model if by_server else "", options=config.engine_options | settings_from(pairs),
    )  # fmt: skip
