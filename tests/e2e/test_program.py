"""The installed program, as a process of its own: consoles, signals, crashes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import clips
import pytest

pytestmark = pytest.mark.slow

COSMOS = [sys.executable, "-m", "cosmos_workflow"]
ODD = "naïve 日本 🤖 “quotes” $(rm -rf /) `id` ; | & \\ ' \""


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COSMOS, *arguments], cwd=cwd, env={**os.environ, **environment}, capture_output=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        *(
            pytest.param(environment, marks=pytest.mark.host)
            for environment in (
                {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
                {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
                {"NO_COLOR": "1"},
                {"TERM": "dumb"},
            )
        ),
    ],
    ids=lambda environment: "-".join(environment.values()),
)
def test_no_console_breaks_it_and_the_file_keeps_every_character(
    tmp_path: Path, clip: Path, environment: dict[str, str]
) -> None:
    batch = tmp_path / "b.jsonl"
    batch.write_text(json.dumps({"id": "日本 🤖", "prompt": ODD, "video": clip.name}) + "\n", encoding="utf-8")
    for arguments in (
        ["check", "b.jsonl"],
        ["upsample", "b.jsonl", "-o", "out.jsonl"],
        ["upsample", clip.name, "-p", "naïve 日本 🤖"],
        ["limits"],
        ["doctor"],
        ["--help"],
    ):
        done = run(*arguments, cwd=tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
    line = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert (line["id"], line["prompt"]) == ("日本 🤖", ODD)
    document = json.loads(run("upsample", "b.jsonl", "-o", "out.jsonl", "--json", cwd=tmp_path, **environment).stdout)
    assert document["prompt"] == ODD


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    command = f"{sys.executable} -m cosmos_workflow limits --json | head -c 10"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], cwd=tmp_path, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr


def long_batch(folder: Path, items: int = 100) -> Path:
    """A hundred clips of their own, so that each takes its time."""
    clip = clips.textured(folder / "clip.mp4", 320, 180, frames=24)
    for n in range(items):
        shutil.copy(clip, folder / f"clip{n}.mp4")
    batch = folder / "b.jsonl"
    batch.write_text("".join(f'{{"id": "i{n}", "prompt": "p {n}", "video": "clip{n}.mp4"}}\n' for n in range(items)))
    return batch


def results(folder: Path) -> list[dict]:
    text = (folder / "b.upsampled.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def wait_for_results(folder: Path, at_least: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        path = folder / "b.upsampled.jsonl"
        if path.exists() and path.read_bytes().count(b"\n") >= at_least:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    pytest.fail("no results came")


# The engine never comes to the end of a batch of so many: however quick the machine, it is hit while it works.
HELD = """
import os, time
from cosmos_workflow.engines.describe import DescribeEngine

answer = DescribeEngine.answer

def held(self, conversations, deliver):
    for conversation in conversations:
        if conversation.id == os.environ["HELD"]:
            time.sleep(600)
        answer(self, [conversation], deliver)

DescribeEngine.answer = held
"""


def start(folder: Path, items: int) -> subprocess.Popen[bytes]:
    """The command on a batch whose last item is never answered."""
    (folder / "held").mkdir(exist_ok=True)
    (folder / "held" / "sitecustomize.py").write_text(HELD)
    environment = {**os.environ, "PYTHONPATH": str(folder / "held"), "HELD": f"i{items - 1}"}
    return subprocess.Popen(
        [*COSMOS, "upsample", "b.jsonl"], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_ctrl_c_stops_cleanly_and_says_what_is_done(tmp_path: Path) -> None:
    long_batch(tmp_path)
    process = start(tmp_path, 100)
    wait_for_results(tmp_path, 1, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"of 100 done; run it again to go on" in err
    assert b"Traceback" not in err
    assert all(one["upsampled_prompt"] for one in results(tmp_path))


@pytest.mark.parametrize("deaths", [(1, 6), pytest.param((1, 10, 20), marks=pytest.mark.host)])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path, deaths: tuple[int, ...]) -> None:
    most = 3 * deaths[-1]
    batch = long_batch(tmp_path, items=most)
    for done in deaths:
        process = start(tmp_path, most)
        wait_for_results(tmp_path, done, process)
        process.kill()
        process.communicate()
        before = {one["id"]: one for one in results(tmp_path)}
    assert deaths[-1] <= len(before) < most
    finished = run("upsample", batch.name, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    after = results(tmp_path)
    assert sorted(one["id"] for one in after) == sorted(f"i{n}" for n in range(most))
    assert all(after_one == before[after_one["id"]] for after_one in after if after_one["id"] in before)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The system refuses to let any file grow beyond 300 KiB: the store fails in the middle of a run."""
    batch = long_batch(tmp_path, items=20)
    command = f"ulimit -f 300; exec {sys.executable} -B -m cosmos_workflow upsample {batch.name}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"the store fails (disk I/O error); free space there, then run it again" in done.stderr
    assert b"Traceback" not in done.stderr
    assert run("upsample", batch.name, cwd=tmp_path).returncode == 0
    assert sorted(one["id"] for one in results(tmp_path)) == sorted(f"i{n}" for n in range(20))


def test_nvidias_samples_by_the_same_command(samples: Path, tmp_path: Path) -> None:
    for name in ("example1_input_video.mp4", "robot_sample_input.mp4"):
        done = run("upsample", str(samples / name), "-p", "A robot at work", "--json", cwd=tmp_path)
        document = json.loads(done.stdout)
        assert done.returncode == 0
        assert document["upsampled_prompt"].startswith("A robot at work. The video is one continuous shot of")
        assert "The camera remains static throughout" in document["upsampled_prompt"]
