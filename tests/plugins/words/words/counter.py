"""The engine: counts the words of a text, and draws them as bars."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from words_drawing import bars

from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.choose import EngineSettings, EngineType
from cosmos_workflow.engines.outputs import TaskFiles
from cosmos_workflow.kinds.kind import Outcome, Task

__all__ = ["COUNTER", "CounterEngine"]

WAIT_SECONDS = 120.0


class CounterEngine:
    """Uses no model. Tests hold it up: a text that begins with "wait for FILE" is counted once that file exists, and
    one that begins with "needs FILE" fails until then; "also N bytes" makes a second, larger file.
    """

    name = "counter"
    wants = "text"
    model = ""

    def load(self) -> None:
        """There is nothing to load."""

    def properties(self) -> dict[str, Any]:
        return {"version": "1.0"}

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        for task in tasks:
            began = time.monotonic()
            text = files.path(task.inputs["text"]).read_text(encoding="utf-8")
            if missing := _missing(text):
                deliver(Outcome(task.id, error=f"there is no {missing} yet", error_kind="not_yet"))
                continue
            words = words_in(text, task.asks["ignore_case"]).most_common()
            picture = bars([times for _, times in words], task.asks["size"])
            (files.folder(task) / "picture.png").write_bytes(picture)
            if order := re.match(r"also (\d+) bytes\n", text):
                (files.folder(task) / "more").mkdir()
                _write_noise(files.folder(task) / "more" / "noise.bin", int(order[1]))
            says = {"count": sum(times for _, times in words), "most_frequent": words[0][0] if words else ""}
            deliver(Outcome(task.id, says, seconds=round(time.monotonic() - began, 3)))

    def close(self) -> None:
        """There is nothing to free."""


def words_in(text: str, ignore_case: bool) -> Counter[str]:
    """Each word of a text, with how often it is there."""
    return Counter(re.findall(r"\w+", text.lower() if ignore_case else text))


def _write_noise(path: Path, size: int) -> None:
    """As `Random(0).randbytes` of that size, in pieces."""
    random, piece = Random(0), 1 << 20
    with path.open("wb") as file:
        for begin in range(0, size, piece):
            file.write(random.randbytes(min(piece, size - begin)))


def _missing(text: str) -> str:
    order = re.match(r"(wait for|needs) (\S+)\n", text)
    if order is None:
        return ""
    path = Path(order[2])
    end = time.monotonic() + (WAIT_SECONDS if order[1] == "wait for" else 0)
    while not path.exists():
        if time.monotonic() > end:
            return path.name
        time.sleep(0.05)
    return ""


def make(settings: EngineSettings) -> CounterEngine:
    return CounterEngine()


COUNTER = EngineType(make, wants="text")
