"""Full-size Transfer2.5-2B and Cosmos 3 pipelines of diffusers with random bf16 weights, without a checkpoint.

Where the shapes come from: Transfer2.5 from diffusers' `scripts/convert_cosmos_to_diffusers.py` (its VAE is Wan 2.1's,
its text encoder Qwen2.5-VL-7B's shape); Cosmos3-Nano from the defaults of `Cosmos3OmniTransformer`, its VAE from the
`vae/config.json` of Wan-AI/Wan2.2-TI2V-5B-Diffusers. Assumed: that the ControlNet of Transfer2.5 has the transformer's
text projection and RoPE (the script says neither), and that Cosmos3-Super is Nano with Qwen3-VL-32B's shape (65 G
parameters, as its model page says). The means and deviations of latents are left at 0 and 1: they change no shape.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MODELS", "Built", "Part", "PassingSafetyChecker", "build", "call", "count", "tokenizer"]

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
)

# --- Transfer2.5-2B ---------------------------------------------------------------------------------------------------
DIT = {
    "num_attention_heads": 16, "attention_head_dim": 128, "mlp_ratio": 4.0, "text_embed_dim": 1024,
    "adaln_lora_dim": 256, "max_size": (128, 240, 240), "patch_size": (1, 2, 2), "rope_scale": (1.0, 3.0, 3.0),
    "extra_pos_embed_type": None, "use_crossattn_projection": True, "crossattn_proj_in_channels": 100352,
    "encoder_hidden_states_channels": 1024, "img_context_dim_in": 1152, "img_context_dim_out": 2048,
}  # fmt: skip
TRANSFORMER = {
    "in_channels": 17, "out_channels": 16, "num_layers": 28, "concat_padding_mask": True, "img_context_num_tokens": 256,
    "controlnet_block_every_n": 7,
}  # fmt: skip
CONTROLNET = {"n_controlnet_blocks": 4, "in_channels": 130, "model_channels": 2048}
QWEN25_VL_7B = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28,
    "num_key_value_heads": 4, "vocab_size": 152064,
}  # fmt: skip
QWEN25_VISION = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584}
TINY_DIT = {
    "num_attention_heads": 2, "attention_head_dim": 16, "mlp_ratio": 2, "text_embed_dim": 32, "adaln_lora_dim": 4,
    "crossattn_proj_in_channels": 32, "encoder_hidden_states_channels": 32, "img_context_dim_in": 32,
    "img_context_dim_out": 32,
}  # fmt: skip
TINY_QWEN = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "vocab_size": 512,
}  # fmt: skip

# --- Cosmos 3 ---------------------------------------------------------------------------------------------------------
HEADS = {"action_gen": True, "action_dim": 64, "sound_gen": True, "sound_dim": 64}
COSMOS3 = {
    "cosmos3-nano": {"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, **HEADS},
    "cosmos3-super": {
        "hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64, "num_attention_heads": 64, **HEADS,
    },
}  # fmt: skip
TINY_COSMOS3 = {
    "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 16,
    "num_key_value_heads": 1, "vocab_size": 512, "rope_axes_dim": (4, 2, 2),
}  # fmt: skip
WAN22 = {
    "base_dim": 160, "decoder_base_dim": 256, "z_dim": 48, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "is_residual": True, "scale_factor_spatial": 16, "scale_factor_temporal": 4,
}  # fmt: skip

MODELS = ("transfer2.5-2b", *COSMOS3)


class PassingSafetyChecker:
    """Replaces NVIDIA's checker, whose weights are gated, and passes everything. For measuring only."""

    def to(self, *_: Any, **__: Any) -> PassingSafetyChecker:
        return self

    def check_text_safety(self, prompt: str) -> bool:
        return True

    def check_video_safety(self, frames: Any) -> Any:
        return frames


@dataclass(frozen=True)
class Part:
    """A part of a pipeline; `bytes` as PyTorch allocates them (without a GPU, two a parameter)."""

    name: str
    parameters: int
    bytes: int
    seconds: float


@dataclass
class Built:
    pipeline: Any
    modules: dict[str, Any]
    parts: list[Part] = field(default_factory=list)


def tokenizer() -> Any:
    """A byte-level BPE with Qwen's chat markers: one token a character, so a prompt's length is its tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator([], trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIALS, initial_alphabet=alphabet))
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = TEMPLATE
    return fast


def _vae(tiny: bool, wan22: bool) -> Any:
    from diffusers import AutoencoderKLWan

    shape = dict(WAN22) if wan22 else {"base_dim": 96, "z_dim": 16}
    if tiny:
        small = {"base_dim": 4, "decoder_base_dim": 4, "num_res_blocks": 1}
        shape |= small if wan22 else {"base_dim": 3, "num_res_blocks": 1, "dim_mult": [1, 1, 1, 1]}
    depth = shape["z_dim"]
    return AutoencoderKLWan(**shape, latents_mean=[0.0] * depth, latents_std=[1.0] * depth)


def _makers(model: str, tiny: bool) -> dict[str, Any]:
    """How each part of a model is made, by its name in the pipeline."""
    if model == "transfer2.5-2b":
        from diffusers import CosmosControlNetModel, CosmosTransformer3DModel
        from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

        shape = DIT | TINY_DIT if tiny else DIT
        body = TRANSFORMER | (
            {"num_layers": 4, "controlnet_block_every_n": 1, "img_context_num_tokens": 4} if tiny else {}
        )
        net = CONTROLNET | ({"model_channels": 32} if tiny else {})
        text = TINY_QWEN if tiny else QWEN25_VL_7B
        rope = {"mrope_section": [1, 1, 2] if tiny else [16, 24, 24], "rope_type": "default", "rope_theta": 1e6}
        vision = QWEN25_VISION
        if tiny:
            vision = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
        whole = Qwen2_5_VLConfig(text_config={**text, "rope_parameters": rope}, vision_config=vision)
        return {
            "transformer": lambda: CosmosTransformer3DModel(**body, **shape),
            "controlnet": lambda: CosmosControlNetModel(**net, **shape),
            "vae": lambda: _vae(tiny, wan22=False),
            "text_encoder": lambda: Qwen2_5_VLForConditionalGeneration(whole),
        }
    from diffusers import Cosmos3OmniTransformer

    settings = COSMOS3[model] | (TINY_COSMOS3 if tiny else {})
    return {"transformer": lambda: Cosmos3OmniTransformer(**settings), "vae": lambda: _vae(tiny, wan22=True)}


def _scheduler(shift: float) -> Any:
    from diffusers import UniPCMultistepScheduler

    if shift:
        return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)
    return UniPCMultistepScheduler(
        use_karras_sigmas=True, use_flow_sigmas=True, prediction_type="flow_prediction", sigma_max=200.0, sigma_min=0.01
    )


def count(model: str) -> int:
    """The number of parameters of the full-size pipeline, from its shape alone."""
    import torch

    with torch.device("meta"):
        modules = [make() for make in _makers(model, tiny=False).values()]
    return sum(tensor.numel() for module in modules for tensor in module.parameters())


def build(model: str, device: str, *, tiny: bool = False) -> Built:
    """The pipeline with random bf16 weights, each part made directly on `device`."""
    import torch

    modules, parts = {}, []
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        for name, make in _makers(model, tiny).items():
            held, started = torch.cuda.memory_allocated() if device == "cuda" else 0, time.perf_counter()
            with torch.device(device):
                module = make().eval().requires_grad_(False)
            if name == "transformer" and hasattr(module, "time_embedder"):
                module.time_embedder.float()  # as diffusers does when it loads a checkpoint
            size = sum(tensor.numel() for tensor in module.parameters())
            if device == "cuda":
                torch.cuda.synchronize()
            taken = torch.cuda.memory_allocated() - held if device == "cuda" else 2 * size
            modules[name] = module
            parts.append(Part(name, size, taken, time.perf_counter() - started))
    finally:
        torch.set_default_dtype(before)
    if model == "transfer2.5-2b":
        from diffusers import Cosmos2_5_TransferPipeline

        pipeline = Cosmos2_5_TransferPipeline(
            **modules, tokenizer=tokenizer(), scheduler=_scheduler(0), safety_checker=PassingSafetyChecker()
        )
    else:
        from diffusers.modular_pipelines import Cosmos3OmniBlocks, Cosmos3OmniModularPipeline

        pipeline = Cosmos3OmniModularPipeline(blocks=Cosmos3OmniBlocks())
        pipeline.update_components(**modules, scheduler=_scheduler(10.0), text_tokenizer=tokenizer())
        pipeline.disable_safety_checker()  # for measuring only: its weights are gated
    return Built(pipeline, modules, parts)


def call(
    model: str, pipeline: Any, controls: list[list[Any]], size: tuple[int, int], steps: int, text: dict[str, Any]
) -> Any:
    """One chunk, as many frames as the controls have, with NVIDIA's guidance: frames of shape (count, H, W, 3).

    `text` is the prompt or its embeddings, under the pipeline's argument names.
    """
    import numpy as np
    import torch

    width, height = size
    shared = {**text, "height": height, "width": width, "num_inference_steps": steps, "output_type": "np"}
    shared["generator"] = torch.Generator(pipeline.transformer.device).manual_seed(1)
    frames = len(controls[0])
    if model == "transfer2.5-2b":
        return np.asarray(pipeline(controls=controls[0], num_frames_per_chunk=frames, **shared).frames[0])
    videos = dict(zip(("edge", "depth"), controls, strict=False))
    return np.asarray(
        pipeline(
            control_videos=videos, negative_prompt="low quality", guidance_scale=3.0, control_guidance=1.5, fps=30.0,
            num_video_frames_per_chunk=frames, output="videos", **shared,
        )
    )  # fmt: skip
