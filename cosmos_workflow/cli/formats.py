"""What answers are in: `--format`, and the video that a caption is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cosmos_workflow.cli.options import LocalOption, with_options
from cosmos_workflow.cli.values import SIZE, NumberRange
from cosmos_workflow.config import Config
from cosmos_workflow.errors import UsageError

__all__ = ["format_of", "format_option", "format_options", "target_of"]

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(function: Command) -> Command:
    """`--format`; by the settings where it is not given."""
    from cosmos_workflow.kinds.upsample.item import FORMATS

    help = "What an answer is: a paragraph, or a structured caption for Cosmos 3.  [text]"
    return click.option("--format", type=click.Choice(FORMATS), help=help)(function)


def format_options(function: Command) -> Command:
    """`--format`, and the video that a caption is for."""
    return with_options([
        format_option,
        click.option("--for", "for_spec", cls=LocalOption, type=click.Path(), metavar="SPEC",
                     help="The transfer that a caption is for: its size, rate and length stand in it."),
        click.option("--size", "for_size", type=SIZE, help="Size of the video that a caption is for.  [the clip's]"),
        click.option("--fps", "for_fps", type=NumberRange(0, 1000, min_open=True),
                     help="Its frames a second.  [the clip's]"),
        click.option("--seconds", "for_seconds", type=NumberRange(0, 86_400, min_open=True),
                     help="Its length.  [the clip's]"),
    ])(function)  # fmt: skip


def format_of(given: str | None, config: Config) -> Any:
    """The format of answers: as given, else by the settings. Raises UsageError for one that is not known."""
    from cosmos_workflow.kinds.upsample.item import FORMATS

    format = given or config.format or "text"
    if format not in FORMATS:
        raise UsageError(
            f"there is no format {format!r}", where="format (COSMOS_FORMAT) in your settings",
            remedy=f"choose one of {', '.join(FORMATS)}",
        )  # fmt: skip
    return format


def target_of(options: dict[str, Any], format: str) -> dict[str, Any]:
    """The video that captions are for, of `format_options`, which are taken out. Raises UsageError, BadInputError."""
    from cosmos_workflow.cli.console import note

    spec = options.pop("for_spec")
    given = {name: options.pop(name) for name in ("for_size", "for_fps", "for_seconds")}
    if format != "cosmos3":
        names = [
            name for name, value in (("for", spec), *((name[4:], value) for name, value in given.items())) if value
        ]
        if names:
            raise UsageError(
                f"--{names[0]} is for a caption", where=f"--format {format}",
                remedy="give --format cosmos3, or leave it out",
            )  # fmt: skip
        return given
    if spec is None:
        return given
    from cosmos_workflow.transfers.targets import target_of_spec

    planned = target_of_spec(Path(spec), note)
    return {name: planned[name] if value is None else value for name, value in given.items()}
