"""What counts as an answer, by one rule for every engine: a complete text that is not the model's thinking.

Anything else is an error of that item, which is then asked again, up to `ASKS` times in all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver
from cosmos_workflow.text import writable

__all__ = ["ALIKE", "ASKS", "ask_again", "judged", "sampled", "without_thinking"]

ASKS = 3  # times in all that an item is asked if its answers cannot be used
ALIKE = 3  # items with the same refusal, while none is answered, from which the engine itself is suspected
AGAIN = ("empty_answer", "bad_answer")

# The marks around a model's thinking, by model: DeepSeek, Qwen and Cosmos-Reason (and others with similar tags);
# Magistral; Sky-T1; Kimi; gpt-oss. A tag may only have attributes, as a sign in a picture may read <Thinking Machines>.
WORDS = r"(?:seed:)?(?:think|thinking|thought|reasoning)"
ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+))*"""
MARKS = tuple(
    re.compile(f"(?P<begin>{begin})|(?P<end>{end})", re.IGNORECASE)
    for begin, end in (
        (rf"<\s*{WORDS}{ATTRIBUTES}\s*>", rf"<\s*/\s*{WORDS}\s*>"),
        (r"(?-i:\[THINK\])", r"(?-i:\[/THINK\])"),  # only in capitals, as any text may contain [think]
        (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
        (r"◁think▷", r"◁/think▷"),
        (
            r"<\|channel\|>\s*(?:analysis|commentary)\b[^<]{0,99}<\|message\|>",
            r"<\|channel\|>\s*final\b[^<]{0,99}<\|message\|>",
        ),
    )
)
# What may remain around an answer: the tags of Cosmos-Reason, and the marks of turns of gpt-oss.
WRAPPING = re.compile(r"^\s*<\s*answer\s*>(.*?)(?:<\s*/\s*answer\s*>.*)?$", re.IGNORECASE | re.DOTALL)
TURNS = re.compile(r"<\|(?:start|end|return|channel|message|begin_of_solution|end_of_solution)\|>")

# Servers have different words for the same finish reason.
ENDS = {"eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "stop_token": "stop", "end_turn": "stop",
        "complete": "stop", "max_tokens": "length", "max_length": "length", "model_length": "length"}  # fmt: skip
# Finish reasons after which a text is not an answer, even if there is one.
UNUSABLE = {
    "": "no finish_reason, so it may be cut off anywhere",
    "content_filter": "a content filter withheld it",
    "safety": "a content filter withheld it",
    "recitation": "a content filter withheld it",
    "refusal": "the model refused",
    "tool_calls": "the model called a tool instead",
    "tool_use": "the model called a tool instead",
    "function_call": "the model called a tool instead",
    "error": "the engine gave it up (error)",
    "abort": "the engine gave it up (abort)",
    "aborted": "the engine gave it up (aborted)",
    "cancelled": "the engine gave it up (cancelled)",
    "canceled": "the engine gave it up (cancelled)",
    "insufficient_system_resource": "the engine gave it up (too few resources)",
}  # fmt: skip


def judged(answer: Answer, withheld: str = "") -> Answer:
    """An engine's answer with its text freed of thinking, or with the error that there is no usable text.

    `withheld` is the engine's own reason why there is no text, if it states one.

    >>> judged(Answer("a", "<think>A city?</think> A city at dusk.", "stop")).text
    'A city at dusk.'
    >>> judged(Answer("a", " ", "stop")).error
    'the model gave no answer: its text is empty'
    """
    if answer.error:
        return answer
    text, lacks = without_thinking(writable(answer.text))
    end = answer.finish_reason.strip().lower()
    end = ENDS.get(end, end)
    why = withheld or UNUSABLE.get(end, "")
    if not why and lacks:
        why = f"{lacks}, cut off at its full length: raise --max-tokens" if end == "length" else lacks
    if why:
        error = f"the model gave no answer: {why}"
        return replace(answer, text="", finish_reason=end, error=error, error_kind="empty_answer")
    return replace(answer, text=text, finish_reason=end)


def without_thinking(text: str) -> tuple[str, str]:
    """A model's text without its thinking, and if that leaves no answer, why.

    A block of thinking without a beginning (the chat template may have written it) reaches from the start of the
    text. A block without an end reaches to the end of the text; if it begins after other text, it may be thinking or
    a mark that the text is about, so the text is not taken for an answer.

    >>> without_thinking("A city at <think>dusk")
    ('', 'thinking begins within its text and does not end')
    """
    thought = unended = False
    for marks in MARKS:
        kept: list[str] = []
        inside, position = False, 0
        for mark in marks.finditer(text):
            thought = True
            if mark["end"]:
                # A second end means that the text before it, which looked like the answer, was thinking too.
                kept = kept if inside else []
                inside, position = False, mark.end()
            elif not inside:
                kept.append(text[position : mark.start()])
                inside = True
        unended = unended or (inside and bool(TURNS.sub("", "".join(kept)).strip()))
        text = "".join(kept) if inside else "".join(kept) + text[position:]
    if wrapped := WRAPPING.match(text):
        text = wrapped[1]
    if thought:
        text = TURNS.sub("", text)
    text = text.strip()
    if unended:
        return "", "thinking begins within its text and does not end"
    if not text:
        return "", "only its thinking came" if thought else "its text is empty"
    return text, ""


def sampled(conversation: Conversation) -> bool:
    """Whether an engine can give a different answer when it is asked again."""
    return conversation.temperature > 0 and conversation.seed is None


def ask_again(
    ask: Callable[[Sequence[Conversation], Deliver], None],
    conversations: Sequence[Conversation],
    deliver: Deliver,
    *,
    worth: Callable[[Conversation], bool] = sampled,
) -> None:
    """Call an engine's `ask`, and again for each item without a usable answer; then deliver its last error.

    Only items that are `worth` it are asked again: without sampling, an engine repeats the same answer.
    """
    for left in reversed(range(ASKS)):
        by_id = {conversation.id: conversation for conversation in conversations}
        retried: list[Conversation] = []

        def pass_on(answer: Answer, by_id: dict[str, Conversation] = by_id, left: int = left,
                    retried: list[Conversation] = retried) -> None:  # fmt: skip
            conversation = by_id[answer.id]
            if left and answer.error_kind in AGAIN and worth(conversation):
                retried.append(conversation)
            else:
                deliver(answer)

        ask(conversations, pass_on)
        if not retried:
            return
        conversations = retried
