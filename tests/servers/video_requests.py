"""STAND-INS: what servers that make videos take in a request, as pydantic models; `video_server` checks with them.

`OmniForm` has the fields of `_parse_video_form` of vllm-omni 0.30.0 that a transfer may give, with their ranges, and is
vllm-omni's own VideoGenerationRequest where that can be imported. The form ignores a field that it does not know.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Cosmos3Request", "OmniForm", "Refused", "Transfer25Request", "transfer_of"]


class Refused(Exception):
    """A request is refused with a status."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status, detail)
        self.status, self.detail = status, detail


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Weighed(Strict):
    control_weight: float = Field(1.0, ge=0, le=1)
    control: str | None = None


class Transfer25Request(Strict):
    """The NIM cosmos-transfer2.5-2b 1.0.0 (cosmos3.md §8)."""

    prompt: str
    video: str
    negative_prompt: str | None = None
    image_context: str | None = None
    seed: int = 0
    guidance: int = Field(3, ge=0, le=7, strict=True)
    num_steps: int = Field(35, ge=1, strict=True)
    resolution: Literal[256, 480, 512, 720] = 480
    num_conditional_frames: Literal[0, 1, 2] = 1
    sigma_max: float | None = None
    edge: Weighed | None = None
    depth: Weighed | None = None
    seg: Weighed | None = None
    vis: Weighed | None = None


Edge = Literal["very_low", "low", "medium", "high", "very_high"]
Blur = Literal["none", "very_low", "low", "medium", "high", "very_high"]


class Given(Strict):
    video: str = Field(min_length=1, max_length=100_000_000)


class EdgeHint(Strict):
    video: str | None = Field(None, max_length=100_000_000)
    preset_edge_threshold: Edge | None = None

    @model_validator(mode="after")
    def either(self) -> EdgeHint:
        if self.video and self.preset_edge_threshold:
            raise ValueError("a preset applies only to a derived control")
        return self


class BlurHint(Strict):
    video: str | None = Field(None, max_length=100_000_000)
    preset_blur_strength: Blur | None = None

    @model_validator(mode="after")
    def either(self) -> BlurHint:
        if self.video and self.preset_blur_strength:
            raise ValueError("a preset applies only to a derived control")
        return self


class Transfer(Strict):
    edge: EdgeHint | Literal[True] | None = None
    blur: BlurHint | Literal[True] | None = None
    depth: Given | None = None
    seg: Given | None = None
    wsm: Given | None = None
    control_guidance: float = Field(1.5, ge=0, le=10)
    num_video_frames_per_chunk: int = Field(93, ge=1)
    num_conditional_frames: int = Field(1, ge=0)
    num_first_chunk_conditional_frames: int = Field(0, ge=0)


class Cosmos3Request(Strict):
    """The NIM cosmos3-generator (NVIDIA/cosmos cookbooks/cosmos3/nim/transfer.md), as far as a transfer gives it."""

    model_mode: Literal["video2video"]
    prompt: str = Field(max_length=20_000)
    negative_prompt: str | None = Field(None, max_length=20_000)
    input_reference: str | None = Field(None, max_length=100_000_000)
    seed: int = Field(0, ge=0)
    guidance_scale: float = Field(3.0, ge=1, le=7)
    num_inference_steps: int = Field(50, ge=1, le=100)
    flow_shift: float = 10.0
    resolution: str = Field("720_16_9", pattern=r"^(256|480|720|768)_(16_9|4_3|1_1|3_4|9_16)$")
    num_frames: int = 121
    fps: float = Field(30, ge=1, le=60)
    transfer: Transfer

    @model_validator(mode="after")
    def whole(self) -> Cosmos3Request:
        hints = {name: getattr(self.transfer, name) for name in ("edge", "blur", "depth", "seg", "wsm")}
        if not any(hints.values()):
            raise ValueError("transfer requires at least one control")
        for name in ("edge", "blur"):
            hint = hints[name]
            if hint and (hint is True or not hint.video) and not self.input_reference:
                raise ValueError(f"derived control {name} needs video")
        if self.transfer.num_conditional_frames >= self.transfer.num_video_frames_per_chunk:
            raise ValueError("num_conditional_frames must be smaller than the chunk")
        return self


class _Form(BaseModel):
    """As VideoGenerationRequest of vllm-omni 0.30.0 has it; what it does not know it ignores."""

    prompt: str
    model: str | None = None
    negative_prompt: str | None = None
    size: str | None = Field(None, pattern=r"^\d+x\d+$")
    num_frames: int | None = Field(None, ge=1)
    fps: float | None = Field(None, ge=1, allow_inf_nan=False)
    num_outputs_per_prompt: int = Field(1, ge=1, le=10)
    num_inference_steps: int | None = Field(None, ge=1, le=200)
    guidance_scale: float | None = Field(None, ge=0, le=20)
    flow_shift: float | None = None
    seed: int | None = None
    extra_params: dict[str, Any] | None = None


OmniForm: Any = _Form
try:
    from vllm_omni.entrypoints.openai.protocol.videos import VideoGenerationRequest

    OmniForm = VideoGenerationRequest
except ImportError:
    pass

COMMON = {"control_path", "control", "control_weight"}
HINTS = {
    "edge": COMMON | {"preset_edge_threshold"}, "blur": COMMON | {"preset_blur_strength"}, "depth": COMMON,
    "seg": COMMON, "wsm": COMMON,
}  # fmt: skip


def transfer_of(extra: dict[str, Any], has_clip: bool) -> list[str]:
    """The hints of vLLM-Omni's extra_params, by its rules. Raises Refused as it answers for what it refuses."""

    def refuse(text: str) -> None:
        raise Refused(500, f"Video generation failed: {text}")

    hints = [name for name in HINTS if extra.get(name) is not None]
    if not hints:
        refuse("Cosmos3 transfer options were provided, but no transfer hint was selected.")
    weights = []
    for name in hints:
        hint = extra[name]
        if unknown := set(hint) - HINTS[name]:
            refuse(f"Unsupported Cosmos3 transfer hint '{name}' fields: {sorted(unknown)}.")
        weights.append(float(hint.get("control_weight", 1.0)))
        if not math.isfinite(weights[-1]) or weights[-1] < 0:
            refuse(f"Cosmos3 transfer hint '{name}' control_weight must be finite and non-negative.")
        if not hint.get("control_path"):
            if name not in ("edge", "blur"):
                refuse(f"Cosmos3 transfer hint '{name}' requires a precomputed control_path")
            if not has_clip:
                refuse(f"Cosmos3 transfer hint '{name}' requires either a video input or a precomputed control_path.")
    if sum(weights) <= 0:
        refuse("Cosmos3 transfer control_weight values must have a positive sum.")
    if extra.get("num_conditional_frames", 1) >= extra.get("num_video_frames_per_chunk", 93):
        refuse("Cosmos3 transfer num_conditional_frames must be smaller than num_video_frames_per_chunk.")
    return hints
