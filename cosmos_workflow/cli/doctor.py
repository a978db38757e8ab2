"""`cosmos doctor`."""

from __future__ import annotations

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.checks import check_host, show_checks
from cosmos_workflow.doctor import examine

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
    return show_checks(examine() if place == "local" else check_host(place), as_json)
