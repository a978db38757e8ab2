"""`cosmos doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

import click
from rich.text import Text

from cosmos_workflow.cli.console import print_json, stdout, table
from cosmos_workflow.doctor import Check, examine

__all__ = ["command", "show_checks"]

STYLES = {"ok": "green", "optional": "yellow", "missing": "red"}


@click.command("doctor")
@click.option("--on", "place", default="local", metavar="HOST", help="Look at a host instead of this machine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(place: str, as_json: bool) -> int:
    """Show what is missing on this machine or on a host, and its remedy."""
    if place == "local":
        return show_checks(examine(), as_json)
    from cosmos_workflow.cli.hosts import check_host

    return show_checks(check_host(place), as_json)


def show_checks(checks: Iterable[Check], as_json: bool) -> int:
    """The checks as a table or a document; 1 where something is missing, 3 where a host cannot be reached."""
    checks = list(checks)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows = table("what", "", "found", "remedy")
        for check in checks:
            rows.add_row(check.name, Text(check.status, style=STYLES[check.status]), check.detail, check.remedy)
        stdout().print(rows)
    missing = [check.name for check in checks if check.status == "missing"]
    return 3 if {"reachable", "host key"} & set(missing) else int(bool(missing))
