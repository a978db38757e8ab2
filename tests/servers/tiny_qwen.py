"""Tiny Qwen2.5-VL and Qwen3-VL of random weights, with Qwen's own tokenizer, chat templates' words and processors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.tokens import qwen_tokenizer
from cosmos_workflow.limits import MODELS, QwenImages
from cosmos_workflow.limits.video_tokens import Qwen3Videos, Qwen25Videos

__all__ = ["FAMILIES", "build"]

FAMILIES = {"cosmos-reason1-7b": "qwen2.5", "cosmos-reason2-2b": "qwen3"}

# What Qwen's templates write for one question; Qwen2.5-VL's has a system prompt of its own.
SYSTEM = {"qwen2.5": "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n", "qwen3": ""}
# A line's end at the end of a template is dropped, so it stands in an expression.
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif c['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{{ '<|im_start|>assistant\\n' }}"
)
TEXT = {
    "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 32768,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [8, 4, 4]},
}  # fmt: skip
SEEN = {"depth": 1, "hidden_size": 64, "num_heads": 2, "intermediate_size": 64, "out_hidden_size": 64}


def build(folder: Path, name: str) -> Path:
    """A checkpoint for the facts of the model `name`, in `folder`."""
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    facts, family = MODELS[name], FAMILIES[name]
    images, videos = facts.images, facts.videos
    assert isinstance(images, QwenImages)
    assert isinstance(videos, Qwen3Videos | Qwen25Videos)
    tokenizer = qwen_tokenizer()
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    patches = {"patch_size": images.cell // 2, "merge_size": 2, "temporal_patch_size": 2}
    sizes = [
        {"shortest_edge": rule.min_pixels, "longest_edge": rule.max_pixels} for rule in (images, videos)
    ]  # fmt: skip
    pictures = Qwen2VLImageProcessor(**patches, size=sizes[0])
    template = SYSTEM[family] + TEMPLATE
    ids = tokenizer.convert_tokens_to_ids
    text: dict[str, Any] = {**TEXT, "vocab_size": 151_936, "eos_token_id": ids("<|im_end|>"), "bos_token_id": None}
    special = {
        "image_token_id": ids("<|image_pad|>"), "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"), "vision_end_token_id": ids("<|vision_end|>"),
    }  # fmt: skip
    torch.manual_seed(0)
    if family == "qwen3":
        moving = Qwen3VLVideoProcessor(**patches, size=sizes[1])
        processor: Any = Qwen3VLProcessor(pictures, tokenizer, moving, chat_template=template)
        vision = {**SEEN, "patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
        text["rope_parameters"] = {**text["rope_parameters"], "mrope_interleaved": True}
        model: Any = Qwen3VLForConditionalGeneration(Qwen3VLConfig(text_config=text, vision_config=vision, **special))
    else:
        moving = Qwen2VLVideoProcessor(**patches, size=sizes[1])
        processor = Qwen2_5_VLProcessor(pictures, tokenizer, moving, chat_template=template)
        vision = {**SEEN, "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [0]}
        model = Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=vision, **special)
        )  # fmt: skip
    processor.save_pretrained(folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder
