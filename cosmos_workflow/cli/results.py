"""Results for people and for programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.cli.console import exit_code, print_json, stderr, stdout
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.runs.results import is_stdout, is_stream, to_dict

__all__ = ["show_results"]


def show_results(
    kind: Kind, results: Sequence[Any], out: str | Path, *, earlier: int = 0, batch: bool = True, as_json: bool = False
) -> int:
    """Print results, and return the exit code that they stand for; `earlier` were answered by an earlier run.

    Where `out` is standard output, they stand there already, and nothing else may.
    """
    written = is_stdout(out)
    if as_json and not written:
        for result in results:
            print_json(to_dict(result))
    elif not as_json:
        _print(kind, results, earlier, batch, answers=not written)
    if os.fspath(out) and not is_stream(out):
        stderr().print(f"saved: {out}", style="dim")
    return exit_code([(result.error and result.error_kind) or "" for result in results])


def _print(kind: Kind, results: Sequence[Any], earlier: int, batch: bool, *, answers: bool) -> None:
    console, warn = stdout(), stderr()
    if earlier > 0:
        warn.print(f"{earlier} answered earlier (--again asks anew)", style="dim")
    for result in results:
        title = f"{result.id}  " if batch else ""
        if result.error:
            warn.print(f"{title}failed: {result.error}", style="red")
            continue
        if answers:
            if batch:
                console.print(f"{result.id}", style="bold")
            if answer := kind.texts(result)[1]:
                console.print(answer)
            if batch:
                console.print()
        if note := getattr(result, "note", ""):
            warn.print(f"{title}note: {note}", style="yellow" if getattr(result, "truncated", False) else "dim")
    failed = sum(not result.ok for result in results)
    if batch:
        warn.print(f"{len(results) - failed} answered, {failed} failed")
