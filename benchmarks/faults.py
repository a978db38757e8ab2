"""Random faults: connections cut, processes killed on both sides, servers stopped, disks full; nothing may be lost.

    python -m benchmarks.faults --faults 200 --seed 1

Batches of three kinds of work (upsampling, and two that make files: the words of `tests/plugins`, and preparing) go
through a real sshd on loopback to a host whose folder is on a small disk of its own. A few faults hit each at random
moments. Between them and after them the program does what people do, by chance too: attach to a run, cancel it, retry
it, give the same command again, also while another process is at it. At the end every item must have one answer in the
results file and its files with the content that this names, and no process of this project may be left on the host.
The same seed draws the same faults, but what they hit also depends on timing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.faulted_batch import KINDS, MOMENTS, Batch
from benchmarks.faulty_host import ANYTIME, FaultyHost
from benchmarks.measure import Fact
from cosmos_workflow.config import data_folder
from scripts.demo import draw_clip

__all__ = ["Tally", "inject"]

SETTLE_SECONDS = 60.0
TRIES = 15


@dataclass
class Tally:
    """What happened: faults and what people did, by their names, and what must not happen."""

    faults: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    batches: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    asked_again: int = 0
    seconds: float = 0.0

    @property
    def bad(self) -> dict[str, list[str]]:
        """What happened that must not."""
        return {
            "items lost": self.lost, "items with more than one answer": self.doubled,
            "output files lost or damaged": self.damaged,
            "processes left on the host": self.orphans, "clients that hung": self.hung,
            "clients that printed a traceback": self.crashed,
        }  # fmt: skip

    @property
    def clean(self) -> bool:
        return not any(self.bad.values())

    def text(self) -> str:
        """The figures, one on each line."""
        lines = [
            f"{self.faults.total()} faults in {self.seconds:.0f} s: {_listed(self.faults)}",
            f"batches: {_listed(self.batches)}; people: {_listed(self.actions)}",
            *(f"{name}: {len(values)}  {' | '.join(values[:8])}" for name, values in self.bad.items()),
            f"items answered more than once on the host: {self.asked_again}",
        ]
        return "\n".join(lines)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


class Person:
    """Gets batches done on a faulty host, whatever happens."""

    def __init__(self, folder: Path, host: FaultyHost, rng: random.Random) -> None:
        self._folder, self._host, self._rng, self.tally = folder, host, rng, Tally()
        for n in range(3):
            draw_clip(folder / f"clip{n}.mp4", 640, 360 + 40 * n, frames=12)

    def do_batch(self, most: int) -> None:
        """Do one batch to its end, with up to four faults on the way and no more than `most`."""
        began, rng = time.monotonic(), self._rng
        if rng.random() < 0.5:
            shutil.rmtree(self._host.workdir / "blobs", ignore_errors=True)  # so that there is something to upload
        number = self.tally.batches.total()
        batch = Batch(number, KINDS[number % len(KINDS)], self._folder, rng)
        self.tally.batches[batch.kind] += 1
        faults = self._host.faults | {
            "client killed": lambda: batch.signal(signal.SIGKILL),
            "client interrupted": lambda: batch.signal(signal.SIGINT),
        }
        for _ in range(min(most, rng.randint(2, 4))):
            batch.wait_for(rng.choice(list(MOMENTS)))
            if rng.random() < 0.3:
                self._meddle(batch)
            # A fault that finds nothing to hit now is replaced by another.
            drawn = rng.sample(list(faults), len(faults))
            if rng.random() < 0.8:
                drawn.sort(key=lambda name: name in ANYTIME)
            if name := next((name for name in drawn if faults[name]()), ""):
                self.tally.faults[name] += 1
            if batch.client.poll() is not None:
                self._go_on(batch)
        for _ in range(TRIES):
            self.tally.hung += batch.join()
            if not self._go_on(batch):
                break
        self._meddle(batch)  # what is done already stays as it is
        self.tally.hung += batch.join()
        self._judge(batch)
        self.tally.seconds += time.monotonic() - began

    def _meddle(self, batch: Batch) -> None:
        """Begin what is not needed, beside what goes on: cancel, attach, retry any of its runs, or do it all again."""
        runs = batch.runs()
        action = self._rng.choice(["cancel", "attach", "retry", "the same command"] if runs else ["the same command"])
        words = batch.command if action == "the same command" else ["runs", action, self._rng.choice(runs).id]
        batch.others.append(batch.start(words))
        self.tally.actions[f"{action}, not needed"] += 1

    def _go_on(self, batch: Batch) -> bool:
        """Start what gets the batch done; False where nothing is left to do."""
        runs, actions = batch.runs(), {}
        if open_run := next((run for run in runs if not run.finished), None):
            actions["attach"] = ["runs", "attach", open_run.id]
        if not set(batch.ids) <= batch.answers().keys():
            actions["the same command"] = batch.command
            if runs and not open_run:
                actions["retry"] = ["runs", "retry", runs[0].id]
        if not actions:
            return False
        action = self._rng.choice(list(actions))
        self.tally.actions[action] += 1
        batch.client = batch.start(actions[action])
        return True

    def _judge(self, batch: Batch) -> None:
        answers = batch.answers()
        self.tally.lost += [id for id in batch.ids if not answers[id]]
        self.tally.doubled += [id for id, count in answers.items() if count > 1 or id not in batch.ids]
        self.tally.damaged += batch.damaged()
        asked: Counter[str] = Counter()
        for run in batch.runs():
            if run.open < 0:
                self.tally.doubled.append(f"{run.id} has {run.answered} and {run.failed} of {run.total}")
            folder = data_folder() / "runs" / run.id
            lines = [line for path in folder.glob("*/events.jsonl") for line in path.read_bytes().splitlines()]
            asked += Counter(event["id"] for event in map(json.loads, lines) if event["event"] == "item")
            shutil.rmtree(folder, ignore_errors=True)
        batch.forget()  # so that the small disks last
        self.tally.crashed += [batch.name] * batch.printed().count("Traceback (most recent call last)")
        self.tally.asked_again += sum(count - 1 for count in asked.values())
        deadline = time.monotonic() + SETTLE_SECONDS
        while (left := self._host.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                self.tally.orphans.append(" ".join(process.info["cmdline"][2:6]))
                process.kill()


def inject(folder: Path, faults: int, seed: int, show: Callable[[str], object] = lambda text: None) -> Tally:
    """Do batches until `faults` faults have been made, each while one was on its way."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    with ExitStack() as stack:
        person = Person(folder, stack.enter_context(FaultyHost(folder, rng)), rng)
        while (count := person.tally.faults.total()) < faults:
            person.do_batch(faults - count)
            show(f"{person.tally.text()}\n")
        return person.tally


def rows(faults: int = 200, seed: int = 1) -> Iterator[Fact]:
    """The rows that `make bench` shows."""
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {"XDG_CONFIG_HOME": f"{name}/config", "COSMOS_DATA": f"{name}/data"}
        tally = inject(Path(name), faults, seed)
    label = f"{tally.faults.total()} random faults over SSH (seed {seed}), in {tally.batches.total()} batches"
    yield Fact(f"{label}: time", f"{tally.seconds / 60:.1f} min", "≤ 30 min")
    yield Fact(f"…: {', '.join(tally.bad)}", ", ".join(str(len(values)) for values in tally.bad.values()), "none")
    yield Fact("…: items answered more than once on the host", str(tally.asked_again), "")


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
    return 0 if tally.clean else 1


if __name__ == "__main__":
    sys.exit(main())
