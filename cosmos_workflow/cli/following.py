"""What a person learns when the following of a run ends early: an error, a lost line, Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from cosmos_workflow.cli.console import stderr
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.runs import Runs

__all__ = ["guarded"]


@contextmanager
def guarded(runs: Runs, id: Callable[[], str]) -> Iterator[None]:
    """Whatever ends the following of a run (`id`, once it has one), the person learns how to go on with it."""
    try:
        yield
    except KeyboardInterrupt:
        if id():
            _leave_or_cancel(runs, id())
        raise
    except CosmosError:
        if id():
            run = runs.store.get(id())
            stderr().print(f"run {run.id} is {run.state}: {run.answered} of {run.total} answered", style="yellow")
            stderr().print(f"results: {run.out}", style="dim")
            if not run.finished:
                stderr().print(f"go on with it: cosmos runs attach {run.id}", style="dim")
        raise


def _leave_or_cancel(runs: Runs, id: str) -> None:
    run = runs.store.get(id)
    if run.finished:
        return
    if run.place == "local":
        runs.cancel(id, reason="interrupted")
        stderr().print(f"{run.answered} of {run.total} done; run it again to go on", style="yellow")
        return
    choice = "leave"
    if sys.stdin.isatty() and run.state in ("running", "fetching"):
        question = f"\n{run.answered} of {run.total} answered. Leave it running on {run.place}, or cancel it?"
        choice = click.prompt(question, type=click.Choice(["leave", "cancel"]), default="leave", err=True)
    if choice == "cancel":
        runs.cancel(id)
        stderr().print(f"cancelled; what was answered is kept: cosmos runs retry {id}")
    else:
        stderr().print(f"\nrun {id} is {run.state} on {run.place}; go on with it: cosmos runs attach {id}")
