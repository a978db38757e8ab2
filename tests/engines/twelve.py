"""Six small clips with two prompts each, for Cosmos 3: a batch for tests of a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from http_rig import clip

__all__ = ["write_batch"]

PROMPTS = {"rain": '{"subjects": "rain"}', "snow": '{"subjects": "snow"}'}


def write_batch(folder: Path) -> Path:
    """Write the clips, of 9 frames, and `batch.jsonl`, whose items are `clip0-rain` to `clip5-snow`."""
    lines: list[dict[str, Any]] = []
    for number in range(6):
        name = f"clip{number}"
        clip(folder / f"{name}.mp4", 9)
        for word, prompt in PROMPTS.items():
            lines.append({
                "name": f"{name}-{word}", "model": "cosmos3-nano", "prompt": prompt, "video": f"{name}.mp4",
                "size": "256", "seed": number, "chunk": 9, "guidance": 3, "controls": {"edge": {}},
            })  # fmt: skip
    (path := folder / "batch.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
