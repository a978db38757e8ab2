"""Run everything and write docs/PERFORMANCE.md."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

from benchmarks import quick, remote
from benchmarks.measure import Fact, Row

ROOT = Path(__file__).parent.parent
HEAD = """# Performance

Each row is ours against a peer in the same run, taking turns; times are medians a unit, the ratio is what
travels between machines. `make bench` writes this page anew. Nothing here is asserted by a test.

{machine}

| what | unit | ours | peer | its time | faster | aim |
|---|---|---:|---|---:|---:|---|
"""
FACTS = """
| what | measured | aim |
|---|---|---|
"""
TAIL = """
Starting a program includes Python's own start, which is the peer's time there. The batch rows run the tiny
random-weight Pixtral of `make vllm-env` on vLLM for CPU: they show what continuous batching does to the
overhead a prompt, not what a GPU does. The rows of hosts go through a real sshd on loopback, so that neither a line's
speed nor its delay is in them; every upload and run opens its own connection. An upload asks first what the host has
and verifies each file there, which scp does not. On a GPU, the field tests of 2025-09-01
read 250.71 s for three prompts with the model loaded for each and 138.28 s with it loaded once: loading is what an
artist waits for.
"""


def main() -> None:
    found: list[Row | Fact] = [*quick.rows(), *remote.rows()]
    command = [str(ROOT / ".vllm" / "venv" / "bin" / "python"), "-m", "benchmarks.batch"]
    said = subprocess.run(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True, check=True).stdout
    found += [Row(**json.loads(line[4:])) for line in said.splitlines() if line.startswith("ROW ")]
    lines = [
        f"| {row.what} | {row.unit} | {_time(row.ours)} | {row.peer_name} | {_time(row.peer)} "
        f"| {_ratio(row.ratio)} | {row.aim} |"
        for row in found
        if isinstance(row, Row)
    ]
    facts = [f"| {one.what} | {one.value} | {one.aim} |" for one in found if isinstance(one, Fact)]
    page = HEAD.format(machine=_machine()) + "\n".join(lines) + "\n" + FACTS + "\n".join(facts) + "\n" + TAIL
    (ROOT / "docs" / "PERFORMANCE.md").write_text(page, encoding="utf-8")
    print(page)


def _time(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.2g} ns"


def _ratio(ratio: float) -> str:
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.2f}×"


def _machine() -> str:
    cpu = next(
        (line.split(":")[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "av", "mistral-common"))
    today = datetime.datetime.now(datetime.timezone.utc).date()
    system = f"{platform.system()}, Python {platform.python_version()}, {versions}"
    return f"Measured {today} on {os.cpu_count()} cores of {cpu}, {system}; no GPU."


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
