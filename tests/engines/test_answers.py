"""One rule for every engine: what counts as an answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.engines.answers import ASKS, ask_again, judged, sampled, without_thinking
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver

THOUGHTS = [
    ("<think>Hm.</think>A city.", "A city."),
    ("<think>\nHm.\n</think>\n\nA city.\n", "A city."),
    ("<THINK>Hm.</ Think >A city.", "A city."),
    ("< think >Hm.</think>A city.", "A city."),
    ('<think type="long">Hm.</think>A city.', "A city."),
    ("<thinking>Hm.</thinking>A city.", "A city."),
    ("<thought>Hm.</thought>A city.", "A city."),
    ("<reasoning>Hm.</reasoning>A city.", "A city."),
    ("<seed:think>Hm.</seed:think>A city.", "A city."),
    ("[THINK]Hm.[/THINK]A city.", "A city."),
    ("◁think▷Hm.◁/think▷A city.", "A city."),
    ("<|begin_of_thought|>Hm.<|end_of_thought|><|begin_of_solution|>A city.<|end_of_solution|>", "A city."),
    (
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>A city.<|return|>",
        "A city.",
    ),
    ("Hm.</think>A city.", "A city."),  # the template wrote the beginning
    ("Hm.[/THINK]A city.", "A city."),
    ("<think>a <think> in it</think>A city.", "A city."),
    ("<think>a<think>b</think>c</think>A city.", "A city."),
    ("<think>a</think><think>b</think>A city.", "A city."),
    ("A city<think>Hm.</think> at dusk.", "A city at dusk."),
    ("A city.<think>Was that", ""),  # or a text that speaks of <think>: nobody can say
    ("<think>Hm.</think>A city.<think>Was that", ""),
    ("<thinking>Hm.<reflection>Hm?</reflection></thinking>A city.", "A city."),
    ("<think about it>Hm.</think>A city.", "A city."),
    ("<think type='long' budget=9>Hm.</think>A city.", "A city."),
    ("<|start|>assistant<|channel|>analysis<|message|>Hm.", ""),
    ("<think>Hm.</think><answer>A city.</answer>", "A city."),  # Cosmos-Reason
    ("<answer>A city.", "A city."),
    ("<think>Hm, a city that", ""),
    ("[THINK]Hm, a city that", ""),
    ("<think></think>", ""),
    ("Hm.</think>", ""),
]


OPENED = ["<think>", "<thinking>", '<thought kind="long">', "<reasoning>", "<seed:think>", "[THINK]", "◁think▷"]
THOUGHT_BLOCKS = ["<think>Hm.</think>", "Hm.</think>\n", "<reasoning>Hm.</reasoning> ", "[THINK]Hm.[/THINK]"]


@pytest.mark.parametrize(("text", "rest"), THOUGHTS)
def test_thinking_never_stands_in_an_answer(text: str, rest: str) -> None:
    answer = judged(Answer("a", text, "stop"))
    assert answer.text == rest
    assert answer.error_kind == ("" if rest else "empty_answer")


@pytest.mark.parametrize("text", ["A city <b>at</b> dusk [1].", "A thinker <3 thinks.", "x < y > z", "[T] and (think)"])
def test_what_is_no_thinking_stays(text: str) -> None:
    assert without_thinking(text) == (text, "")


PROSE = [
    "The sign reads <Thinking Machines> in neon above the door.",
    "A mirror <reflection>of neon</reflection> on wet asphalt",
    "<Think Tank>, says the sign, <thoughtful> faces behind it",
    "<Reasoning Ltd.> over a door, <thoughts> on a wall: [think]!",
]
WORDS = ["<Think big>", "<thinking aloud>", "<reflection>", "</reflection>", "<thoughts>", "<thinker>", "<rethink>",
         "<reasoning, then>", "[think]", "[Think big]", "<b>", "</b>", "<3", "x < y", "a > b", "<", ">", "<>", "</",
         "city", "thinks", "neon."]  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_prose_with_brackets_stays_whole(text: str) -> None:
    assert judged(Answer("a", text, "stop")).text == text


@given(st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join), st.sampled_from(["", *THOUGHT_BLOCKS]))
def test_any_prose_with_brackets_stays_whole(prose: str, before: str) -> None:
    answer = judged(Answer("a", f"{before}{prose}", "stop"))
    assert (answer.text, answer.error) == (prose, "")


@given(st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join), st.sampled_from(OPENED))
def test_a_mark_without_an_end_is_no_success(prose: str, mark: str) -> None:
    for text in (f"{prose}{mark} Hm, a city", f"{mark} Hm, a city", f"<think>Hm.</think>{prose} {mark}"):
        answer = judged(Answer("a", text, "stop"))
        assert (answer.text, answer.error_kind) == ("", "empty_answer")
    assert "does not end, cut off at its full length: raise" in judged(Answer("a", f"{prose}{mark} Hm", "length")).error


MARKS = ["<think>", "</think>", "[THINK]", "[/THINK]", "<thinking>", "</thinking>", "A city ", "\n", "<", ">", "\ud83d"]


@given(st.lists(st.sampled_from(MARKS)).map("".join))
def test_any_mixture_leaves_no_mark(text: str) -> None:
    answer = judged(Answer("a", text, "stop"))
    assert not any(mark in answer.text for mark in ("<think>", "</think>", "[THINK]", "[/THINK]", "<thinking>"))
    assert bool(answer.text) != bool(answer.error)
    answer.text.encode()


@pytest.mark.parametrize(
    "mark",
    [
        "<think a=1 b",
        "<think   ",
        "<think a=",
        "<think>",
        "</think>",
        "<think></think>",
        "<",
        "< ",
        "<answer>",
        "[ ",
        "<|channel|>analysis",
    ],
)
def test_a_long_text_takes_no_long_time(mark: str) -> None:
    without_thinking(mark * 200_000)  # minutes, were it quadratic


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_nothing_is_no_answer(text: str) -> None:
    answer = judged(Answer("a", text, "stop", prompt_tokens=7))
    assert (answer.error, answer.error_kind) == ("the model gave no answer: its text is empty", "empty_answer")
    assert answer.prompt_tokens == 7


@pytest.mark.parametrize(
    "end",
    ["", "content_filter", "CONTENT_FILTER", "tool_calls", "function_call", "abort", "error", "cancelled", "refusal"],
)
def test_an_end_that_is_none(end: str) -> None:
    assert judged(Answer("a", "A city", end)).error_kind == "empty_answer"


@pytest.mark.parametrize(
    ("end", "means"), [("stop", "stop"), ("eos_token", "stop"), ("end_turn", "stop"), ("length", "length"),
                       ("MAX_TOKENS", "length"), ("max_tokens", "length"), ("repetition", "repetition")]
)  # fmt: skip
def test_an_end_by_other_words(end: str, means: str) -> None:
    answer = judged(Answer("a", "A city", end))
    assert (answer.error, answer.finish_reason) == ("", means)


def test_a_cut_off_thought_says_what_to_do() -> None:
    assert "raise --max-tokens" in judged(Answer("a", "<think>Hm", "length")).error


def test_an_error_stays_as_it_is() -> None:
    answer = Answer("a", error="too long", error_kind="too_long")
    assert judged(answer) is answer


class Moody:
    """A FAKE engine: `replies(id)` gives the texts that it says to an item, one a time."""

    def __init__(self, replies: dict[str, list[str]]) -> None:
        self.replies = replies
        self.asked: list[str] = []

    def __call__(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        for conversation in conversations:
            self.asked.append(conversation.id)
            deliver(judged(Answer(conversation.id, self.replies[conversation.id].pop(0), "stop")))


def answers(engine: Moody, conversations: Sequence[Conversation], **more: object) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}

    def deliver(answer: Answer) -> None:
        assert answer.id not in answers
        answers[answer.id] = answer

    ask_again(engine, conversations, deliver, **more)  # type: ignore[arg-type]
    return answers


def test_what_is_empty_is_asked_again_and_nothing_else() -> None:
    engine = Moody({"good": ["A city."], "late": ["", "<think>", "A city."], "never": [""] * ASKS})
    received = answers(engine, [Conversation(id, id) for id in ("good", "late", "never")])
    assert {id: answer.text for id, answer in received.items()} == {"good": "A city.", "late": "A city.", "never": ""}
    assert received["never"].error_kind == "empty_answer"
    assert [engine.asked.count(id) for id in ("good", "late", "never")] == [1, 3, ASKS]


def test_where_nothing_is_left_to_chance_it_is_not_asked_again() -> None:
    conversations = [Conversation("cold", "x", temperature=0.0), Conversation("seeded", "x", seed=7)]
    assert not any(map(sampled, conversations))
    engine = Moody({"cold": [""], "seeded": [""]})
    assert all(answer.error for answer in answers(engine, conversations).values())
    assert engine.asked == ["cold", "seeded"]
