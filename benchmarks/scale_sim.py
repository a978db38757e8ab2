"""A cluster as a discrete-event simulation: 1 … 512 engines, pieces of work, machines that are taken away.

`python -m benchmarks.scale_sim` prints the table of docs/SCALE.md. `benchmarks/scale.py` holds it against measured
runs of one and two engines.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import simpy

__all__ = ["Outcome", "Rates", "simulate"]


@dataclass(frozen=True)
class Rates:
    """What is measured, in seconds: `start` until engines begin to load, `load` of one engine, `item` that one engine
    takes for an item, and `piece` between two pieces of work (its part written, the next one fetched).
    """

    start: float
    load: float
    item: float
    piece: float


@dataclass(frozen=True)
class Outcome:
    """What a job takes; `gpu_seconds` are of engines held, `asked_twice` the items whose machine was lost."""

    seconds: float
    gpu_seconds: float
    asked_twice: int
    preemptions: int

    def efficiency(self, items: int, rates: Rates) -> float:
        """Of the time that engines are held, the part in which they answer what counts."""
        return items * rates.item / self.gpu_seconds


def simulate(
    items: int, rates: Rates, engines: int, *, piece: int = 128, between_losses: float = 0.0, back: float = 300.0,
    seed: int = 1,
) -> Outcome:  # fmt: skip
    """Run a job of `items` in pieces of up to `piece`, at least four for each engine as the pipeline cuts them.

    Each machine is lost after an exponential time of mean `between_losses` seconds (0: never) and another stands in
    its place `back` seconds later; the piece that was being answered is asked again.
    """
    world = simpy.Environment()
    size = min(piece, max(1, -(-items // (engines * 4))))
    todo = [size] * (items // size) + ([items % size] if items % size else [])
    left = len(todo)
    counts = {"asked_twice": 0, "preemptions": 0}
    held = 0.0
    chance = random.Random(seed)
    finished = world.event()

    def engine() -> Iterator[Any]:
        nonlocal left, held
        yield world.timeout(rates.start)
        while left:
            began, working = world.now, 0
            losing = world.timeout(chance.expovariate(1 / between_losses) if between_losses else 1e18)
            steps = [rates.load]
            while steps:
                ready = world.timeout(steps.pop())
                yield ready | losing | finished
                if finished.triggered:
                    held += world.now - began
                    return
                if losing.processed:
                    break
                left -= bool(working)
                working = 0
                if not left:
                    finished.succeed()
                    held += world.now - began
                    return
                if todo:
                    working = todo.pop()
                    steps.append(rates.piece + working * rates.item)
                else:
                    # What others have may come back.
                    yield losing | finished | world.timeout(5)
                    steps.append(0.0)
            held += world.now - began
            counts["preemptions"] += 1
            counts["asked_twice"] += working
            if working:
                todo.append(working)
            yield world.timeout(back) | finished

    for _ in range(engines):
        world.process(engine())
    world.run(finished)
    world.run(world.now + 1e-6)
    return Outcome(world.now, held, counts["asked_twice"], counts["preemptions"])
