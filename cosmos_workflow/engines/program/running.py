"""Runs one of NVIDIA's programs, line by line: argument lists only, never shell text."""

from __future__ import annotations

import os
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cosmos_workflow.errors import EngineUnavailable

__all__ = ["Start", "run"]

SILENT = 600.0  # seconds without a line after which people are told; a chunk of the upscaler took over three hours
LOOK = 1.0  # seconds between two looks whether a program that says nothing has ended
ENDING = 60.0  # seconds for a program to end: torchrun itself gives its processes 30
MARK = "COSMOS_START"
# Linux ends the program when whoever started it ends, in whatever way; 1 is PR_SET_PDEATHSIG.
ENDS_WITH_US = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""
COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True)
class Start:
    """One start of a program: its words, the folder it runs in, and what is added to the environment."""

    words: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def run(start: Start, log: IO[str], on_line: Callable[[str], None], on_silence: Callable[[float], None]) -> int:
    """Run it to its end; returns its exit code, negative for a signal.

    Each line, and each state of a progress bar, is handed to `on_line`; `on_silence` gets the seconds since the last of
    them, now and then: silence never ends a program. All is written to `log`. Raises EngineUnavailable if it cannot be
    started. It is in a group of its own, as torchrun must live long enough to end its processes, and is asked to end
    when this process ends, even by SIGKILL.
    """
    if not shutil.which(start.words[0]):
        raise EngineUnavailable(
            f"{start.words[0]} cannot be started", where=str(start.folder),
            remedy="--engine-option python=PATH names the Python in whose environment the program is installed",
        )  # fmt: skip
    mark = secrets.token_hex(8)
    process = subprocess.Popen(
        (sys.executable, "-I", "-c", ENDS_WITH_US, str(os.getpid()), *start.words), cwd=start.folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **start.environment, MARK: mark}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None
    reading = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reading.start()
    try:
        for line in _lines(process, lines, on_silence):
            if not line.startswith("\r"):
                log.write(line + "\n")
                log.flush()
            on_line(line.lstrip("\r"))
        return process.wait()
    finally:
        if process.poll() is None:
            _end(process)
        _end_rest(mark)
        reading.join(LOOK)
        if not reading.is_alive():  # else somebody holds the pipe still, and its number must not be another file's
            process.stdout.close()


def _lines(
    process: subprocess.Popen[bytes], lines: queue.Queue[str | None], on_silence: Callable[[float], None]
) -> Iterator[str]:
    """The lines until the last; a state of a progress bar that a later one replaces begins with a carriage return.

    Where the program has ended, and processes that it left hold its output open, these are not waited for.
    """
    latest = reported = time.monotonic()
    while True:
        try:
            line = lines.get(timeout=LOOK)
        except queue.Empty:
            if process.poll() is not None:
                return
            if time.monotonic() - reported >= SILENT:
                reported = time.monotonic()
                on_silence(reported - latest)
            continue
        if line is None:
            return
        latest = reported = time.monotonic()
        yield line


def _read(pipe: IO[bytes], lines: queue.Queue[str | None]) -> None:
    rest = b""
    try:
        while data := os.read(pipe.fileno(), 1 << 16):
            *whole, rest = re.split(rb"(?<=\n)|(?<=\r)(?!\n)", rest + data)
            for part in whole:
                if part:
                    lines.put(_text(part))
    except (OSError, ValueError):
        pass  # it was ended
    if rest:
        lines.put(_text(rest))
    lines.put(None)


def _text(part: bytes) -> str:
    bar = "\r" if part.endswith(b"\r") or part.startswith(b"\r") else ""
    return bar + COLOURS.sub("", part.decode("utf-8", "replace")).strip("\r\n")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_rest(mark: str) -> None:
    """End what a program started and left: the processes of a torchrun that was killed hold the GPU."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGTERM)
