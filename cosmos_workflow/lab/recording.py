"""An experiment while it is recorded: what is on disk is not run again, and the time limit is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cosmos_workflow.store import Experiment, Experiments, new_id
from cosmos_workflow.store.experiments import Kind

__all__ = ["Budget", "OutOfTime", "Recorder"]


class OutOfTime(Exception):
    """The next call would not end within the budget."""


@dataclass
class Budget:
    """Minutes that an experiment may take from now on; 0 means as many as it needs."""

    max_minutes: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def check(self, expected_seconds: float) -> None:
        """Raises OutOfTime where something that takes `expected_seconds` would end too late."""
        if self.max_minutes and time.monotonic() - self._began + expected_seconds > 60 * self.max_minutes:
            raise OutOfTime


class Recorder:
    """The trials of one experiment by their keys: those that ended, and those during which a process died."""

    def __init__(self, experiments: Experiments, experiment: Experiment) -> None:
        self.experiment = experiment
        self._experiments = experiments
        self._done: dict[str, dict[str, Any]] = {}
        self._broken: dict[str, dict[str, Any]] = {}
        for key, done, data in experiments.trials(experiment.id):
            (self._done if done else self._broken)[key] = data

    @classmethod
    def open(
        cls, experiments: Experiments, kind: Kind, place: str, engine: str, settings: Mapping[str, Any], *, again: bool
    ) -> Recorder:
        """Continue the unfinished experiment of these settings, or begin one, always a new one with `again`."""
        experiment = None if again else experiments.unfinished(kind, place, engine, settings)
        if experiment is None:
            id = new_id()
            experiment = experiments.add(id, kind, place, engine, settings)
        return cls(experiments, experiment)

    @property
    def count(self) -> int:
        """Trials that have ended."""
        return len(self._done)

    def finished(self, key: str) -> dict[str, Any] | None:
        """The record of a trial that has ended, in this process or an earlier one."""
        return self._done.get(key)

    def broken(self, key: str) -> dict[str, Any] | None:
        """The record of a trial that was begun by a process that died during it."""
        return self._broken.get(key)

    @contextmanager
    def running(self, begun: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Mapping[str, Any]]]:
        """Record trials while they run: the caller fills in how each ended. An interrupted trial leaves no record."""
        id = self.experiment.id
        self._experiments.begin(id, list(begun.items()))
        ended: dict[str, Mapping[str, Any]] = {}
        try:
            yield ended
        finally:
            self._experiments.finish(id, list(ended.items()))
            self._experiments.forget(id, [key for key in begun if key not in ended])
            self._done |= {key: dict(data) for key, data in ended.items()}
            for key in begun:
                self._broken.pop(key, None)

    def environment(self, values: Mapping[str, Any]) -> None:
        self._experiments.update(self.experiment.id, environment=values)

    def close(self) -> None:
        """Mark the experiment as done: everything has been measured."""
        self._experiments.update(self.experiment.id, state="done")
