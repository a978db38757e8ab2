"""The token rules are those of transformers' own processors and tokenizer (5.19 in `make vllm-env`)."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.token_texts import control_texts
from benchmarks.tokens import (
    IMAGE_RULES,
    VIDEO_RULES,
    clips,
    differing,
    frame_sizes,
    our_image,
    our_video,
    processor_image,
    processor_video,
    qwen_tokenizer,
)
from cosmos_workflow.limits import MODELS, QwenImages, QwenText, VideoRule

pytestmark = pytest.mark.heavy


def test_texts_with_control_tokens() -> None:
    tokenizer = qwen_tokenizer()

    def encoded(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    assert differing(QwenText(generation=3).count, encoded, control_texts(2_000, seed=11)) == []


@pytest.mark.parametrize("rule", IMAGE_RULES, ids=lambda rule: f"cells of {rule.cell}")
def test_pictures(rule: QwenImages) -> None:
    assert differing(our_image(rule), processor_image(rule), frame_sizes(500, seed=12)) == []


@pytest.mark.parametrize("rule", VIDEO_RULES, ids=str)
def test_clips(rule: VideoRule) -> None:
    assert differing(our_video(rule), processor_video(rule), clips(300, seed=13)) == []


TEMPLATE = "<|im_start|>user\n{}describe the following images<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def processor() -> Any:
    from transformers import Qwen2VLImageProcessor, Qwen3VLProcessor, Qwen3VLVideoProcessor

    model = MODELS["cosmos-reason2-8b"]
    assert isinstance(model.images, QwenImages)
    size = {"shortest_edge": model.images.min_pixels, "longest_edge": model.images.max_pixels}
    images = Qwen2VLImageProcessor(patch_size=16, merge_size=2, size=size)
    # video_preprocessor_config.json of Qwen3-VL.
    videos = Qwen3VLVideoProcessor(size={"shortest_edge": 4096, "longest_edge": 25_165_824})
    return Qwen3VLProcessor(images, qwen_tokenizer(), videos)


@pytest.mark.parametrize("sizes", [[(640, 360)], [(333, 77), (29, 300)], []])
def test_a_whole_prompt_with_pictures(processor: Any, sizes: list[tuple[int, int]]) -> None:
    """Tokens of a request as the processor makes it of the pictures themselves."""
    from PIL import Image

    model = MODELS["cosmos-reason2-8b"]
    text = TEMPLATE.format("<|vision_start|><|image_pad|><|vision_end|>" * len(sizes))
    given = processor(text=[text], images=[Image.new("RGB", size) for size in sizes] or None)
    planned = model.wrapping_tokens + model.fallback_tokens + sum(model.images.tokens(*size) for size in sizes)
    assert len(given["input_ids"][0]) == planned


@pytest.mark.parametrize(
    ("width", "height", "frames", "fps"), [(320, 180, 121, 30), (96, 64, 31, 10), (64, 64, 250, 12.5), (40, 30, 3, 24)]
)
def test_a_whole_prompt_with_a_clip(processor: Any, width: int, height: int, frames: int, fps: float) -> None:
    import torch

    model = MODELS["cosmos-reason2-8b"]
    clip = torch.zeros(frames, 3, height, width, dtype=torch.uint8)
    given = processor(
        text=[TEMPLATE.format("<|vision_start|><|video_pad|><|vision_end|>")], videos=[clip],
        video_metadata=[{"fps": fps, "total_num_frames": frames, "duration": frames / fps}],
    )  # fmt: skip
    assert model.videos
    planned = model.wrapping_tokens + model.fallback_tokens + model.videos.cost(width, height, frames, fps).tokens
    assert len(given["input_ids"][0]) == planned


@pytest.mark.parametrize(
    ("name", "hidden", "between", "layers", "heads", "small_vision"),
    [
        ("cosmos-reason2-2b", 2048, 6144, 28, 16, True),
        ("cosmos-reason2-8b", 4096, 12288, 36, 32, False),
        ("cosmos-reason2-32b", 5120, 25600, 64, 64, False),
    ],
)
def test_parameters_are_those_of_the_model_itself(
    name: str, hidden: int, between: int, layers: int, heads: int, small_vision: bool
) -> None:
    """The model of transformers, without memory for its weights."""
    import torch
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    vision = {"depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "deepstack_visual_indexes": [5, 11, 17]}
    if not small_vision:
        vision = {"depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "deepstack_visual_indexes": [8, 16, 24]}
    text = {
        "hidden_size": hidden, "intermediate_size": between, "num_hidden_layers": layers, "vocab_size": 151_936,
        "num_attention_heads": heads, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": False,
    }  # fmt: skip
    config = Qwen3VLConfig(
        text_config=text, vision_config=vision | {"out_hidden_size": hidden}, tie_word_embeddings=False
    )
    with torch.device("meta"):
        made = Qwen3VLForConditionalGeneration(config)
    assert sum(each.numel() for each in made.parameters()) == MODELS[name].parameters
    linear = [
        each.numel() for key, each in made.named_parameters() if ".layers." in key and key.endswith("proj.weight")
    ]
    assert sum(linear) == MODELS[name].linear_parameters
