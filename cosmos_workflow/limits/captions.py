"""How long a structured caption for Cosmos 3 may be: as a model's answer, and as a video server's prompt.

>>> caption_tokens('{"subjects":[],"fps":24}')
9
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.text import QwenText
from cosmos_workflow.limits.video_cosmos3 import NANO

__all__ = ["CAPTION_TOKENS", "NIM_CHARACTERS", "SERVERS", "caption_tokens", "caption_troubles", "server_tokens"]

# What is planned for a model's answer in this form. NVIDIA's sample captions take 1,100 to 2,700 tokens.
CAPTION_TOKENS = 4096

# NVIDIA/cosmos cookbooks/cosmos3/nim: `prompt` and `negative_prompt` of /v1/infer.
NIM_CHARACTERS = 20_000
# NVIDIA/cosmos README.md recommends fewer for a prompt; the captions of its own transfer samples have 639 to 1,261
# in their texts, the negative one 1,791.
WORDS, CAPTION_WORDS = 300, 1_800

# What reads the caption: any video server of today, vllm-omni before 0.30, or NVIDIA's service.
SERVERS = ("", "vllm-omni", "vllm-omni-early", "nim")

# vllm-omni 0.30, pipeline_cosmos3.py: the chat template with its system prompt for a transfer, which is always sent.
SERVER_WRAPPING = 42
_QWEN3 = QwenText(generation=3)


def caption_tokens(text: str) -> int:
    """The exact tokens of a caption, or of any other text, as the Qwen3 tokenizer of Cosmos 3 counts them."""
    return _QWEN3.count(text)


def server_tokens(text: str) -> int:
    """The tokens that vllm-omni 0.30 makes of a prompt for a transfer, up to a few digits.

    It writes a caption anew, with spaces and ASCII-escaped, and puts in the video's size, length and rate; a paragraph
    gets them as two sentences. Its system prompt and the chat template stand around it.
    """
    values = _caption(text)
    if values is None:
        length = "The video is 5.0 seconds long and is of 30 FPS. This video is of 1280x720 resolution."
        return SERVER_WRAPPING + caption_tokens(f"{text.rstrip('. ')}. {length}")
    values |= {"duration": "5s", "fps": 30.0, "resolution": {"H": 1280, "W": 720}, "aspect_ratio": "16,9"}
    return SERVER_WRAPPING + caption_tokens(json.dumps(values))


def caption_troubles(text: str, server: str = "") -> list[tuple[str, str]]:
    """What will go wrong with a caption, or a prompt, at what reads it, as (what, remedy); empty where nothing will.

    `server` is one of SERVERS: empty stands for any of today's. Raises UsageError for another one.

    >>> caption_troubles('{"subjects":[]}')
    []
    """
    if server not in SERVERS:
        raise UsageError(f"unknown video server {server!r}", remedy=f"choose one of {', '.join(filter(None, SERVERS))}")
    return list(_troubles(text, server))


def _troubles(text: str, server: str) -> Iterator[tuple[str, str]]:
    limit, early = NANO.prompt.tokens, NANO.prompt.early or 0
    tokens = server_tokens(text) if server != "nim" else 0
    shorter = "shorten the longest descriptions, and say the most important in the first fields"
    if tokens > limit:
        yield (
            f"it is {tokens:,} tokens with what the server puts around it, and what is beyond {limit:,} is cut off"
            " with a note in the server's log only",
            shorter,
        )
    elif server == "vllm-omni-early" and tokens > early:
        yield (
            f"it is {tokens:,} tokens, and vllm-omni before 0.30 keeps {early} of them",
            "use vllm-omni 0.30 or newer, or send max_sequence_length 4096 in extra_params",
        )
    if server in ("", "nim") and len(text) > NIM_CHARACTERS:
        yield (
            f"it has {len(text):,} characters, and NVIDIA's service (NIM) refuses more than {NIM_CHARACTERS:,}",
            shorter,
        )
    values = _caption(text)
    words = sum(len(part.split()) for part in _texts(text if values is None else values))
    if words > (WORDS if values is None else CAPTION_WORDS):
        usual = "" if values is None else ", and its own sample captions have 600 to 1,800"
        yield f"it has {words:,} words; NVIDIA recommends fewer than {WORDS}{usual}", shorter


def _caption(text: str) -> dict[str, Any] | None:
    """The caption that a text holds as JSON; None for a paragraph."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, but not its keys. No recursion: a caption may be nested as deep as JSON can be."""
    rest = [value]
    while rest:
        each = rest.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list):
            rest += each.values() if isinstance(each, dict) else each
