"""Tiny checkpoints of random weights with their real processors: a Pixtral and a Qwen2.5-VL."""

from __future__ import annotations

from pathlib import Path

TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}


def _tokenizer(specials: list[str], **roles: str):
    """A byte-level BPE of a few hundred tokens, trained on the spot."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=specials, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["A futuristic city at sunset"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=specials, **roles)


def build_pixtral(folder: Path) -> Path:
    import torch
    from transformers import (
        LlavaConfig,
        LlavaForConditionalGeneration,
        MistralConfig,
        PixtralImageProcessor,
        PixtralProcessor,
        PixtralVisionConfig,
    )

    specials = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "<pad>"]
    tokenizer = _tokenizer(specials, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")
    template = (
        "{{ bos_token }}{% for m in messages %}[INST]{% for c in m['content'] %}"
        "{% if c['type'] == 'image' %}[IMG]{% else %}{{ c['text'] }}{% endif %}{% endfor %}[/INST]{% endfor %}"
    )
    images = PixtralImageProcessor(patch_size=16, size={"longest_edge": 1024})
    PixtralProcessor(images, tokenizer, patch_size=16, chat_template=template).save_pretrained(folder)
    config = LlavaConfig(
        vision_config=PixtralVisionConfig(**TEXT, image_size=1024, patch_size=16),
        text_config=MistralConfig(
            **TEXT, vocab_size=len(tokenizer), num_key_value_heads=1, head_dim=16, max_position_embeddings=8192,
            bos_token_id=1, eos_token_id=2, pad_token_id=8,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )  # fmt: skip
    LlavaForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def build_qwen(folder: Path) -> Path:
    import torch
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]  # fmt: skip  # noqa: E501
    tokenizer = _tokenizer(specials, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'image' %}"
        "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
        "{% endfor %}<|im_start|>assistant\n"
    )
    patches = {"patch_size": 14, "merge_size": 2, "temporal_patch_size": 2}
    images = Qwen2VLImageProcessor(**patches, size={"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16384})
    processor = Qwen2_5_VLProcessor(images, tokenizer, Qwen2VLVideoProcessor(**patches), chat_template=template)
    processor.save_pretrained(folder)
    ids = tokenizer.convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            **TEXT, "vocab_size": len(tokenizer), "num_key_value_heads": 1, "max_position_embeddings": 8192,
            "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3], "rope_type": "default"},
            "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 0,
        },
        vision_config={
            "depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
            "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112,
            "fullatt_block_indexes": [0],
        },
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip
    Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    return folder
