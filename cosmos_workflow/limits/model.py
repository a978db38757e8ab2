"""What is known about a model that reads prompts: its limits, its rules for images and text, its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cosmos_workflow.limits.images import ImageRule
from cosmos_workflow.limits.text import TextRule
from cosmos_workflow.limits.video_tokens import VideoRule

__all__ = ["DTYPES", "KVShape", "Model"]


# Bytes a parameter of a linear layer. 4-bit formats (AWQ, GPTQ) keep a 16-bit scale and a 4-bit zero for each 128.
DTYPES = {"bf16": 2.0, "fp8": 1.0, "int4": (4 + 20 / 128) / 8}


@dataclass(frozen=True)
class KVShape:
    """What one token keeps in the KV cache.

    >>> KVShape(layers=40, kv_heads=8, head_dim=128).bytes_per_token() // 1024
    160
    """

    layers: int
    kv_heads: int
    head_dim: int

    def bytes_per_token(self, dtype_bytes: int = 2) -> int:
        """Bytes of keys and values over all layers; `dtype_bytes` is 2 for bf16."""
        return 2 * self.layers * self.kv_heads * self.head_dim * dtype_bytes


@dataclass(frozen=True)
class Model:
    """A model's limits and defaults.

    `wrapping_tokens` counts the tokens of the chat template around text and images. `fallback_prompt` is sent
    when the prompt is empty, and `fallback_tokens` is its length. `linear_parameters` counts the parameters of the
    language model's linear layers, which quantisation makes smaller; embeddings and the vision part stay in bf16.
    `videos` is None where the model takes pictures alone. `sampling` is how its makers draw tokens beside the
    temperature: `top_p`, `top_k`, `presence_penalty`, `repetition_penalty`, as vLLM names them.
    """

    name: str
    repository: str
    images: ImageRule
    text: TextRule
    wrapping_tokens: int
    fallback_prompt: str
    fallback_tokens: int
    max_model_len: int
    longest_model_len: int
    max_num_seqs: int
    gpu_memory_utilization: float
    max_images: int
    default_frames: int
    max_tokens: int
    temperature: float
    parameters: int
    linear_parameters: int
    kv: KVShape
    enable_prefix_caching: bool = True
    videos: VideoRule | None = None
    sampling: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in bf16."""
        return 2 * self.parameters

    def weight_bytes_as(self, dtype: str) -> int:
        """Bytes of the weights in one of DTYPES."""
        return int(2 * (self.parameters - self.linear_parameters) + DTYPES[dtype] * self.linear_parameters)
