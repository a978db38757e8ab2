"""Why a server made no video: a named failure of the item, in the server's words."""

from __future__ import annotations

import re
from typing import Literal

from cosmos_workflow.engines.replies import Fault
from cosmos_workflow.errors import EngineError

__all__ = ["Failed", "failure"]

Why = Literal["blocked", "out_of_memory", "bad_input", "engine_failed"]
BLOCKED = re.compile(
    r"guardrail|blocked by|blocklist|content.?(safety|polic|filter)|unsafe (content|prompt|video)|\bmoderation\b"
    r"|(prompt|video|input|output|request) (is|was|has been) blocked",
    re.IGNORECASE,
)
REMEDIES: dict[Why, str] = {
    "blocked": "change the prompt, or the clip",
    "out_of_memory": "give a smaller --size or a shorter --chunk, or ask a server with a larger card",
    "bad_input": "change what is asked",
    "engine_failed": "look into the server's log",
}
LATE = "start the server with a longer limit (vLLM-Omni: VLLM_OMNI_VIDEO_SYNC_TIMEOUT=3600), or ask for less"
BUSY = "wait until it has less to do, or try more often: --engine-option max_retries=N"


class Failed(EngineError):
    """One item has no video; `why` is the kind of its error."""

    def __init__(self, what: str, why: Why = "engine_failed", *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy or REMEDIES[why])
        self.why: Why = why


def failure(fault: Fault) -> Failed:
    """What a server's answer says of the item that was asked for."""
    if fault.kind == "out_of_memory":
        return Failed(fault.what, "out_of_memory")
    if fault.status in (429, 503):
        return Failed(fault.what, remedy=BUSY)
    if BLOCKED.search(fault.what):
        return Failed(fault.what, "blocked")
    if fault.status in (408, 504):
        return Failed(fault.what, remedy=LATE)
    return Failed(fault.what, "bad_input" if 400 <= fault.status < 500 else "engine_failed")
