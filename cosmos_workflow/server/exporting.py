"""Prompts as files: JSON Lines, CSV, NVIDIA's controlnet specs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from cosmos_workflow.server.shapes import Prompt

__all__ = ["FORMATS", "controlnet_spec", "exported"]

FORMATS = {
    "jsonl": ("application/x-ndjson", "jsonl"),
    "csv": ("text/csv; charset=utf-8", "csv"),
    "spec": ("application/x-ndjson", "specs.jsonl"),
}

COLUMNS = (
    *("number", "run", "created", "rating", "tags", "clip"),
    *("id", "prompt", "upsampled_prompt", "verdict", "finish_reason", "prompt_tokens", "completion_tokens"),
    *("frame_width", "frame_height", "seconds", "engine", "engine_model", "place", "note", "error"),
)


def exported(prompts: Iterable[Prompt], format: str) -> Iterator[str]:
    """The file, piece by piece."""
    if format == "csv":
        yield from _csv(prompts)
        return
    for prompt in prompts:
        value = controlnet_spec(prompt, ["edge"]) if format == "spec" else _flat(prompt)
        yield json.dumps(value, ensure_ascii=False) + "\n"


def controlnet_spec(prompt: Prompt, controls: Sequence[str]) -> dict[str, Any]:
    """A spec as Cosmos-Transfer1 reads it; weights sum to 1, so that none has to be scaled down there."""
    names = list(dict.fromkeys(controls)) or ["edge"]
    weighted = {name: {"control_weight": round(1 / len(names), 3)} for name in names}
    text = prompt.result.upsampled_prompt or prompt.result.prompt
    return {"prompt": text, "input_video_path": prompt.clip, **weighted}


def _flat(prompt: Prompt) -> dict[str, Any]:
    facts = {name: getattr(prompt, name) for name in ("number", "run", "created", "rating", "tags", "clip")}
    return facts | asdict(prompt.result) | {"video": prompt.clip}


def _csv(prompts: Iterable[Prompt]) -> Iterator[str]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for prompt in prompts:
        flat = _flat(prompt) | {"tags": " ".join(prompt.tags)}
        writer.writerow([_cell(flat[name]) for name in COLUMNS])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """A spreadsheet takes what begins with = + - @ for a formula, and would run it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
