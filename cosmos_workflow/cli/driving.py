"""Driving a run from a terminal: states, progress, lost connections, Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Collection
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any

from cosmos_workflow.api import Submission, stream_at, submit
from cosmos_workflow.cli.cluster import follow_cluster
from cosmos_workflow.cli.console import note, print_json, stderr, stdout_for_results
from cosmos_workflow.cli.following import guarded
from cosmos_workflow.cli.progress import Progress, Sending, say_lost
from cosmos_workflow.cli.results import show_results
from cosmos_workflow.cli.target import ServerRuns, attach_command, goes_on_at, open_runs
from cosmos_workflow.deciding import Decision
from cosmos_workflow.errors import HostUnreachable, UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs import Listener, Patience
from cosmos_workflow.runs.places.place import require_detachable
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.runs.results import open_results
from cosmos_workflow.runs.submitting import notes_on_earlier
from cosmos_workflow.store import RunRecord

if TYPE_CHECKING:
    from cosmos_workflow.cli.target import AnyRuns
    from cosmos_workflow.runs.stopping import StopAfter

__all__ = ["follow", "run_batch"]

THERE = ("running", "fetching")  # states in which the host has the run, and goes on without us
LINE_EVERY = 10.0  # seconds between two lines that say how far an item is, where no bar shows it


class Terminal:
    """A listener that tells a person what happens, on stderr."""

    def __init__(self, progress: Progress, quiet: bool, *, steps: bool = True) -> None:
        """With `steps`, it says how far an item is that takes long, also where it is `quiet`."""
        self.run = ""
        self._steps, self._line_at = steps, 0.0
        self.there = False  # whether the host has the run
        self._progress = progress
        self._quiet = quiet
        self._sending = Sending(progress, quiet=quiet)
        self._fetching = Sending(progress, quiet=quiet, verb="fetched")

    def listener(self) -> Listener:
        return Listener(
            planned=self._planned, result=self._progress.result, event=self._event, state=self._state,
            lost=self._lost, sent=self._sending, fetched=self._fetching,
            warning=lambda text: stderr().print(text, style="yellow"),
        )  # fmt: skip

    def _lost(self, error: HostUnreachable, wait: float) -> None:
        self._sending.close()
        self._fetching.close()
        say_lost(error, wait, submitted=self.there)

    def _planned(self, run: RunRecord) -> None:
        self.run = run.id
        self._say(f"run: {run.id}")

    def _state(self, state: str) -> None:
        self.there = state in THERE
        self._sending.close()
        self._fetching.close()
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
        elif kind == "step" and self._steps:
            far = event["text"] or f"{event['done']} of {event['total']}"
            self._step(f"{event['id']}: {far}")

    def _step(self, text: str) -> None:
        if self._progress.describe(text):
            return
        now = time.monotonic()
        self._line_at = self._line_at or now  # what is done soon needs no line
        if now - self._line_at >= LINE_EVERY:
            self._line_at = now
            stderr().print(text, style="dim")

    def _say(self, text: str) -> None:
        if not self._quiet:
            stderr().print(text, style="dim")


def run_batch(
    items: list[Any], decision: Decision, source: str, out: str, *,
    keep_warm: float, wait: float, detach: bool, priority: int, again: bool, keep_of: Collection[str] = (),
    as_json: bool, batch: bool, stop_after: StopAfter | None = None,
) -> int:  # fmt: skip
    """Submit a batch and follow it to its end, wherever it runs; with `detach`, until its host or server has it."""
    output = stream_at(out, decision.kind, detach=detach)
    runs = open_runs()
    if detach and not isinstance(runs, ServerRuns):
        require_detachable(decision.place)
    alone = decision.kind.makes_files and sys.stderr.isatty()  # a single video may take an hour
    progress = Progress(len(items), enabled=batch or alone, quiet=as_json, kind=decision.kind.name)
    at_server = isinstance(runs, ServerRuns)
    terminal = Terminal(progress, as_json or (decision.place == "local" and not at_server), steps=not as_json)
    listener = terminal.listener()
    with ExitStack() as stack:
        # Before standard output is redirected because of what engines print.
        stream = stack.enter_context(output)
        asked: Any = {"out": out, "again": again, "keep_of": keep_of, "source": source, "keep_warm": keep_warm}
        if isinstance(runs, ServerRuns):
            submission = runs.submit(items, decision, priority=priority, sent=listener.sent, **asked)
        else:
            submission = submit(items, decision, runs=runs, stop_after=stop_after, **asked)
        say_earlier(submission)
        results = {**submission.earlier, **submission.refused}
        for result in submission.refused.values():
            listener.result(result)
            if stream:
                stream.write(result)
        if run := submission.run:
            here = decision.engine.name if decision.place == "local" and not at_server else ""
            with guarded(runs, lambda: run.id), stdout_for_results(here), progress:
                listener.planned(run)
                driven = runs.drive(
                    run.id, listener, detach=detach, patience=Patience(reach=wait), stream=stream
                )  # fmt: skip
            results |= {result.id: result for result in driven}
            if decision.host and not (detach or as_json or at_server):
                say_warm(decision, keep_warm)
            if detach:
                if as_json:
                    print_json({"run": run.id, "place": run.place, "out": out})
                place, attach = goes_on_at(runs, run), attach_command(runs, run.id, out)
                stderr().print(f"it runs on {place}; its results come with: {attach}")
                return 0
    shown = [results[item.id] for item in items if item.id in results]
    earlier = 0 if again else len(items) - progress.done
    return show_results(decision.kind, shown, out, earlier=earlier, batch=batch, as_json=as_json)


def say_warm(decision: Decision, keep_warm: float) -> None:
    """Say that a host's GPU stays taken after a run, and what that costs, where its model is kept loaded."""
    from cosmos_workflow.config import price_of
    from cosmos_workflow.engines import engine_type

    host, engine = decision.host, decision.engine
    if host and keep_warm and engine_type(engine.name, engine.module).needs == "model":
        price = price_of(host.price, f"hosts.{host.name}, price") * keep_warm / 3600
        cost = f", about ${price:.2f}" if price else ""
        text = f"{host.name} keeps its model loaded for {keep_warm / 60:.0f} min more{cost} (--keep-warm)"
        stderr().print(text, style="dim")


def say_earlier(submission: Submission) -> None:
    """Say which earlier answers are asked again, and why; and which are kept that an earlier version wrote."""
    reasons = Counter(reason for reasons in submission.changed.values() for reason in reasons)
    for text in notes_on_earlier(len(submission.changed), reasons, submission.unidentified):
        note(text)


def follow(runs: AnyRuns, run: RunRecord, *, out: str | None, wait: float, as_json: bool) -> int:
    """`cosmos runs attach`: to the end, wherever the run is; its results go to `out` in place of its own file."""
    if is_ray(run.place):
        if out:
            remedy = f"cosmos runs export {run.id} -o {out}"
            raise UsageError("a cluster writes its results into a folder of its own", where=f"-o {out}", remedy=remedy)
        return follow_cluster(runs, run, as_json=as_json)
    progress = Progress(run.total, enabled=True, quiet=as_json, kind=run.kind)
    terminal = Terminal(progress, as_json, steps=not as_json)
    terminal.run, terminal.there = run.id, run.state in THERE
    kind = get_kind(run.kind)
    with guarded(runs, lambda: terminal.run), open_results(out, kind) if out else nullcontext() as stream, progress:
        results = runs.drive(run.id, terminal.listener(), patience=Patience(reach=wait), stream=stream)
    return show_results(kind, results, out or run.out, as_json=as_json)
