"""After a crash, any command says which runs can be continued. Only the standard library: it must cost nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import click

from cosmos_workflow.config import data_folder

__all__ = ["tell_of_unfinished"]


def tell_of_unfinished() -> None:
    """One line on stderr where the default store has runs that nobody drives."""
    path = data_folder() / "store.db"
    if not path.is_file():
        return
    # Those of the queue go on by themselves.
    ended = "('done', 'failed', 'cancelled')"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as database:
            rows = database.execute(
                f"SELECT id, state FROM runs WHERE state NOT IN {ended} AND rank IS NULL ORDER BY created"
            ).fetchall()
    except sqlite3.Error:
        return
    waiting = [f"{id} ({state})" for id, state in rows if not _is_driven(id)]
    if waiting:
        names = ", ".join(waiting[:3]) + (f" and {len(waiting) - 3} more" if len(waiting) > 3 else "")
        last = waiting[-1].partition(" ")[0]
        click.echo(
            f"unfinished: {names}; go on: cosmos runs attach {last}; end it: cosmos runs cancel {last}", err=True
        )


def _is_driven(id: str) -> bool:
    from filelock import FileLock, Timeout

    folder = data_folder() / "runs" / id
    if not folder.is_dir():
        return False
    try:
        with FileLock(folder / "lock", timeout=0):
            return False
    except Timeout:
        return True
