"""Log lines in NVIDIA's loguru format, and tqdm's bars, as programs write them into a pipe."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType

__all__ = ["Bar", "Log"]

LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "SUCCESS": 25, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class Log:
    """`[MM-DD HH:mm:ss|LEVEL|relative/path.py:LINE:function] message` on stdout, of rank 0 alone (utils/log.py).

    With a `folder`, console.log there holds the same and debug.log everything. Lines with `hidden` are in debug.log
    alone, as Transfer2.5's console shows those of few modules (cosmos_oss/init.py:40-75).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._speaks = os.environ.get("RANK", "0") == "0"
        self._least = LEVELS[os.environ.get("LOGURU_LEVEL", "INFO")]
        self._hides = os.environ.get("COSMOS_VERBOSE") != "1"
        self._folder = folder

    def write(self, level: str, where: str, message: str, *, hidden: bool = False) -> None:
        if not self._speaks:
            return
        line = f"[{datetime.now():%m-%d %H:%M:%S}|{level}|{where}] {message}\n"
        shown = not (hidden and self._hides) and LEVELS[level] >= self._least
        if shown:
            sys.stdout.write(line)
            sys.stdout.flush()
        if self._folder:
            for name in ("console.log", "debug.log") if shown else ("debug.log",):
                with (self._folder / name).open("a", encoding="utf-8") as file:
                    file.write(line)

    def line(self, where: str, message: str, *, hidden: bool = False) -> None:
        self.write("INFO", where, message, hidden=hidden)


class Bar:
    """A tqdm bar on stderr: its line again after a carriage return, at most ten times a second."""

    def __init__(self, total: int, description: str = "") -> None:
        self._total, self._label = total, f"{description}: " if description else ""
        self._speaks = os.environ.get("RANK", "0") == "0"
        self._start = self._shown = time.monotonic()
        self._done = 0

    def __enter__(self) -> Bar:
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show()
        self._write("\n")

    def step(self) -> None:
        self._done += 1
        if time.monotonic() - self._shown >= 0.1:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        seconds, done, total = self._shown - self._start, self._done, self._total
        eighths = int(80 * done / total)
        full, part = divmod(eighths, 8)
        bar = "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")
        pace = done / seconds if done and seconds else 0
        left = _clock((total - done) / pace) if pace else "?"
        rate = "?it/s" if not pace else f"{pace:5.2f}it/s" if pace >= 1 else f"{1 / pace:5.2f}s/it"
        counts = f"{done}/{total} [{_clock(seconds)}<{left}, {rate}]"
        self._write(f"\r{self._label}{100 * done / total:3.0f}%|{bar:10}| {counts}")

    def _write(self, text: str) -> None:
        if self._speaks:
            sys.stderr.buffer.write(text.encode())
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
