"""NVIDIA's service for Transfer2.5 (NIM cosmos-transfer2.5-2b), `POST /v1/infer`: JSON, answered by JSON.

Its schema is known from NVIDIA/paidf-augmentation (modules/generation/adapters/nim.py), and from users who read its
/openapi.json. A key that it does not know it refuses.
"""

from __future__ import annotations

from typing import Any

from cosmos_workflow.engines.http.body import Body, Media, json_body
from cosmos_workflow.engines.http.contract import Contract, Inputs, asked, tier_of
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.limits.video_models import get_transfer_model

__all__ = ["TRANSFER25_NIM"]

TIERS = ("720", "480", "512", "256")


def body(work: Work, inputs: Inputs, model: str = "") -> Body:
    """The JSON that asks for a work; it has one model, and no name for it. Raises BadInputError."""
    least, most = get_transfer_model(work.model).service_frames or (1, work.frames)
    if not least <= work.frames <= most:
        raise BadInputError(
            f"the service takes {least} to {most} frames, and there are {work.frames}",
            remedy="cosmos prepare CLIP --for transfer2.5 --length hold, or --last N",
        )
    values: dict[str, Any] = {
        "prompt": work.prompt, "negative_prompt": work.negative_prompt, "video": Media(inputs["video"]),
        "seed": work.seed, "guidance": round(work.guidance), "num_steps": work.steps,
        "resolution": int(tier_of(work, TIERS)), "num_conditional_frames": work.overlap, "sigma_max": work.sigma_max,
    }  # fmt: skip
    if "style_image" in inputs:
        values["image_context"] = Media(inputs["style_image"])
    for control in work.controls:
        values[control.hint] = {"control_weight": control.weight}
        if not control.computed:
            values[control.hint]["control"] = Media(inputs[control.hint])
    return json_body(asked(values))


TRANSFER25_NIM = Contract(
    "transfer2.5-nim", "the NIM for Transfer2.5", "transfer2.5", "/v1/infer", body, "/v1/health/ready"
)
