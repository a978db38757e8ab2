"""Captions without a model: the user's words and what was measured of the clip, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosmos_workflow.kinds.upsample.caption.facts import with_facts
from cosmos_workflow.kinds.upsample.caption.phrases import DETAIL, sentence, way_of
from cosmos_workflow.kinds.upsample.caption.spans import shot_spans, span_text
from cosmos_workflow.kinds.upsample.caption.times import span_of
from cosmos_workflow.kinds.upsample.caption.wish import speaks_of, with_wish

__all__ = ["caption_by_rules"]

SUBJECT = (
    "description", "appearance_details", "relationship", "location", "relative_size", "orientation", "pose", "action",
    "state_changes", "clothing", "expression", "gender", "age", "skin_tone_and_texture", "facial_features",
)  # fmt: skip
NUMBERS = ("number_of_subjects", "number_of_arms", "number_of_legs")


def caption_by_rules(prompt: str, measured: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """A valid caption of a clip, written without a model: the prompt's words and the measurements, nothing invented.

    `measured` is a `media.Measurements` as a dict, `facts` what `facts_of` made of it. What nothing is known of is "".
    """
    facts = {**facts, "wish": prompt}
    lit = "" if "light_level" in speaks_of(prompt) else facts.get("light_level", "")
    shots = list(zip(facts.get("shots") or [], measured.get("shots") or [], strict=False))
    caption: dict[str, Any] = {
        "subjects": [],
        "background_setting": sentence(prompt),
        "lighting": {
            "conditions": lit, "direction": "", "shadows": "", "illumination_effect": "",
        },
        "aesthetics": {
            "composition": _composition(measured), "color_scheme": "", "mood_atmosphere": "", "patterns": "",
        },
        "cinematography": {
            "camera_motion": "", "framing": "", "camera_angle": "", "depth_of_field": "", "focus": _focus(measured),
            "lens_focal_length": "",
        },
        "style_medium": "", "artistic_style": "",
        "context": "",
        "actions": _actions(shots, facts), "text_and_signage_elements": [],
        "segments": [{"description": _shot(shot, raw), "key_changes": ""} for shot, raw in shots],
        "transitions": [], "temporal_caption": "", "audio_description": "",
    }  # fmt: skip
    caption = with_facts(caption, facts)
    caption["temporal_caption"] = _course(shots, facts) or (
        "A video clip." if facts.get("seconds") else "A still picture."
    )
    return with_wish(caption, prompt)


def _composition(measured: Mapping[str, Any]) -> str:
    place = measured.get("detail", "")
    return f"Most of the detail is {DETAIL[place]} of the frame" if place in DETAIL else ""


def _focus(measured: Mapping[str, Any]) -> str:
    sharp = measured.get("sharpness")
    return "" if sharp is None else "Soft" if sharp < 0.12 else "Crisp" if sharp > 0.3 else "Clear"


def _shot(shot: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    """A shot as a sentence: its camera, and what moves by itself."""
    camera = shot["camera"][:1].lower() + shot["camera"][1:]
    words = "The camera stays static" if camera == "static" else f"The camera {camera}"
    subject = _moving(raw)
    moves = f", while a subject moves {way_of(subject)} within the frame" if subject else ""
    return f"{words}{moves}."


def _moving(raw: Mapping[str, Any]) -> str:
    """Where something moves by itself in a measured shot; empty where nothing does."""
    return (raw.get("motion") or {}).get("subject") or ""


def _actions(
    shots: list[tuple[Mapping[str, Any], Mapping[str, Any]]], facts: Mapping[str, Any]
) -> list[dict[str, str]]:
    """What moves by itself in each shot, with the shot's time."""
    return [
        {"time": span_of(*span), "description": f"A subject moves {way_of(subject)} within the frame."}
        for (_, raw), span in zip(shots, shot_spans(facts), strict=False)
        if (subject := _moving(raw))
    ]


def _course(shots: list[tuple[Mapping[str, Any], Mapping[str, Any]]], facts: Mapping[str, Any]) -> str:
    """The video from beginning to end: its shots and its light, as sentences with times."""
    sentences = []
    for (shot, raw), (start, end) in zip(shots, shot_spans(facts), strict=False):
        text = _shot(shot, raw)
        sentences.append(f"From {span_text(start)} to {span_text(end)}, {text[0].lower()}{text[1:]}")
    light = facts.get("light_course") or ""
    return " ".join(filter(None, [*sentences, sentence(light)]))
