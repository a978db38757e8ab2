"""`cosmos doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.text import Text

from cosmos_workflow.cli.console import print_json, stdout, table
from cosmos_workflow.doctor import examine

__all__ = ["command"]

STYLES = {"ok": "green", "optional": "yellow", "missing": "red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def command(as_json: bool) -> int:
    """Show what is missing on this machine, and its remedy."""
    checks = list(examine())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows = table("what", "", "found", "remedy")
        for check in checks:
            rows.add_row(check.name, Text(check.status, style=STYLES[check.status]), check.detail, check.remedy)
        stdout().print(rows)
    return int(any(check.status == "missing" for check in checks))
