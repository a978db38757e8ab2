"""Command lines of Transfer1 for tests, and what its videos show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
from servers.nvidia_programs import read_mark

__all__ = ["batch", "command", "edge", "marks"]

PROGRAM = "python cosmos_transfer1/diffusion/inference/transfer.py"


def command(folder: Path, spec: dict[str, Any], more: str = "", program: str = PROGRAM) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return f"{program} --controlnet_specs {path} --video_save_folder {folder / 'out'} {more}"


def batch(folder: Path, lines: list[Any]) -> str:
    path = folder / "batch.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return f"--batch_input_path {path}"


def marks(path: Path, *numbers: int) -> list[Any]:
    """What the frames of these numbers show, or the first one."""
    with av.open(str(path)) as container:
        frames = enumerate(container.decode(video=0))
        return [read_mark(frame.to_ndarray(format="gray")) for number, frame in frames if number in (numbers or (0,))]


def edge(clip: Path, **more: Any) -> dict[str, Any]:
    return {"input_video_path": str(clip), "edge": {"control_weight": 1.0}, **more}
