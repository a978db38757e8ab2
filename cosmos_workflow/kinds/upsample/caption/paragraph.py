"""A caption as one paragraph, which Transfer1 and Transfer2.5 take in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cosmos_workflow.kinds.upsample.caption.times import length_of

__all__ = ["paragraph_of"]

UNKNOWN = frozenset(("", "unknown", "n/a", "none", "not visible", "not applicable", "no significant change"))
# How a field becomes a sentence: `{}` is its text, `{a}` the text with an article. Those not named are one already.
SHORT = {
    "conditions": "The light is {}", "camera_angle": "The view is {}", "depth_of_field": "The depth of focus is {}",
    "focus": "The focus is {}", "framing": "It is framed as {a}", "lens_focal_length": "The lens is {}",
    "style_medium": "It looks like {a}", "artistic_style": "The style is {}", "mood_atmosphere": "The mood is {}",
    "clothing": "The clothes are {}", "expression": "The expression is {}",
    "facial_features": "The face shows {}", "pose": "The pose is {}", "orientation": "It is turned like this: {}",
    "relative_size": "It is {}", "color_scheme": "The colours are {}", "patterns": "Patterns that repeat are {}",
}  # fmt: skip
ALWAYS = frozenset(("camera_angle", "depth_of_field", "framing", "lens_focal_length", "style_medium", "artistic_style",
                    "mood_atmosphere", "clothing", "expression"))  # fmt: skip
WORDS = 4  # a text of more words stands as a sentence by itself, save those that are always a part of one


def paragraph_of(caption: Mapping[str, Any]) -> str:
    """The caption as sentences, without the names of its fields: what is unknown is left out, nothing is said twice.

    The user's words stand first, as they do in a caption's `context`. The numbers of arms and legs are left out: a
    video model that follows a control draws those that are there. Nothing is raised, whatever the texts are.

    >>> paragraph_of({"context": "a robot at night", "cinematography": {"camera_motion": "Static"}, "duration": "4s"})
    'A robot at night. The camera stays static. The video is 4 seconds long.'
    """
    sentences: list[str] = []
    for text in _sentences(caption):
        for part in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"'])", " ".join(text.split())):
            known = " ".join(sentences).lower()
            if part.strip(" .") and part.strip(" .").lower() not in known:
                sentences.append(_ended(part))
    return " ".join(sentences)


def _ended(text: str) -> str:
    text = text.strip().rstrip(",;:")
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".!?。！？…" else ".")


def _sentences(caption: Mapping[str, Any]) -> Iterator[str]:
    yield from _texts(caption, "context", "background_setting")
    for subject in _objects(caption.get("subjects")):
        yield from _subject(subject)
    for name in ("lighting", "aesthetics"):
        part = caption.get(name)
        if isinstance(part, Mapping):
            yield from _texts(part, *part)
    camera = caption.get("cinematography")
    if isinstance(camera, Mapping):
        yield _camera(camera.get("camera_motion"))
        yield from _texts(camera, *(name for name in camera if name != "camera_motion"))
    yield from _texts(caption, "style_medium", "artistic_style")
    yield from _texts(caption, "temporal_caption")
    for action in _objects(caption.get("actions")):
        yield _timed(action.get("time"), action.get("description"))
    for segment in _objects(caption.get("segments")):
        yield _timed(segment.get("time_range"), segment.get("description"))
        yield from _texts(segment, "key_changes")
        yield _camera(segment.get("camera"))
    transitions = caption.get("transitions")
    yield from (_known(each) for each in (transitions if isinstance(transitions, list) else []))
    for sign in _objects(caption.get("text_and_signage_elements")):
        if words := _known(sign.get("text")):
            yield f'The writing "{words}" can be read'
        yield from _texts(sign, "appearance", "spatial_temporal", "context")
    yield from _texts(caption, "audio_description", "physical_realism")
    yield _size(caption)


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def _known(value: Any) -> str:
    """A text that says something, else an empty one."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return "" if text.strip(" .").lower() in UNKNOWN else text


def _texts(part: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        if text := _known(part.get(name)):
            short = len(text.split()) <= WORDS or name in ALWAYS
            plain = short and name in SHORT and not re.search(r"[.!?]\s+\S|^(?:It|The|There|This)\b", text)
            yield SHORT[name].format(_lower(text), a=_article(_lower(text))) if plain else text


def _lower(text: str) -> str:
    """A text as a part of a sentence: its first letter small, unless the word is a name or an abbreviation."""
    first = text.split(" ", 1)[0]
    return text if first.isupper() and len(first) > 1 else (text[:1].lower() + text[1:]).rstrip(".")


def _article(text: str) -> str:
    if re.match(r"(?:an?|the|two|three|several)\s", text) or re.match(r"\w+(?:s|footage|photography|realism)\b", text):
        return text
    return f"{'an' if text[:1] in 'aeiou' else 'a'} {text}"


def _subject(subject: Mapping[str, Any]) -> Iterator[str]:
    yield _known(subject.get("description"))
    number = subject.get("number_of_subjects")
    if isinstance(number, int) and number > 2:
        yield f"There are {number} of them"
    yield from _texts(subject, "appearance_details", "relationship", "location", "relative_size", "orientation", "pose",
                      "action", "state_changes", "clothing", "expression")  # fmt: skip
    person = " ".join(_lower(each) for each in (_known(subject.get("gender")), _known(subject.get("age"))) if each)
    if person:
        yield f"The person is {person}"
    yield from _texts(subject, "skin_tone_and_texture", "facial_features")


def _camera(value: Any) -> str:
    text = _known(value)
    if not text:
        return ""
    if text.lower() == "static":
        return "The camera stays static"
    verb = re.match(
        r"(?:pans|tilts|zooms|moves|follows|tracks|dollies|orbits|rises|falls|stays|glides|pushes|pulls)\b", text, re.I
    )
    return f"The camera {_lower(text)}" if verb else text


def _timed(time: Any, description: Any) -> str:
    text = _known(description)
    times = re.findall(r"\d+:\d\d(?:\.\d+)?", time) if isinstance(time, str) else []
    return f"From {times[0]} to {times[1]}, {_lower(text)}" if text and len(times) == 2 else text


def _size(caption: Mapping[str, Any]) -> str:
    """Length, rate and size as one sentence, of what is known."""
    parts = []
    if seconds := length_of(caption):
        parts.append(f"{seconds:.0f} {'second' if seconds == 1 else 'seconds'} long")
    fps, size, aspect = caption.get("fps"), caption.get("resolution"), caption.get("aspect_ratio")
    if isinstance(fps, int | float) and fps:
        parts.append(f"has {fps:g} frames a second" if parts else f"at {fps:g} frames a second")
    if isinstance(size, Mapping) and size.get("W") and size.get("H"):
        shape = f" ({aspect.replace(',', ':')})" if isinstance(aspect, str) and aspect else ""
        parts.append(f"measures {size['W']}x{size['H']} pixels{shape}")
    if not parts:
        return ""
    verb = "" if parts[0].startswith(("has", "measures")) else "is "
    return (
        f"The video {verb}{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else f"The video {verb}{parts[0]}"
    )
