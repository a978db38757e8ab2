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

Each row is ours against a peer in the same run, taking turns; times are medians a unit, the ratio is what
travels between machines. `make bench` writes this page anew. Nothing here is asserted by a test.

{machine}

"""
TAIL = """
The server's rows are of one process that also drives the queue, asked by `wrk` on the same two cores, over loopback.

Starting a program includes Python's own start, which is the peer's time there. The batch rows run the tiny
random-weight Pixtral of `make vllm-env` on vLLM for CPU: they show what continuous batching does to the
overhead a prompt, not what a GPU does. The rows of hosts go through a real sshd on loopback, so that neither a line's
speed nor its delay is in them; every upload and run opens its own connection. An upload asks first what the host has
and verifies each file there, which scp does not. On a GPU, the field tests of 2025-09-01
read 250.71 s for three prompts with the model loaded for each and 138.28 s with it loaded once: loading is what an
artist waits for.

The faults (`python -m benchmarks.faults`) are lines cut, sessions, workers, supervisors, commands and clients killed,
servers away and disks full on both sides, at moments drawn by chance, on runs of eight items of the describe engine.
"""


def main() -> None:
    found: list[Row | Fact] = [*quick.rows(), *remote.rows()]
    command = [str(ROOT / ".vllm" / "venv" / "bin" / "python"), "-m", "benchmarks.batch"]
    said = subprocess.run(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True, check=True).stdout
    found += [Row(**json.loads(line[4:])) for line in said.splitlines() if line.startswith("ROW ")]
    found += serve.facts()
    found += faults.rows()
    page = HEAD.format(machine=machine()) + table(found) + TAIL
    (ROOT / "docs" / "PERFORMANCE.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
