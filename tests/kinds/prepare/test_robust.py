"""Whatever happens while clips are prepared, nothing half-written is taken for done."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from counts import cases
from PIL import Image

from cosmos_workflow.cli import main
from cosmos_workflow.kinds.prepare import Item, Settings, check_item
from cosmos_workflow.media.ordered import workers_for

pytestmark = pytest.mark.slow

OLD = time.time() - 3600
ROOT = Path(__file__).parents[3]


def noisy(folder: Path, count: int = 6, size: tuple[int, int] = (320, 180)) -> Path:
    """Frames that take as many bytes as frames can."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(folder.name))
    for number in range(1, count + 1):
        path = folder / f"color.{number:04d}.png"
        Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(path, compress_level=0)
        os.utime(path, (OLD, OLD))
    return folder / "color.%04d.png"


# No file of this process may become larger than so many bytes, as on a disk that is full.
LIMITED = """
import resource, signal, sys
from pathlib import Path
from cosmos_workflow.errors import CosmosError
from cosmos_workflow.kinds.prepare import Item, Settings, check_item, make, recipe_of, whole_folder
source, out, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
settings = Settings(keep_frames=limit < 100_000)
checked = check_item(Item("a", source), settings)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with whole_folder(out) as part:
        make("a", recipe_of(checked, settings), checked.seen.tracks, part)
except CosmosError as error:
    print(f"{error} | {error.remedy}")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no process's files")
@pytest.mark.parametrize("limit", [0, 40, 3_000, 70_000, 400_000])
def test_a_disk_that_is_full_at_some_byte(tmp_path: Path, limit: int) -> None:
    source, out = noisy(tmp_path / "in"), tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(source), str(out), str(limit)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "File too large" in done.stdout, done.stdout
    assert "prepare the clip again" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def _kill_at(out: Path, rng: random.Random, process: subprocess.Popen[bytes]) -> None:
    """When some file is being made: sooner, later, or between two clips."""
    deadline, wanted = time.monotonic() + 60, rng.choice(["rgb.mp4", "sheet.jpg", "results.jsonl"])
    while process.poll() is None and time.monotonic() < deadline and not any(out.rglob(wanted)):
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.2))
    process.kill()
    process.wait(60)


def test_killed_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ids = [f"shot{number}" for number in range(4)]
    for id in ids:
        noisy(tmp_path / "film" / id, 4)
    command = [sys.executable, "-m", "cosmos_workflow", "prepare", "film", "-o", "out"]
    environment, rng, out = {**os.environ, "PYTHONPATH": str(ROOT)}, random.Random(14), tmp_path / "out"
    for _ in range(cases(4, 2)):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _kill_at(out, rng, process)
        _assert_whole(out)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert _assert_whole(out) == ids
    assert {path.name for path in out.iterdir() if not path.name.endswith(".cosmos-lock")} == {*ids, "results.jsonl"}


def _assert_whole(out: Path) -> list[str]:
    """Each line has its files, with the content that it names; the ids of the lines."""
    path = out / "results.jsonl"
    # The last line may be torn: it counts as none.
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    rows = [json.loads(line) for line in lines]
    for row in rows:
        assert {"rgb.mp4", "edge.mp4", "vis.mp4", "manifest.json", "sheet.jpg"} == set(row["outputs"])
        for name, sha256 in row["outputs"].items():
            assert hashlib.sha256((out / row["id"] / name).read_bytes()).hexdigest() == sha256
    assert len({row["id"] for row in rows}) == len(rows)
    return sorted(row["id"] for row in rows)


def test_a_frame_that_is_still_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    noisy(tmp_path / "film")
    path, stop = tmp_path / "film" / "color.0006.png", threading.Event()
    whole = path.read_bytes()

    def render() -> None:
        """Write the frame piece by piece, again and again."""
        while not stop.wait(0.02):
            path.write_bytes(whole[: random.randrange(100, len(whole))])

    renderer = threading.Thread(target=render)
    renderer.start()
    try:
        assert main(["prepare", "film", "-o", "out"]) == 2
    finally:
        stop.set()
        renderer.join()
    message = " ".join(capsys.readouterr().err.split())
    assert "rgb: frame 6 is" in message
    assert not list((tmp_path / "out").rglob("*.mp4"))
    path.write_bytes(whole)
    os.utime(path, (OLD, OLD))
    assert main(["prepare", "film", "-o", "out"]) == 0
    assert _assert_whole(tmp_path / "out") == ["film"]


PEAK = """
import resource, sys
from pathlib import Path
from cosmos_workflow.kinds.prepare import Item, Settings, check_item, make, recipe_of, whole_folder
settings = Settings(model="transfer2.5")
checked = check_item(Item("a", Path(sys.argv[1])), settings)
with whole_folder(Path(sys.argv[2])) as part:
    made = make("a", recipe_of(checked, settings), checked.seen.tracks, part)
print(made["width"], made["height"], made["frames"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory has another unit elsewhere")
def test_frames_of_8k_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(1, 21):
        path = folder / f"color.{number:04d}.png"
        Image.new("RGB", (7680, 4320), (12 * number, 90, 20)).save(path, compress_level=1)
        os.utime(path, (OLD, OLD))
    assert workers_for(7680, 4320) == 1
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder / "color.%04d.png"), str(tmp_path / "out")],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    width, height, frames, peak = map(int, done.stdout.split())
    assert (width, height, frames) == (1280, 704, 20)
    # MB; a frame has 100, and four are there at once with what reads them, on a busy machine all in the middle of it:
    # all twenty would not fit.
    assert peak < 1900


def test_ten_thousand_frames_are_looked_at(tmp_path: Path) -> None:
    first = noisy(tmp_path / "one", 1, (32, 18)).with_name("color.0001.png")
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(1, 10_001):
        os.link(first, folder / f"color.{number:05d}.png")
    (folder / "color.07777.png").unlink()
    item = Item("a", folder / "color.%05d.png")
    assert "rgb: frame 7777 is missing" in check_item(item, Settings()).reason
    held = check_item(item, Settings(missing="hold", model="transfer1", length="hold"))
    assert (held.frames, held.chunks, held.verdict) == (10_081, 84, "risky")
    assert held.reason == "Cosmos-Transfer1 reads 5,000 frames at most, not 10,081"


def test_the_same_again_reads_no_frame_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    noisy(tmp_path / "film", 3)
    assert main(["prepare", "film", "-o", "out"]) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    calls: list[str] = []

    def never(name: str) -> Callable[..., None]:
        return lambda *_, **__: calls.append(name)

    for name in (
        "engines.opencv.make_clip", "kinds.prepare.tasks.task_of", "media.plates.image_data", "media.sha256_of",
        "runs.results.outputs.sha256_of", "runs.results.outputs.OutputFolder.place",
    ):  # fmt: skip
        monkeypatch.setattr(f"cosmos_workflow.{name}", never(name))
    assert main(["prepare", "film", "-o", "out"]) == 0
    assert calls == []
    assert "1 answered earlier" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
