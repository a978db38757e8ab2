"""`cosmos transfer` with the real pipelines as a process of its own, which is killed again and again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import av
import clips
import pytest
from servers.tiny_video import write_models

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

STANDINS = Path(__file__).parents[1] / "standins"
COUNT, FRAMES = 4, 5

# `cosmos` with some words, which kills itself at a moment: each step of a model, each frame that is written, and each
# result that is kept is one. With 0 it lives.
CLIENT = """
import os, signal, sys

from cosmos_workflow.engines.steps import Steps
from cosmos_workflow.media.encoding import Encoder
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.store import Store

moment, count = int(sys.argv[1]), 0

def fatal(work):
    def wrapped(*words, **named):
        global count
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*words, **named)
    return wrapped

Steps.step, Encoder.write, OutputFolder.take = fatal(Steps.step), fatal(Encoder.write), fatal(OutputFolder.take)
Store.save = fatal(Store.save)

from cosmos_workflow.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_killed_at_random_moments_it_ends_with_each_video_once(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    clips.textured(tmp_path / "clip.mp4", 160, 96, frames=FRAMES)
    asked = {"model": "transfer2.5", "video": "clip.mp4", "prompt": "a city", "controls": {"edge": {}}}
    entries = [{"name": f"i{n}", "seed": n, "size": "256", "steps": 2, "chunk": FRAMES, **asked} for n in range(COUNT)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    words = ["transfer", "b.jsonl", "--engine", "diffusers", "--model-path", str(models), "-o", "out"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(STANDINS), os.environ.get("PYTHONPATH", "")])}

    def cosmos(moment: int) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", CLIENT, str(moment), *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=600, check=False)

    seed = random.randrange(10**6)
    moments = random.Random(seed).sample(range(1, 22), 3)  # a video has about 20 of them
    for moment in moments:
        done = cosmos(moment)
        assert done.returncode == -signal.SIGKILL, (seed, done.stderr[-2000:])
    done = cosmos(0)
    assert done.returncode == 0, (seed, done.stderr[-2000:])
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == [f"i{n}" for n in range(COUNT)], seed
    left = {path.name for path in (tmp_path / "out").iterdir()} - {f"i{n}" for n in range(COUNT)}
    assert left == {"results.jsonl", ".results.jsonl.cosmos-lock", "contact.jpg"}, seed
    for line in lines:
        assert line["error"] == "", seed
        folder = tmp_path / "out" / line["id"]
        made = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        assert made == line["outputs"], seed
        with av.open(str(folder / "video.mp4")) as video:
            assert sum(1 for _ in video.decode(video=0)) == FRAMES, seed
