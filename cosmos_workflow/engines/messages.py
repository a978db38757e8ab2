"""A conversation in the format of OpenAI's chat API, which vLLM takes in process and by its server."""

from __future__ import annotations

import base64
from typing import Any

from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.media.avi import avi_of

__all__ = ["messages"]


def messages(conversation: Conversation) -> list[dict[str, Any]]:
    """A conversation as OpenAI's chat messages: the images first, then the text, as NVIDIA's upsampler sends them.

    Frames that are a video are one file, as `video_url` of vLLM and SGLang takes it. It has just these frames and their
    rate, so that what samples frames of it takes each, at its time.
    Earlier answers follow, each with what was said of it.
    """
    if conversation.video_fps:
        images = [_part("video", "avi", avi_of(conversation.frames, conversation.video_fps))]
    else:
        images = [_part("image", "png", frame.png) for frame in conversation.frames]
    asked: list[dict[str, Any]] = [{"role": "user", "content": [*images, {"type": "text", "text": conversation.text}]}]
    for turn in conversation.turns:
        asked += [{"role": "assistant", "content": turn["answer"]}, {"role": "user", "content": turn["said"]}]
    return asked


def _part(kind: str, form: str, content: bytes) -> dict[str, Any]:
    url = f"data:{kind}/{form};base64,{base64.b64encode(content).decode()}"
    return {"type": f"{kind}_url", f"{kind}_url": {"url": url}}
