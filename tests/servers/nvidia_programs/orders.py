"""What the stand-ins are ordered to do wrong, and the record of what they did.

The environment's NVIDIA_STANDIN names a JSON file, or orders.json beside this package is one:

    {"record": "/tmp/record.jsonl", "chunk_seconds": 0.2, "load_seconds": 0.5,
     "orders": [{"do": "oom", "chunk": 1, "prompt": "rain"}, {"do": "die", "item": 2, "once": true}]}

An order is for the item whose prompt holds `prompt` and whose number in this start is `item` (each may be left out),
at chunk `chunk`. `once` orders are for one start alone. A prompt can hold orders too: `[oom@1]`, `[block:gun]`,
`[block-video:Drugs]`. `DEEDS` lists them all. With the value `load` an oom, a hang and a death come while the model
is loaded.

The record has a line for each start, each load of the model, and each item with what was understood of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["DEEDS", "VARIABLE", "Order", "Orders", "OutOfMemoryError"]

VARIABLE = "NVIDIA_STANDIN"
DEEDS = {
    "block": "the blocklist refuses the prompt; the value is the word that matches",
    "block-partial": "the blocklist refuses it as it nearly has the word",
    "block-censored": "the censor refuses the prompt for the word",
    "block-llm": "the language model refuses the prompt; the value is the category",
    "block-negative": "the blocklist refuses the negative prompt (Transfer2.5)",
    "block-video": "the video filter refuses what was made; the value is the class",
    "oom": "no memory is left at the chunk",
    "crash": "a CUDA error at the chunk",
    "hang": "nothing more happens from the chunk on; the value is for how many seconds, an hour if left out",
    "die": "the process is killed at the chunk, as by the kernel",
    "slow": "each chunk of the item takes the value's seconds longer",
    "missing": "the checkpoint named by the value can't be had (by file or repository)",
    "no-boxes": "nothing that the prompt names is seen in the first frame, so no segmentation can be made",
}
_IN_PROMPT = re.compile(r"\[(" + "|".join(sorted(DEEDS, key=len, reverse=True)) + r")(?::([^\]@]*))?(?:@(\d+))?\]")


class OutOfMemoryError(RuntimeError):
    """Looks like PyTorch's own in a traceback."""


OutOfMemoryError.__module__ = "torch"
NO_MEMORY = (
    "CUDA out of memory. Tried to allocate 2.38 GiB. GPU 0 has a total capacity of 79.10 GiB of which 1.02 GiB is free."
    " Process 4711 has 78.07 GiB memory in use. Of the allocated memory 74.52 GiB is allocated by PyTorch, and 2.92 GiB"
    " is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting"
    " PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.  See documentation for Memory Management"
    "  (https://pytorch.org/docs/stable/notes/cuda.html#environment-variables)"
)


@dataclass(frozen=True)
class Order:
    do: str
    value: str = ""
    chunk: int = 0
    item: int | None = None
    prompt: str = ""
    rank: int = 0
    once: bool = False


class Orders:
    """The orders for one program, read at its start."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.rank = int(os.environ.get("RANK", "0"))
        path = Path(os.environ.get(VARIABLE) or Path(__file__).parent.parent / "orders.json")
        self._path = path if VARIABLE in os.environ or path.exists() else None
        read: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
        self.chunk_seconds = float(read.get("chunk_seconds", 0))
        self._load_seconds = float(read.get("load_seconds", 0))
        self._record = read.get("record")
        self._orders = [Order(**order) for order in read.get("orders", [])]
        if wrong := {order.do for order in self._orders} - set(DEEDS):
            raise ValueError(f"no such order: {', '.join(sorted(wrong))}")

    def record(self, event: str, **fields: object) -> None:
        if self._record:
            line = {"event": event, "program": self.program, "rank": self.rank, "pid": os.getpid(), **fields}
            with Path(self._record).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def started(self, arguments: list[str]) -> None:
        variables = {
            name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "HF_HOME", "WORLD_SIZE")
        }
        self.record("start", arguments=arguments, folder=str(Path.cwd()), environment=variables)

    def loaded(self, model: str, controls: list[str]) -> None:
        """The model is loaded now; raises OutOfMemoryError where an order says so."""
        time.sleep(self._load_seconds)
        if self.order("die", value="load"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.order("hang", value="load"):
            time.sleep(3600)
        if self.order("oom", value="load"):
            raise OutOfMemoryError(NO_MEMORY)
        self.record("load", model=model, controls=controls)

    def missing(self, name: str) -> bool:
        """Whether a checkpoint, a file or a repository, is ordered to be missing."""
        for order in self._orders:
            if order.do == "missing" and order.value in name and self._lives(order):
                if order.once:
                    self._used(order).touch()
                return True
        return False

    def order(
        self, do: str, *, prompt: str = "", item: int | None = None, chunk: int | None = None, value: str | None = None
    ) -> Order | None:
        """The order for this item, if there is one; an order that is for one start alone is used up."""
        words = [Order(m[1], m[2] or "", int(m[3] or 0)) for m in _IN_PROMPT.finditer(prompt or "")]
        for order in [*words, *self._orders]:
            if (
                order.do == do
                and order.rank == self.rank
                and order.item in (None, item)
                and order.prompt in (prompt or "")
                and chunk in (None, order.chunk)
                and (order.value == "load") == (value == "load")
                and self._lives(order)
            ):
                if order.once:
                    self._used(order).touch()
                return order
        return None

    def at_chunk(self, prompt: str, item: int, chunk: int) -> float:
        """Do what is ordered at this chunk; how many seconds the chunk takes otherwise."""
        if self.order("die", prompt=prompt, item=item, chunk=chunk):
            os.kill(os.getpid(), signal.SIGKILL)
        if order := self.order("hang", prompt=prompt, item=item, chunk=chunk):
            time.sleep(float(order.value or 3600))
        if self.order("oom", prompt=prompt, item=item, chunk=chunk):
            raise OutOfMemoryError(NO_MEMORY)
        if self.order("crash", prompt=prompt, item=item, chunk=chunk):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        slow = self.order("slow", prompt=prompt, item=item)
        return self.chunk_seconds + (float(slow.value) if slow else 0)

    def _used(self, order: Order) -> Path:
        assert self._path
        return self._path.with_name(f"{self._path.name}.{self._orders.index(order)}.used")

    def _lives(self, order: Order) -> bool:
        return not (order.once and self._used(order).exists())
