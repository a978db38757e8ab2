"""Captions from servers that hold answers to a form, that do not know how, and that answer what they like."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from servers.unwell import Reply, UnwellServer, answer, refusal

from cosmos_workflow.engines.answer_forms import AnswerForms
from cosmos_workflow.engines.replies import Fault
from cosmos_workflow.engines.server import ServerEngine
from cosmos_workflow.engines.structured import REPAIRS, formed, schema_of
from cosmos_workflow.engines.vllm_decoding import tight_decoding
from cosmos_workflow.kinds.upsample.caption import caption_by_rules, facts_of, negative_by_rules, problems_of
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.tasks import conversation_of, task_of

MEASURED = {
    "width": 320, "height": 240, "duration": 2.0,
    "shots": [{"start": 0.0, "end": 1.0, "motion": {"moves": ["pan left"], "subject": ""}},
              {"start": 1.0, "end": 2.0, "motion": {"moves": [], "subject": ""}}],
    "brightness": [0.5] * 10, "contrast": 0.4, "sharpness": 0.2, "palette": [["grey", 0.8]], "detail": "left",
}  # fmt: skip
FACTS = facts_of(MEASURED, 24.0)
GOOD = caption_by_rules("a street", MEASURED, FACTS)
WRONG = {**GOOD, "context": 7, "mood": "calm"}


def caption(id: str, **more: Any) -> Conversation:
    asked = {"prompt": "a street", "facts": {**FACTS, "wish": "a street"}, "negative": False}
    return Conversation(f"id-{id}", id, caption=asked, **more)


def ask(server: UnwellServer, conversations: list[Conversation], **options: Any) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    engine = ServerEngine(server.url, **options)
    engine.answer(conversations, lambda answer: answers.update({answer.id: answer}))
    engine.close()
    assert answers.keys() == {conversation.id for conversation in conversations}
    return answers


def forms(server: UnwellServer) -> Counter[str]:
    return Counter((body.get("response_format") or {}).get("type", "") for body in server.bodies)


def knowing(*known: str, words: str, status: int = 400) -> Any:
    """A server that takes only these forms of answer."""
    server: list[UnwellServer] = []

    def reply(text: str, attempt: int) -> Reply:
        form = (server[0].bodies[-1].get("response_format") or {}).get("type", "")
        return answer(json.dumps(GOOD)) if form in ("", *known) else refusal(status, words.format(form))

    server.append(UnwellServer(reply))
    return server[0]


def test_a_server_that_knows_schemas_is_held_to_ours() -> None:
    with knowing("json_schema", words="") as server:
        answers = ask(server, [caption("a"), Conversation("id-b", "prose")], concurrency=1)
    assert forms(server) == {"json_schema": 1, "": 1}
    assert problems_of(json.loads(answers["id-a"].text)) == []
    assert answers["id-a"].note == "caption by m"
    (held,) = [body["response_format"]["json_schema"] for body in server.bodies if "response_format" in body]
    schema = held["schema"]
    assert schema == schema_of(caption("a"))
    assert {"resolution", "duration", "fps", "aspect_ratio", "transitions"}.isdisjoint(schema["properties"])
    assert list(schema["properties"]["segments"]["items"]["properties"]) == ["description", "key_changes"]
    assert (schema["properties"]["segments"]["minItems"], schema["properties"]["segments"]["maxItems"]) == (2, 2)


@pytest.mark.parametrize(
    ("words", "status", "known", "left"),
    [
        ("response_format.type {0} is not supported", 400, ("json_object",), "json_object"),
        ("'response_format' of type {0} is not supported with this model", 422, (), ""),
        ("Invalid request", 400, ("json_object",), "json_object"),
        ("Input should be 'text'", 422, (), ""),
    ],
)
def test_a_form_that_a_server_does_not_know_is_asked_for_once(
    words: str, status: int, known: tuple[str, ...], left: str
) -> None:
    with knowing(*known, words=words, status=status) as server:
        answers = ask(server, [caption(f"t{number}") for number in range(6)], concurrency=1)
    assert not any(answer.error for answer in answers.values())
    counted = forms(server)
    assert counted.pop(left) == 6
    assert all(count == 1 for count in counted.values())


def test_a_prompt_that_is_too_long_does_not_say_that_a_form_is_unknown() -> None:
    message = "This model's maximum context length is 4096 tokens. However, your prompt contains 4157 input tokens"
    with UnwellServer(lambda text, attempt: refusal(400, message) if text == "bad" else answer(json.dumps(GOOD))) as s:
        answers = ask(s, [caption("bad"), caption("a")], concurrency=1)
    assert answers["id-bad"].error_kind == "too_long"
    assert answers["id-a"].error == ""
    assert forms(s) == {"json_schema": 2}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("A long paragraph about a street.", "no JSON object|no object|JSON"),
        (json.dumps(GOOD)[:-40], "line 1"),
        (json.dumps(WRONG), "context: it is a number, not a text.*mood"),
        ('{"subjects": "none"}', "subjects: it is a text, not a list"),
        ("[1, 2]", "JSON|object"),
    ],
)
def test_what_is_no_caption_goes_back_with_what_is_wrong(said: str, named: str) -> None:
    with UnwellServer(lambda text, attempt: answer(said if attempt == 1 else f"```json\n{json.dumps(GOOD)}\n```")) as s:
        answers = ask(s, [caption("a", temperature=0.0)])
    assert problems_of(json.loads(answers["id-a"].text)) == []
    assert answers["id-a"].note == "caption by m, which was told once what was wrong"
    first, second = s.bodies
    assert len(first["messages"]) == 1
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    assert second["messages"][1]["content"] == said
    assert "no valid caption" in second["messages"][2]["content"]

    with UnwellServer(lambda text, attempt: answer(said)) as s:
        (failed,) = ask(s, [caption("a")]).values()
    assert (failed.error_kind, failed.text) == ("bad_caption", "")
    assert re.search(named, failed.error, re.DOTALL), failed.error
    assert f"told {REPAIRS} times" in failed.error
    assert len(s.bodies) == 1 + REPAIRS


def test_each_gets_its_own_answer_although_some_are_asked_again() -> None:
    lock = threading.Lock()

    def reply(text: str, attempt: int) -> Reply:
        with lock:
            bad = int(text[1:]) % 3 >= attempt
        return answer("broken {" if bad else json.dumps({**GOOD, "context": text}))

    with UnwellServer(reply) as server:
        answers = ask(server, [caption(f"t{number}") for number in range(12)])
    for number in range(12):
        assert json.loads(answers[f"id-t{number}"].text)["context"].endswith(f"t{number}")
        assert server.attempts[f"t{number}"] == 1 + number % 3


def test_an_answer_that_was_cut_is_named_and_not_asked_for_again() -> None:
    cut = answer(json.dumps(GOOD)[:200])
    cut[1]["choices"][0]["finish_reason"] = "length"
    with UnwellServer(lambda text, attempt: cut) as server:
        (failed,) = ask(server, [caption("a")]).values()
    assert (failed.error_kind, failed.text, len(server.bodies)) == ("bad_caption", "", 1)
    assert "cut at 3 tokens: raise --max-tokens" in failed.error


def test_a_question_that_grew_too_long_leaves_the_first_reason() -> None:
    message = "This model's maximum context length is 4096 tokens. However, your prompt contains 4157 input tokens"
    with UnwellServer(lambda text, attempt: answer(json.dumps(WRONG)) if attempt == 1 else refusal(400, message)) as s:
        (failed,) = ask(s, [caption("a")]).values()
    assert failed.error_kind == "bad_caption"
    assert "context: it is a number" in failed.error
    assert "4157" in failed.error


def test_what_is_known_is_ours_whatever_is_answered() -> None:
    lies = {**GOOD, "fps": 60, "duration": "9s", "resolution": {"W": 1, "H": 1}, "aspect_ratio": "1,1",
            "segments": [], "cinematography": {**GOOD["cinematography"], "camera_motion": "Spins"}}  # fmt: skip
    made = json.loads(formed(caption("a"), Answer("id-a", json.dumps(lies), "stop"))[0].text)
    assert (made["fps"], made["duration"], made["aspect_ratio"]) == (24, "2s", "4,3")
    assert made["cinematography"]["camera_motion"].startswith("Pans to the left")
    assert [each["time_range"] for each in made["segments"]] == ["0:00-0:01", "0:01-0:02"]


def test_a_negative_caption_has_a_form_of_its_own() -> None:
    asked = {"prompt": "a street", "facts": FACTS, "negative": True}
    conversation = Conversation("id-a", "a", caption=asked)
    assert "physical_realism" in schema_of(conversation)["properties"]
    negative = json.dumps(negative_by_rules("a street"))
    assert formed(conversation, Answer("id-a", negative, "stop"))[0].error == ""
    # What the user wants to see is no fault, whoever wrote it.
    wanted = replace(conversation, caption={**asked, "prompt": "a street at night in fog"})
    kept = formed(wanted, Answer("id-a", negative, "stop"))[0]
    assert kept.error == ""
    assert "underexposed" in negative.lower()
    assert "underexposed" not in kept.text.lower()
    assert "twisted limbs" in kept.text.lower()
    assert formed(conversation, Answer("id-a", json.dumps(GOOD), "stop"))[0].error_kind == "bad_caption"
    assert formed(caption("a"), Answer("id-a", negative, "stop"))[0].error_kind == "bad_caption"


def test_prose_and_errors_are_left_alone() -> None:
    prose = Answer("id-a", "{}", "stop")
    assert formed(Conversation("id-a", "a"), prose)[0] is prose
    refused = Answer("id-a", error="no", error_kind="rejected")
    assert formed(caption("a"), refused)[0] is refused


def test_a_conversation_travels_with_its_caption_and_without_one_as_ever() -> None:
    turned = caption("a", turns=({"answer": "x", "said": "y"},))
    packed = task_of(turned)
    again = conversation_of(type(packed.task)(**json.loads(json.dumps(vars(packed.task)))), packed.files)
    assert again == turned
    assert {"caption", "turns"}.isdisjoint(task_of(Conversation("a", "b")).task.asks)


@pytest.mark.parametrize(
    ("known", "argument"),
    [
        ({"guided_decoding_backend"}, ("guided_decoding_backend", "xgrammar:disable-any-whitespace")),
        ({"guided_decoding_backend", "guided_decoding_disable_any_whitespace"},
         ("guided_decoding_disable_any_whitespace", True)),
        ({"structured_outputs_config"},
         ("structured_outputs_config", {"backend": "xgrammar", "disable_any_whitespace": True})),
    ],
)  # fmt: skip
def test_the_words_of_each_vllm(known: set[str], argument: tuple[str, Any]) -> None:
    made = tight_decoding(known, {})
    assert made[argument[0]] == argument[1]
    assert made.keys() <= known
    assert tight_decoding(known, {argument[0]: "mine"}) == {}
    assert tight_decoding(set(), {}) == {}


def test_a_form_that_was_taken_is_kept_whatever_a_refusal_sounds_like() -> None:
    known, alike = AnswerForms(), Fault(400, "image_url: could not read the schema of this picture", "rejected")
    assert known.after("json_schema", None) is None
    for form, weaker in (("json_schema", "json_object"), ("json_object", ""), ("", None)):
        assert known.after(form, alike) == weaker  # this item is asked once more, and no other is
    assert known.now == "json_schema"
