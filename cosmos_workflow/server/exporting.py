"""Prompts as files: JSON Lines, CSV, NVIDIA's controlnet specs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from cosmos_workflow.kinds.kind import FIRST_KIND, get_kind, is_known
from cosmos_workflow.server.shapes import Prompt

__all__ = ["FORMATS", "controlnet_spec", "exported"]

FORMATS = {
    "jsonl": ("application/x-ndjson", "jsonl"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "spec": ("application/x-ndjson", "specs.jsonl"),
}

OF_ANY_KIND = ("id", "verdict", "seconds", "error", "error_kind")  # what every result has
FACTS = ("number", "run", "created", "rating", "tags", "clip")


def exported(prompts: Iterable[Prompt], format: str, kinds: Sequence[str]) -> Iterator[str]:
    """The file, piece by piece; `kinds` are those of the prompts."""
    if format == "csv":
        yield from _csv(prompts, kinds)
        return
    for prompt in prompts:
        value = controlnet_spec(prompt, ["edge"]) if format == "spec" else _flat(prompt)
        if value is not None:
            yield json.dumps(value, ensure_ascii=False) + "\n"


def controlnet_spec(prompt: Prompt, controls: Sequence[str]) -> dict[str, Any] | None:
    """A spec as Cosmos-Transfer1 reads it; weights sum to 1, so that none has to be scaled down there.

    None for a kind of work that gives no prompts for videos.
    """
    names = list(dict.fromkeys(controls)) or ["edge"]
    weighted = {name: {"control_weight": round(1 / len(names), 3)} for name in names}
    text = get_kind(prompt.kind).video_prompt(prompt.result) if is_known(prompt.kind) else None
    return None if text is None else {"prompt": text, "input_video_path": prompt.clip, **weighted}


def _flat(prompt: Prompt) -> dict[str, Any]:
    """One line: what the history knows, and the result, in which the first file is called as people call it."""
    facts = {name: getattr(prompt, name) for name in (*FACTS, "kind")}
    if not is_known(prompt.kind):
        return dict(prompt.result) | facts
    clip = dict.fromkeys(get_kind(prompt.kind).inputs[:1], prompt.clip)
    return asdict(prompt.result) | clip | facts


def _csv(prompts: Iterable[Prompt], kinds: Sequence[str]) -> Iterator[str]:
    """A table with the columns of all `kinds`; what a kind does not have is empty."""
    columns = dict.fromkeys(FACTS)
    for name in kinds or [FIRST_KIND]:
        kind = get_kind(name) if is_known(name) else None
        names = kind.columns or [field.name for field in fields(kind.result)] if kind else OF_ANY_KIND
        columns |= dict.fromkeys(names)
    columns |= {"kind": None}
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for prompt in prompts:
        flat = _flat(prompt) | {"tags": " ".join(prompt.tags)}
        writer.writerow([_cell(flat.get(name, "")) for name in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet takes what begins with = + - @ for a formula, and would run it."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
