"""What the lab measured: experiments, and each trial as it was recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from cosmos_workflow.errors import NotFound
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.schema import experiments, trials

__all__ = ["Experiment", "Experiments", "Kind"]

Kind = Literal["probe", "bench"]


@dataclass(frozen=True)
class Experiment:
    """A probe or a bench; times are seconds since 1970, UTC. `state` is `running`, also where it was broken off, or
    `done`. `settings` are what was asked for, `environment` is what it ran on.
    """

    id: str
    kind: Kind
    state: str
    created: float
    updated: float
    place: str
    engine: str
    settings: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)


class Experiments:
    """Experiments and their trials; every write is on disk when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, id: str, kind: Kind, place: str, engine: str, settings: Mapping[str, Any]) -> Experiment:
        now = time.time()
        experiment = Experiment(id, kind, "running", now, now, place, engine, dict(settings))
        with self._database.begin() as connection:
            connection.execute(experiments.insert(), vars(experiment))
        return experiment

    def unfinished(self, kind: Kind, place: str, engine: str, settings: Mapping[str, Any]) -> Experiment | None:
        """The newest one that was broken off, and asked for just this."""
        candidates = [
            experiment
            for experiment in self.all(kind)
            if (experiment.state, experiment.place, experiment.engine) == ("running", place, engine)
        ]
        # As the database gives it back: tuples come as lists.
        same = json.loads(json.dumps(settings))
        return next((experiment for experiment in candidates if experiment.settings == same), None)

    def all(self, kind: Kind | None = None) -> list[Experiment]:
        """The newest first."""
        query = sa.select(experiments).order_by(experiments.c.created.desc(), experiments.c.id.desc())
        if kind:
            query = query.where(experiments.c.kind == kind)
        with self._database.reading() as connection:
            return [Experiment(**row) for row in connection.execute(query).mappings()]

    def get(self, id: str) -> Experiment:
        """By its id, or by a beginning that only one has. Raises UsageError where there is no such experiment."""
        matches = [experiment for experiment in self.all() if experiment.id.startswith(id)]
        exact = [experiment for experiment in matches if experiment.id == id] or matches
        if len(exact) != 1:
            what = f"{len(matches)} experiments begin with {id!r}" if matches else f"no experiment {id!r}"
            raise NotFound(what, remedy="see them: cosmos report --list")
        return exact[0]

    def update(self, id: str, *, state: str = "", environment: Mapping[str, Any] | None = None) -> None:
        values: dict[str, Any] = {"updated": time.time()}
        values |= {"state": state} if state else {}
        values |= {"environment": dict(environment)} if environment is not None else {}
        with self._database.begin() as connection:
            connection.execute(experiments.update().where(experiments.c.id == id).values(values))

    def begin(self, id: str, started: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Put down trials, by key, before they run; one that was begun before is begun again."""
        with self._database.begin() as connection:
            count = sa.select(sa.func.count()).where(trials.c.experiment_id == id)
            position = int(connection.execute(count).scalar_one())
            keys = [key for key, _ in started]
            connection.execute(trials.delete().where(trials.c.experiment_id == id, trials.c.key.in_(keys)))
            rows = [
                {"experiment_id": id, "key": key, "position": position + n, "done": False, "data": dict(data)}
                for n, (key, data) in enumerate(started)
            ]
            connection.execute(trials.insert(), rows)

    def finish(self, id: str, ended: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Put down how trials ended."""
        with self._database.begin() as connection:
            for key, data in ended:
                connection.execute(
                    trials.update()
                    .where(trials.c.experiment_id == id, trials.c.key == key)
                    .values(done=True, data=dict(data))
                )

    def forget(self, id: str, keys: Sequence[str]) -> None:
        """Trials that were begun and broken off by a person."""
        with self._database.begin() as connection:
            connection.execute(trials.delete().where(trials.c.experiment_id == id, trials.c.key.in_(keys)))

    def trials(self, id: str) -> list[tuple[str, bool, dict[str, Any]]]:
        """Key, whether it ended, and its record, in the order in which they were begun."""
        query = sa.select(trials.c.key, trials.c.done, trials.c.data).where(trials.c.experiment_id == id)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(trials.c.position, trials.c.key))
            return [(key, done, data) for key, done, data in rows]

    def remove(self, id: str) -> None:
        with self._database.begin() as connection:
            connection.execute(trials.delete().where(trials.c.experiment_id == id))
            connection.execute(experiments.delete().where(experiments.c.id == id))
