"""The engine for machines where no model can run: the user's prompt, and measurements of the clip as prose.

It turns numbers into sentences without a model or a network, and every answer says so. Only the standard library.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver, Wants

__all__ = ["NOTE", "DescribeEngine", "describe"]

NOTE = "no model was used: written from measurements of the clip"


class DescribeEngine(Upsampler):
    """Writes a paragraph from `Conversation.measured` (a `media.Measurements` as a dict)."""

    name = "describe"
    model = ""
    wants: Wants = "measurements"

    def load(self) -> None:
        """Nothing to load."""

    def properties(self) -> dict[str, Any]:
        return {}

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        for conversation in conversations:
            started = time.perf_counter()
            text = describe(conversation.text, conversation.measured or {})
            deliver(
                Answer(
                    conversation.id,
                    text=text,
                    finish_reason="stop",
                    seconds=round(time.perf_counter() - started, 3),
                    note=NOTE,
                )
            )

    def close(self) -> None:
        """Nothing to free."""


def describe(prompt: str, measured: Mapping[str, Any]) -> str:
    """The user's prompt, then the measurements as sentences in the style of NVIDIA's published prompts."""
    sentences = [_sentence(prompt)] if prompt.strip() else []
    if measured:
        still = not measured["duration"]
        sentences += [_format(measured, still), _light(measured, still), _colours(measured)]
        sentences += [_picture(measured)]
        if not still:
            sentences += _shots(measured["shots"])
    return " ".join(filter(None, sentences))


def _sentence(prompt: str) -> str:
    prompt = " ".join(prompt.split())
    prompt = prompt[0].upper() + prompt[1:]
    return prompt if prompt[-1] in ".!?。！？…" else f"{prompt}."


def _format(measured: Mapping[str, Any], still: bool) -> str:
    width, height = measured["width"], measured["height"]
    shape = "square" if width == height else "landscape" if width > height else "portrait"
    if still:
        return f"The picture is a single still in {shape} format."
    shots = len(measured["shots"])
    length = f"{measured['duration']:.1f} seconds"
    if shots == 1:
        return f"The video is one continuous shot of {length} in {shape} format."
    cuts = _list([f"{shot['start']:.1f} s" for shot in measured["shots"][1:]])
    return f"The video is {length} long in {shape} format, in {shots} shots with cuts at {cuts}."


def _light(measured: Mapping[str, Any], still: bool) -> str:
    course = measured["brightness"]
    first, last, mean = course[0], course[-1], sum(course) / len(course)
    contrast = measured["contrast"]
    kind = "low" if contrast < 0.25 else "high" if contrast > 0.55 else "moderate"
    level = "dark" if mean < 0.15 else "dimly lit" if mean < 0.35 else "evenly lit" if mean < 0.65 else "brightly lit"
    sentence = f"The scene is {level} with {kind} contrast"
    if still or abs(last - first) < 0.12:
        return f"{sentence}." if still else f"{sentence}, and the light stays steady."
    if last < 0.06 and last == min(course):
        return f"{sentence}, and it fades to black at the end."
    if first < 0.06 and first == min(course):
        return f"{sentence}, and it fades in from black."
    return f"{sentence}, and it grows {'brighter' if last > first else 'darker'} as the video progresses."


def _colours(measured: Mapping[str, Any]) -> str:
    names = [name for name, _ in measured["palette"]]
    if not names:
        return ""
    if measured["palette"][0][1] > 0.7:
        rest = f", with touches of {_list(names[1:])}" if names[1:] else ""
        return f"{names[0].capitalize()} dominates the palette{rest}."
    return f"The palette is built on {_list(names)}."


def _picture(measured: Mapping[str, Any]) -> str:
    sharp = measured["sharpness"]
    kind = "softly focused" if sharp < 0.12 else "crisp" if sharp > 0.3 else "clear"
    if measured["detail"] == "across the frame":
        return f"The image is {kind}, with detail spread across the frame."
    place = {"left": "on the left", "right": "on the right", "centre": "in the centre"}[measured["detail"]]
    return f"The image is {kind}, with most of its detail {place} of the frame."


MOVES = {
    "pan left": "pans to the left",
    "pan right": "pans to the right",
    "tilt up": "tilts up",
    "tilt down": "tilts down",
    "zoom in": "zooms in",
    "zoom out": "zooms out",
}
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def _shots(shots: Sequence[Mapping[str, Any]]) -> list[str]:
    if len(shots) == 1:
        return [_motion(shots[0]["motion"], "The camera", "throughout")]
    sentences = [
        _motion(shot["motion"], f"In the {ordinal} shot the camera", "")
        for shot, ordinal in zip(shots, ORDINALS, strict=False)
    ]
    if len(shots) > len(ORDINALS):
        sentences.append(f"{len(shots) - len(ORDINALS)} more shots follow.")
    return sentences


def _motion(motion: Mapping[str, Any], camera: str, when: str) -> str:
    moves = [MOVES[move] for move in motion["moves"]]
    sentence = f"{camera} {_list(moves)}" if moves else " ".join(f"{camera} remains static {when}".split())
    subject = motion["subject"]
    if not subject:
        return f"{sentence}."
    way = {"in place": "in place", "up": "upwards", "down": "downwards"}.get(subject, f"to the {subject}")
    return f"{sentence}, while a subject moves {way} within the frame."


def _list(phrases: Sequence[str]) -> str:
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
