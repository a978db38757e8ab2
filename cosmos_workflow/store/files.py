"""Files that items read and make, as they are remembered by their content; their bytes are elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from cosmos_workflow.errors import NotFound
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.schema import files

__all__ = ["FileRecord", "FileRecords"]


@dataclass(frozen=True)
class FileRecord:
    """A file: the SHA-256 of its bytes, and their number as `size`; `duration` in s, `created` since 1970, UTC.

    One that has no pictures has no width, height, frames and duration (0). `kept` says that its bytes are in the
    library of this machine, as an uploaded clip's are.
    """

    sha256: str
    name: str
    created: float
    size: int
    width: int = 0
    height: int = 0
    frames: int = 0
    duration: float = 0.0
    media_type: str = ""
    kept: bool = True


class FileRecords:
    """Files by their SHA-256."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: FileRecord) -> FileRecord:
        """Remember a file, and return what is remembered: a file that is known keeps its name."""
        insert = self._database.insert(files).values(vars(record))
        values = {"kept": True, "name": record.name, "created": record.created} if record.kept else {}
        with self._database.begin() as connection:
            connection.execute(insert.on_conflict_do_nothing())
            here = files.c.sha256 == record.sha256
            if values:
                connection.execute(files.update().where(here, ~files.c.kept).values(values))
            return FileRecord(**connection.execute(sa.select(files).where(here)).mappings().one())

    def get(self, sha256: str) -> FileRecord:
        """A file of the library. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(files).where(files.c.sha256 == sha256, files.c.kept)).mappings().first()
        if row is None:
            raise NotFound(f"no clip {sha256!r}", remedy="upload it")
        return FileRecord(**row)

    def all(self, *, most: int = 0, before: tuple[float, str] | None = None) -> list[FileRecord]:
        """The library, the newest first; `before` is when the last file of an earlier page was created, and its id."""
        query = sa.select(files).where(files.c.kept).order_by(files.c.created.desc(), files.c.sha256.desc())
        if before:
            query = query.where(sa.tuple_(files.c.created, files.c.sha256) < sa.tuple_(*map(sa.literal, before)))
        with self._database.reading() as connection:
            return [FileRecord(**row) for row in connection.execute(query.limit(most or None)).mappings()]

    def names(self, digests: Collection[str]) -> dict[str, str]:
        """What people called these files of the library; those that are not in it are left out."""
        query = sa.select(files.c.sha256, files.c.name).where(files.c.sha256.in_(digests), files.c.kept)
        with self._database.reading() as connection:
            return {row.sha256: row.name for row in connection.execute(query)}

    def remove(self, sha256: str) -> None:
        """Forget a file of the library. An item that read it keeps the file's hash."""
        with self._database.begin() as connection:
            connection.execute(files.delete().where(files.c.sha256 == sha256))
