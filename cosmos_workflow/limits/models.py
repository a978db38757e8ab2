"""The facts about each model, as data. A new model is one entry in MODELS."""

from __future__ import annotations

from dataclasses import dataclass

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.images import ImageRule, PixtralImages, QwenImages
from cosmos_workflow.limits.text import QwenText, TekkenText, TextRule

__all__ = ["DEFAULT_MODEL", "DTYPES", "MODELS", "KVShape", "Model", "get_model"]


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

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in bf16."""
        return 2 * self.parameters

    def weight_bytes_as(self, dtype: str) -> int:
        """Bytes of the weights in one of DTYPES."""
        return int(2 * (self.parameters - self.linear_parameters) + DTYPES[dtype] * self.linear_parameters)


UPSAMPLER = Model(
    # Cosmos-Transfer1, cosmos_transfer1/auxiliary/upsampler; sizes from Pixtral-12B-2409's params.json.
    name="cosmos-upsampler-12b",
    repository="nvidia/Cosmos-UpsamplePrompt1-12B-Transfer",
    images=PixtralImages(),
    text=TekkenText(),
    wrapping_tokens=3,  # begin, [INST], [/INST]
    fallback_prompt="describe the following images",
    fallback_tokens=4,
    max_model_len=4096,
    longest_model_len=131072,
    max_num_seqs=2,
    gpu_memory_utilization=0.98,
    max_images=2,
    default_frames=2,
    max_tokens=300,
    temperature=0.6,
    parameters=12_682_739_712,
    linear_parameters=40 * (2 * 5120 * 128 * (32 + 8) + 3 * 5120 * 14336),
    kv=KVShape(layers=40, kv_heads=8, head_dim=128),
)

REASON1 = Model(
    # nvidia/Cosmos-Reason1-7B: config.json, preprocessor_config.json and the sampling of its model card;
    # the wrapping is Qwen2.5-VL's chat template with its default system prompt.
    name="cosmos-reason1-7b",
    repository="nvidia/Cosmos-Reason1-7B",
    images=QwenImages(),
    text=QwenText(),
    wrapping_tokens=19,
    fallback_prompt="describe the following images",
    fallback_tokens=29,  # the bound: its table is not packaged
    max_model_len=128000,
    longest_model_len=128000,
    max_num_seqs=256,
    gpu_memory_utilization=0.9,
    max_images=10,
    default_frames=2,
    max_tokens=4096,
    temperature=0.6,
    parameters=8_292_166_656,
    linear_parameters=28 * (2 * 3584 * 128 * (28 + 4) + 3 * 3584 * 18944),
    kv=KVShape(layers=28, kv_heads=4, head_dim=128),
)

DEFAULT_MODEL = UPSAMPLER.name
MODELS = {model.name: model for model in (UPSAMPLER, REASON1)}


def get_model(model: str | Model) -> Model:
    """The facts of a model by name; a Model is passed through.

    Raises UsageError for an unknown name.
    """
    if isinstance(model, Model):
        return model
    if model not in MODELS:
        raise UsageError(
            f"unknown model {model!r}",
            remedy=f"choose one of {', '.join(MODELS)}; a checkpoint of your own goes with --model-path",
        )
    return MODELS[model]
