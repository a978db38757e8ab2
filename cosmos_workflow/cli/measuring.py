"""What `cosmos probe` and `cosmos bench` share: their place, their store, how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cosmos_workflow.cli.console import stderr, stdout_for_results
from cosmos_workflow.cli.options import (
    WORDS,
    engine_options,
    engine_settings,
    length_option,
    merged_config,
    model_options,
)
from cosmos_workflow.cli.progress import say_lost
from cosmos_workflow.cli.values import NumberRange
from cosmos_workflow.errors import CosmosError

if TYPE_CHECKING:
    from cosmos_workflow.lab import Rig
    from cosmos_workflow.limits import Model
    from cosmos_workflow.store import Experiment, Experiments

__all__ = ["measuring", "measuring_options", "opened", "say_end"]

Command = TypeVar("Command", bound=Callable[..., Any])


def measuring_options(function: Command) -> Command:
    """Options that say what is measured, where, and for how long."""
    ends = "Start nothing that would end after so many minutes."
    function = click.option("--json", "as_json", is_flag=True, help="One JSON document.")(function)
    function = click.option("--again", is_flag=True, help="Start over instead of continuing.")(function)
    function = click.option("--max-minutes", type=NumberRange(0), default=0.0, help=ends)(function)
    return engine_options(model_options(length_option()(function)))


def opened(options: dict[str, Any]) -> tuple[Rig, Model, Experiments]:
    """The rig to measure, the model's facts and the records; takes what they need out of `options`."""
    from cosmos_workflow.api import open_rig, open_store

    place, asked_engine = options.pop("place"), options["engine"]
    config = merged_config("upsample", **{name: options.pop(name) for name in WORDS})
    settings = engine_settings(config, options.pop("engine_option"), options.pop("max_model_len"))
    if place != "local":
        from cosmos_workflow.ssh import one_line

        click.get_current_context().with_resource(one_line())
    rig, why = open_rig(place, asked_engine, settings, config, say_lost, _say_waiting)
    stderr().print(f"engine: {rig.engine} on {rig.name} ({why})", style="dim")
    return rig, settings.model, open_store(config).experiments


def _say_waiting(why: str) -> None:
    stderr().print(f"waiting: {why}", style="dim")


@contextmanager
def measuring(rig: Rig) -> Iterator[None]:
    """The rig while it is measured; where that stops early, a message says that nothing is lost."""
    try:
        with stdout_for_results(rig.engine), rig:
            yield
    except (CosmosError, KeyboardInterrupt):
        stderr().print("stopped; what was measured is kept: run it again to go on", style="yellow")
        raise


def say_end(experiment: Experiment, max_minutes: float) -> None:
    """Where the records are, and whether there is more to do."""
    if experiment.state != "done":
        stderr().print(f"the {max_minutes:g} minutes are over; run it again to go on", style="yellow")
    stderr().print(f"experiment: {experiment.id}; write it up: cosmos report", style="dim")
