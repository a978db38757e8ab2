"""The engine: counts the words of a text, and draws them as bars."""

from __future__ import annotations

import base64
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from words_drawing import bars

from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.choose import EngineSettings, EngineType
from cosmos_workflow.kinds.kind import Files, Outcome, Task, bytes_of

__all__ = ["COUNTER", "CounterEngine"]

WAIT_SECONDS = 120.0


class CounterEngine:
    """Uses no model. Tests hold it up: a text that begins with "wait for FILE" is counted once that file exists, and
    one that begins with "needs FILE" fails until then.
    """

    name = "counter"
    wants = "text"
    model = ""

    def load(self) -> None:
        """There is nothing to load."""

    def properties(self) -> dict[str, Any]:
        return {"version": "1.0"}

    def run(self, tasks: Sequence[Task], files: Files, deliver: Deliver) -> None:
        for task in tasks:
            began = time.monotonic()
            text = bytes_of(files[task.inputs["text"]]).decode()
            if missing := _missing(text):
                deliver(Outcome(task.id, error=f"there is no {missing} yet", error_kind="not_yet"))
            else:
                says = count(text, **task.asks)
                deliver(Outcome(task.id, says, seconds=round(time.monotonic() - began, 3)))

    def close(self) -> None:
        """There is nothing to free."""


def count(text: str, size: int, ignore_case: bool) -> dict[str, Any]:
    """How many words there are, which is the most frequent, and the PNG in base 64."""
    words = Counter(re.findall(r"\w+", text.lower() if ignore_case else text))
    common = words.most_common()
    picture = bars([times for _, times in common], size)
    return {
        "count": sum(words.values()),
        "most_frequent": common[0][0] if common else "",
        "picture": base64.b64encode(picture).decode(),
    }


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
