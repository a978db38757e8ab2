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
from cosmos_workflow.kinds.upsample.caption.light import CHANGE, level
from cosmos_workflow.kinds.upsample.caption.phrases import DETAIL, MOVES, listed, sentence, way_of
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
            answer = _answer(conversation)
            deliver(replace(answer, seconds=round(time.perf_counter() - started, 3)))

    def close(self) -> None:
        """Nothing to free."""


def _answer(conversation: Conversation) -> Answer:
    """The caption that is asked for, else a paragraph: of a caption, or of the prompt and the measurements.

    A caption by rules is valid by the way it is made; should one not be, it is an error and no answer.
    """
    written_answer = Answer(conversation.id, finish_reason="stop", note=NOTE)
    if conversation.caption is None:
        # A prompt that is a caption as JSON is written as words: its own, and nothing measured.
        is_prose = caption_in(conversation.text) is None
        text = describe(conversation.text, conversation.measured or {}) if is_prose else wish_of(conversation.text)
        return replace(written_answer, text=text)
    from cosmos_workflow.kinds.upsample.caption import problems_of, written

    caption = _caption(conversation.caption, conversation.measured or {})
    if problems := problems_of(caption, negative=bool(conversation.caption["negative"])):
        error = f"the rules made no valid caption: {'; '.join(map(str, problems[:NAMED]))}"
        return replace(written_answer, error=error, error_kind=BAD_CAPTION)
    return replace(written_answer, text=written(caption))


def _caption(asked: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """The caption by rules for what a conversation asks of one (see `captioning.caption_of`)."""
    from cosmos_workflow.kinds.upsample.caption import caption_by_rules, negative_by_rules, with_facts

    if asked["negative"]:
        return negative_by_rules(asked["prompt"])
    if "base" in asked:
        return with_facts(asked["base"], asked["facts"])
    return caption_by_rules(asked["prompt"], measured, asked["facts"])


def describe(prompt: str, measured: Mapping[str, Any]) -> str:
    """The user's prompt, then the measurements as sentences in the style of NVIDIA's published prompts."""
    sentences = [sentence(prompt)] if prompt.strip() else []
    if measured:
        still = not measured["duration"]
        sentences += [_format(measured, still), _light(measured, still), _colours(measured)]
        sentences += [_picture(measured)]
        if not still:
            sentences += _shots(measured["shots"])
    return " ".join(filter(None, sentences))


def _format(measured: Mapping[str, Any], still: bool) -> str:
    width, height = measured["width"], measured["height"]
    shape = "square" if width == height else "landscape" if width > height else "portrait"
    if still:
        return f"The picture is a single still in {shape} format."
    shots = len(measured["shots"])
    length = f"{measured['duration']:.1f} seconds"
    if shots == 1:
        return f"The video is one continuous shot of {length} in {shape} format."
    cuts = listed([f"{shot['start']:.1f} s" for shot in measured["shots"][1:]])
    return f"The video is {length} long in {shape} format, in {shots} shots with cuts at {cuts}."


def _light(measured: Mapping[str, Any], still: bool) -> str:
    course = measured["brightness"]
    first, last = course[0], course[-1]
    words = f"The scene is {level(measured)}"
    if still or abs(last - first) < CHANGE:
        return f"{words}." if still else f"{words}, and the light stays steady."
    if last < 0.06 and last == min(course):
        return f"{words}, and it fades to black at the end."
    if first < 0.06 and first == min(course):
        return f"{words}, and it fades in from black."
    return f"{words}, and it grows {'brighter' if last > first else 'darker'} as the video progresses."


def _colours(measured: Mapping[str, Any]) -> str:
    names = [name for name, _ in measured["palette"]]
    if not names:
        return ""
    if measured["palette"][0][1] > 0.7:
        rest = f", with touches of {listed(names[1:])}" if names[1:] else ""
        return f"{names[0].capitalize()} dominates the palette{rest}."
    return f"The palette is built on {listed(names)}."


def _picture(measured: Mapping[str, Any]) -> str:
    sharp = measured["sharpness"]
    kind = "softly focused" if sharp < 0.12 else "crisp" if sharp > 0.3 else "clear"
    if measured["detail"] == "across the frame":
        return f"The image is {kind}, with detail spread across the frame."
    return f"The image is {kind}, with most of its detail {DETAIL[measured['detail']]} of the frame."


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
    words = f"{camera} {listed(moves)}" if moves else " ".join(f"{camera} remains static {when}".split())
    subject = motion["subject"]
    return f"{words}, while a subject moves {way_of(subject)} within the frame." if subject else f"{words}."
