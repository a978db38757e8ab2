"""What a model is asked for a caption: instructions, what is known of the video, and the user's prompt verbatim."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from cosmos_workflow.kinds.upsample.caption.spans import end_of, span_text

__all__ = ["question", "question_again"]

TASK = """\
You write captions for a model that makes a photorealistic video from a clip. The images are frames of the clip, in order of time.
Answer with one JSON object and nothing else: no text around it, no code fence.
Describe the video that shall come out: what the clip shows, changed as the user wishes. Where the wish and the clip disagree, write only what the wish says. What the wish does not mention stays as the clip shows it.
Keep where things are and how they move: the new video follows the outlines and the motion of the clip.
Write plain sentences about what can be seen. Use an empty string where nothing can be said, and do not guess names, brands or sounds that nothing points to.
"""  # noqa: E501
NEGATIVE = """\
You write a negative caption for a model that makes a photorealistic video from a clip: a description of what the video must not look like.
Answer with one JSON object and nothing else: no text around it, no code fence.
Fill every text with faults of picture, light, motion, anatomy and physics. Never name what the user wishes to see: a night scene is dark on purpose, and fog is soft on purpose.
"""  # noqa: E501
FIELDS = """\
The fields:
- subjects: one entry for each person, animal, machine or object that matters, with looks, place in the frame, pose, action and number. Clothing, expression, gender, age, skin and face only for people, else "". number_of_arms and number_of_legs are those of all subjects of the entry together, 0 for things.
- background_setting: the place, what is in it and what it is made of, in 2 to 5 sentences.
- lighting: conditions, direction, shadows, illumination_effect. aesthetics: composition, color_scheme, mood_atmosphere, patterns. cinematography: framing, camera_angle, depth_of_field, focus, lens_focal_length.
- style_medium, artistic_style, context: a short phrase each.
- actions: what happens, in order, each with a time such as "0:01-0:02".
- text_and_signage_elements: writing that can be read in the picture, else an empty list.
- segments: one for each shot, with a description and its key_changes.
- temporal_caption: the whole video as one paragraph, from beginning to end, with times.
- audio_description: what would be heard, or "".
"""  # noqa: E501
NO_WISH = "The user gave no wish: describe the clip as it is, as a photorealistic video."


class Said(Protocol):
    """What is wrong with a caption, as `problems.Problem` says it."""

    @property
    def field(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def remedy(self) -> str: ...


def question(prompt: str, facts: Mapping[str, Any], *, negative: bool = False) -> str:
    """The text that a model is asked for a caption, beside the frames; the user's prompt stands last, as it is."""
    parts = [NEGATIVE if negative else TASK, FIELDS if not negative else "", *_known(facts, negative)]
    wish = (
        f"The user's wish, which comes before everything that the clip shows:\n{prompt}" if prompt.strip() else NO_WISH
    )
    if negative and not prompt.strip():
        wish = "The user gave no wish."
    return "\n".join([*filter(None, parts), wish])


def _known(facts: Mapping[str, Any], negative: bool) -> list[str]:
    """What is known of the video, a line each; none of it for a negative caption, which has no size and no time."""
    if negative:
        return []
    lines = []
    if size := facts.get("resolution"):
        lines.append(f"size {size['W']}x{size['H']}, aspect ratio {facts.get('aspect_ratio', '')}")
    if facts.get("seconds"):
        end = span_text(end_of(facts))
        lines.append(f"length {facts['duration']} at {facts['fps']} frames a second: all times lie in 0:00-{end}")
    shots = facts.get("shots") or []
    if len(shots) > 1:
        spans = [f"{span_text(each['start'])}-{span_text(each['end'])} (camera: {each['camera']})" for each in shots]
        lines.append(f"{len(shots)} shots: {', '.join(spans)}")
    elif shots:
        lines.append(f"one continuous shot; camera: {facts.get('camera_motion', '')}")
    for name, title in (("light", "light"), ("color_scheme", "colours")):
        if facts.get(name):
            lines.append(f"{title} of the clip: {facts[name]}")
    return ["Known of the video, measured; do not contradict it:\n- " + "\n- ".join(lines)] if lines else []


def question_again(text: str, problems: Iterable[Said | str]) -> str:
    """What a model is asked when its answer `text` was no valid caption: each problem, and the whole answer again."""
    lines = [
        problem if isinstance(problem, str) else f"{problem.field or 'the answer'}: {problem.what}; {problem.remedy}"
        for problem in problems
    ]
    listed = "\n- ".join(lines or ["the answer could not be read"])
    begun = "" if _whole(text) else " Your answer was not a whole JSON object: write shorter texts, and end it."
    return (
        f"Your answer is no valid caption:\n- {listed}\nWrite the whole caption again with these mended and everything "
        f"else as it was: one JSON object and nothing else.{begun}"
    )


def _whole(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
