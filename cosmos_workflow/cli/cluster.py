"""A run on a Ray cluster, seen from a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from cosmos_workflow.cli.console import note, print_json, stderr
from cosmos_workflow.cli.following import guarded
from cosmos_workflow.cli.progress import Barred, bar, say_lost
from cosmos_workflow.runs import Listener
from cosmos_workflow.runs.results import to_dict
from cosmos_workflow.store import RunRecord

if TYPE_CHECKING:
    from cosmos_workflow.cli.target import AnyRuns
    from cosmos_workflow.deciding import Decision

__all__ = ["ClusterView", "follow_cluster", "progress_line", "run_on_cluster"]

LINE_SECONDS = 5.0


class ClusterView(Barred):
    """How far a cluster's run is, on stderr: a bar on a terminal, a line every few seconds elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.run = ""
        self._quiet = quiet
        self._said = 0.0
        self._last: dict[str, Any] = {}
        self._bar = bar() if sys.stderr.isatty() else None
        self._task: Any = None

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        if self._last and not self._quiet:
            stderr().print(progress_line(self._last), style="dim")

    def listener(self) -> Listener:
        return Listener(planned=self._planned, event=self._event, lost=partial(say_lost, submitted=True))

    def _planned(self, run: RunRecord) -> None:
        self.run = run.id
        if not self._quiet:
            stderr().print(f"run: {run.id}", style="dim")

    def _event(self, event: dict[str, Any]) -> None:
        if event["event"] == "submitted" and event["dashboard"] and not self._quiet:
            stderr().print(f"Ray's dashboard: {event['dashboard']}", style="dim")
        if event["event"] != "progress":
            return
        # Each event has them, as only the latest one is heard.
        for text in event.get("notes", ()) if not self._last else ():
            note(text)
        self._last = event
        if self._bar:
            if self._task is None:
                self._task = self._bar.add_task("", total=event["total"])
            done = event["answered"] + event["failed"]
            self._bar.update(self._task, completed=done, total=event["total"], description=rates(event))
        elif not self._quiet and time.monotonic() - self._said > LINE_SECONDS:
            self._said = time.monotonic()
            stderr().print(progress_line(event))


def rates(event: dict[str, Any]) -> str:
    """What a progress event says of speed and cost; items/s, tokens/s, GPU-hours."""
    words = [f"{event['failed']:,} failed", f"{event['rate']:,.1f}/s"]
    if event["tokens_per_s"]:
        words.append(f"{event['tokens_per_s']:,.0f} tokens/s")
    if event["gpu_hours"]:
        words.append(f"{event['gpu_hours']:.2f} GPU-hours")
    return ", ".join(words)


def progress_line(event: dict[str, Any]) -> str:
    """A progress event as one line."""
    eta = f", ETA {timedelta(seconds=event['eta'])}" if event["eta"] else ""
    return f"{event['answered']:,} of {event['total']:,} answered, {rates(event)}{eta}"


def run_on_cluster(decision: Decision, source: str, out: str, *, as_json: bool, **options: Any) -> int:
    """A batch `--on ray`; `options` are those of `api.run_on_ray`."""
    from cosmos_workflow.api import open_runs, run_on_ray

    runs = open_runs()
    view = ClusterView(quiet=as_json)

    def go() -> None:
        run_on_ray(source, decision, out=out, listener=view.listener(), runs=runs, **options)

    return _followed(runs, view, go, as_json, detach=options["detach"])


def follow_cluster(runs: AnyRuns, run: RunRecord, *, as_json: bool) -> int:
    """`cosmos runs attach`."""
    view = ClusterView(quiet=as_json)
    view.run = run.id

    def go() -> None:
        runs.drive(run.id, view.listener())

    return _followed(runs, view, go, as_json, detach=False)


def _followed(runs: AnyRuns, view: ClusterView, go: Callable[[], None], as_json: bool, *, detach: bool) -> int:
    with guarded(runs, lambda: view.run), view:
        go()
    run = runs.store.get(view.run)
    if detach:
        if as_json:
            print_json({"run": run.id, "place": run.place, "out": run.out})
        stderr().print(f"it runs on {run.place}; watch it: cosmos runs attach {run.id}")
        return 0
    if as_json:
        for result in runs.each_result(run):
            print_json(to_dict(result))
    stderr().print(f"{run.answered:,} answered, {run.failed:,} failed")
    stderr().print(f"saved: {run.out}", style="dim")
    if run.failed:
        stderr().print(f"why they failed: {run.out}/dead-letters", style="yellow")
    return 1 if run.failed else 0
