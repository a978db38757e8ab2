"""Bodies of model servers by name and version, and whatever else comes with status 200."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import unwell
from servers.model_servers import ERRORS_AS_ANSWERS, FAULTS, NO_ANSWERS, NO_COMPLETIONS, SORTS, Sort, each_fault

from cosmos_workflow.engines.failures import refused_tokens
from cosmos_workflow.engines.replies import Reply, answer_in, fault_in, models_in


def reply(reply: unwell.Reply) -> Reply:
    status, body = reply
    data = body.encode() if isinstance(body, str) else body
    return Reply(status, data if isinstance(data, bytes) else json.dumps(body).encode())


def trouble(received: Reply) -> tuple[str, str]:
    """The kind of what is wrong, and its words."""
    if fault := fault_in(received):
        return fault.kind, fault.what
    answer = answer_in("a", received)
    assert answer.text == ""
    return answer.error_kind, answer.error


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_a_good_answer_of_each_server(sort: Sort) -> None:
    received = reply(sort.answer("A city."))
    answer = answer_in("a", received)
    assert fault_in(received) is None
    assert (answer.text, answer.error, answer.finish_reason) == ("A city.", "", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 3)


@pytest.mark.parametrize(
    ("name", "kind", "refusal"), list(each_fault()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_each_server_refuses_is_named(name: str, kind: str, refusal: unwell.Reply) -> None:
    assert trouble(reply(refusal))[0] == kind


@pytest.mark.parametrize("sort", [sort for sort in SORTS if sort.tokens], ids=lambda sort: sort.name)
def test_the_length_that_each_server_tells(sort: Sort) -> None:
    assert refused_tokens(trouble(reply(sort.too_long))[1]) == sort.tokens


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_no_answer_although_it_comes_as_one(name: str) -> None:
    assert trouble(reply(NO_ANSWERS[name]))[0] == "empty_answer"


@pytest.mark.parametrize("name", NO_COMPLETIONS)
def test_what_is_no_completion(name: str) -> None:
    kind, message = trouble(reply(NO_COMPLETIONS[name]))
    assert kind == "bad_answer"
    assert message.startswith("the server sent ")
    assert len(message) < 700


def test_what_came_is_said() -> None:
    assert "Sign in" in trouble(reply(NO_COMPLETIONS["page"]))[1]
    assert "stream" in trouble(reply(NO_COMPLETIONS["stream"]))[1]
    assert "empty body" in trouble(reply(NO_COMPLETIONS["nothing"]))[1]


@pytest.mark.parametrize("name", ERRORS_AS_ANSWERS)
def test_an_error_with_status_200(name: str) -> None:
    kind, message = trouble(reply(ERRORS_AS_ANSWERS[name]))
    assert kind == "server_error"
    assert message == "the server answers 200: the wheels came off"


@pytest.mark.parametrize("name", FAULTS)
def test_the_servers_own_reason(name: str) -> None:
    refusal, message = FAULTS[name]
    assert message in trouble(reply(refusal))[1]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "A city"}, {"type": "text", "text": " at dusk."}], "A city at dusk."),
        (["A city", " at dusk."], "A city at dusk."),
        ({"type": "text", "text": "A city at dusk."}, "A city at dusk."),
        ([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "A city at dusk."}], "A city at dusk."),
        ([{"type": "reasoning", "text": "Hm."}, {"type": "output_text", "text": "A city at dusk."}], "A city at dusk."),
        ([{"type": "text", "text": {"value": "A city at dusk.", "annotations": []}}], "A city at dusk."),
        ([None, {"type": "text", "text": None}, {"text": "A city at dusk."}], "A city at dusk."),
        ("A city \ud83d at dusk.", "A city ? at dusk."),
        ([{"type": "text", "text": "A city \udc00"}], "A city ?"),
        ("<think>Hm.</think>A city at dusk.", "A city at dusk."),
    ],
)
def test_content_of_any_kind_is_read(content: object, text: str) -> None:
    choice = {"message": {"content": content, "reasoning_content": "Hm."}, "finish_reason": "stop"}
    answer = answer_in("a", reply((200, {"choices": [choice]})))
    assert (answer.text, answer.error) == (text, "")


NO_COUNTS = [None, "11", -1, True, 10**30, 1.5]


@pytest.mark.parametrize("usage", [None, [], {}, *({"prompt_tokens": count} for count in NO_COUNTS)])
def test_counts_that_are_none(usage: object) -> None:
    choice = {"message": {"content": "A city."}, "finish_reason": "stop"}
    assert answer_in("a", reply((200, {"choices": [choice], "usage": usage}))).prompt_tokens == 0


def test_no_control_character_and_no_page_of_text_reaches_a_message() -> None:
    kind, message = trouble(reply((500, {"error": "\x1b[31mred\x07 \ud83d " + "x" * 5000})))
    assert kind == "server_error"
    assert "\x1b" not in message
    assert len(message) < 700
    message.encode()


def test_a_reply_that_is_far_too_long() -> None:
    assert answer_in("a", Reply(200, b'{"choices"', too_large=True)).error_kind == "bad_answer"


NAMES = ["choices", "message", "content", "error", "finish_reason", "usage", "detail", "text", "type", "code"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from([200, 201, 204, 302, 400, 404, 500]), JSON)
def test_any_json_is_an_answer_or_a_named_error(status: int, body: object) -> None:
    received = reply((status, body if not isinstance(body, str) else json.dumps(body)))
    fault, answer = fault_in(received), answer_in("a", received)
    assert bool(answer.text) != bool(answer.error)
    assert status < 300 or fault is not None
    models_in(received)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_answer_or_a_named_error(body: bytes) -> None:
    assert answer_in("a", Reply(200, body)).error
    assert fault_in(Reply(500, body))


@pytest.mark.parametrize(
    ("listing", "ids"),
    [
        ((200, {"object": "list", "data": [{"id": "a"}, {"id": "b"}]}), ["a", "b"]),
        ((200, {"object": "list", "data": None}), []),  # Ollama without a model
        ((200, {"models": [{"name": "a"}]}), ["a"]),
        ((200, [{"id": "a"}]), ["a"]),
        ((200, {"data": [{"id": 7}, None, {"id": "a"}]}), ["a"]),
        ((404, {"detail": "Not Found"}), None),
        ((501, ""), None),
        ((200, {"error": "Unexpected endpoint or method. (GET /models)"}), None),
        ((200, "<html></html>"), None),
        ((200, "Ollama is running"), None),
        ((200, {}), None),
    ],
)
def test_a_list_of_models(listing: unwell.Reply, ids: list[str] | None) -> None:
    models = models_in(reply(listing))
    assert (None if models is None else [model["id"] for model in models]) == ids
