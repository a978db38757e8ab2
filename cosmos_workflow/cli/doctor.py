"""`cosmos doctor`."""

from __future__ import annotations

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.checks import check_place, show_checks

__all__ = ["command"]


@click.command("doctor")
@click.option(
    "--on",
    "place",
    shell_complete=completion.places,
    default="local",
    metavar="HOST",
    help="Check this host instead of this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
def command(place: str, as_json: bool) -> int:
    """Show what is missing on this machine or on a host, and how to fix it."""
    return show_checks(check_place(place), as_json)
