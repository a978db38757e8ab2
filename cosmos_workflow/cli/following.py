"""What a person learns when the following of a run ends early: an error, a lost line, Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cosmos_workflow.cli.console import stderr
from cosmos_workflow.cli.target import ServerRuns, attach_command, goes_on_at
from cosmos_workflow.errors import CosmosError, HostUnreachable

if TYPE_CHECKING:
    from cosmos_workflow.cli.target import AnyRuns
    from cosmos_workflow.store import RunRecord

__all__ = ["guarded"]


@contextmanager
def guarded(runs: AnyRuns, id: Callable[[], str]) -> Iterator[None]:
    """Whatever ends the following of a run (`id`, once it has one), the person learns how to go on with it."""
    try:
        yield
    except KeyboardInterrupt:
        if id():
            _leave_or_cancel(runs, id())
        raise
    except CosmosError:
        if id():
            run = _now(runs, id())
            if run:
                stderr().print(f"run {run.id} is {run.state}: {run.answered} of {run.total} answered", style="yellow")
                if run.out:
                    stderr().print(f"results: {run.out}", style="dim")
            if run is None or not run.finished:
                stderr().print(f"go on with it: {attach_command(runs, id(), run.out if run else '')}", style="dim")
        raise


def _now(runs: AnyRuns, id: str) -> RunRecord | None:
    """A run as it is now; None where its server does not answer."""
    try:
        return runs.store.get(id)
    except HostUnreachable:
        return None


def _leave_or_cancel(runs: AnyRuns, id: str) -> None:
    run = _now(runs, id)
    if run is None:
        stderr().print(f"\nrun {id} goes on at the server; go on with it: {attach_command(runs, id)}")
        return
    if run.finished:
        return
    place = goes_on_at(runs, run)
    if not isinstance(runs, ServerRuns) and not place:
        runs.cancel(id, reason="interrupted")
        stderr().print(f"{run.answered} of {run.total} done; run it again to go on", style="yellow")
        return
    choice = "leave"
    if sys.stdin.isatty() and run.state in ("running", "fetching"):
        question = f"\n{run.answered} of {run.total} answered. Leave it running on {place}, or cancel it?"
        choice = click.prompt(question, type=click.Choice(["leave", "cancel"]), default="leave", err=True)
    if choice == "cancel":
        runs.cancel(id)
        stderr().print(f"cancelled; what was answered is kept: cosmos runs retry {id}")
    else:
        stderr().print(f"\nrun {id} is {run.state} on {place}; go on with it: {attach_command(runs, id, run.out)}")
