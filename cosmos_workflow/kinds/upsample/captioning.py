"""A prompt that is to become a structured caption: what is planned for it, and what a model is asked.

The caption itself (its form, what a clip says of it) is the room `caption`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.caption.schema import MOST_SHOTS
from cosmos_workflow.limits import Model, Plan

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.item import Format
    from cosmos_workflow.kinds.upsample.preflight import Settings

__all__ = [
    "VERSION",
    "asked_facts",
    "caption_in",
    "caption_of",
    "decided_by",
    "longest_question",
    "prose_question",
    "question_of",
    "refused",
    "wish_of",
]

# Of what is measured and told of a clip, and of how an answer becomes a caption: part of every caption's identity.
VERSION = 1
OF_VIDEO = ("resolution", "aspect_ratio", "duration", "fps")
MARKS = ("temporal_caption", "background_setting", "physical_realism")  # fields that no other JSON has

REWRITE = (
    "Write one paragraph that describes this video, in plain sentences for a model that makes videos, without headings "
    "or field names. Use what the description says and add nothing:\n"
)


def caption_in(prompt: str, marks: Collection[str] = MARKS) -> dict[str, Any] | None:
    """The caption that a prompt is, or None for any other text: an object without any of the fields `marks` too.

    >>> caption_in('{"temporal_caption": "A car passes."}')
    {'temporal_caption': 'A car passes.'}
    """
    if not prompt.lstrip().startswith("{"):
        return None
    from cosmos_workflow.kinds.upsample.caption import read_caption

    try:
        caption = read_caption(prompt)
    except BadInputError:
        return None
    return caption if any(name in caption for name in marks) else None


def wish_of(prompt: str) -> str:
    """A prompt as words: of a caption its paragraph, of any other text the text itself.

    Size and length are left out: they are those of the video that the caption was for.
    """
    caption = caption_in(prompt)
    if caption is None:
        return prompt
    from cosmos_workflow.kinds.upsample.caption import paragraph_of

    return paragraph_of({name: value for name, value in caption.items() if name not in OF_VIDEO})


def prose_question(prompt: str) -> str:
    """What a model is asked where a paragraph is wanted: the prompt, or to write a caption as a paragraph."""
    return prompt if caption_in(prompt) is None else f"{REWRITE}{wish_of(prompt)}"


def question_of(prompt: str, facts: Mapping[str, Any], *, negative: bool) -> str:
    """What a model is asked for a caption, with as much of the `facts` as fits the plan."""
    from cosmos_workflow.kinds.upsample.caption import question

    return question(wish_of(prompt), asked_facts(facts), negative=negative)


def asked_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with no more shots than a model is asked about."""
    shots = list(facts.get("shots") or ())
    return {**facts, "shots": shots[:MOST_SHOTS]} if shots else dict(facts)


@lru_cache(4096)
def longest_question(prompt: str, format: Format) -> str:
    """A question as long as any that this prompt can lead to: for a plan, before the clip is measured."""
    moves = "Pans to the right, tilts down and zooms out"
    shots = [{"start": 3590.5 + number, "end": 3591.5 + number, "camera": moves} for number in range(MOST_SHOTS)]
    colours = "Dark yellowish green dominates, with dark reddish brown, light greyish blue, dark purple and orange"
    light = "Dimly lit, moderate contrast; the light grows brighter and then fades to black at the end of the video"
    facts = {
        "resolution": {"W": 10000, "H": 10000}, "aspect_ratio": "16,9", "duration": "3600s", "fps": 119.880,
        "seconds": 3600.5, "shots": shots, "camera_motion": moves, "light": f"{light}, {light}",
        "light_level": light, "light_course": light, "palette": [], "color_scheme": colours,
    }  # fmt: skip
    return question_of(prompt, facts, negative=format == "cosmos3-negative")


def refused(planned: Plan, model: Model, *, as_video: bool = False) -> Plan:
    """A plan of a caption: one that may be cut does not run, as half a caption is none; the remedy is more context."""
    if planned.verdict not in ("cut_short", "too_long"):
        return planned
    needed = -(-planned.total_tokens // 1024) * 1024
    reason = (
        f"a caption takes up to {planned.max_tokens:,} tokens beside {planned.prompt_tokens:,} of prompt, and the"
        f" context has {planned.max_model_len:,}"
    )
    ways = []
    if needed <= model.longest_model_len:
        ways = [f"a longer context: --max-model-len auto, or {needed} (a server must have been started with it)"]
    spared = planned.image_tokens - planned.image_tokens // max(1, planned.frames)
    if planned.frames > 1 and not as_video and planned.total_tokens - spared <= planned.max_model_len:
        ways.append("one frame (--frames 1)")
    if as_video:
        ways.extend(way for way in planned.remedy.split("; or ") if way and not way.startswith("a longer"))
    ways.append("no model: --engine describe")
    return replace(planned, verdict="too_long", reason=reason, remedy="; or ".join(ways))


def caption_of(prompt: str, measured: Mapping[str, Any], clip_fps: float, settings: Settings) -> dict[str, Any]:
    """What an engine is told of a caption: `Conversation.caption`. `clip_fps` in frames a second.

    A negative caption is of no clip, so nothing that was `measured` is told.
    A prompt that is a caption itself is the `base`, brought in line with the clip: its sentences are no wishes.
    """
    from cosmos_workflow.kinds.upsample.caption import Target, facts_of

    if settings.format == "cosmos3-negative":
        return {"prompt": wish_of(prompt), "facts": {}, "negative": True}
    width, height = settings.for_size or (None, None)
    target = Target(width, height, settings.for_fps, settings.for_seconds)
    base = caption_in(prompt)
    wish = wish_of(prompt) if base is None else ""
    asked = {"prompt": wish, "facts": facts_of(measured, clip_fps, target) | {"wish": wish}, "negative": False}
    return asked if base is None else {**asked, "base": base}


def decided_by(prompt: str, settings: Settings) -> dict[str, Any]:
    """What of a caption is part of an item's identity; nothing for a prompt that becomes a paragraph, as ever."""
    if settings.format == "text":
        return {} if caption_in(prompt) is None else {"from_caption": VERSION}
    target: dict[str, Any] = {}
    if settings.format == "cosmos3":
        target = {"size": settings.for_size, "fps": settings.for_fps, "seconds": settings.for_seconds}
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in target.items() if value}
    return {"format": settings.format, "target": given, "captions": VERSION}
