"""The engine for machines where no model can run: the user's prompt, and measurements of the clip as prose.

It turns numbers into sentences without a model or a network, and every answer says so. Only the standard library.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cosmos_workflow.engines.structured import BAD_CAPTION, NAMED
from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.kinds.upsample.captioning import caption_in, wish_of
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver, Wants

__all__ = ["NOTE", "DescribeEngine", "describe"]

NOTE = "no model was used: written from measurements of the clip"


class DescribeEngine(Upsampler):
    """Writes a paragraph, or a caption, from `Conversation.measured` (a `media.Measurements` as a dict)."""

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
            answer = Answer(conversation.id, text=_text(conversation), finish_reason="stop", note=NOTE)
            answer = replace(answer, seconds=round(time.perf_counter() - started, 3))
            deliver(_checked(conversation, answer))

    def close(self) -> None:
        """Nothing to free."""


def _text(conversation: Conversation) -> str:
    """The caption that is asked for, else a paragraph: of a caption, or of the prompt and the measurements."""
    measured, asked = conversation.measured or {}, conversation.caption
    if asked is None:
        # A prompt that is a caption as JSON is written as words: its own, and nothing measured.
        given = caption_in(conversation.text)
        return describe(conversation.text, measured) if given is None else wish_of(conversation.text)
    from cosmos_workflow.kinds.upsample.caption import caption_by_rules, negative_by_rules, with_facts, written

    if asked["negative"]:
        return written(negative_by_rules(asked["prompt"]))
    if "base" in asked:
        return written(with_facts(asked["base"], asked["facts"]))
    return written(caption_by_rules(asked["prompt"], measured, asked["facts"]))


def _checked(conversation: Conversation, answer: Answer) -> Answer:
    """A caption by rules is valid by the way it is made; should one not be, it is an error and no answer."""
    if conversation.caption is None:
        return answer
    from cosmos_workflow.kinds.upsample.caption import problems_of, read_caption

    problems = problems_of(read_caption(answer.text), negative=bool(conversation.caption["negative"]))
    if not problems:
        return answer
    error = f"the rules made no valid caption: {'; '.join(map(str, problems[:NAMED]))}"
    return replace(answer, text="", error=error, error_kind=BAD_CAPTION)


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
