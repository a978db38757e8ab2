"""The clips that people uploaded, as they are remembered; their bytes are files elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from cosmos_workflow.errors import NotFound
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.schema import media

__all__ = ["MediaRecord", "MediaRecords"]


@dataclass(frozen=True)
class MediaRecord:
    """A clip: `id` is the SHA-256 of its bytes, `size` their number; `duration` in s, `created` since 1970, UTC."""

    id: str
    name: str
    created: float
    size: int
    width: int
    height: int
    frames: int
    duration: float


class MediaRecords:
    """Clips by their ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: MediaRecord) -> MediaRecord:
        """Remember a clip; one that is there already stays as it is, and is returned."""
        with self._database.begin() as connection:
            row = connection.execute(sa.select(media).where(media.c.id == record.id)).mappings().first()
            if row:
                return MediaRecord(**row)
            connection.execute(media.insert(), vars(record))
        return record

    def get(self, id: str) -> MediaRecord:
        """Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(media).where(media.c.id == id)).mappings().first()
        if row is None:
            raise NotFound(f"no clip {id!r}", remedy="upload it")
        return MediaRecord(**row)

    def all(self, *, most: int = 0, before: tuple[float, str] | None = None) -> list[MediaRecord]:
        """The newest first; `before` is when the last one of an earlier page was created, and its id."""
        query = sa.select(media).order_by(media.c.created.desc(), media.c.id.desc()).limit(most or None)
        if before:
            query = query.where(sa.tuple_(media.c.created, media.c.id) < sa.tuple_(*map(sa.literal, before)))
        with self._database.reading() as connection:
            return [MediaRecord(**row) for row in connection.execute(query).mappings()]

    def names(self, ids: Collection[str]) -> dict[str, str]:
        """What people called these clips; those that are not there are left out."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(media.c.id, media.c.name).where(media.c.id.in_(ids)))
            return {row.id: row.name for row in rows}

    def remove(self, id: str) -> None:
        with self._database.begin() as connection:
            connection.execute(media.delete().where(media.c.id == id))
