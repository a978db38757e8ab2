"""NVIDIA's service for Cosmos 3 (NIM cosmos3-generator), `POST /v1/infer`: JSON, answered by JSON.

From NVIDIA/cosmos, cookbooks/cosmos3/nim/transfer.md. A key that it does not know it refuses (422).
"""

from __future__ import annotations

from typing import Any

from cosmos_workflow.engines.http.body import Body, Media, json_body
from cosmos_workflow.engines.http.contract import Contract, Inputs, asked, given, key_of, number, tier_of
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.limits.video_models import get_transfer_model

__all__ = ["COSMOS3_NIM"]

TIERS = ("720", "480", "256", "768")
ASPECTS = ("16_9", "4_3", "1_1", "3_4", "9_16")  # in the order of the sizes of each tier
LONGEST_VIDEO = 100_000_000  # characters of a data URL
PRESETS = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}


def body(work: Work, inputs: Inputs, model: str = "") -> Body:
    """The JSON that asks for a work; it has one model, and no name for it. Raises BadInputError."""
    if len({control.share for control in work.controls}) > 1:
        raise BadInputError(
            "the NIM for Cosmos 3 weighs all controls alike, and they have different weights",
            remedy="leave the weights out, or ask vLLM-Omni, which takes them",
        )
    transfer: dict[str, Any] = {
        key_of(control): {PRESETS[control.hint]: control.preset} if control.computed else {"video": _video(
            control.hint, inputs)}
        for control in work.controls
    }  # fmt: skip
    transfer |= {
        "control_guidance": work.control_guidance, "num_video_frames_per_chunk": work.chunk,
        "num_conditional_frames": work.overlap, "num_first_chunk_conditional_frames": work.first_overlap,
    }  # fmt: skip
    values: dict[str, Any] = {
        "model_mode": "video2video", "prompt": work.prompt, "negative_prompt": work.negative_prompt,
        "transfer": transfer, "resolution": _resolution(work), "num_frames": work.frames, "fps": number(work.fps),
        "num_inference_steps": work.steps, "guidance_scale": work.guidance, "flow_shift": work.shift or "",
        "seed": work.seed,
    }  # fmt: skip
    if work.first_overlap or len(given(work)) < len(work.controls):
        values["input_reference"] = _video("video", inputs)
    return json_body(asked(values))


def _video(role: str, inputs: Inputs) -> Media:
    media = Media(inputs[role], prefix="data:video/mp4;base64,")
    if media.length > LONGEST_VIDEO:
        raise BadInputError(
            f"the service takes a video of {LONGEST_VIDEO * 3 // 4 / 1e6:g} MB at most, and {role} has"
            f" {inputs[role].stat().st_size / 1e6:.0f} MB",
            remedy="cosmos prepare CLIP --for cosmos3, or a shorter clip",
        )
    return media


def _resolution(work: Work) -> str:
    tier = tier_of(work, TIERS)
    sizes = get_transfer_model(work.model).family.sizes[tier]
    return f"{tier}_{ASPECTS[sizes.index((work.width, work.height))]}"


COSMOS3_NIM = Contract("cosmos3-nim", "the NIM for Cosmos 3", "cosmos3", "/v1/infer", body, "/v1/health/ready")
