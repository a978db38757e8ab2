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

# Read by `cosmos` and by its engine's process when they start. Each step of a model, each frame that is written and
# each result that is kept, in whichever process, is a moment, and a byte in a file; at one of them `cosmos` is killed.
MOMENTS = """
import os, runpy, signal, sysconfig

if os.path.exists(hidden := os.path.join(sysconfig.get_path("purelib"), "sitecustomize.py")):
    runpy.run_path(hidden)

from cosmos_workflow.engines.steps import Steps
from cosmos_workflow.media.encoding import Encoder
from cosmos_workflow.runs.results.outputs import OutputFolder
from cosmos_workflow.store import Store

client = int(os.environ.setdefault("CLIENT", str(os.getpid())))
file = os.open(os.environ["MOMENTS"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def fatal(work):
    def wrapped(*words, **named):
        os.write(file, b".")
        if os.fstat(file).st_size == int(os.environ["MOMENT"]):
            os.kill(client, signal.SIGKILL)
        return work(*words, **named)
    return wrapped

Steps.step, Encoder.write, OutputFolder.take = fatal(Steps.step), fatal(Encoder.write), fatal(OutputFolder.take)
Store.save = fatal(Store.save)
"""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_killed_at_random_moments_it_ends_with_each_video_once(tmp_path: Path) -> None:
    models = write_models(tmp_path / "models")
    clips.textured(tmp_path / "clip.mp4", 160, 96, frames=FRAMES)
    asked = {"model": "transfer2.5", "video": "clip.mp4", "prompt": "a city", "controls": {"edge": {}}}
    entries = [{"name": f"i{n}", "seed": n, "size": "256", "steps": 2, "chunk": FRAMES, **asked} for n in range(COUNT)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(MOMENTS)
    path = os.pathsep.join([str(tmp_path / "site"), str(STANDINS), os.environ.get("PYTHONPATH", "")])

    def cosmos(output: str, moment: int = 0) -> tuple[subprocess.CompletedProcess[bytes], int]:
        """What a run that is killed at a moment ended with (0: it lives), and how many moments it had."""
        moments = tmp_path / "moments"
        moments.unlink(missing_ok=True)
        words = ["transfer", "b.jsonl", "--engine", "diffusers", "--model-path", str(models), "-o", output]
        environment = {**os.environ, "PYTHONPATH": path, "MOMENTS": str(moments), "MOMENT": str(moment)}
        command = [sys.executable, "-m", "cosmos_workflow", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=600, check=False)
        return done, moments.stat().st_size

    done, moments = cosmos("undisturbed")
    assert done.returncode == 0, done.stderr[-2000:]
    assert moments >= COUNT * (2 + FRAMES + 2), "a step, a frame or a result is no moment any more"
    seed = random.randrange(10**6)
    # Each run makes the videos that are not kept yet: with no more moments than a video has, each comes to its end.
    for moment in random.Random(seed).sample(range(1, moments // COUNT + 1), 3):
        done, _ = cosmos("out", moment)
        assert done.returncode == -signal.SIGKILL, (seed, done.stderr[-2000:])
    done, _ = cosmos("out")
    assert done.returncode == 0, (seed, done.stderr[-2000:])
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == [f"i{n}" for n in range(COUNT)], seed
    left = {path.name for path in (tmp_path / "out").iterdir()} - {f"i{n}" for n in range(COUNT)}
    assert left == {"results.jsonl", ".results.jsonl.cosmos-lock", "contact.jpg"}, seed
    for line in lines:
        assert line["error"] == "", seed
        folder = tmp_path / "out" / line["id"]
        made = {path.name: sha256(path) for path in folder.iterdir()}
        assert made == line["outputs"], seed
        assert made["video.mp4"] == sha256(tmp_path / "undisturbed" / line["id"] / "video.mp4"), seed
        with av.open(str(folder / "video.mp4")) as video:
            assert sum(1 for _ in video.decode(video=0)) == FRAMES, seed
