"""Files that items read and make, as they are remembered by their content; their bytes are elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cosmos_workflow.errors import NotFound
from cosmos_workflow.store.database import Database
from cosmos_workflow.store.schema import files, item_files, items

__all__ = ["FileRecord", "FileRecords", "ItemFile", "remember"]

SEEN = ("size", "width", "height", "frames", "duration", "media_type")  # what is seen by looking into a file


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


@dataclass(frozen=True)
class ItemFile:
    """A file that an item reads, by its kind's name for it, or makes."""

    name: str
    file: FileRecord
    is_output: bool = False


def remember(database: Database, connection: sa.Connection, numbered: Iterable[tuple[int, ItemFile]]) -> None:
    """Remember files of items, by the items' numbers; a file that is known stays as it is."""
    rows, records = [], {}
    for number, each in numbered:
        records[each.file.sha256] = vars(each.file)
        rows.append({"number": number, "name": each.name, "is_output": each.is_output, "sha256": each.file.sha256})
    if rows:
        connection.execute(database.insert(files).on_conflict_do_nothing(), list(records.values()))
        connection.execute(item_files.insert(), rows)


def forget_of_run(connection: sa.Connection, run: str) -> None:
    """Forget the files that only this run's items name, and that the library does not have."""
    named = sa.select(item_files.c.sha256).join(items, items.c.number == item_files.c.number)
    others = named.where(items.c.run_id != run, item_files.c.sha256 == files.c.sha256).correlate(files)
    own = named.where(items.c.run_id == run)
    connection.execute(files.delete().where(files.c.kept.is_(sa.false()), files.c.sha256.in_(own), ~sa.exists(others)))


class FileRecords:
    """Files by their SHA-256, and those of each item."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: FileRecord) -> FileRecord:
        """Remember a file, and return what is remembered: a file that is known keeps its name."""
        insert = self._database.insert(files).values(vars(record))
        values = vars(record) if record.kept else {}
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
        """Forget a file of the library; of one that an item names, what is known of it stays."""
        with self._database.begin() as connection:
            mine = files.c.sha256 == sha256
            named = sa.exists(sa.select(item_files.c.number).where(item_files.c.sha256 == sha256))
            connection.execute(files.update().where(mine, named).values(kept=False))
            connection.execute(files.delete().where(mine, ~named))

    def set_outputs(self, run: str, item_id: str, outputs: Mapping[str, FileRecord]) -> None:
        """Remember the files that an item has made, in place of those of an earlier answer."""
        with self._database.begin() as connection:
            mine = items.c.run_id == run, items.c.item_id == item_id
            number = connection.execute(sa.select(items.c.number).where(*mine)).scalar()
            if number is None:
                return  # it was removed meanwhile
            connection.execute(item_files.delete().where(item_files.c.number == number, item_files.c.is_output))
            remember(
                self._database, connection, [(number, ItemFile(name, record, True)) for name, record in outputs.items()]
            )
            # Of an input with the same content, what is known comes from its name.
            for record in outputs.values():
                seen = {name: value for name, value in vars(record).items() if name in SEEN}
                known = files.update().where(files.c.sha256 == record.sha256, ~files.c.kept)
                connection.execute(known.values(seen))

    def output_of(self, number: int, name: str) -> FileRecord:
        """A file that an item, by its number, has made. Raises NotFound."""
        query = sa.select(files).join(item_files, files.c.sha256 == item_files.c.sha256)
        mine = item_files.c.number == number, item_files.c.name == name, item_files.c.is_output
        with self._database.reading() as connection:
            row = connection.execute(query.where(*mine)).mappings().first()
        if row is None:
            raise NotFound("the item has made no such file", where=name, remedy="see its list of files")
        return _record(row)

    def of_run(
        self, run: str, *, after: tuple[int, str] | None = None, most: int | None = None
    ) -> list[tuple[int, str, ItemFile]]:
        """The files that a run's items have made: each with the item's number and id, by the numbers and names.

        Those behind the number and name `after`, `most` of them.
        """
        columns = items.c.number, items.c.item_id, item_files.c.name.label("called"), files
        query = sa.select(*columns).join(item_files, item_files.c.number == items.c.number)
        query = query.join(files, files.c.sha256 == item_files.c.sha256)
        query = query.where(items.c.run_id == run, item_files.c.is_output)
        if after:
            query = query.where(sa.tuple_(items.c.number, item_files.c.name) > sa.tuple_(*map(sa.literal, after)))
        query = query.order_by(items.c.number, item_files.c.name).limit(most)
        with self._database.reading() as connection:
            return [
                (row["number"], row["item_id"], ItemFile(row["called"], _record(row), True))
                for row in connection.execute(query).mappings()
            ]

    def of_items(self, numbers: Collection[int]) -> dict[int, list[ItemFile]]:
        """The files of each item, by the items' numbers, in the order of their names."""
        query = sa.select(item_files.c.number, item_files.c.name.label("called"), item_files.c.is_output, files)
        query = query.join(files, files.c.sha256 == item_files.c.sha256).where(item_files.c.number.in_(numbers))
        by_number: dict[int, list[ItemFile]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query.order_by(item_files.c.number, item_files.c.name)).mappings():
                by_number.setdefault(row["number"], []).append(ItemFile(row["called"], _record(row), row["is_output"]))
        return by_number


def _record(row: Mapping[Any, Any]) -> FileRecord:
    return FileRecord(**{column.name: row[column] for column in files.c})
