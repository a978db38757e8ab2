"""Printing: documents for programs on stdout, tables and words for people, progress on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["VERDICTS", "exit_code", "note", "print_json", "safe", "stderr", "stdout", "stdout_for_results", "table"]

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


def _console(on_stderr: bool) -> Console:
    stream = sys.stderr if on_stderr else sys.stdout
    width = None if stream.isatty() else 200
    return Console(
        stderr=on_stderr,
        width=width,
        highlight=False,
        soft_wrap=not stream.isatty(),
        emoji=False,
        markup=False,
    )


def note(text: str) -> None:
    """What a person should know of a batch, and no program reads."""
    stderr().print(f"note: {text}", style="yellow")


def print_json(document: Any) -> None:
    """One JSON document on one line; a console that is not UTF-8 gets escapes, so nothing is lost."""
    utf8 = (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(document, ensure_ascii=not utf8))


def safe(data: bytes) -> str:
    """A program's output for a terminal: broken UTF-8 replaced, and nothing that would command the terminal."""
    text = data.decode("utf-8", "replace")
    return "".join(one if one in "\n\t" or one.isprintable() else "\ufffd" for one in text.replace("\r\n", "\n"))


def table(*columns: str, title: str = "") -> Table:
    """A table whose numeric columns (named with a leading ">") stand right."""
    result = Table(title=title or None, title_justify="left", title_style="bold", box=_box(), pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        result.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return result


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
    return _redirected_stdout() if engine in ("vllm", "transformers") else nullcontext()


@contextmanager
def _redirected_stdout() -> Iterator[None]:
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
