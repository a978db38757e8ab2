"""A negative caption without a model: faults that a video can have, without those that the user wishes to see."""

from __future__ import annotations

import re
from typing import Any

from cosmos_workflow.kinds.upsample.caption.wishes import read_wish

__all__ = ["negative_by_rules"]

# Faults of each field in our own words. Those behind a `|` are left out where the wish has one of the named things:
# a night scene is dark on purpose (NVIDIA/paidf-augmentation leaves "underexposed" out there).
FAULTS: dict[str, tuple[str, ...]] = {
    "subjects.description": ("shapeless, half-melted figures", "bodies that merge into one another"),
    "subjects.appearance_details": ("smeared texture", "plastic-looking surfaces|plastic,toy", "edges that shimmer"),
    "subjects.relationship": ("subjects that pass through each other", "feet and wheels that float above the ground"),
    "subjects.location": ("subjects that jump from place to place",),
    "subjects.relative_size": ("sizes that do not fit together|giant,tiny",),
    "subjects.pose": ("twisted limbs", "joints that bend the wrong way"),
    "subjects.action": ("jerky motion", "motion that slides without contact"),
    "subjects.state_changes": ("shapes that change from frame to frame", "details that appear from nowhere"),
    "subjects.clothing": ("clothes that look painted on",),
    "subjects.expression": ("frozen, mask-like faces|mask,robot",),
    "subjects.skin_tone_and_texture": ("waxy skin|wax,robot",),
    "subjects.facial_features": ("asymmetric eyes", "extra fingers and limbs", "blurred teeth"),
    "background_setting": (
        "a flat backdrop without depth",
        "walls and lines that bend and wobble", "the same detail copied again and again",
        "far things that flicker in and out", "haze that hides the place|fog,rain,snow,sandstorm,smoke",
    ),
    "lighting.conditions": (
        "flat light without shape|overcast,fog", "underexposed|dark", "overexposed, burnt-out highlights|bright,noon",
    ),
    "lighting.direction": ("shadows that point to different sides",),
    "lighting.shadows": ("shadows that jump or are missing|overcast,fog", "crushed blacks|dark"),
    "lighting.illumination_effect": ("flickering brightness|flicker,fire,neon,lightning", "poorly lit|dark"),
    "aesthetics.composition": ("a cluttered frame without a centre of interest|crowd", "heads and hands cut off"),
    "aesthetics.color_scheme": (
        "garish, oversaturated colours|neon,colourful", "colour banding", "washed-out colours|fog,monochrome,snow",
    ),
    "aesthetics.mood_atmosphere": ("lifeless, artificial",),
    "aesthetics.patterns": ("moire", "visible tiles of repeated texture"),
    "cinematography.camera_motion": ("a shaking camera|handheld", "sudden jumps of the view"),
    "cinematography.framing": ("a crooked frame",),
    "cinematography.camera_angle": ("a view that no camera could have",),
    "cinematography.depth_of_field": ("blur in the wrong places",),
    "cinematography.focus": ("out of focus|blurred,fog", "soft and smeared|blurred,fog"),
    "cinematography.lens_focal_length": ("warped edges of the frame|fisheye",),
    "style_medium": ("low-resolution, heavily compressed video", "a cheap computer rendering|cartoon"),
    "artistic_style": ("amateurish, uneven in style",),
    "context": ("a failed rendering with many technical faults",),
    "actions": ("Things flicker, swim and change their shape while they move.",),
    "segments": ("One shot in which details drift, edges crawl and noise swims over flat areas.",),
    "temporal_caption": (
        "From the first frame on, edges crawl and textures swim.",
        "Motion stutters, and things pop in and out of sight.",
        "Blocks and smears of compression grow towards the end.",
    ),
    "physical_realism": (
        "Things have no weight.", "Solid objects pass through one another.",
        "Liquids, cloth and smoke move against the laws of physics.", "Reflections do not fit what they mirror.",
    ),
}  # fmt: skip
SUBJECT = (
    "description", "appearance_details", "relationship", "location", "relative_size", "orientation", "pose", "action",
    "state_changes", "clothing", "expression", "gender", "age", "skin_tone_and_texture", "facial_features",
)  # fmt: skip
SPAN = "0:00-0:04"  # a negative caption has no duration of its own


def negative_by_rules(prompt: str) -> dict[str, Any]:
    """A valid negative caption: faults of every field, minus what the prompt wants to see.

    >>> "underexposed" in negative_by_rules("a street")["lighting"]["conditions"].lower()
    True
    >>> "underexposed" in negative_by_rules("a street at night")["lighting"]["conditions"].lower()
    False
    """
    wanted = _wanted(prompt)

    def text(field: str) -> str:
        kept = [fault for fault, _, but in (each.partition("|") for each in FAULTS.get(field, ()))
                if not wanted & set(but.split(","))]  # fmt: skip
        if kept and kept[0].endswith("."):
            return " ".join(kept)
        joined = ", ".join(kept)
        return joined[:1].upper() + joined[1:]

    def part(name: str, *keys: str) -> dict[str, str]:
        return {key: text(f"{name}.{key}") for key in keys}

    subject: dict[str, Any] = {key: text(f"subjects.{key}") for key in SUBJECT}
    return {
        "subjects": [subject | {"number_of_subjects": 0, "number_of_arms": 0, "number_of_legs": 0}],
        "background_setting": text("background_setting"),
        "lighting": part("lighting", "conditions", "direction", "shadows", "illumination_effect"),
        "aesthetics": part("aesthetics", "composition", "color_scheme", "mood_atmosphere", "patterns"),
        "cinematography": part("cinematography", "camera_motion", "framing", "camera_angle", "depth_of_field", "focus",
                               "lens_focal_length"),
        "style_medium": text("style_medium"), "artistic_style": text("artistic_style"), "context": text("context"),
        "actions": [{"time": SPAN, "description": text("actions")}],
        "text_and_signage_elements": [],
        "segments": [{"segment_index": 0, "time_range": SPAN, "description": text("segments"),
                      "key_changes": "", "camera": text("cinematography.camera_motion")}],
        "transitions": [],
        "temporal_caption": text("temporal_caption"), "audio_description": "",
        "physical_realism": text("physical_realism"),
    }  # fmt: skip


DARK = frozenset(("night", "dusk", "evening", "dark", "candlelight"))
WORDS = re.compile(r"[a-z]+")


def _wanted(prompt: str) -> set[str]:
    """What the wish has of the things that faults are named with: the values of its tables, and its own words."""
    wish = read_wish(prompt)
    wanted = set(wish.values) | (set(WORDS.findall(prompt.lower())) - set(wish.unwanted))
    return wanted | ({"dark"} if wanted & DARK else set())
