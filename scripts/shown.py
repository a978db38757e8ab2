"""What the program really prints, for README.md and docs/; `make docs` puts it between cog's marks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from cosmos_workflow import upsample
from cosmos_workflow.limits import FIELD_TESTS, plan
from scripts.demo import draw_clip

PROMPT = "A futuristic city at sunset"
PROJECT = Path(__file__).parent.parent


def commands(*lines: str) -> None:
    """Print each command line and its output, in one block. `city.mp4` (960×540) is in the folder they run in."""
    print("```console")
    for number, line in enumerate(lines):
        done = subprocess.run(
            [sys.executable, "-m", "cosmos_workflow", *shlex.split(line)[1:]],
            cwd=_folder().name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            # The developer's own settings and runs must not appear.
            env={
                **os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1",
                "XDG_CONFIG_HOME": _folder().name, "COSMOS_DATA": _folder().name,
            },
        )  # fmt: skip
        output = "\n".join(row.rstrip() for row in done.stdout.decode().strip("\n").split("\n"))
        print(("\n" if number else "") + f"$ {line}\n{output}")
    print("```")


def before_and_after() -> None:
    """Print a prompt and its upsampled prompt, as a quotation."""
    (result,) = upsample(Path(_folder().name) / "city.mp4", PROMPT, out=Path(_folder().name) / "shown.jsonl")
    print(f"> **You write:** {PROMPT}")
    print(">")
    print(f"> **You get:** {result.upsampled_prompt}")


def field_table() -> None:
    """Print the sizes of the field tests, what was seen on the GPU, and what the arithmetic predicts."""
    print("| size | seen on the GPU | tokens of two frames | prompt | room | verdict |")
    print("|---|---|---:|---:|---:|---|")
    for (width, height), seen in FIELD_TESTS.items():
        prediction = plan((width, height), PROMPT, fit="off")
        print(
            f"| {width}×{height} | {seen} | {prediction.image_tokens:,} | {prediction.prompt_tokens:,}"
            f" | {prediction.room:,} | `{prediction.verdict}` |"
        )


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    draw_clip(Path(folder.name) / "city.mp4")
    (Path(folder.name) / "prompts.jsonl").write_text(
        '{"id": "dusk", "prompt": "A futuristic city at sunset", "video": "city.mp4"}\n'
        '{"id": "rain", "prompt": "The same city in heavy rain", "video": "city.mp4", "seed": 7}\n'
        '{"id": "lost", "prompt": "A city that is not there", "video": "gone.mp4"}\n',
        encoding="utf-8",
    )
    return folder
