"""Stands in for NVIDIA's safety checker, whose weights are gated: it passes, blocks and pixelates by words.

A prompt with "forbidden" is refused. The video of a prompt with "blocked later" is refused, and in that of one with
"a face" the upper left corner is pixelated. In tests alone: it is on no path of the product.
"""

import torch


class CosmosSafetyChecker(torch.nn.Module):
    """As `cosmos_guardrail.CosmosSafetyChecker` of diffusers' users."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self) -> None:
        super().__init__()
        self.prompt = ""

    def to(self, *words, **more):
        return self

    def check_text_safety(self, prompt):
        self.prompt = prompt
        return "forbidden" not in prompt

    def check_video_safety(self, frames):
        if "blocked later" in self.prompt:
            return None
        if "a face" in self.prompt:
            frames = frames.copy()
            frames[:, :16, :16] = frames[:, :1, :1]
        return frames
