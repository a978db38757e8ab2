"""The full-size Pixtral-12B with random bf16 weights: real memory and speed without a checkpoint."""

from __future__ import annotations

from typing import Any

from cosmos_workflow.limits import Model, get_model

__all__ = ["IMAGE", "build", "count_parameters", "inputs"]

IMAGE, BREAK, END, BEGIN, INST, INST_END = 10, 12, 13, 1, 3, 4  # ids of Tekken's special tokens


def config(model: Model, *, tiny: bool = False) -> Any:
    """The shape of Pixtral-12B-2409 (its params.json); with `tiny` each part is small, for a test."""
    from transformers import LlavaConfig, MistralConfig, PixtralVisionConfig

    text = {"hidden_size": 5120, "intermediate_size": 14336, "num_hidden_layers": model.kv.layers}
    text |= {"num_attention_heads": 32, "num_key_value_heads": model.kv.kv_heads, "head_dim": model.kv.head_dim}
    vision = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    if tiny:
        text = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
        text |= {"num_key_value_heads": 1, "head_dim": 32}
        vision = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlavaConfig(
        text_config=MistralConfig(
            **text, vocab_size=131072, max_position_embeddings=131072, rope_theta=1e9, sliding_window=None,
            rms_norm_eps=1e-5, tie_word_embeddings=False,
        ),
        vision_config=PixtralVisionConfig(**vision, image_size=1024, patch_size=16, rope_theta=1e4),
        image_token_index=IMAGE,
        projector_hidden_act="gelu",
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=False,
    )  # fmt: skip


def build(device: str, *, model: str = "cosmos-upsampler-12b", tiny: bool = False) -> Any:
    """The model in bf16 on `device`; on `meta` it has shapes and no memory."""
    import torch
    from transformers import LlavaForConditionalGeneration

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            built = LlavaForConditionalGeneration(config(get_model(model), tiny=tiny))
    finally:
        torch.set_default_dtype(before)
    return built.eval()


def count_parameters(built: Any) -> int:
    return sum(tensor.numel() for tensor in built.parameters())


def inputs(size: tuple[int, int], batch: int, device: str, *, frames: int = 2, text_tokens: int = 6) -> dict[str, Any]:
    """`batch` equal requests: token ids of shape (batch, prompt tokens), pixels (batch × frames, 3, height, width).

    Made as the processor of Pixtral makes them: the long side at most 1024, both sides whole patches of 16 pixels.
    """
    import torch

    width, height = size
    ratio = max(width, height) / 1024
    if ratio > 1:
        width, height = round(width / ratio), round(height / ratio)
    columns, rows = (width - 1) // 16 + 1, (height - 1) // 16 + 1
    image = ([IMAGE] * columns + [BREAK]) * rows
    image[-1] = END
    ids = [BEGIN, INST, *image * frames, *[1000] * text_tokens, INST_END]
    pixels = torch.rand(batch * frames, 3, rows * 16, columns * 16, device=device, dtype=torch.bfloat16)
    return {
        "input_ids": torch.tensor([ids] * batch, device=device),
        "attention_mask": torch.ones(batch, len(ids), dtype=torch.long, device=device),
        "pixel_values": pixels,
        "image_sizes": torch.tensor([[rows * 16, columns * 16]] * (batch * frames), device=device),
    }
