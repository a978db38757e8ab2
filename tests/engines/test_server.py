from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from servers.model_servers import FAULTS, NGINX, NO_ANSWERS, NO_COMPLETIONS, SORTS, Sort, nested
from servers.unwell import UnwellServer, answer, refusal

from cosmos_workflow.engines.answers import ASKS
from cosmos_workflow.engines.at_once import answer_at_once
from cosmos_workflow.engines.connection import LONGEST_REPLY, Connection, Reply
from cosmos_workflow.engines.server import HELLO, ServerEngine
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation


def ask(server: UnwellServer, texts: list[str], **options: int | str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}

    def deliver(answer: Answer) -> None:
        assert answer.id not in answers
        assert threading.current_thread() is threading.main_thread()
        answers[answer.id] = answer

    engine = ServerEngine(server.url, **options)  # type: ignore[arg-type]
    engine.answer([Conversation(f"id-{text}", text) for text in texts], deliver)
    engine.close()
    return answers


def test_each_answer_stands_under_its_own_id() -> None:
    delivered = threading.Event()
    answers: dict[str, Answer] = {}

    def reply(text: str, attempt: int):
        if text == "t0":
            delivered.wait(60)
        return answer(f"long {text}")

    def deliver(result: Answer) -> None:
        assert result.id not in answers
        answers[result.id] = result
        delivered.set()

    with UnwellServer(reply) as server:
        engine = ServerEngine(server.url)
        engine.answer([Conversation(f"id-t{i}", f"t{i}") for i in range(40)], deliver)
        engine.close()
    assert {id: result.text for id, result in answers.items()} == {f"id-t{i}": f"long t{i}" for i in range(40)}
    assert next(iter(answers)) != "id-t0"  # as they finish, not in order
    assert answers["id-t3"].prompt_tokens == 11


@pytest.mark.parametrize("failure", [(429, {}), (500, {}), (503, {}), None])
def test_what_passes_is_tried_again(failure) -> None:
    with UnwellServer(lambda text, attempt: failure if attempt < 3 else answer("well")) as server:
        assert ask(server, ["a"])["id-a"].text == "well"
    assert server.attempts["a"] == 3


def test_what_is_refused_is_not() -> None:
    message = "This model's maximum context length is 4096 tokens. However, your prompt contains 4157 input tokens"
    with UnwellServer(lambda text, attempt: refusal(400, message) if text == "bad" else answer("well")) as server:
        answers = ask(server, ["a", "bad", "b"])
    assert server.attempts["bad"] == 1
    assert answers["id-bad"].error_kind == "too_long"
    assert "4157" in answers["id-bad"].error
    assert [answers[f"id-{text}"].text for text in "ab"] == ["well", "well"]


def test_requests_at_once_are_bounded() -> None:
    together = threading.Barrier(3)

    def reply(text: str, attempt: int):
        if text in ("t0", "t1", "t2"):
            together.wait(60)
        time.sleep(0.02)  # for one too many to come
        return answer("well")

    with UnwellServer(reply) as server:
        ask(server, [f"t{i}" for i in range(20)], concurrency=3)
    assert server.most_at_once == 3


def test_a_server_that_dies_in_the_middle_keeps_what_was_answered() -> None:
    answers: list[Answer] = []

    def deliver(result: Answer) -> None:
        answers.append(result)
        if len(answers) == 5:
            server.stop()

    with UnwellServer(lambda text, attempt: answer("well")) as server:
        engine = ServerEngine(server.url, concurrency=1, max_retries=0)
        with pytest.raises(EngineUnavailable, match="no answer"):
            engine.answer([Conversation(f"t{i}", f"t{i}") for i in range(10)], deliver)
    assert [result.id for result in answers] == [f"t{i}" for i in range(len(answers))]
    assert 5 <= len(answers) <= 6  # one may have been on its way


def test_what_is_answered_when_it_dies_is_kept() -> None:
    """Answers that came in while another request found nobody are delivered before the run ends."""
    came = threading.Event()
    answers: list[Answer] = []

    def ask(conversation: Conversation) -> Answer:
        if conversation.id == "lost":
            came.wait(60)
            raise EngineUnavailable("no answer")
        return Answer(conversation.id, "well", "stop")

    def deliver(result: Answer) -> None:
        answers.append(result)
        if len(answers) == 1:
            came.set()

    with pytest.raises(EngineUnavailable):
        answer_at_once(
            ask, [Conversation(id, id) for id in ("lost", "a", "b")], deliver, limit=3, over=threading.Event()
        )
    assert {"a"} <= {result.id for result in answers} <= {"a", "b"}


def test_whoever_leaves_does_not_wait_for_what_is_on_its_way() -> None:
    hold = threading.Event()

    def reply(text: str, attempt: int):
        if text == "slow":
            hold.wait(60)
        return answer("well")

    def leave(result: Answer) -> None:
        raise KeyboardInterrupt

    with UnwellServer(reply) as server:
        with pytest.raises(KeyboardInterrupt):
            ServerEngine(server.url).answer([Conversation(text, text) for text in ("slow", "a")], leave)
        assert not hold.is_set()
        assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("cosmos-server"))
        hold.set()


def test_an_item_without_an_answer_costs_only_itself() -> None:
    """Its connection is closed each time, but the server is alive."""
    with UnwellServer(lambda text, attempt: None if text == "bad" else answer("well")) as server:
        answers = ask(server, ["bad", *"abcd"], max_retries=1, concurrency=1)
    assert [answers[f"id-{text}"].text for text in "abcd"] == ["well"] * 4
    assert answers["id-bad"].error_kind == "unreachable"
    assert server.attempts["bad"] == 2


def test_an_item_that_takes_too_long_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    exchange = Connection._exchange

    def patient(self: Connection, method: str, url: str, timeout: float, **sent: Any) -> Reply:
        """Only the bad item's time is short: on a busy machine a good one may need more."""
        bad = "json" in sent and sent["json"]["messages"][0]["content"][-1]["text"] == "bad"
        return exchange(self, method, url, timeout if bad else 60.0, **sent)

    monkeypatch.setattr(Connection, "_exchange", patient)

    def reply(text: str, attempt: int):
        if text == "bad":
            over.wait(60)
        return answer("well")

    with UnwellServer(reply) as server:
        engine = ServerEngine(server.url, timeout=1.0)
        answers: dict[str, Answer] = {}
        engine.answer(
            [Conversation(text, text) for text in ("bad", "a")], lambda result: answers.update({result.id: result})
        )
        over.set()
    assert answers["a"].text == "well"
    assert (answers["bad"].error, answers["bad"].error_kind) == ("no answer in 1 s", "timed_out")
    assert server.attempts["bad"] == 2  # the whole time twice is enough to know


@pytest.mark.parametrize("reply", [NO_ANSWERS["null"], NO_ANSWERS["thinking cut off"], NO_COMPLETIONS["page"]])
def test_what_is_no_answer_is_asked_again(reply) -> None:
    with UnwellServer(lambda text, attempt: answer("well") if attempt == ASKS else reply) as server:
        assert ask(server, ["a"])["id-a"].text == "well"
    assert server.attempts["a"] == ASKS
    with UnwellServer(lambda text, attempt: reply) as server:
        assert ask(server, ["a"])["id-a"].error_kind in ("empty_answer", "bad_answer")
    assert server.attempts["a"] == ASKS


@pytest.mark.parametrize("name", FAULTS)
def test_three_refused_alike_and_none_answered_is_the_servers_fault(name: str) -> None:
    reply, message = FAULTS[name]
    answers: list[Answer] = []
    with UnwellServer(lambda text, attempt: reply) as server:
        engine = ServerEngine(server.url, concurrency=1, max_retries=0)
        with pytest.raises(EngineUnavailable, match="refused in the same way") as caught:
            engine.answer([Conversation(f"t{i}", f"t{i}") for i in range(10)], answers.append)
    assert message in str(caught.value)
    assert [result.id for result in answers] == ["t0", "t1", "t2"]
    assert server.attempts.keys() == {"t0", "t1", "t2", HELLO.text}


def test_three_bad_items_at_the_start_are_not_the_servers_fault() -> None:
    """It answers the least there is, so the run goes on: what is left of a batch may be all bad."""
    with UnwellServer(lambda text, attempt: refusal(400, "no") if text[0] == "t" else answer("well")) as server:
        answers = ask(server, [*(f"t{i}" for i in range(10)), "good"], concurrency=1)
    assert answers["id-good"].text == "well"
    assert server.attempts[HELLO.text] == 1


def test_refusals_that_differ_are_the_items_own() -> None:
    replies = [FAULTS["400 text"], FAULTS["413"], FAULTS["422"], FAULTS["500 plain"], FAULTS["400 text"], FAULTS["413"]]
    with UnwellServer(lambda text, attempt: replies[int(text)][0]) as server:
        answers = ask(server, [str(number) for number in range(len(replies))], max_retries=0)
    assert all(result.error for result in answers.values())


@pytest.mark.parametrize("reply", [SORTS[0].too_long, NO_ANSWERS["null"]], ids=["too long", "empty"])
def test_what_is_wrong_with_the_items_themselves_ends_no_run(reply) -> None:
    with UnwellServer(lambda text, attempt: reply) as server:
        assert len(ask(server, [f"t{i}" for i in range(10)])) == 10


def test_refusals_after_an_answer_end_no_run() -> None:
    with UnwellServer(lambda text, attempt: answer("well") if text == "t0" else refusal(500, "x")) as server:
        answers = ask(server, [f"t{i}" for i in range(10)], max_retries=0, concurrency=1)
    assert sum(not result.error for result in answers.values()) == 1


def test_quick_refusals_wait_for_what_is_on_its_way() -> None:
    """Refusals come at once, answers take their time: the first answer decides, not the first outcome."""
    quick = threading.Barrier(4)

    def reply(text: str, attempt: int):
        if attempt == 1 and text in ("t0", "t1", "t2", "good"):
            quick.wait(60)
        if text.startswith("t"):
            return refusal(400, "no")
        while sum(server.attempts[f"t{n}"] for n in range(9)) < 3:
            time.sleep(0.01)
        time.sleep(0.1)
        return answer("well")

    with UnwellServer(reply) as server:
        answers = ask(server, ["good", *(f"t{i}" for i in range(9))], concurrency=4)
    assert answers["id-good"].text == "well"
    assert len(answers) == 10


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
def test_each_server_by_name(sort: Sort) -> None:
    """A stand-in of each: a good item among its refusals, at the right path and at its root."""
    replies = {"good": sort.answer("long"), "long": sort.too_long, "missing": sort.missing}
    replies |= {f"fault {number}": reply for number, (_, reply) in enumerate(sort.faults)}
    kinds = {"good": "", "long": "too_long", "missing": "model_missing"}
    kinds |= {f"fault {number}": kind for number, (kind, _) in enumerate(sort.faults)}
    with UnwellServer(
        lambda text, attempt: replies[text], listing=sort.listing, elsewhere=sort.elsewhere
    ) as server:  # fmt: skip
        given = [ServerEngine(url, model="m", max_retries=1, concurrency=1) for url in (server.url, server.url[:-3])]
        for engine in given:
            answers: list[Answer] = []
            engine.answer([Conversation(text, text) for text in replies], answers.append)
            engine.close()
            assert {result.id: result.error_kind for result in answers} == kinds
            assert {result.text for result in answers} == {"long", ""}


@pytest.mark.parametrize(("header", "value"), [("Retry-After", "0"), ("retry-after-ms", "5"), ("Retry-After", "0.01")])
def test_the_wait_that_the_server_states(header: str, value: str) -> None:
    began = time.monotonic()
    with UnwellServer(
        lambda text, attempt: (429, {}) if attempt < 5 else answer("well"), headers={header: value}
    ) as server:
        assert ask(server, ["a"])["id-a"].text == "well"
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "Mon, 99 Foo 2026", "1e400", ""])
def test_a_wait_that_is_none(value: str) -> None:
    with UnwellServer(
        lambda text, attempt: (429, {}) if attempt < 2 else answer("well"), headers={"Retry-After": value}
    ) as server:
        assert ask(server, ["a"])["id-a"].text == "well"


def test_a_wait_that_is_far_too_long_is_not_waited() -> None:
    with UnwellServer(lambda text, attempt: (429, {}), headers={"Retry-After": "86400"}) as server:
        assert ask(server, ["a"])["id-a"].error_kind == "busy"
    assert server.attempts["a"] == 1


def test_a_request_holds_what_openais_does() -> None:
    with UnwellServer(lambda text, attempt: answer("well")) as server:
        engine = ServerEngine(server.url)
        conversations = [
            Conversation("a", "x", max_tokens=7, temperature=0.5, seed=2**64 - 1),
            Conversation("b", "x", max_tokens=7, sampling={"top_p": 0.8, "top_k": 20, "presence_penalty": 1.5}),
        ]
        engine.answer(conversations, lambda result: None)
    seeded, free = sorted(server.bodies, key=lambda body: "seed" not in body)
    assert seeded == {
        "model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "max_tokens": 7,
        "temperature": 0.5, "seed": 2**64 - 1,
    }  # fmt: skip
    assert "seed" not in free
    assert (free["temperature"], free["top_p"], free["top_k"], free["presence_penalty"]) == (0.6, 0.8, 20, 1.5)


def test_a_server_that_knows_only_openais_sampling_is_asked_without_the_rest() -> None:
    def strict(text: str, attempt: int) -> Reply:
        unknown = [name for name in ("top_k", "repetition_penalty") if name in server.bodies[-1]]
        return refusal(400, f"Unrecognized request argument supplied: {unknown[0]}") if unknown else answer("well")

    sampling = {"top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}
    with UnwellServer(strict) as server:
        engine = ServerEngine(server.url, concurrency=1)
        answers: list[Answer] = []
        engine.answer([Conversation(id, "x", sampling=sampling) for id in "abc"], answers.append)
    assert [each.error for each in answers] == [""] * 3
    assert len(server.bodies) == 4  # refused once, and then asked so from the first
    assert all(body["top_p"] == 0.8 for body in server.bodies)


def test_all_that_were_asked_at_once_are_asked_again_without_it() -> None:
    together = threading.Barrier(4)

    def strict(text: str, attempt: int) -> Reply:
        if attempt == 1:
            together.wait(60)
            return refusal(400, "Unrecognized request argument supplied: top_k")
        return answer("well")

    with UnwellServer(strict) as server:
        engine = ServerEngine(server.url, concurrency=4)
        answers: list[Answer] = []
        engine.answer([Conversation(id, id, sampling={"top_k": 20}) for id in "abcd"], answers.append)
    assert [each.error for each in answers] == [""] * 4


def test_a_huge_reply_is_not_read_to_its_end() -> None:
    body = b'{"choices": [{"message": {"content": "' + b"x" * (LONGEST_REPLY + 1) + b'"}, "finish_reason": "stop"}]}'
    with UnwellServer(lambda text, attempt: (200, body)) as server:
        assert ask(server, ["a"])["id-a"].error_kind == "bad_answer"


def test_a_key_that_is_not_taken() -> None:
    with (
        UnwellServer(lambda text, attempt: refusal(401, "bad key")) as server,
        pytest.raises(EngineUnavailable, match="COSMOS_API_KEY"),
    ):
        ask(server, ["a"])


FLAGGED = [
    {"error": {"message": "Your chosen model requires moderation and your input was flagged", "code": 403,
               "metadata": {"reasons": ["violence"], "flagged_input": "a key to…"}}},  # OpenRouter
    nested("The response was filtered due to content management policy; access denied.", "content_filter", 403),
    {"error": "Guardrail: key phrases found"},
    NGINX.format("403 Forbidden"),  # a firewall that reads what is sent
    "",
]  # fmt: skip


@pytest.mark.parametrize("body", FLAGGED)
@pytest.mark.parametrize("flagged", [1, 5])
def test_a_403_for_what_an_item_holds_costs_only_the_item(body, flagged: int) -> None:
    with UnwellServer(lambda text, attempt: (403, body) if text[0] == "f" else answer("well")) as server:
        answers = ask(server, [*(f"f{i}" for i in range(flagged)), "good", "well"], concurrency=1)
    assert [answers[f"id-{text}"].text for text in ("good", "well")] == ["well"] * 2
    assert all(answers[f"id-f{i}"].error_kind == "rejected" for i in range(flagged))


@pytest.mark.parametrize(
    "body",
    [
        nested("Invalid API key", None, 403),
        nested("Key limit exceeded", None, 403),
        nested("You do not have sufficient permissions for this operation.", None, 403),
        nested("Not allowed", "permission_error", 403),
        [{"error": {"code": 403, "message": "The caller may not do this", "status": "PERMISSION_DENIED"}}],
        {"detail": "Not authenticated"},  # FastAPI's
        {"message": "User is not authorized to access this resource"},  # AWS API Gateway's
        "RBAC: access denied",  # Istio's
    ],
)
def test_a_403_for_who_asks_ends_the_run_at_once(body) -> None:
    with UnwellServer(lambda text, attempt: (403, body)) as server:
        with pytest.raises(EngineUnavailable, match="COSMOS_API_KEY"):
            ask(server, ["a", "b", "c", "d"], concurrency=1)
        assert server.attempts == {"a": 1}


def test_a_403_for_everything_is_the_keys() -> None:
    with UnwellServer(lambda text, attempt: (403, NGINX.format("403 Forbidden"))) as server:
        with pytest.raises(EngineUnavailable, match=r"refused in the same way.*COSMOS_API_KEY"):
            ask(server, [f"t{i}" for i in range(9)], concurrency=1)
        assert server.attempts.keys() == {"t0", "t1", "t2", HELLO.text}


def test_a_403_for_the_list_of_models() -> None:
    with UnwellServer(lambda text, attempt: answer("well"), listing=(403, NGINX.format("403 Forbidden"))) as server:
        with pytest.raises(EngineUnavailable, match="COSMOS_API_KEY"):
            ask(server, ["a"])
        assert ask(server, ["a"], model="m")["id-a"].text == "well"


def test_the_servers_model_and_context_length() -> None:
    models = [{"id": "first", "max_model_len": 8192}, {"id": "second"}]
    with UnwellServer(lambda text, attempt: answer("x"), models) as server:
        engine = ServerEngine(server.url)
        assert (engine.model, engine.max_model_len) == ("first", 8192)
        assert ServerEngine(server.url, model="second").max_model_len is None
        with pytest.raises(EngineUnavailable, match="it has: first, second"):
            ServerEngine(server.url, model="third").listed()
        assert ServerEngine(server.url, model="third").max_model_len is None


def test_a_model_that_the_server_does_not_list() -> None:
    """Some load what they do not list; those that do not say so, and what they have is told."""
    models = [{"id": "first"}, {"id": "second:latest"}]
    missing = refusal(404, "The model `third` does not exist.")
    with UnwellServer(lambda text, attempt: answer("well") if text == "a" else missing, models) as server:
        engine = ServerEngine(server.url, model="third")
        answers: dict[str, Answer] = {}
        engine.answer([Conversation(text, text) for text in "ab"], lambda result: answers.update({result.id: result}))
        assert answers["a"].text == "well"
        assert answers["b"].error_kind == "model_missing"
        assert "the server has: first, second:latest" in answers["b"].error
        assert ServerEngine(server.url, model="second").max_model_len is None
