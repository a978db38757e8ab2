"""vLLM-Omni's route for videos (`POST /v1/videos/sync`), as its 0.30.0 reads it: a form, answered by an mp4.

Read in its wheel: entrypoints/openai/video/generation/helpers.py and diffusion/models/cosmos3/transfer.py. It takes
one video of a control with the request; others it would read from its own disk. Fields of the form that it does not
know it ignores, and a key of a control that it does not know it refuses.
"""

from __future__ import annotations

import json
from typing import Any

from cosmos_workflow.engines.http.body import Body, multipart_body
from cosmos_workflow.engines.http.contract import Contract, Inputs, asked, given, key_of, number, tier_of
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.work import Work

__all__ = ["VLLM_OMNI"]

TIERS = ("720", "480", "256", "768")
PRESETS = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}


def body(work: Work, inputs: Inputs, model: str = "") -> Body:
    """The form that asks for a work. Raises BadInputError."""
    sent = given(work)
    if len(sent) > 1:
        raise BadInputError(
            f"vLLM-Omni takes one video of a control, and there are {len(sent)}",
            where=", ".join(control.hint for control in sent),
            remedy="give one, and let edge and vis be computed; or ask a NIM",
        )
    extra: dict[str, Any] = {}
    for control in work.controls:
        extra[key_of(control)] = {"control_weight": control.weight}
        if control.computed and control.hint in PRESETS:
            extra[key_of(control)][PRESETS[control.hint]] = control.preset
    extra |= {
        "resolution": tier_of(work, TIERS), "control_guidance": work.control_guidance, "max_frames": work.frames,
        "num_video_frames_per_chunk": work.chunk, "num_conditional_frames": work.overlap,
        "num_first_chunk_conditional_frames": work.first_overlap,
    }  # fmt: skip
    fields = {
        "model": model, "prompt": work.prompt, "negative_prompt": work.negative_prompt,
        "size": f"{work.width}x{work.height}", "num_frames": str(work.frames), "fps": str(number(work.fps)),
        "num_inference_steps": str(work.steps), "guidance_scale": str(work.guidance),
        "flow_shift": str(work.shift) if work.shift else "", "seed": str(work.seed),
        "extra_params": json.dumps(extra, ensure_ascii=False),
    }  # fmt: skip
    files = {}
    if work.first_overlap or len(sent) < len(work.controls):
        files["input_reference"] = inputs["video"]
    for control in sent:
        fields["control_type"] = key_of(control)
        files["control_reference"] = inputs[control.hint]
    return multipart_body(asked(fields), files)


VLLM_OMNI = Contract("vllm-omni", "vLLM-Omni", "cosmos3", "/v1/videos/sync", body)
