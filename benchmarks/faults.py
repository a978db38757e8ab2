"""Random faults: connections cut, processes killed on both sides, servers stopped, disks full; nothing may be lost.

    python -m benchmarks.faults --faults 200 --seed 1

Runs of the describe engine go through a real sshd on loopback, behind a proxy that cuts connections, to a host whose
folder is on a small disk of its own. A few faults hit each run at random moments. After each, the program does what a
person would do: attach to a run that is unfinished, retry one that failed. At the end every item must have its answer,
and no process of this project may be left on the host. The same seed draws the same faults, but what they hit also
depends on timing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.measure import Fact
from cosmos_workflow.api import open_store
from cosmos_workflow.config import data_folder, known_keys_file, set_host
from cosmos_workflow.ssh import Pins
from cosmos_workflow.store import RunRecord
from scripts.demo import draw_clip
from tests.servers.cutting_proxy import CuttingProxy
from tests.servers.processes import of_folder
from tests.servers.sshd import SSHD

__all__ = ["Field", "Tally", "inject"]

ITEMS = 8
SETTLE_SECONDS = 60.0
HANG_SECONDS = 150.0
TRIES = 15
# How far a client has come, recognised by what it prints.
MOMENTS = {
    "started": "^engine:", "planned": "^run:|^uploading", "uploading": "^uploading", "submitted": r"^load|^warm|^\d/",
    "answering": "^{number}/", "answered": "^fetching",
}  # fmt: skip
ANYTIME = ("sshd away", "host's disk full", "disk full here")  # these always hit something; the others are tried first
MOMENT_SECONDS = 20.0  # a run that does not come so far in this time is hit anyway
DISK = "16m"
# The engine answers at once: a slow disk on the host keeps the worker running long enough to be hit.
SLOW_DISK = """
import os, sys, time
if "work" in sys.argv:
    sync = os.fsync
    os.fsync = lambda file: (time.sleep(0.1), sync(file))[1]
"""


@dataclass
class Tally:
    """What happened: faults by kind, and what must not happen."""

    faults: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    lost: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    doubled: int = 0
    asked_again: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        """The figures, one on each line."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.faults.items()))
        lines = [
            f"faults: {sum(self.faults.values())} in {self.runs} runs, {self.seconds:.0f} s ({kinds})",
            f"items lost: {len(self.lost)}  {' '.join(self.lost[:10])}",
            f"processes left on the host: {len(self.orphans)}  {' | '.join(self.orphans[:5])}",
            f"clients that hung: {len(self.hung)}  {' '.join(self.hung[:5])}",
            f"answers written twice: {self.doubled}; items answered more than once on the host: {self.asked_again}",
        ]
        return "\n".join(lines)


class Field:
    """A host, the connection to it and a user's folder, and the faults that break them; set up by `os.environ`."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.rng = random.Random(seed)
        self.tally = Tally()
        self._stack = ExitStack()
        self._later: list[int] = []  # bytes after which the next lines are cut
        self._client: subprocess.Popen[bytes] | None = None
        self._log, self._log_start = (
            folder / "clients.log",
            0,
        )  # what clients print, and where the output of the latest begins

    def __enter__(self) -> Field:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sshd = self._stack.enter_context(SSHD(self.folder / "sshd"))
        self.workdir = self.sshd.home / "ours"
        proxy = CuttingProxy(self.sshd.port, iter(self._cut_after, None))  # type: ignore[arg-type]
        self.proxy = self._stack.enter_context(proxy)
        config = self.sshd.config.read_text()
        self.sshd.config.write_text(config.replace(f"Port {self.sshd.port}", f"Port {self.proxy.port}"))
        (self.folder / "slow").mkdir()
        (self.folder / "slow" / "sitecustomize.py").write_text(SLOW_DISK)
        set_host("gpu", {
            "ssh": "there", "workdir": str(self.workdir), "python": sys.executable, "ssh_config": str(self.sshd.config),
            "environment": {"PYTHONPATH": str(self.folder / "slow")},
        })  # fmt: skip
        Pins(known_keys_file()).pin("gpu", self.sshd.host_key)
        self.kinds: dict[str, Callable[[], bool]] = {
            "line cut": self._cut, "line cut later": self._cut_later, "sshd session killed": self._kill_session,
            "sshd away": self._away, "host command killed": lambda: self._kill("offer", "receive", "submit", "follow"),
            "worker killed": lambda: self._kill("work"), "supervisor killed": lambda: self._kill("supervise"),
            "worker and supervisor killed": lambda: self._kill("work", "supervise", all_of_them=True),
            "client killed": lambda: self._signal(signal.SIGKILL), "client interrupted": self._interrupt,
        }  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # only root mounts disks
            for name, path in {"host's disk full": self.workdir, "disk full here": data_folder()}.items():
                self._stack.enter_context(_small_disk(path))
                self.kinds[name] = lambda path=path: self._fill(path)  # type: ignore[misc]
        self.clips = [self.folder / f"clip{n}.mp4" for n in range(3)]
        for n, clip in enumerate(self.clips):
            draw_clip(clip, 640, 360 + 40 * n, frames=12)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client and self._client.poll() is None:
            self._client.kill()
        _killed(self.on_host())
        self._stack.close()

    def run(self, most: int) -> None:
        """Run one batch to its end, with up to six faults on the way and no more than `most`."""
        began, number = time.monotonic(), self.tally.runs
        self.tally.runs += 1
        if self.rng.random() < 0.5:
            shutil.rmtree(self.workdir / "blobs", ignore_errors=True)  # so that there is something to upload
        ids = [f"r{number}.{n}" for n in range(ITEMS)]
        batch, out = self.folder / f"b{number}.jsonl", self.folder / f"o{number}.jsonl"
        entries = ({"id": id, "prompt": f"{id} at dusk", "video": str(self.rng.choice(self.clips))} for id in ids)
        batch.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        begin = ["upsample", str(batch), "--on", "gpu", "-o", str(out), "--keep-warm", self.rng.choice(["0", "1s"])]
        self._start(begin)
        planned = min(most, self.rng.randint(2, 6))
        for _ in range(planned):
            self._await(self.rng.choice(list(MOMENTS)))
            # A fault that finds nothing to hit now is replaced by another.
            drawn = self.rng.sample(list(self.kinds), len(self.kinds))
            if self.rng.random() < 0.8:
                drawn.sort(key=lambda kind: kind in ANYTIME)
            if kind := next((kind for kind in drawn if self.kinds[kind]()), ""):
                self.tally.faults[kind] += 1
            if self._client and self._client.poll() is not None:
                self._go_on(batch, begin)
        self._to_the_end(batch, begin, f"r{number}")
        self._judge(batch, out, ids)
        self.tally.seconds += time.monotonic() - began

    def on_host(self) -> list[psutil.Process]:
        """The processes of this project on the host."""
        return of_folder(self.workdir)

    def _await(self, moment: str) -> None:
        """Wait until the client prints that it has come to `moment`, or has ended; then a random moment more."""
        pattern = re.compile(MOMENTS[moment].format(number=self.rng.randint(1, ITEMS - 1)).encode(), re.MULTILINE)
        deadline = time.monotonic() + MOMENT_SECONDS
        while time.monotonic() < deadline and self._client and self._client.poll() is None:
            with self._log.open("rb") as file:
                file.seek(self._log_start)
                if pattern.search(file.read()):
                    break
            time.sleep(0.01)
        time.sleep(self.rng.uniform(0.0, 0.3))

    def _to_the_end(self, batch: Path, begin: list[str], name: str) -> None:
        for _ in range(TRIES):
            assert self._client
            try:
                self._client.wait(HANG_SECONDS)
            except subprocess.TimeoutExpired:
                self.tally.hung.append(name)
                self._client.kill()
                self._client.wait()
            if not self._go_on(batch, begin):
                return

    def _go_on(self, batch: Path, begin: list[str]) -> bool:
        """Start what a person would run next; False where nothing is left to do."""
        run = _run_of(batch)
        if run is None:
            self._start(begin)
        elif run.state == "done" and not run.open:
            return False
        elif run.finished:
            self._start(["runs", "retry", run.id])
        else:
            self._start(["runs", "attach", run.id])
        return True

    def _judge(self, batch: Path, out: Path, ids: list[str]) -> None:
        lines = [json.loads(line) for line in out.read_bytes().splitlines()] if out.exists() else []
        answers = Counter(line["id"] for line in lines if not line["error"])
        self.tally.lost += [id for id in ids if not answers[id]]
        self.tally.doubled += sum(count - 1 for count in answers.values())
        run = _run_of(batch)
        if run:
            events = (data_folder() / "runs" / run.id).glob("*/events.jsonl")
            records = [json.loads(line) for path in events for line in path.read_bytes().splitlines()]
            items = Counter(event["id"] for event in records if event["event"] == "item")
            self.tally.asked_again += sum(count - 1 for count in items.values())
            shutil.rmtree(data_folder() / "runs" / run.id / "blobs", ignore_errors=True)
        deadline = time.monotonic() + SETTLE_SECONDS
        while (left := self.on_host()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                self.tally.orphans.append(" ".join(process.cmdline()[2:6]))
                process.kill()

    def _start(self, words: list[str]) -> None:
        with self._log.open("ab") as log:
            log.write(f"$ cosmos {' '.join(words)}\n".encode())
            log.flush()
            self._log_start = log.tell()
            command = [sys.executable, "-m", "cosmos_workflow", *words]
            self._client = subprocess.Popen(
                command,
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def _cut_after(self) -> int:
        return self._later.pop() if self._later else 1 << 62

    def _cut(self) -> bool:
        return self.proxy.cut() > 0

    def _cut_later(self) -> bool:
        self._later = [self.rng.choice([2_000, 8_000, 50_000, 300_000]) + self.rng.randrange(9_000) for _ in range(2)]
        return self.proxy.cut() > 0

    def _kill_session(self) -> bool:
        children = psutil.Process(os.getpid()).children(recursive=True)
        sessions = []
        for process in children:
            with suppress(psutil.NoSuchProcess):
                if process.name().startswith("sshd") and "-D" not in process.cmdline():
                    sessions.append(process)
        return _killed(self.rng.sample(sessions, min(1, len(sessions))))

    def _away(self) -> bool:
        self.sshd.stop()
        time.sleep(self.rng.uniform(0.2, 2.0))
        self.sshd.listen()
        return True

    def _kill(self, *commands: str, all_of_them: bool = False) -> bool:
        processes = [process for process in self.on_host() if _command_of(process) in commands]
        return _killed(processes if all_of_them else self.rng.sample(processes, min(1, len(processes))))

    def _signal(self, number: int) -> bool:
        if self._client is None or self._client.poll() is not None:
            return False
        self._client.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self._client.wait(30)
        return True

    def _interrupt(self) -> bool:
        return self._signal(signal.SIGINT)

    def _fill(self, disk: Path) -> bool:
        """Keep the disk full for a while, to the last byte."""
        stuff = disk / "stuff"
        with suppress(OSError), stuff.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        time.sleep(self.rng.uniform(0.2, 2.0))
        stuff.unlink()
        return True


def rows(faults: int = 200, seed: int = 1) -> Iterator[Fact]:
    """The rows that `make bench` shows."""
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"XDG_CONFIG_HOME": f"{name}/config", "COSMOS_DATA": f"{name}/data"}
        tally = inject(Path(name), faults, seed)
    label = f"{sum(tally.faults.values())} random faults over SSH (seed {seed}), in {tally.runs} runs"
    yield Fact(f"{label}: time", f"{tally.seconds / 60:.1f} min", "≤ 30 min")
    left = f"{len(tally.lost)}, {len(tally.orphans)}, {len(tally.hung)}"
    yield Fact("…: items lost, processes left on the host, clients that hung", left, "none")
    yield Fact(
        "…: answers written twice, items answered twice on the host", f"{tally.doubled}, {tally.asked_again}", ""
    )


def inject(folder: Path, faults: int, seed: int, show: Callable[[str], object] = lambda text: None) -> Tally:
    """Run batches until `faults` faults have been made, each while a run was on its way."""
    with Field(folder, seed) as field:
        while (count := sum(field.tally.faults.values())) < faults:
            field.run(faults - count)
            show(f"{field.tally.text()}\n")
        return field.tally


@contextmanager
def _small_disk(path: Path) -> Iterator[None]:
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _run_of(batch: Path) -> RunRecord | None:
    store = open_store()
    try:
        return next((run for run in store.runs(most=5) if run.source == str(batch)), None)
    finally:
        store.database.close()


def _command_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        words = process.cmdline()
        return next((words[n + 1] for n, word in enumerate(words[:-1]) if word.endswith(".pyz")), "")
    return ""


def _killed(processes: list[psutil.Process]) -> bool:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return bool(processes)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder in which to keep all files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        os.environ |= {"XDG_CONFIG_HOME": str(folder / "config"), "COSMOS_DATA": str(folder / "data")}
        tally = inject(folder, options.faults, options.seed, lambda text: print(text, flush=True))
    print(tally.text())
    return 1 if tally.lost or tally.orphans or tally.hung else 0


if __name__ == "__main__":
    sys.exit(main())
