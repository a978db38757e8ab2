"""Captions of our own, and entries of the history with one: as a model would have answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosmos_workflow.kinds.upsample import Result
from cosmos_workflow.store import NewItem, Store

__all__ = ["CAPTION", "NEGATIVE", "add_entry"]

SUBJECT = {
    "description": "A yellow excavator", "appearance_details": "Scratched paint and a muddy bucket", "relationship": "",
    "location": "In the middle of the pit", "relative_size": "Medium within frame", "orientation": "Facing left",
    "pose": "", "action": "Digging", "state_changes": "The bucket fills", "clothing": "", "expression": "",
    "gender": "", "age": "",
    "skin_tone_and_texture": "", "facial_features": "", "number_of_subjects": 1, "number_of_arms": 1,
    "number_of_legs": 0,
}  # fmt: skip
COMMON: dict[str, Any] = {
    "subjects": [SUBJECT],
    "background_setting": "A quarry of pale stone",
    "lighting": {
        "conditions": "Low evening sun", "direction": "From the left", "shadows": "Long", "illumination_effect": "Warm",
    },
    "aesthetics": {
        "composition": "The excavator stands on a third", "color_scheme": "Ochre and grey", "mood_atmosphere": "Busy",
        "patterns": "",
    },
    "cinematography": {
        "camera_motion": "Pans to the left", "framing": "Wide shot", "camera_angle": "Eye-level",
        "depth_of_field": "Deep", "focus": "Sharp", "lens_focal_length": "Wide-angle",
    },
    "style_medium": "Live-action video", "artistic_style": "Documentary", "context": "A working day in a quarry",
    "actions": [
        {"time": "0:00-0:01", "description": "The excavator lowers its bucket."},
        {"time": "0:01-0:03", "description": "It lifts a load of stones."},
    ],
    "text_and_signage_elements": [],
    "segments": [
        {"segment_index": 0, "time_range": "0:00-0:04", "description": "An excavator digs in a quarry.",
         "key_changes": "The bucket fills", "camera": "Pans to the left"},
    ],
    "transitions": [],
    "temporal_caption": "An excavator lowers its bucket, fills it and lifts a load of stones.",
    "audio_description": "",
}  # fmt: skip
CAPTION = COMMON | {"resolution": {"W": 1280, "H": 720}, "aspect_ratio": "16,9", "duration": "4s", "fps": 24}
NEGATIVE = COMMON | {"physical_realism": "Stones float, and the bucket melts into them"}


def add_entry(
    store: Store, run: str, video: Path | str, caption: Mapping[str, Any] | str, prompt: str = "a quarry"
) -> int:
    """The number of an entry that was answered with a caption, or with any text."""
    answer = caption if isinstance(caption, str) else json.dumps(caption)
    result = Result(f"{run}-item", prompt, str(video), "fits", engine="vllm", engine_model="a model")
    settings: dict[str, Any] = {"engine": {}, "settings": {}}
    store.add(run, "local", [NewItem(result)], out="", source=f"{run}.mp4", engine="vllm", settings=settings)
    store.move(run, "running")
    store.save(run, [Result(**{**vars(result), "upsampled_prompt": answer})])
    store.move(run, "done")
    return store.history.first_of(run, 1)[0].number
