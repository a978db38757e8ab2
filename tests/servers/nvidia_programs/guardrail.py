"""What NVIDIA's guardrails write: the messages of their models, which the stand-ins were ordered to give."""

from __future__ import annotations

import json

from .logs import Log
from .orders import Orders

__all__ = ["CLASSES", "Guardrail"]

# Classes of the video filter; a video is safe where at least 95 % of its frames are.
CLASSES = ("Safe", "Sexual_Content", "Drugs", "Child_Abuse", "Hate_and_Harassment", "Self-Harm")


class Guardrail:
    """`folder` is where the guardrail lies in the program's source; `judge` is its language model.

    `hidden`: its lines are in debug.log alone.
    """

    def __init__(self, orders: Orders, log: Log, folder: str, judge: str, *, hidden: bool = False) -> None:
        self._orders, self._log, self._folder, self._judge, self._hidden = orders, log, folder, judge, hidden

    def blocks_text(self, prompt: str | None, item: int, *, negative: bool = False) -> bool:
        reason = self._reason(prompt or "", item, negative)
        if reason:
            where = f"{self._folder}/common/presets.py:61:run_text_guardrail"
            self._log.write("CRITICAL", where, f"GUARDRAIL BLOCKED: {reason}", hidden=self._hidden)
        return bool(reason)

    def blocks_video(self, prompt: str | None, item: int, frames: int) -> bool:
        order = self._orders.order("block-video", prompt=prompt or "", item=item)
        if not order:
            return False
        module = f"{self._folder}/video_content_safety_filter/video_content_safety_filter.py"
        scores = [{"frame_number": number, "class": order.value or "Drugs"} for number in range(frames)]
        unsafe = f"Unsafe frame count {frames} is greater than 5% of total frames {frames}"
        data = json.dumps({"is_safe": False, "frame_scores": scores}, indent=4)
        self._log.write("WARNING", f"{module}:150:is_safe_frames", unsafe, hidden=self._hidden)
        self._log.write("DEBUG", f"{module}:159:is_safe_frames", f"Frames data: {data}", hidden=self._hidden)
        blocked = "GUARDRAIL BLOCKED: VIDEOCONTENTSAFETYFILTER: unsafe frames detected"
        where = f"{self._folder}/common/presets.py:78:run_video_guardrail"
        self._log.write("CRITICAL", where, blocked, hidden=self._hidden)
        return True

    def _reason(self, prompt: str, item: int, negative: bool) -> str:
        """Why a text is refused; empty where it is not."""
        if negative:
            order = self._orders.order("block-negative", item=item)
            return self._exact(prompt, order.value) if order else ""
        if not prompt:
            return "BLOCKLIST: Input is empty"
        if order := self._orders.order("block-censored", prompt=prompt, item=item):
            censored = prompt.replace(order.value, "****")
            return f"BLOCKLIST: Prompt blocked by censorship: Censored Prompt: {censored}"
        if order := self._orders.order("block", prompt=prompt, item=item):
            return self._exact(prompt, order.value)
        if order := self._orders.order("block-partial", prompt=prompt, item=item):
            return (
                f"BLOCKLIST: Prompt blocked by partial match blocklist: Prompt: {prompt}, Partial Match Word:"
                f" {order.value}"
            )
        if order := self._orders.order("block-llm", prompt=prompt, item=item):
            if self._judge == "LLAMAGUARD3":
                return f"LLAMAGUARD3: Prompt blocked by Llama Guard 3. Violations: {order.value}."
            return f"QWEN3GUARD: Prompt blocked by Qwen3Guard. Safety: Unsafe, Categories: {order.value}"
        return ""

    @staticmethod
    def _exact(prompt: str, word: str) -> str:
        return f"BLOCKLIST: Prompt blocked by exact match blocklist: Prompt: {prompt}, Exact Match Word: {word}"
