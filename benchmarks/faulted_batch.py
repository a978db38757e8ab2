"""A batch that faults hit: its files, the commands that do it, and what has become of it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cosmos_workflow.api import open_store
from cosmos_workflow.store import RunRecord

__all__ = ["KINDS", "MOMENTS", "Batch"]

KINDS = ("upsample", "words", "prepare")  # the second and the third have output files

ITEMS = 8
HANG_SECONDS = 150.0
# How far a client has come, recognised by what it prints.
MOMENTS = {
    "started": "^engine:", "planned": "^run:|^uploading", "uploading": "^uploading", "submitted": r"^load|^warm|^\d/",
    "answering": "^{number}/", "answered": "^fetching",
}  # fmt: skip
MOMENT_SECONDS = 20.0  # a run that does not come so far in this time is hit anyway
PROJECT = Path(__file__).parent.parent
PLUGIN = PROJECT / "tests" / "plugins" / "words"


class Batch:
    """One batch, and the processes of a person who wants it done."""

    def __init__(self, number: int, kind: str, folder: Path, rng: random.Random) -> None:
        self.name, self.kind, self._rng = f"{kind}{number}", kind, rng
        self.ids = [f"{self.name}.{n}" for n in range(ITEMS)]
        self.source = folder / f"{self.name}.jsonl"
        self.makes_files = kind != "upsample"
        self.out = folder / (f"{self.name}.out" if self.makes_files else f"{self.name}.out.jsonl")
        entries = [_entry(kind, id, folder, rng) for id in self.ids]
        self.source.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        self.command = [kind, str(self.source), "--on", "gpu", "-o", str(self.out)]
        keep_warm = rng.choice(["0", "1s"])
        self.command += ["--keep-warm", keep_warm] if kind != "prepare" else ["--blur", "low"]
        self._log, self._start_of_log = folder / "clients.log", 0
        self._begin_of_log = self._log.stat().st_size if self._log.exists() else 0
        self.client, self.others = self.start(self.command), list[subprocess.Popen[bytes]]()

    def start(self, words: list[str]) -> subprocess.Popen[bytes]:
        """A command of `cosmos`, which prints into the log."""
        with self._log.open("ab") as log:
            log.write(f"{time.strftime('%H:%M:%S')}$ cosmos {' '.join(words)}\n".encode())
            log.flush()
            self._start_of_log = log.tell()
            return subprocess.Popen(
                [sys.executable, "-m", "cosmos_workflow", *words], cwd=PROJECT, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, "PYTHONPATH": str(PLUGIN)},
            )  # fmt: skip

    def wait_for(self, moment: str) -> None:
        """Until the client prints that it has come to `moment`, or has ended; then a random moment more."""
        pattern = re.compile(MOMENTS[moment].format(number=self._rng.randint(1, ITEMS - 1)).encode(), re.MULTILINE)
        deadline = time.monotonic() + MOMENT_SECONDS
        while time.monotonic() < deadline and self.client.poll() is None:
            with self._log.open("rb") as file:
                file.seek(self._start_of_log)
                if pattern.search(file.read()):
                    break
            time.sleep(0.01)
        time.sleep(self._rng.uniform(0.0, 0.3))

    def signal(self, number: int) -> bool:
        """Send a signal to the client, and wait for its end; False if it has ended already."""
        if self.client.poll() is not None:
            return False
        self.client.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self.client.wait(30)
        return True

    def join(self) -> list[str]:
        """Wait until every process of it has ended; those that hang are killed, and named."""
        hung = []
        for process in (self.client, *self.others):
            try:
                process.wait(HANG_SECONDS)
            except subprocess.TimeoutExpired:  # noqa: PERF203 - it is the wait
                hung.append(f"{self.name}: {' '.join(map(str, process.args[3:5]))}")  # type: ignore[index]
                process.kill()
                process.wait()
        self.others.clear()
        return hung

    def printed(self) -> str:
        """All that its processes have printed."""
        return self._log.read_bytes()[self._begin_of_log :].decode(errors="replace")

    def runs(self) -> list[RunRecord]:
        """Its runs, the newest first."""
        store = open_store()
        try:
            return [run for run in store.runs() if run.source == str(self.source)]
        finally:
            store.database.close()

    def forget(self) -> None:
        """Take its runs out of the store."""
        store = open_store()
        for run in store.runs():
            store.remove(run.id)
        store.database.close()

    def answers(self) -> Counter[str]:
        """The ids of the results file, and how many lines with an answer each has."""
        return Counter(line["id"] for line in self._lines() if not line["error"])

    def damaged(self) -> list[str]:
        """The output files that are not what their lines say, and items that lack them."""
        bad = []
        for line in self._lines() if self.makes_files else ():
            if not line["error"]:
                bad += [] if line["outputs"] else [f"{line['id']} has no files"]
                for name, sha256 in line["outputs"].items():
                    path = self.out / line["id"] / name
                    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                        bad.append(f"{line['id']}/{name}")
        return bad

    def _lines(self) -> list[dict[str, Any]]:
        path = self.out / "results.jsonl" if self.makes_files else self.out
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def _entry(kind: str, id: str, folder: Path, rng: random.Random) -> dict[str, str]:
    if kind == "upsample":
        return {"id": id, "prompt": f"{id} at dusk", "video": str(folder / f"clip{rng.randrange(3)}.mp4")}
    if kind == "prepare":
        frames = folder / id
        frames.mkdir()
        for number in range(1, 4):
            noise = np.frombuffer(rng.randbytes(96 * 54 * 3), np.uint8).reshape(54, 96, 3)
            Image.fromarray(noise).save(path := frames / f"color.{number:04d}.png")
            os.utime(path, (0, 0))  # the renderer has ended long ago
        return {"id": id, "rgb": str(frames / "color.%04d.png")}
    text = folder / f"{id}.txt"
    text.write_text(" ".join(f"{rng.getrandbits(60):x}" for _ in range(600)))
    return {"id": id, "text_file": str(text)}
