"""Run everything and write docs/PERFORMANCE.md."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from benchmarks import faults, quick, remote, serve
from benchmarks.measure import Fact, Row, machine, table

ROOT = Path(__file__).parent.parent
HEAD = """# Performance

Each row compares this project ("ours") with a peer: both run in turns, in the same run. Times are medians per unit;
they differ from machine to machine, and the ratio ("faster") much less. `make bench` writes this page again. No test
asserts any of it.

{machine}

"""
TAIL = """
The rows of the server measure one process that also drives the queue. `wrk` sends the requests from the same two
cores, over loopback.

The time to start a program includes the start of Python itself, which is the peer's time in those rows. The batch rows
run the tiny random-weight Pixtral of `make vllm-env` on vLLM for CPU: they show how much continuous batching reduces
the overhead of each prompt, not how fast a GPU is. The rows of transfers run a tiny random-weight Transfer2.5 of
diffusers on the CPU, each way as a program of its own with its start and load. The rows of hosts go through a real
sshd on loopback, so the speed and delay of a network are not included; every upload and every run opens its own
connection. An upload first asks which files the host has, and verifies each file there, which scp does not. On a GPU,
the field tests of 2025-09-01 took 250.71 s for three prompts with the model loaded for each, and 138.28 s with it
loaded once: most of the waiting is for loading.

The faults (`python -m benchmarks.faults`) are connections cut; sessions, agents, supervisors, commands and clients
killed; servers stopped for a while; and disks full on both sides. They strike at random moments, in batches of
eight items of two kinds of work, which people attach to, cancel, retry and begin again meanwhile.
"""


def main() -> None:
    results: list[Row | Fact] = [*quick.rows(), *remote.rows()]
    results += [*_with_models("benchmarks.batch"), *_with_models("benchmarks.transfers")]
    results += serve.facts()
    results += faults.rows()
    page = HEAD.format(machine=machine()) + table(results) + TAIL
    (ROOT / "docs" / "PERFORMANCE.md").write_text(page, encoding="utf-8")
    print(page)


def _with_models(module: str) -> list[Row | Fact]:
    """What a module measures where vLLM and diffusers are."""
    command = [str(ROOT / ".vllm" / "venv" / "bin" / "python"), "-m", module]
    output = subprocess.run(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [line.partition(" ") for line in output.splitlines()]
    kinds: dict[str, type[Row] | type[Fact]] = {"ROW": Row, "FACT": Fact}
    return [kinds[word](**json.loads(rest)) for word, _, rest in words if word in kinds]


if __name__ == "__main__":
    main()
