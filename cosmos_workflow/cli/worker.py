"""`cosmos worker`."""

from __future__ import annotations

import signal
import threading
from typing import Any

import click

from cosmos_workflow.cli.console import stderr
from cosmos_workflow.cli.working import logged

__all__ = ["command"]


@click.command("worker")
@click.option(
    "--at-once",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    help="How many places to use at the same time, one run at each.",
)
def command(at_once: int) -> None:
    """Take runs from the queue and drive them, until Ctrl-C.

    Several workers may share one store and one data folder. Ctrl-C puts unfinished runs back into the queue:
    another worker, or the next start, continues them.
    """
    from cosmos_workflow.api import open_runs
    from cosmos_workflow.runs import Worker

    logged()
    ended = threading.Event()

    def end(*_: Any) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    worker = Worker(open_runs(), at_once=at_once)
    worker.start()
    stderr().print(f"worker {worker.name} takes runs  (Ctrl-C ends it)")
    while not ended.wait(1.0):
        pass
    worker.stop()
