"""`cosmos report`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosmos_workflow.cli import completion
from cosmos_workflow.cli.console import print_json, stderr, stdout, table
from cosmos_workflow.cli.values import NumberRange

if TYPE_CHECKING:
    from cosmos_workflow.lab import Study

__all__ = ["command"]


@click.command("report")
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT]…", shell_complete=completion.experiments)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False),
    default="TESTING_RESULTS.md",
    show_default=True,
    help="Where to write it.",
)
@click.option("--html", type=click.Path(dir_okay=False), help="The same as one HTML page with plots.  [beside -o]")
@click.option("--price-per-hour", type=NumberRange(0), default=0.0, help="Price of the machine, to work out costs.")
@click.option("--export", "exported", type=click.Path(dir_okay=False), help="Write only the records: .jsonl or .csv.")
@click.option("--list", "listing", is_flag=True, help="List what has been measured.")
@click.option("--json", "as_json", is_flag=True, help="With --list: JSON Lines.")
def command(
    experiments: tuple[str, ...], out: str, html: str | None, price_per_hour: float, exported: str | None,
    listing: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write up what `cosmos probe` and `cosmos bench` measured: everything, or the given experiments.

    \b
    cosmos report
    cosmos report -o docs/TESTING_RESULTS.md --price-per-hour 2.49
    cosmos report --export trials.csv
    """
    from cosmos_workflow.api import open_store
    from cosmos_workflow.lab import export, studies, write_report

    selection = studies(open_store().experiments, experiments)
    if listing:
        _list(selection, as_json)
        return
    say = stderr().print
    if exported:
        say(f"{export(selection, Path(exported))} records: {exported}")
        return
    page = Path(html) if html else Path(out).with_suffix(".html")
    write_report(selection, Path(out), page, price_per_hour)
    say(f"report: {out}\npage: {page}")


def _list(studies: Sequence[Study], as_json: bool) -> None:
    rows = [
        {
            "experiment": study.experiment.id,
            "kind": study.experiment.kind,
            "state": study.experiment.state,
            "place": study.experiment.place,
            "engine": study.experiment.environment.get("version", study.experiment.engine),
            "records": len(study.trials) + len(study.timings),
            "created": study.experiment.created,
        }
        for study in studies
    ]
    if as_json:
        for row in rows:
            print_json(row)
        return
    if not rows:
        stderr().print("nothing is measured yet: run cosmos probe or cosmos bench")
        return
    grid = table("experiment", "kind", "state", "place", "engine", ">records", "begun")
    for row in rows:
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.pop("created")))
        grid.add_row(*map(str, row.values()), begun)
    stdout().print(grid)
