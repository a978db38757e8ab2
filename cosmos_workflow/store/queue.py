"""Which run is next, and who has it: one at a time for each place, claimed by a lease that must be renewed.

Whoever shares the database shares the queue. A worker that dies renews nothing, and its run is claimed by another.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cosmos_workflow.errors import Conflict, NotFound
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.records import UNFINISHED, RunRecord, record
from cosmos_workflow.store.schema import runs, slots, switches

__all__ = ["LEASE_SECONDS", "Queue"]

LEASE_SECONDS = 15.0

ORDER = (runs.c.priority.desc(), runs.c.rank, runs.c.id)
WAITING = runs.c.rank.is_not(None), runs.c.state.in_(UNFINISHED)


class Queue:
    """The runs that wait for their place, in the order in which they are taken: by priority, then by age."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_place(self, connection: sa.Connection, place: str) -> None:
        """See that a place is known, where one run at a time may be."""
        existing = connection.execute(sa.select(slots.c.place).where(slots.c.place == place)).first()
        if existing is None:
            row = {"place": place, "run_id": None, "owner": "", "until": 0.0}
            connection.execute(self._database.insert(slots).values(row).on_conflict_do_nothing())

    def claim(self, owner: str, lease: float = LEASE_SECONDS) -> RunRecord | None:
        """The next run whose place is free, which is `owner`'s now for `lease` seconds; None where nothing waits.

        First a run that a dead worker left, as it holds a place. While the queue is paused only those are taken.
        """
        with self._database.begin() as connection:
            now = self._database.now(connection)
            paused = self._paused(connection)
            orphaned = sa.exists().where(runs.c.id == slots.c.run_id, *WAITING)
            next_up = sa.exists().where(runs.c.place == slots.c.place, ~runs.c.held, *WAITING)
            free = sa.select(slots).where(slots.c.until < now, orphaned if paused else orphaned | next_up)
            place = connection.execute(
                free.order_by(~orphaned, slots.c.until).limit(1).with_for_update(skip_locked=True)
            ).first()
            if place is None:
                return None
            interrupted = runs.c.id == place.run_id, *WAITING
            row = connection.execute(sa.select(runs).where(*interrupted)).mappings().first()
            if row is None and not paused:
                query = sa.select(runs).where(runs.c.place == place.place, ~runs.c.held, *WAITING)
                row = connection.execute(query.order_by(*ORDER).limit(1)).mappings().first()
            if row is None:
                return None
            lease_row = {"run_id": row["id"], "owner": owner, "until": now + lease}
            connection.execute(slots.update().where(slots.c.place == place.place).values(lease_row))
            return record(row)

    def renew(self, run: RunRecord, owner: str, lease: float = LEASE_SECONDS) -> bool:
        """Go on having a run; False where it is no longer `owner`'s, who must then stop."""
        with self._database.begin() as connection:
            until = self._database.now(connection) + lease
            mine = slots.c.place == run.place, slots.c.run_id == run.id, slots.c.owner == owner
            return connection.execute(slots.update().where(*mine).values(until=until)).rowcount == 1

    def release(self, run: RunRecord, owner: str) -> None:
        """Give a run back, at its end or before: its place is free, and one that has not ended goes on there first."""
        with self._database.begin() as connection:
            mine = slots.c.place == run.place, slots.c.run_id == run.id, slots.c.owner == owner
            state = connection.execute(sa.select(runs.c.state).where(runs.c.id == run.id)).scalar()
            run_id = run.id if state in UNFINISHED else None
            connection.execute(slots.update().where(*mine).values(until=0.0, run_id=run_id))

    def holders(self) -> dict[str, str]:
        """Which worker has which run now."""
        with self._database.reading() as connection:
            now = self._database.now(connection)
            held = sa.select(slots.c.run_id, slots.c.owner).where(slots.c.until >= now, slots.c.run_id.is_not(None))
            return {row[0]: row[1] for row in connection.execute(held)}

    def waiting(self) -> list[RunRecord]:
        """The runs of the queue that have not ended, in its order."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(runs).where(*WAITING).order_by(*ORDER)).mappings()
            return [record(row) for row in rows]

    def change(self, id: str, *, priority: int | None = None, held: bool | None = None) -> None:
        """Let a waiting run go before or behind others, or hold it back. Raises Conflict where it does not wait."""
        values: dict[str, Any] = {} if priority is None else {"priority": priority}
        values |= {} if held is None else {"held": held}
        if values:
            with self._database.begin() as connection:
                self._waits(connection, id)
                connection.execute(runs.update().where(runs.c.id == id).values(values))

    def move_before(self, id: str, other: str = "") -> None:
        """Put a waiting run right before another, or before all; it takes the priority of the one behind it.

        Raises Conflict where either does not wait.
        """
        with self._database.begin() as connection:
            self._waits(connection, id)
            query = sa.select(runs.c.id, runs.c.priority, runs.c.rank).where(runs.c.id != id, *WAITING).order_by(*ORDER)
            line = connection.execute(query).all()
            at = next((n for n, row in enumerate(line) if row.id == other), None if other else 0)
            if at is None:
                raise Conflict(
                    "the run to move before does not wait in the queue", where=other, remedy="see them: GET /queue"
                )
            if not line:
                return
            behind = line[at]
            before = line[at - 1] if at and line[at - 1].priority == behind.priority else None
            rank = (before.rank + behind.rank) / 2 if before else behind.rank - 1.0
            values = {"priority": behind.priority, "rank": rank}
            connection.execute(runs.update().where(runs.c.id == id).values(values))

    @property
    def paused(self) -> bool:
        """Whether no further run is begun; what runs goes on."""
        with self._database.reading() as connection:
            return self._paused(connection)

    def pause(self, on: bool = True) -> None:
        """Begin no further run, or begin them again."""
        with self._database.begin() as connection:
            insert = self._database.insert(switches).values({"name": "paused", "on": on})
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"on": on}))

    def _paused(self, connection: sa.Connection) -> bool:
        return bool(connection.execute(sa.select(switches.c.on).where(switches.c.name == "paused")).scalar())

    def _waits(self, connection: sa.Connection, id: str) -> None:
        row = connection.execute(sa.select(runs.c.state, runs.c.rank).where(runs.c.id == id).with_for_update()).first()
        if row is None:
            raise NotFound(f"no run {id!r}", remedy="see them: cosmos runs list")
        if row.rank is None or row.state != "queued":
            raise Conflict(
                f"the run does not wait in the queue: it is {row.state}", where=id, remedy="cancel it, or let it run"
            )
