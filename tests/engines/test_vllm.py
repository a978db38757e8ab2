"""The vllm engine on a real vLLM: the limits are where the plan says, and nobody gets another's answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import boundary
import clips
import psutil
import pytest
from servers import vllm_env

from cosmos_workflow import Item, Settings, upsample
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.engines.vllm import VLLMEngine
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.kinds.kind import Outcome
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.tasks import task_of
from cosmos_workflow.limits import kv_cache, read_folder

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

KV_CACHE_GIB = 1


@pytest.fixture(scope="module")
def engine() -> Iterator[VLLMEngine]:
    os.environ |= vllm_env.settings(KV_CACHE_GIB)
    settings = EngineSettings(model_path=str(vllm_env.MODEL), options={**vllm_env.OPTIONS, "enforce_eager": False})
    engine = make_engine("vllm", settings)
    assert isinstance(engine, VLLMEngine)
    engine.load()
    yield engine
    engine.close()


def ask(engine: VLLMEngine, conversations: list[Conversation]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}

    def deliver(answer: Answer) -> None:
        assert answer.id not in answers
        answers[answer.id] = answer

    engine.answer(conversations, deliver)
    assert answers.keys() == {conversation.id for conversation in conversations}
    return answers


def test_verdicts_are_what_vllm_does(engine: VLLMEngine) -> None:
    """One call with every size: the good ones are answered although most of the others are rejected."""
    plans = [boundary.planned(size) for size in boundary.SIZES]
    answers = ask(engine, [boundary.conversation(item_plan) for item_plan in plans])
    assert {item_plan.verdict for item_plan in plans} == {"fits", "cut_short", "too_long"}
    for item_plan in plans:
        answer = answers[item_plan.id]
        if item_plan.verdict == "too_long":
            assert answer.error_kind == "too_long", item_plan
        else:
            assert (answer.error, answer.prompt_tokens) == ("", item_plan.prompt_tokens), item_plan
            cut = answer.finish_reason == "length" and answer.completion_tokens < item_plan.max_tokens
            assert cut == (item_plan.verdict == "cut_short"), (item_plan, answer)
            if cut:
                assert answer.completion_tokens == item_plan.room


def test_fit_auto_turns_every_size_into_a_whole_answer(engine: VLLMEngine, tmp_path: Path) -> None:
    """From real files, through the whole way: planned, decoded, scaled, asked."""
    items = []
    for width, height in boundary.SIZES:
        path = clips.textured(tmp_path / f"{width}x{height}.mkv", width, height, 2, codec="ffv1", pixel_format="bgr0")
        items.append(Item(path.stem, boundary.PROMPT, path, temperature=0.0))
    results = upsample(items, engine=engine)
    assert any(result.verdict == "resized" for result in results)
    for result in results:
        assert result.ok, result
        assert result.completion_tokens == 300 or result.finish_reason == "stop", result
        assert result.room >= 300
        assert result.prompt_tokens + 300 <= 4096


@pytest.mark.parametrize(
    "text",
    ["", "a", "日本の渋谷", "🤖🏽‍🚀 👩‍👩‍👧‍👦", "def f(x):\n\treturn x", "[INST] [IMG] </s>", "ж" * 500, " leading"],
)
def test_any_text_is_counted_as_vllm_counts_it(engine: VLLMEngine, text: str) -> None:
    item_plan = boundary.planned((320, 180), text)
    sent = text or "describe the following images"
    answer = ask(engine, [boundary.conversation(item_plan, sent, max_tokens=1)])[item_plan.id]
    assert answer.prompt_tokens == item_plan.prompt_tokens


def test_a_models_sampling_is_used(engine: VLLMEngine) -> None:
    """Of one token there is nothing to draw."""
    request = boundary.conversation(boundary.planned((320, 180)), max_tokens=12)
    few = {"top_p": 0.95, "top_k": 1, "presence_penalty": 0.0, "repetition_penalty": 1.0}
    greedy, of_one, of_many = (
        ask(engine, [each])[each.id]
        for each in (request, replace(request, temperature=2.0, sampling=few), replace(request, temperature=2.0))
    )
    assert greedy.text == of_one.text != of_many.text, (greedy, of_one, of_many)


def test_sixteen_items_are_answered_under_their_own_ids(engine: VLLMEngine) -> None:
    conversations = list(boundary.sixteen())
    order: list[str] = []
    answers: dict[str, Answer] = {}

    def deliver(answer: Answer) -> None:
        order.append(answer.id)
        answers[answer.id] = answer

    engine.answer(conversations, deliver)
    assert sorted(order) == sorted(conversation.id for conversation in conversations)
    lengths = {id: (answer.prompt_tokens, answer.completion_tokens) for id, answer in answers.items()}
    assert lengths == boundary.expected(conversations)
    assert order.index("item-0") < order.index("item-15")  # the short one did not wait for the long one
    assert answers["item-0"].seconds < answers["item-15"].seconds
    # Continuous batching changes the order of sums, so only the beginning must be the same to the letter.
    alone = ask(engine, [conversations[5]])["item-5"]
    assert alone.text[:10] == answers["item-5"].text[:10]


def test_a_rejected_item_costs_only_itself(engine: VLLMEngine) -> None:
    conversations = list(boundary.sixteen())
    bad = boundary.conversation(boundary.planned((1280, 720)))
    nonsense = Conversation("nonsense", "x", conversations[0].frames, temperature=-1.0)
    answers = ask(engine, [*conversations[:5], bad, *conversations[5:9], nonsense, *conversations[9:]])
    lengths = {
        conversation.id: (answers[conversation.id].prompt_tokens, answers[conversation.id].completion_tokens)
        for conversation in conversations
    }
    assert lengths == boundary.expected(conversations)
    assert answers[bad.id].error_kind == "too_long"
    assert answers["nonsense"].error_kind == "rejected"


def test_what_the_receiver_raises_is_not_taken_for_the_engines(engine: VLLMEngine) -> None:
    def full_disk(answer: Answer) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        engine.answer(list(boundary.sixteen())[:4], full_disk)
    conversations = list(boundary.sixteen())[4:8]
    answers = ask(engine, conversations)
    assert {id: answer.prompt_tokens for id, answer in answers.items()} == {
        id: tokens for id, (tokens, _) in boundary.expected(conversations).items()
    }


def test_the_same_seed_gives_the_same_answer(engine: VLLMEngine, clip: Path) -> None:
    def text(seed: int) -> str:
        settings = Settings(seed=seed, temperature=1.0, max_tokens=30)
        return upsample(clip, "a city", engine=engine, settings=settings)[0].upsampled_prompt

    assert text(1) == text(1) != text(2)


def test_the_memory_plan_is_vllms_own(engine: VLLMEngine) -> None:
    cache = engine._llm.llm_engine.vllm_config.cache_config
    facts = read_folder(vllm_env.MODEL, "cosmos-upsampler-12b")
    planned = kv_cache(facts, KV_CACHE_GIB * 1024**3, max_model_len=4096, block_size=cache.block_size)
    assert planned.blocks == cache.num_gpu_blocks
    assert planned.tokens == cache.kv_cache_size_tokens
    assert planned.concurrency == cache.kv_cache_max_concurrency


def engine_processes() -> list[str]:
    """The command lines of what this process has started and what still runs, but for Python's own helper."""
    commands = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            commands += [" ".join(child.cmdline())] if child.status() != psutil.STATUS_ZOMBIE else []
    return [command for command in commands if "resource_tracker" not in command]


def test_closing_leaves_no_process_and_it_loads_anew(engine: VLLMEngine) -> None:
    engine.offload = "batch"
    try:
        conversations = list(boundary.sixteen())[:2]
        packed = [task_of(conversation) for conversation in conversations]
        files = {sha256: file for each in packed for sha256, file in each.files.items()}
        outcomes: list[Outcome] = []
        engine.run([each.task for each in packed], files, outcomes.append)
        assert [outcome.error for outcome in outcomes] == ["", ""]
        assert engine._llm is None
        end = time.monotonic() + 60
        while left := engine_processes():
            assert time.monotonic() < end, left
            time.sleep(0.05)
        assert ask(engine, conversations)  # the engine that was released loads again
    finally:
        engine.offload = "never"


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="--model-path"):
        VLLMEngine(tmp_path / "nothing").load()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("tensor_paralel_size", 2, "did you mean tensor_parallel_size?"),
        ("nonsense", 1, "leave it out"),
        ("quantization", "nonsense", "quantization is 'nonsense'"),
        ("kv_cache_dtype", "nonsense", "kv_cache_dtype is 'nonsense'"),
    ],
)
def test_an_option_that_vllm_does_not_have(name: str, value: object, says: str) -> None:
    engine = VLLMEngine(vllm_env.MODEL, options={**vllm_env.OPTIONS, name: value})
    with pytest.raises(UsageError) as caught:
        engine.load()
    assert says in str(caught.value)
