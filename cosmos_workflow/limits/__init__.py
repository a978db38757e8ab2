"""What a model can take, by arithmetic alone: tokens of images and text, whether a request fits, memory.

Pure arithmetic: it opens no video and asks no engine. It reads only the tokenizer's table from disk, once, when
an answer depends on it. This room imports no other.

>>> plan((940, 529), "A futuristic city at sunset", fit="off").room
7
"""

from typing import TYPE_CHECKING

from cosmos_workflow.limits.captions import CAPTION_TOKENS, caption_tokens, caption_troubles
from cosmos_workflow.limits.fit import largest_frame, plan
from cosmos_workflow.limits.folder import Purpose, fingerprint, model_at, purpose_of, read_folder
from cosmos_workflow.limits.images import ImageRule, PixtralImages, QwenImages
from cosmos_workflow.limits.memory import GPUS, KVCache, MemoryPlan, find_gpu, full_size_model_len, kv_cache, memory
from cosmos_workflow.limits.models import DEFAULT_MODEL, DTYPES, MODELS, KVShape, Model, get_model
from cosmos_workflow.limits.overview import Overview, overview
from cosmos_workflow.limits.shapes import ASPECTS, FIELD_TESTS, USUAL_SIZES, size_at
from cosmos_workflow.limits.text import QwenText, TekkenText, TextRule
from cosmos_workflow.limits.verdicts import FIT_MODES, Fit, Plan, Verdict
from cosmos_workflow.limits.video import LENGTHS, VIDEO_MODELS, Length, VideoModel, get_video_model
from cosmos_workflow.limits.video_facts import PromptLimit, Setting, TransferModel
from cosmos_workflow.limits.video_models import OF_FAMILY, TRANSFER_MODELS, get_transfer_model
from cosmos_workflow.limits.video_plan import Cost, VideoPlan, plan_video
from cosmos_workflow.limits.video_tokens import Qwen3Videos, Qwen25Videos, VideoRule, VideoTokens

if TYPE_CHECKING:
    from cosmos_workflow.limits.many import PlanArrays, plan_many

__all__ = [
    "ASPECTS",
    "CAPTION_TOKENS",
    "DEFAULT_MODEL",
    "DTYPES",
    "FIELD_TESTS",
    "FIT_MODES",
    "GPUS",
    "LENGTHS",
    "MODELS",
    "OF_FAMILY",
    "TRANSFER_MODELS",
    "USUAL_SIZES",
    "VIDEO_MODELS",
    "Cost",
    "Fit",
    "ImageRule",
    "KVCache",
    "KVShape",
    "Length",
    "MemoryPlan",
    "Model",
    "Overview",
    "PixtralImages",
    "Plan",
    "PlanArrays",
    "PromptLimit",
    "Purpose",
    "Qwen3Videos",
    "Qwen25Videos",
    "QwenImages",
    "QwenText",
    "Setting",
    "TekkenText",
    "TextRule",
    "TransferModel",
    "Verdict",
    "VideoModel",
    "VideoPlan",
    "VideoRule",
    "VideoTokens",
    "caption_tokens",
    "caption_troubles",
    "find_gpu",
    "fingerprint",
    "full_size_model_len",
    "get_model",
    "get_transfer_model",
    "get_video_model",
    "kv_cache",
    "largest_frame",
    "memory",
    "model_at",
    "overview",
    "plan",
    "plan_many",
    "plan_video",
    "purpose_of",
    "read_folder",
    "size_at",
]


def __getattr__(name: str) -> object:
    # numpy costs a tenth of a second that a single plan does not need.
    if name in ("PlanArrays", "plan_many"):
        from cosmos_workflow.limits import many

        return getattr(many, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
