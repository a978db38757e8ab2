from __future__ import annotations

import threading
import time

import pytest
from servers.unwell import UnwellServer, answer, refusal

from cosmos_workflow.engines import Answer, Conversation
from cosmos_workflow.engines.server import ServerEngine
from cosmos_workflow.errors import EngineUnavailable


def ask(server: UnwellServer, texts: list[str], **options: int) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}

    def deliver(one: Answer) -> None:
        assert one.id not in answers
        assert threading.current_thread() is threading.main_thread()
        answers[one.id] = one

    engine = ServerEngine(server.url, **options)
    engine.answer([Conversation(f"id-{text}", text) for text in texts], deliver)
    engine.close()
    return answers


def test_each_answer_stands_under_its_own_id() -> None:
    def reply(text: str, attempt: int):
        time.sleep(0.05 if text.endswith("0") else 0)
        return answer(f"long {text}")

    with UnwellServer(reply) as server:
        answers = ask(server, [f"t{i}" for i in range(40)])
    assert {id: one.text for id, one in answers.items()} == {f"id-t{i}": f"long t{i}" for i in range(40)}
    assert next(iter(answers)) != "id-t0"  # as they finish, not in order
    assert answers["id-t3"].prompt_tokens == 11


@pytest.mark.parametrize("failure", [(429, {}), (500, {}), (503, {}), None])
def test_what_passes_is_tried_again(failure) -> None:
    with UnwellServer(lambda text, attempt: failure if attempt < 3 else answer("well")) as server:
        assert ask(server, ["a"])["id-a"].text == "well"
    assert server.attempts["a"] == 3


def test_what_is_refused_is_not() -> None:
    words = "This model's maximum context length is 4096 tokens. However, your prompt contains 4157 input tokens"
    with UnwellServer(lambda text, attempt: refusal(400, words) if text == "bad" else answer("well")) as server:
        answers = ask(server, ["a", "bad", "b"])
    assert server.attempts["bad"] == 1
    assert answers["id-bad"].error_kind == "too_long"
    assert "4157" in answers["id-bad"].error
    assert [answers[f"id-{text}"].text for text in "ab"] == ["well", "well"]


def test_requests_at_once_are_bounded() -> None:
    def reply(text: str, attempt: int):
        time.sleep(0.02)
        return answer("well")

    with UnwellServer(reply) as server:
        ask(server, [f"t{i}" for i in range(20)], concurrency=3)
    assert 1 < server.most_at_once <= 3


def test_a_server_that_dies_in_the_middle_keeps_what_was_answered() -> None:
    answers: list[Answer] = []
    with UnwellServer(lambda text, attempt: answer("well") if text < "t5" else None) as server:
        engine = ServerEngine(server.url, concurrency=1, max_retries=0)
        with pytest.raises(EngineUnavailable, match="no answer"):
            engine.answer([Conversation(f"t{i}", f"t{i}") for i in range(10)], answers.append)
    assert [one.id for one in answers] == [f"t{i}" for i in range(5)]


def test_nobody_there() -> None:
    with pytest.raises(EngineUnavailable, match="no answer") as caught:
        ServerEngine("http://127.0.0.1:9/v1", max_retries=0).answer([Conversation("a", "a")], print)
    assert "127.0.0.1:9" in str(caught.value)


@pytest.mark.parametrize("reply", [(200, {"object": "chat.completion"}), (200, {"choices": []})])
def test_an_answer_that_is_none(reply) -> None:
    with UnwellServer(lambda text, attempt: reply) as server, pytest.raises(EngineUnavailable):
        ask(server, ["a"], max_retries=0)


def test_a_key_that_is_not_taken() -> None:
    with (
        UnwellServer(lambda text, attempt: refusal(401, "bad key")) as server,
        pytest.raises(EngineUnavailable, match="COSMOS_API_KEY"),
    ):
        ask(server, ["a"])


def test_the_servers_model_and_context_length() -> None:
    models = [{"id": "first", "max_model_len": 8192}, {"id": "second"}]
    with UnwellServer(lambda text, attempt: answer("x"), models) as server:
        engine = ServerEngine(server.url)
        assert (engine.model, engine.max_model_len) == ("first", 8192)
        assert ServerEngine(server.url, model="second").max_model_len is None
        with pytest.raises(EngineUnavailable, match="it has: first, second"):
            _ = ServerEngine(server.url, model="third").max_model_len
