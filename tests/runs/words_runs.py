"""Runs of the kind that makes files, for tests: its items, what they answer, and whether all of it is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.api import Submission, decide, open_runs, submit
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.runs import Listener

__all__ = ["PLUGIN", "assert_whole", "begun", "do", "lines"]

PLUGIN = Path(__file__).parents[1] / "plugins" / "words"


def begun(items: Sequence[Any], out: Path | None, place: str = "local", **more: Any) -> Submission:
    kind = get_kind("words")
    return submit(items, decide(kind, kind.settings(), place=place), out=out, runs=open_runs(), **more)


def do(items: Sequence[Any], out: Path, place: str = "local", listener: Listener | None = None) -> Submission:
    submission = begun(items, out, place)
    if submission.run:
        open_runs().drive(submission.run.id, listener or Listener())
    return submission


def lines(out: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert len(rows) == len({row["id"] for row in rows})
    return {row["id"]: row for row in rows}


def assert_whole(out: Path, *ids: str, but: str = "") -> None:
    """Each item has its line and its picture with the hash that the line names, and nothing else is there.

    Of the item `but` there is only its failure.
    """
    rows = lines(out)
    assert not (but and rows.pop(but)["outputs"])
    assert set(rows) == set(ids)
    for id, row in rows.items():
        assert row["outputs"] == {"picture.png": hashlib.sha256((out / id / "picture.png").read_bytes()).hexdigest()}
    assert {path.parent.name for path in out.rglob("*.*") if path.is_file() and path.parent != out} == set(ids)
