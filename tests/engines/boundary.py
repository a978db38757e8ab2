"""Requests around the limit, made the same way for each engine that is tested against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.lab.trials import draw_frame
from cosmos_workflow.limits import Plan, plan

PROMPT = "A futuristic city at sunset"
# Both sides of every verdict, four aspect ratios, and shapes that round badly.
SIZES = [
    (320, 180), (854, 480), (910, 512), (911, 512), (912, 513), (913, 513), (928, 522), (940, 529), (944, 529),
    (945, 532), (960, 540), (1280, 720), (1920, 1080), (789, 592), (800, 600), (826, 620), (840, 630), (700, 700),
    (704, 704), (705, 705), (720, 720), (1024, 1024), (512, 910), (540, 960), (1024, 16), (16, 1024), (1025, 17),
    (2048, 1000), (7680, 4320),
]  # fmt: skip


def planned(size: tuple[int, int], text: str = PROMPT, fit: str = "off") -> Plan:
    return plan(size, text, fit=fit, id=f"{size[0]}x{size[1]}")  # type: ignore[arg-type]


def conversation(request_plan: Plan, text: str = PROMPT, **more: object) -> Conversation:
    """The request that a plan speaks of, sent even where the plan says that it will be refused."""
    size = (request_plan.frame_width, request_plan.frame_height)
    frames = tuple(draw_frame(*size, seed) for seed in range(request_plan.frames))
    return Conversation(
        request_plan.id, text, frames, temperature=0.0, **{"max_tokens": request_plan.max_tokens, **more}
    )  # type: ignore[arg-type]


def sixteen() -> Iterator[Conversation]:
    """Sixteen different items: each has its own frames, its own text and its own length of answer."""
    for n in range(16):
        size = (320 + 16 * n, 180)
        text = "word " * (n + 1)
        item_plan = plan(size, text, id=f"item-{n}")
        yield conversation(item_plan, text, max_tokens=20 + n)


def expected(conversations: Iterable[Conversation]) -> dict[str, tuple[int, int]]:
    """Prompt tokens and length of answer of each, which tell every item from every other."""
    return {
        request.id: (
            plan((request.frames[0].width, request.frames[0].height), request.text).prompt_tokens,
            request.max_tokens,
        )
        for request in conversations
    }
