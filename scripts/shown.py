"""What the program really prints, for README.md and docs/; `make docs` puts it between cog's marks."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from cosmos_workflow import upsample
from cosmos_workflow.kinds.upsample.caption import Target, caption_by_rules, facts_of, written
from cosmos_workflow.limits import FIELD_TESTS, MODELS, TRANSFER_MODELS, PixtralImages, QwenImages, Setting, plan
from scripts.demo import draw_clip

PROMPT = "A futuristic city at sunset"
PROJECT = Path(__file__).parent.parent


def commands(*lines: str) -> None:
    """Print each command line and its output, in one block.

    In the folder that they run in there are `city.mp4` (960×540), `prompts.jsonl`, `renders` without a third depth, and
    the captions `caption.json`, `night.json` and `broken.json` of `words.txt`.
    """
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


def prompt_models() -> None:
    """Print the models that write prompts: what each is made of, and what it takes."""
    print("| model | repository | parameters | GiB in bf16 | context | longest | a picture's cells | videos |")
    print("|---|---|---:|---:|---:|---:|---:|---|")
    for model in MODELS.values():
        lengths = f"{model.max_model_len:,} | {model.longest_model_len:,}"
        assert isinstance(model.images, PixtralImages | QwenImages)
        print(
            f"| `{model.name}` | {model.repository} | {model.parameters / 1e9:.2f} G"
            f" | {model.weight_bytes / 2**30:.1f} | {lengths} | {model.images.cell} pixels"
            f" | {'yes' if model.videos else 'no'} |"
        )


def video_models() -> None:
    """Print the video models: what each takes."""
    print(
        "| model | controls | it makes itself | frames a chunk | steps | guidance | sigma_max | tokens of the prompt |"
    )
    print("|---|---|---|---:|---|---|---|---|")
    for model in TRANSFER_MODELS.values():
        made = "all" if model.computes == model.hints else ", ".join(model.computes) or "none"
        early = f", early {model.prompt.early:,}" if model.prompt.early else ""
        print(
            f"| `{model.name}` | {', '.join(model.hints)} | {made} | {model.family.chunk} | {_setting(model.steps)}"
            f" | {_setting(model.guidance)} | {_setting(model.sigma_max)} | {model.prompt.tokens:,}{early} |"
        )


def _setting(setting: Setting | None) -> str:
    if setting is None:
        return "-"
    default = "off" if setting.default is None else f"{setting.default:g}"
    if setting.least is None or setting.most is None or setting.least == setting.most:
        return default
    return f"{default} ({setting.least:g} to {setting.most:g})"


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
    _draw_renders(Path(folder.name) / "renders")
    _write_captions(Path(folder.name))
    return folder


def _write_captions(folder: Path) -> None:
    """A valid caption, one with other light, and one with three faults."""
    words = "A yellow robot rolls along a street"
    (folder / "words.txt").write_text(f"{words}\n", encoding="utf-8")
    known = facts_of({}, 24, Target(1280, 720, fps=24, seconds=4.0))
    caption = caption_by_rules(words, {}, known)
    night = {**caption, "lighting": {**caption["lighting"], "conditions": "Night, street lamps"}, "fps": 30}
    action = {"time": "0:03-0:01", "description": "It stops at the crossing"}
    broken = {**caption, "actions": [action], "fps": "24", "style-medium": "CGI"}
    for name, values in (("caption", caption), ("night", night), ("broken", broken)):
        (folder / f"{name}.json").write_text(written(values), encoding="utf-8")


def _draw_renders(folder: Path) -> None:
    """Six frames as a renderer writes them: a ball before a wall, its distances in mm, and the number of the object."""
    folder.mkdir()
    rows, columns = np.mgrid[:360, :640]
    for number in range(1, 7):
        ball = (rows - 180) ** 2 + (columns - 80 * number) ** 2 < 90**2
        picture = np.where(ball[..., None], (200, 60, 40), (90, 110, 140)).astype(np.uint8)
        for name, pixels in (
            ("color", picture), ("depth", np.where(ball, 2000, 9000).astype(np.uint16)), ("id", ball.astype(np.uint8))
        ):  # fmt: skip
            if (name, number) != ("depth", 3):
                path = folder / f"{name}.{number:04d}.png"
                Image.fromarray(pixels).save(path)
                os.utime(path, (0, 0))  # the renderer has ended long ago


def preflight_table() -> None:
    """Print the statements of the preflight of a transfer: level, name, what it is about, source and test."""
    from cosmos_workflow.kinds.transfer.preflight import LEVELS, STATEMENTS

    print("| verdict | statement | about | source | test |")
    print("|---|---|---|---|---|")
    for level in LEVELS:
        for each in STATEMENTS.values():
            if each.level == level:
                source = each.source.replace("|", "\\|")
                print(f"| {level} | {each.name} | {each.title} | {source} | `test_preflight.py[{each.name}]` |")
