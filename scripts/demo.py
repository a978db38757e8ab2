"""The main use of cosmos, on a clip that this script draws: check, upsample, and where the result is.

`make demo` runs it. `--svg FILE` also saves what the terminal showed as a picture (docs/img/demo.svg is one).
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np

FOLDER = Path("demo")
PROMPT = "A futuristic city at sunset"


def draw_clip(path: Path, width: int = 960, height: int = 540, frames: int = 48, fps: int = 24) -> None:
    """A skyline before a sunset; the camera pans to the right."""
    rng = np.random.default_rng(7)
    world = width + 6 * frames
    rows = np.linspace(0, 1, height)[:, None, None]
    sky = (1 - rows) * np.array([46, 30, 96]) + rows * np.array([250, 138, 52])
    scene = np.repeat(sky, world, axis=1)
    yy, xx = np.mgrid[:height, :world]
    scene[(xx - world * 0.6) ** 2 + (yy - height * 0.62) ** 2 < (height * 0.13) ** 2] = (255, 226, 120)
    left = 0
    while left < world:
        across, tall = int(rng.integers(28, 90)), int(rng.integers(height // 5, height * 3 // 4))
        shade = rng.uniform(18, 60)
        scene[height - tall :, left : left + across] = (shade * 0.8, shade * 0.8, shade * 1.3)
        for y in range(height - tall + 8, height - 8, 14):
            for x in range(left + 6, left + across - 6, 12):
                if rng.random() < 0.5:
                    scene[y : y + 6, x : x + 5] = (255, 214, 130)
        left += across + int(rng.integers(0, 12))
    scene = scene.astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            picture = np.ascontiguousarray(scene[:, 6 * index : 6 * index + width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    draw_clip(FOLDER / "city.mp4")
    terminal = io.StringIO()
    for arguments in (
        ["check", "city.mp4", "-p", PROMPT, "--fit", "off"],
        ["check", "city.mp4", "-p", PROMPT],
        ["upsample", "city.mp4", "-p", PROMPT],
    ):
        line = "$ cosmos " + " ".join(f'"{word}"' if " " in word else word for word in arguments)
        print(f"\n{line}", flush=True)
        terminal.write(f"\n\x1b[1m{line}\x1b[0m\n")
        environment = {**os.environ, "PYTHONUTF8": "1", "FORCE_COLOR": "1", "COLUMNS": "100", "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "cosmos_workflow", *arguments]
        if options.svg:
            done = subprocess.run(command, cwd=FOLDER, env=environment, stdout=-1, stderr=-2, check=False)
            sys.stdout.buffer.write(done.stdout)
            terminal.write(done.stdout.decode())
        else:
            done = subprocess.run(command, cwd=FOLDER, check=False)
        # The first check is meant to fail: frames of 960×540 make the prompt too long.
        if done.returncode != (1 if "off" in arguments else 0):
            return 1
    print(f"\nThe clip and the result are in {FOLDER.absolute()}")
    if options.svg:
        draw_terminal(terminal.getvalue(), options.svg)
    return 0


def draw_terminal(text: str, path: Path) -> None:
    """Write what the terminal showed as an SVG that loads no fonts from the network."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(text.strip("\n")))
    svg = console.export_svg(title="cosmos")
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
