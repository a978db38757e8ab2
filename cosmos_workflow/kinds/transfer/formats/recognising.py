"""Which program's form a mapping has, by its keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.formats import cosmos3
from cosmos_workflow.kinds.transfer.spec import HINTS

__all__ = ["PROGRAMS", "Program", "Recognised", "recognise"]

Program = Literal["transfer1", "transfer2.5", "cosmos3"]
PROGRAMS: dict[Program, str] = {"transfer1": "Transfer1", "transfer2.5": "Transfer2.5", "cosmos3": "Cosmos 3"}

CONTROLS = {*HINTS, *cosmos3.KEYS_OF_HINTS}
VIEWS = {"front_wide", "cross_right", "rear_right", "rear", "rear_left", "cross_left", "front_tele",
         "head_color", "hand_left", "hand_right"}  # fmt: skip
OTHER_CLIPS = {"controls", "model_mode", "input_video_path", "video_path", "vision_path"}
# What decides first: one of these keys of the spec, or of one of its controls.
STRONG: dict[Program, tuple[set[str], set[str]]] = {
    "cosmos3": ({"model_mode"}, set()),
    "transfer1": ({"input_video_path"}, {"input_control"}),
    "transfer2.5": ({"video_path"}, {"control_path"}),
}
# What decides where none of those is there. Cosmos 3 comes first, as it has `control_path` too.
WEAK: dict[Program, tuple[set[str], set[str]]] = {
    "cosmos3": (
        {"vision_path", "blur", "wsm", "control_guidance", "aspect_ratio", "shift", "negative_prompt_file",
         "num_first_chunk_conditional_frames"},
        {"weight"},
    ),
    "transfer1": (
        {"keypoint", "hdmap", "lidar", "upscale", "regional_prompts", "canny_threshold", "blur_strength",
         "video_save_name", "num_input_frames"},
        {"ckpt_path", "control_weight_prompt", "input_control_prompt"},
    ),
    "transfer2.5": (
        {"keep_input_resolution", "image_context_path", "context_frame_index", "guided_generation_mask"},
        {"mask_path", "mask_prompt", "control_prompt"},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """The form of a mapping. "other" is no spec (an entry of a batch of prompts, say), and "unsupported" something
    of NVIDIA's that is no transfer of one view: `what` it is, and the `remedy`.
    """

    form: Program | Literal["own", "other", "unsupported"]
    what: str = ""
    remedy: str = ""


def recognise(values: Any, where: str = "") -> Recognised:
    """The form of a mapping. Raises BadInputError for a spec of which nothing says whose it is."""
    if not isinstance(values, Mapping):
        return Recognised("other")
    if unsupported := _unsupported(values):
        return Recognised("unsupported", *unsupported)
    if "controls" in values:
        return Recognised("own")
    parts = {key: value for key, value in values.items() if key in CONTROLS and isinstance(value, Mapping)}
    if "model_mode" in values:
        return Recognised("cosmos3") if parts else Recognised("unsupported", *_without_controls(values))
    if not parts:
        return Recognised("other")
    inside = {key for part in parts.values() for key in part}
    strong = [program for program in STRONG if STRONG[program][0] & set(values) or STRONG[program][1] & inside]
    if strong == ["transfer2.5"] and "video_path" not in values and WEAK["cosmos3"][0] & set(values):
        strong = ["cosmos3"]
    if len(strong) > 1:
        raise BadInputError(
            f"it has keys of two programs: {' and '.join(_signs(program, values, inside) for program in strong)}",
            where=where, remedy="keep the keys of one",
        )  # fmt: skip
    weak = [program for program in WEAK if WEAK[program][0] & set(values) or WEAK[program][1] & inside]
    if not strong and not weak:
        raise BadInputError(
            f"it has a control ({next(iter(parts))}), but nothing says whose spec it is", where=where,
            remedy="add input_video_path (Transfer1), video_path (Transfer2.5) or model_mode (Cosmos 3)",
        )  # fmt: skip
    return Recognised((strong or weak)[0])


def _signs(program: Program, values: Mapping[str, Any], inside: set[str]) -> str:
    top, within = STRONG[program]
    return f"{', '.join(sorted(top & set(values)) + sorted(within & inside))} ({PROGRAMS[program]})"


def _unsupported(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """What of NVIDIA's a mapping is that is no transfer of one view, and what to do; None for anything else."""
    parts = [value for value in values.values() if isinstance(value, Mapping)]
    if "visual_input" in values and ("control_overrides" in values or "prompt" in values):
        return (
            "a line of Transfer1's batch, which holds only beside its spec",
            "give the spec, and this file as its batch",
        )
    if any(isinstance(part.get("input_control"), list) for part in parts) or "view_condition_video" in values:
        return _views("Transfer1")
    if any(key in VIEWS and isinstance(value, Mapping) for key, value in values.items()):
        return _views("Transfer2.5")
    if parts and all(re.fullmatch(r"\([\d,\s]+\)", str(key)) for key in values):
        return (
            "a list of a segmentation's labels, a colour for each class",
            "give the segmentation's video as the control seg",
        )
    if values and all(re.fullmatch(r"(negative_)?prompt\d*", str(key)) for key in values) and not parts:
        return "a file of prompts", "name it as prompt_path in a spec, or put its text into prompt"
    if "subjects" in values and ("background_setting" in values or "temporal_caption" in values):
        return "a structured caption of Cosmos 3", "name it as prompt_path or negative_prompt_file in a spec"
    if "transfer" in values and isinstance(values["transfer"], Mapping):
        return "a request to the server of Cosmos 3 (NIM)", "write its controls beside model_mode, as files"
    hints = any(key in CONTROLS and isinstance(value, Mapping) for key, value in values.items())
    if hints and "video" in values and not OTHER_CLIPS & set(values):
        return (
            "a request to the server of Transfer2.5 (NIM)",
            "write video_path for video, and control_path for control",
        )
    return None


def _views(title: str) -> tuple[str, str]:
    return f"a spec of {title} for several views at once", "give one spec for each view; this version makes one view"


def _without_controls(values: Mapping[str, Any]) -> tuple[str, str]:
    mode = str(values["model_mode"])[:40]
    return f"a sample of Cosmos 3 without a control ({mode!r})", "add a control: edge, blur, depth, seg or wsm"
