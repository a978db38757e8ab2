"""Structured captions: what an answer is held to while it is decoded, and what is made of it afterwards.

An engine that can be held to a JSON schema takes `schema_of`. Whether it was held or not, `answer_formed` reads each
answer, puts in what is known of the clip, and gives an answer that is no valid caption back with what is wrong with it.
Needs nothing but Python, as it runs on hosts too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.caption import Problem

__all__ = ["BAD_CAPTION", "NAMED", "REPAIRS", "answer_formed", "formed", "schema_of"]

BAD_CAPTION = "bad_caption"  # the kind of error of an answer that is no valid caption
REPAIRS = 2  # times at most that an answer goes back with what is wrong with it
NAMED = 6  # problems that an error names

# Known of every clip, so no model is asked for it; a still has no duration and no fps.
KNOWN = ("resolution", "aspect_ratio", "duration", "fps")
KNOWN_OF_SHOTS = (
    *("cinematography.camera_motion", "transitions"),
    *("segments[].segment_index", "segments[].time_range", "segments[].camera"),
)


def schema_of(conversation: Conversation) -> dict[str, Any]:
    """The JSON schema of the answer to a conversation that wants a caption, without the fields that are known."""
    from cosmos_workflow.kinds.upsample.caption import json_schema

    asked = conversation.caption or {}
    if asked.get("negative"):
        return json_schema(negative=True)
    facts = asked.get("facts") or {}
    shots = len(facts.get("shots") or ())
    known = KNOWN + KNOWN_OF_SHOTS if shots else KNOWN
    return json_schema(known, seconds=facts.get("seconds"), shots=shots)


def formed(conversation: Conversation, answer: Answer) -> tuple[Answer, Sequence[Problem | str]]:
    """An answer with the caption that it stands for as its text: read, with what is known and wished put in, checked.

    One that is no valid caption has an error of the kind `bad_caption` that names what is wrong, and keeps its text
    for the question that follows; all that is wrong comes with it. Any other answer is returned as it is.
    """
    from cosmos_workflow.kinds.upsample.caption import problems_of, read_caption, with_facts, with_wish, written

    asked = conversation.caption
    if asked is None or answer.error:
        return answer, ()
    negative = bool(asked["negative"])
    try:
        caption = read_caption(answer.text)
    except BadInputError as error:
        return _bad(answer, [error.what])
    caption = with_wish(caption if negative else with_facts(caption, asked["facts"]), str(asked["prompt"]))
    if problems := problems_of(caption, negative=negative):
        return _bad(answer, problems)
    # Whole although its length was used up.
    end = "stop" if answer.finish_reason == "length" else answer.finish_reason
    return replace(answer, text=written(caption), finish_reason=end), ()


def _bad(answer: Answer, problems: Sequence[Problem | str]) -> tuple[Answer, Sequence[Problem | str]]:
    if answer.finish_reason == "length":
        cut = f"it was cut at {answer.completion_tokens:,} tokens: raise --max-tokens"
        return replace(answer, error=f"the answer is no whole caption: {cut}", error_kind=BAD_CAPTION), problems
    named = "; ".join(str(problem) for problem in problems[:NAMED])
    more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
    return replace(answer, error=f"the answer is no valid caption: {named}{more}", error_kind=BAD_CAPTION), problems


def answer_formed(
    ask: Callable[[Sequence[Conversation], Deliver], None],
    conversations: Sequence[Conversation],
    deliver: Deliver,
    *,
    model: Callable[[], str] = str,
) -> None:
    """Call an engine's `ask`, and again with what is wrong for each answer that is no valid caption.

    It goes back at most REPAIRS times, also where the engine does not sample, as the question is another one then. An
    answer that was cut does not: it would be cut again. `model` gives the name that a caption's note has. The time of
    all questions is the answer's.
    """
    from cosmos_workflow.kinds.upsample.caption import question_again

    spent: dict[str, float] = {}
    last: dict[str, Answer] = {}
    for left in reversed(range(REPAIRS + 1)):
        by_id = {conversation.id: conversation for conversation in conversations}
        again: list[Conversation] = []

        def pass_on(answer: Answer, by_id: dict[str, Conversation] = by_id, left: int = left,
                    again: list[Conversation] = again) -> None:  # fmt: skip
            conversation = by_id[answer.id]
            if conversation.caption is None:
                deliver(answer)
                return
            spent[answer.id] = spent.get(answer.id, 0.0) + answer.seconds
            answer, problems = formed(conversation, answer)
            if problems and left and answer.finish_reason != "length":
                last[answer.id] = answer
                turn = {"answer": answer.text, "said": question_again(answer.text, problems)}
                again.append(replace(conversation, turns=(*conversation.turns, turn)))
                return
            answer = replace(answer, seconds=round(spent[answer.id], 3))
            deliver(_final(answer, last.get(answer.id), len(conversation.turns), model))

        ask(conversations, pass_on)
        if not again:
            return
        conversations = again


def _final(answer: Answer, before: Answer | None, repairs: int, model: Callable[[], str]) -> Answer:
    """An answer as it is delivered: one with an error has no text, as half a caption is none."""
    times = "once" if repairs == 1 else f"{repairs} times"
    if not answer.error:
        by = f"caption by {model() or 'a model'}"
        note = f"{by}, which was told {times} what was wrong" if repairs else by
        return replace(answer, note="; ".join(filter(None, [answer.note, note])))
    error, kind = answer.error, answer.error_kind
    if before is not None and kind != BAD_CAPTION:  # such as an answer with which the question is too long
        error, kind = f"{before.error} (asked again, it gave none: {error})", BAD_CAPTION
    elif repairs:
        error = f"{error} (told {times} what was wrong)"
    return replace(answer, text="", error=error, error_kind=kind)
