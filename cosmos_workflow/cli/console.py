"""Printing: documents for programs on stdout, tables and words for people, progress on stderr.

Nothing that a person copies is broken here: lines are left to the terminal, which joins them again when they are
copied, and a table that is too wide becomes one block a row.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import click
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cosmos_workflow.cli.visible import visible

__all__ = [
    "VERDICTS",
    "escaped",
    "exit_code",
    "note",
    "print_json",
    "safe",
    "stderr",
    "stdout",
    "stdout_for_results",
    "table",
]

VERDICTS = {
    "fits": "green",
    "resized": "cyan",
    "cut_short": "yellow",
    "too_long": "red",
    "bad_input": "red",
}


def stdout() -> Console:
    """For people; a pipe gets lines that are not wrapped."""
    return _console(False)


def stderr() -> Console:
    """For progress, warnings and errors."""
    return _console(True)


class Printer(Console):
    """Shows control codes in others' text as visible characters."""

    def render_str(self, text: str, **style: Any) -> Text:
        return super().render_str(visible(text), **style)

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - called while it is handled; `main` ends quietly


def _console(on_stderr: bool) -> Console:
    return Printer(stderr=on_stderr, highlight=False, soft_wrap=True, emoji=False, markup=False)


def note(text: str) -> None:
    """What a person should know of a batch, and no program reads."""
    stderr().print(f"note: {text}", style="yellow")


def print_json(document: Any) -> None:
    """One JSON document on one line; a console that is not UTF-8 gets escapes, so nothing is lost."""
    utf8 = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not utf8)
    click.echo(escaped(text))


def escaped(line: str) -> str:
    """A line of JSON without control codes: JSON leaves those above ASCII; as escapes they mean the same."""
    return (
        line
        if line.isprintable()
        else "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in line)
    )


def safe(data: bytes) -> str:
    """A program's output for a terminal: broken UTF-8 replaced, and nothing that would command the terminal."""
    return visible(data.decode("utf-8", "replace"))


class Rows:
    """A table; on a terminal that is too narrow for it, one block a row, so that no cell is broken."""

    def __init__(self, columns: Sequence[str], title: str = "") -> None:
        self._columns = columns
        self._title = title
        self._rows: list[list[Text]] = []

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def add_row(self, *cells: str | Text) -> None:
        self._rows.append([cell if isinstance(cell, Text) else Text(visible(cell)) for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        table = Table(title=self._title or None, title_justify="left", title_style="bold", box=_box(), pad_edge=False)
        for number, column in enumerate(self._columns):
            right, prose = column.startswith(">"), column.startswith("~")
            words = [word.cell_len for row in self._rows if prose for word in row[number].split()]
            least = max([PROSE_WIDTH, *words]) if prose else None
            table.add_column(
                column.lstrip(">~"), justify="right" if right else "left", no_wrap=not prose, min_width=least
            )
        for row in self._rows:
            table.add_row(*row)
        wide = options.update_width(WIDEST)
        needed = Measurement.get(console, wide, table).maximum
        if not console.is_terminal:
            yield from console.render(table, options.update_width(needed))
        elif self._least(needed) <= options.max_width:
            yield table
        else:
            yield from self._blocks()

    def _least(self, needed: int) -> int:
        """The width that the table needs where its prose is wrapped at its spaces."""
        for number, column in enumerate(self._columns):
            if column.startswith("~"):
                cells = [row[number] for row in self._rows]
                longest = max((cell.cell_len for cell in cells), default=0)
                word = max((word.cell_len for cell in cells for word in cell.split()), default=0)
                needed -= max(0, longest - max(PROSE_WIDTH, word))
        return needed

    def _blocks(self) -> Iterator[Text]:
        names = [column.lstrip(">~") for column in self._columns]
        width = max(map(len, names[1:]), default=0)
        if self._title:
            yield Text(self._title, style="bold")
        for row in self._rows:
            yield Text.assemble((row[0].plain, "bold"))
            for name, cell in list(zip(names, row, strict=True))[1:]:
                if cell.plain:
                    yield Text.assemble(f"  {name:<{width}}  ", cell)


PROSE_WIDTH = 30
WIDEST = 100_000


def table(*columns: str, title: str = "") -> Rows:
    """A table whose numeric columns (named with a leading ">") stand right; prose ("~") may be wrapped at spaces."""
    return Rows(columns, title)


def _box() -> Any:
    from rich import box

    return box.SIMPLE_HEAD


def exit_code(failures: list[str]) -> int:
    """0 where nothing failed (empty words), 2 where all input was bad, else 1."""
    if not any(failures):
        return 0
    return 2 if set(failures) == {"bad_input"} else 1


def verdict_text(verdict: str) -> Text:
    """A verdict in its colour."""
    return Text(verdict, style=VERDICTS.get(verdict, ""))


def stdout_for_results(engine: str) -> AbstractContextManager[None]:
    """Whatever an engine's library or its child processes print goes to stderr; stdout is for results."""
    return _redirected_stdout() if engine in ("vllm", "transformers", "diffusers") else nullcontext()


@contextmanager
def _redirected_stdout() -> Iterator[None]:
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
