"""Requests around the limit, made the same way for each engine that is tested against them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from cosmos_workflow.engines import Conversation
from cosmos_workflow.limits import Plan, plan
from cosmos_workflow.media import Frame

PROMPT = "A futuristic city at sunset"
# Both sides of every verdict, four aspect ratios, and shapes that round badly.
SIZES = [
    (320, 180), (854, 480), (910, 512), (911, 512), (912, 513), (913, 513), (928, 522), (940, 529), (944, 529),
    (945, 532), (960, 540), (1280, 720), (1920, 1080), (789, 592), (800, 600), (826, 620), (840, 630), (700, 700),
    (704, 704), (705, 705), (720, 720), (1024, 1024), (512, 910), (540, 960), (1024, 16), (16, 1024), (1025, 17),
    (2048, 1000), (7680, 4320),
]  # fmt: skip


def frame(width: int, height: int, seed: int = 0) -> Frame:
    """A frame that is not like another: gradients in the colours of its seed."""
    rng = np.random.default_rng(seed)
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, None]
    planes = [255 * (a * x + b * y) / (a + b) for a, b in rng.uniform(0.1, 1, (3, 2))]
    buffer = io.BytesIO()
    Image.fromarray(np.stack(planes, -1).astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return Frame(buffer.getvalue(), width, height)


def planned(size: tuple[int, int], text: str = PROMPT, fit: str = "off") -> Plan:
    return plan(size, text, fit=fit, id=f"{size[0]}x{size[1]}")  # type: ignore[arg-type]


def conversation(one: Plan, text: str = PROMPT, **more: object) -> Conversation:
    """The request that a plan speaks of, sent even where the plan says that it will be refused."""
    size = (one.frame_width, one.frame_height)
    frames = tuple(frame(*size, seed) for seed in range(one.frames))
    return Conversation(one.id, text, frames, temperature=0.0, **{"max_tokens": one.max_tokens, **more})  # type: ignore[arg-type]


def sixteen() -> Iterator[Conversation]:
    """Sixteen different items: each has its own frames, its own text and its own length of answer."""
    for n in range(16):
        size = (320 + 16 * n, 180)
        text = "word " * (n + 1)
        one = plan(size, text, id=f"item-{n}")
        yield conversation(one, text, max_tokens=20 + n)


def expected(conversations: Iterable[Conversation]) -> dict[str, tuple[int, int]]:
    """Prompt tokens and length of answer of each, which tell every item from every other."""
    return {
        one.id: (plan((one.frames[0].width, one.frames[0].height), one.text).prompt_tokens, one.max_tokens)
        for one in conversations
    }
