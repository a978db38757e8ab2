"""The facts about each model, as data. A new model is one entry in MODELS."""

from __future__ import annotations

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits.images import PixtralImages
from cosmos_workflow.limits.model import DTYPES, KVShape, Model
from cosmos_workflow.limits.qwen_models import QWEN_MODELS
from cosmos_workflow.limits.text import TekkenText

__all__ = ["DEFAULT_MODEL", "DTYPES", "MODELS", "KVShape", "Model", "get_model"]

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

DEFAULT_MODEL = UPSAMPLER.name
MODELS = {model.name: model for model in (UPSAMPLER, *QWEN_MODELS)}


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
