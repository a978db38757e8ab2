"""A conversation in the format of OpenAI's chat API, which vLLM takes in process and by its server."""

from __future__ import annotations

import base64
from typing import Any

from cosmos_workflow.kinds.upsample.conversation import Conversation

__all__ = ["messages"]


def messages(conversation: Conversation) -> list[dict[str, Any]]:
    """A conversation as OpenAI's chat messages: the images first, then the text, as NVIDIA's upsampler sends them.

    Earlier answers follow, each with what was said of it.
    """
    images = [
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/png;base64,{base64.b64encode(frame.png).decode()}"},
        }
        for frame in conversation.frames
    ]
    asked: list[dict[str, Any]] = [{"role": "user", "content": [*images, {"type": "text", "text": conversation.text}]}]
    for turn in conversation.turns:
        asked += [{"role": "assistant", "content": turn["answer"]}, {"role": "user", "content": turn["said"]}]
    return asked
