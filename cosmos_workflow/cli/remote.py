"""Following a run on a host from a terminal: states, progress, lost lines, Ctrl-C."""

from __future__ import annotations

from typing import Any

from cosmos_workflow.api import open_runs, upsample_on
from cosmos_workflow.cli.cluster import follow_cluster
from cosmos_workflow.cli.console import print_json, stderr
from cosmos_workflow.cli.following import guarded
from cosmos_workflow.cli.progress import Progress, Sending, say_lost
from cosmos_workflow.cli.results import show_results
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.kinds.upsample import Item, Result, Settings
from cosmos_workflow.runs import Listener, Patience, Runs
from cosmos_workflow.runs.places.ray import is_ray
from cosmos_workflow.store import RunRecord

__all__ = ["follow", "upsample_there"]

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


def upsample_there(
    place: str, items: list[Item], source: str, out: str, engine: str, engine_settings: EngineSettings,
    settings: Settings, *, keep_warm: float, wait: float, detach: bool, again: bool, as_json: bool, batch: bool,
) -> int:  # fmt: skip
    """`cosmos upsample --on HOST`."""
    runs = open_runs()
    progress = Progress(len(items), enabled=batch, quiet=as_json)
    terminal = Terminal(progress, as_json)

    def go() -> list[Result]:
        return upsample_on(
            place, items, out=out, engine=engine, engine_settings=engine_settings, settings=settings,
            keep_warm=keep_warm, wait=wait, again=again, detach=detach, listener=terminal.listener(), runs=runs,
            name=source,
        )[1]  # fmt: skip

    with guarded(runs, lambda: terminal.run), progress:
        results = go()
    if detach and terminal.run:
        if as_json:
            print_json({"run": terminal.run, "place": place, "out": out})
        stderr().print(f"it runs on {place}; its results come with: cosmos runs attach {terminal.run}")
        return 0
    return show_results(results, out, earlier=len(items) - progress.done, batch=batch, as_json=as_json)


def follow(runs: Runs, run: RunRecord, *, wait: float = Patience.reach, as_json: bool = False) -> int:
    """`cosmos runs attach`: to the end, wherever the run is."""
    if is_ray(run.place):
        return follow_cluster(runs, run, as_json=as_json)
    progress = Progress(run.total, enabled=True, quiet=as_json)
    terminal = Terminal(progress, as_json)
    terminal.run, terminal.there = run.id, run.state in THERE
    with guarded(runs, lambda: terminal.run), progress:
        results = runs.drive(run.id, terminal.listener(), patience=Patience(reach=wait))
    return show_results(results, run.out, as_json=as_json)
