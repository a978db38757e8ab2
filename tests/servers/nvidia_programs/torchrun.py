"""Stands in for PyTorch's torchrun: starts a script once for each GPU, and reports as it does when one fails."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime

__all__ = ["main"]

_RULE, _LINE = "=" * 60, "-" * 60


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("torchrun", description="Torch Distributed Elastic Training Launcher")
    for name, default in {
        "nproc_per_node": "1", "nnodes": "1:1", "node_rank": "0", "master_addr": "127.0.0.1", "master_port": "29500",
        "rdzv_backend": "static", "rdzv_endpoint": "", "rdzv_id": "none", "max_restarts": "0", "log_dir": "",
    }.items():  # fmt: skip
        parser.add_argument(f"--{name}", f"--{name.replace('_', '-')}", default=default)
    parser.add_argument("--standalone", action="store_true")
    parser.add_argument("-m", "--module", action="store_true")
    parser.add_argument("training_script")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    count = int(asked.nproc_per_node)
    shared = {
        "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0", "ROLE_NAME": "default",
        "MASTER_ADDR": asked.master_addr, "MASTER_PORT": asked.master_port, "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_MAX_RESTARTS": asked.max_restarts, "TORCHELASTIC_RUN_ID": asked.rdzv_id,
        "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1",
    }  # fmt: skip
    if count > 1 and "OMP_NUM_THREADS" not in os.environ:
        shared["OMP_NUM_THREADS"] = "1"
    script = ["-m", asked.training_script] if asked.module else [asked.training_script]
    signal.signal(signal.SIGTERM, _interrupt)
    ranks: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(count):
            own = {name: str(rank) for name in ("RANK", "LOCAL_RANK", "ROLE_RANK")}
            command = [sys.executable, "-u", *script, *asked.training_script_args]
            # In sessions of their own, as there: who ends torchrun's group does not end them.
            ranks.append(subprocess.Popen(command, env={**os.environ, **shared, **own}, start_new_session=True))
        return _watch(ranks, asked.training_script)
    finally:
        _stop(ranks)


def _watch(ranks: list[subprocess.Popen[bytes]], script: str) -> int:
    """Wait for all ranks; the first that fails ends the others, and torchrun with exit code 1."""
    while True:
        codes = [process.poll() for process in ranks]
        failed = [rank for rank, code in enumerate(codes) if code]
        if failed:
            _stop(ranks)
            _report(ranks[failed[0]], failed[0], script)
            return 1
        if all(code == 0 for code in codes):
            return 0
        time.sleep(0.02)


def _report(process: subprocess.Popen[bytes], rank: int, script: str) -> None:
    code, now = process.returncode, datetime.now()
    cause = "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"
    if code < 0:
        cause = f"Signal {-code} ({signal.Signals(-code).name}) received by PID {process.pid}"
    head = f"E{now:%m%d %H:%M:%S}.000000 {os.getpid()} torch/distributed/elastic/multiprocessing/api.py:874]"
    lines = [
        f"{head} failed (exitcode: {code}) local_rank: {rank} (pid: {process.pid}) of binary: {sys.executable}",
        "Traceback (most recent call last):",
        '  File "/usr/local/bin/torchrun", line 8, in <module>',
        "    sys.exit(main())",
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
        _RULE, f"{script} FAILED", _LINE, "Failures:", "  <NO_OTHER_FAILURES>", _LINE,
        "Root Cause (first observed failure):", "[0]:",
        f"  time      : {now:%Y-%m-%d_%H:%M:%S}",
        f"  host      : {socket.gethostname()}",
        f"  rank      : {rank} (local_rank: {rank})",
        f"  exitcode  : {code} (pid: {process.pid})",
        "  error_file: <N/A>",
        f"  traceback : {cause}",
        _RULE,
    ]  # fmt: skip
    sys.stderr.write("\n".join(lines) + "\n")


def _stop(ranks: list[subprocess.Popen[bytes]]) -> None:
    for process in ranks:
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + 10
    while time.monotonic() < until and any(process.poll() is None for process in ranks):
        time.sleep(0.02)
    for process in ranks:
        process.kill()
        process.wait()


def _interrupt(number: int, frame: object) -> None:
    sys.stderr.write(f"torch.distributed.elastic.multiprocessing.api.SignalException: got signal: {number}\n")
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
