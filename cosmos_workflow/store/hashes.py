"""The content of input files, hashed once: remembered by path, size and time of the last change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa

from cosmos_workflow.store.database import Database
from cosmos_workflow.store.schema import hashes

__all__ = ["Hashes"]


class Hashes:
    """The SHA-256 of files of this machine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, path: Path, version: tuple[int, int], compute: Callable[[Path], str]) -> str:
        """The hash of a file, computed only where its `version` (time of change in ns, bytes) has changed."""
        changed, size = version
        with self._database.reading() as connection:
            row = connection.execute(sa.select(hashes).where(hashes.c.path == str(path))).mappings().first()
        if row and (row["changed"], row["size"]) == (changed, size):
            return str(row["sha256"])
        sha256 = compute(path)
        self.remember([(path, version, sha256)])
        return sha256

    def remember(self, known: Sequence[tuple[Path, tuple[int, int], str]]) -> None:
        """Remember the hashes of files in their `version`s, in place of what was remembered of them."""
        if not known:
            return
        rows = [
            {"path": str(path), "changed": changed, "size": size, "sha256": sha256}
            for path, (changed, size), sha256 in known
        ]
        insert = self._database.insert(hashes)
        new = {name: insert.excluded[name] for name in ("changed", "size", "sha256")}
        with self._database.begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["path"], set_=new), rows)
