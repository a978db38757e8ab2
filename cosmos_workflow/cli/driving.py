"""Driving a run from a terminal: states, progress, lost connections, Ctrl-C."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack
from typing import Any

from cosmos_workflow.api import Submission, open_runs, stream_at, submit
from cosmos_workflow.cli.cluster import follow_cluster
from cosmos_workflow.cli.console import note, print_json, stderr, stdout_for_results
from cosmos_workflow.cli.following import guarded
from cosmos_workflow.cli.progress import Progress, Sending, say_lost
from cosmos_workflow.cli.results import show_results
from cosmos_workflow.deciding import Decision
from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs import Listener, Patience, Runs
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.store import RunRecord

__all__ = ["follow", "run_batch"]

THERE = ("running", "fetching")  # states in which the host has the run, and goes on without us


class Terminal:
    """A listener that tells a person what happens, on stderr."""

    def __init__(self, progress: Progress, quiet: bool) -> None:
        self.run = ""
        self.there = False  # whether the host has the run
        self._progress = progress
        self._quiet = quiet
        self._sending = Sending(progress, quiet=quiet)

    def listener(self) -> Listener:
        return Listener(
            planned=self._planned, result=self._progress.result, event=self._event, state=self._state,
            lost=self._lost, sent=self._sending, warning=lambda text: stderr().print(text, style="yellow"),
        )  # fmt: skip

    def _lost(self, error: HostUnreachable, wait: float) -> None:
        self._sending.close()
        say_lost(error, wait, submitted=self.there)

    def _planned(self, run: RunRecord) -> None:
        self.run = run.id
        self._say(f"run: {run.id}")

    def _state(self, state: str) -> None:
        self.there = state in THERE
        self._sending.close()
        if state in ("uploading", "fetching"):
            self._say(state)

    def _event(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "loading":
            self._say(f"loading {event['engine']}")
        elif kind == "loaded":
            self._say(f"loaded in {event['seconds']:.1f} s")
        elif kind == "warm":
            self._say("warm: the model was loaded already")
        elif kind == "waiting":
            self._say(f"waiting: {event['why']}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            stderr().print(text, style="dim")


def run_batch(
    items: list[Any], decision: Decision, source: str, out: str, *,
    keep_warm: float, wait: float, detach: bool, again: bool, keep_of: Collection[str] = (), as_json: bool, batch: bool,
) -> int:  # fmt: skip
    """Submit a batch and follow it to its end, on this machine or a host; with `detach`, until the host has it."""
    output = stream_at(out, decision.kind, detach=detach)
    runs = open_runs()
    progress = Progress(len(items), enabled=batch, quiet=as_json, kind=decision.kind.name)
    terminal = Terminal(progress, as_json or decision.place == "local")
    with ExitStack() as stack:
        # Before standard output is redirected because of what engines print.
        stream = stack.enter_context(output)
        submission = submit(
            items, decision, out=out, again=again, keep_of=keep_of, source=source, keep_warm=keep_warm, runs=runs
        )  # fmt: skip
        say_earlier(submission)
        results = dict(submission.earlier)
        if run := submission.run:
            listener = terminal.listener()
            listener.planned(run)
            here = decision.engine.name if decision.place == "local" else ""
            with guarded(runs, lambda: run.id), stdout_for_results(here), progress:
                driven = runs.drive(
                    run.id, listener, detach=detach, patience=Patience(reach=wait), stream=stream
                )  # fmt: skip
            results |= {result.id: result for result in driven}
            if detach:
                if as_json:
                    print_json({"run": run.id, "place": run.place, "out": out})
                stderr().print(f"it runs on {run.place}; its results come with: cosmos runs attach {run.id}")
                return 0
    shown = [results[item.id] for item in items if item.id in results]
    earlier = len(items) - progress.done
    return show_results(decision.kind, shown, out, earlier=earlier, batch=batch, as_json=as_json)


def say_earlier(submission: Submission) -> None:
    """Say which earlier answers are asked again, and why; and which are kept that an earlier version wrote."""
    if submission.changed:
        reasons = Counter(reason for reasons in submission.changed.values() for reason in reasons)
        why = ", ".join(f"{reason} ({number:,})" for reason, number in reasons.most_common())
        note(f"{len(submission.changed):,} answered items are asked again, as they have changed: {why}")
    if submission.unidentified:
        note(f"{submission.unidentified:,} answers of an earlier version are kept: they ask the same of the same file")


def follow(runs: Runs, run: RunRecord, *, wait: float = Patience.reach, as_json: bool = False) -> int:
    """`cosmos runs attach`: to the end, wherever the run is."""
    if is_ray(run.place):
        return follow_cluster(runs, run, as_json=as_json)
    progress = Progress(run.total, enabled=True, quiet=as_json, kind=run.kind)
    terminal = Terminal(progress, as_json)
    terminal.run, terminal.there = run.id, run.state in THERE
    with guarded(runs, lambda: terminal.run), progress:
        results = runs.drive(run.id, terminal.listener(), patience=Patience(reach=wait))
    return show_results(get_kind(run.kind), results, run.out, as_json=as_json)
