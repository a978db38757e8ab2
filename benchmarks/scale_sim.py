"""A cluster as a discrete-event simulation: 1 … 512 engines, pieces of work, machines that are taken away.

`benchmarks/scale_tables.py` makes the table of docs/SCALE.md with it, and `benchmarks/scale.py` compares it with
measured runs of one and two engines.
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
    """Measured times in seconds: `start` until engines begin to load, `load` of one engine, `item` that one engine
    takes for an item, and `piece` between two pieces of work (the results written, the next piece fetched).
    """

    start: float
    load: float
    item: float
    piece: float


@dataclass(frozen=True)
class Outcome:
    """What a job takes; `gpu_seconds` is the time engines are held, `asked_twice` the items whose machine was lost."""

    seconds: float
    gpu_seconds: float
    asked_twice: int
    preemptions: int

    def efficiency(self, items: int, rates: Rates) -> float:
        """The share of the held engine time that is spent on answers that count."""
        return items * rates.item / self.gpu_seconds


def simulate(
    items: int, rates: Rates, engines: int, *, piece: int = 128, between_losses: float = 0.0, back: float = 300.0,
    seed: int = 1,
) -> Outcome:  # fmt: skip
    """Run a job of `items` in pieces of up to `piece`, at least four for each engine as the pipeline cuts them.

    Each machine is lost after an exponentially distributed time of mean `between_losses` seconds (0: never), and
    another replaces it `back` seconds later; the piece that it was answering is asked again.
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
                    # A piece that another engine has may come back.
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
