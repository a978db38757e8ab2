"""The server engine on vLLM's real OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boundary
import pytest
from servers import vllm_env
from servers.vllm_env import VLLMServer

from cosmos_workflow import Item, Settings, upsample
from cosmos_workflow.engines.server import ServerEngine
from cosmos_workflow.kinds.upsample.conversation import Answer
from cosmos_workflow.limits import kv_cache, read_folder

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMServer]:
    folder = tmp_path_factory.mktemp("vllm")
    with VLLMServer(folder, kv_cache_gib=2, max_num_seqs=8, max_model_len=4096) as server:
        yield server


def test_the_memory_plan_is_what_vllm_prints(server: VLLMServer) -> None:
    facts = read_folder(vllm_env.MODEL, "cosmos-upsampler-12b")
    planned = kv_cache(facts, 2 * 1024**3, max_model_len=4096, block_size=128)
    assert (planned.tokens, round(planned.concurrency, 2)) == vllm_env.printed_cache(server.log())


def test_verdicts_are_what_the_server_does(server: VLLMServer) -> None:
    engine = ServerEngine(server.url)
    assert (engine.model, engine.max_model_len) == ("tiny-pixtral", 4096)
    plans = [boundary.planned(size) for size in boundary.SIZES]
    # A server refuses more than there is room for, so the room is what is asked for, as a run does it.
    conversations = [
        replace(boundary.conversation(item_plan), max_tokens=item_plan.answer_tokens or 1) for item_plan in plans
    ]
    answers: dict[str, Answer] = {}
    engine.answer(conversations, lambda answer: answers.update({answer.id: answer}))
    assert answers.keys() == {item_plan.id for item_plan in plans}
    for item_plan in plans:
        answer = answers[item_plan.id]
        if item_plan.verdict == "too_long":
            assert answer.error_kind == "too_long", (item_plan, answer)
        else:
            assert (answer.error, answer.prompt_tokens) == ("", item_plan.prompt_tokens), (item_plan, answer)
            assert answer.completion_tokens == item_plan.answer_tokens or answer.finish_reason == "stop"


def test_the_openai_client_itself_is_refused_where_the_plan_says(server: VLLMServer) -> None:
    """Without our engine between: what a request for 300 tokens of answer gets."""
    from openai import BadRequestError, OpenAI

    from cosmos_workflow.engines.messages import messages

    client = OpenAI(base_url=server.url, api_key="none", max_retries=0)

    def usage(size: tuple[int, int]) -> tuple[int, int]:
        sent = messages(boundary.conversation(boundary.planned(size)))
        reply = client.chat.completions.create(model="tiny-pixtral", messages=sent, max_tokens=300, temperature=0)
        return reply.usage.prompt_tokens, reply.usage.completion_tokens

    assert usage((910, 512)) == (3721, 300)
    with pytest.raises(BadRequestError, match="4157"):
        usage((960, 540))


def test_a_probe_finds_the_servers_own_limits(server: VLLMServer, tmp_path: Path) -> None:
    """They are those of vLLM in this process: this version cuts an answer for which there is no room."""
    from cosmos_workflow.engines import EngineSettings
    from cosmos_workflow.lab import LocalRig, ProbeSettings, boundaries, probe, studies
    from cosmos_workflow.store import Store

    experiments = Store(f"sqlite:///{tmp_path / 'store.db'}").experiments
    settings = ProbeSettings(searches=("size", "prompt", "frames"), aspects=("16:9",), max_tokens=40)
    facts = read_folder(vllm_env.MODEL, "cosmos-upsampler-12b")
    with LocalRig("server", EngineSettings(facts, server_url=server.url)) as rig:
        probe(rig, facts, settings, experiments)
    (study,) = studies(experiments)
    assert [trial for trial in study.trials if not trial.agrees] == []
    assert {trial.seen for trial in study.trials} == {"fits", "cut_short", "too_long", "other"}
    for limit in boundaries(study.trials):
        assert limit.mark == "exact"
    fits, runs, *_ = boundaries(study.trials)
    assert 911 < fits.seen < runs.seen  # with a shorter answer, a larger frame


def test_sixteen_items_are_answered_under_their_own_ids(server: VLLMServer) -> None:
    conversations = list(boundary.sixteen())
    answers: dict[str, Answer] = {}
    ServerEngine(server.url).answer(conversations, lambda answer: answers.update({answer.id: answer}))
    lengths = {id: (answer.prompt_tokens, answer.completion_tokens) for id, answer in answers.items()}
    assert lengths == boundary.expected(conversations)


def test_fit_auto_and_fit_off_through_the_whole_way(server: VLLMServer, tmp_path: Path) -> None:
    import clips

    engine = ServerEngine(server.url)
    items = []
    for width, height in [(940, 529), (960, 540), (1024, 1024)]:
        path = clips.textured(tmp_path / f"{width}.mkv", width, height, 2, codec="ffv1", pixel_format="bgr0")
        items.append(Item(path.stem, boundary.PROMPT, path, temperature=0.0))
    for result in upsample(items, engine=engine):
        assert (result.verdict, result.completion_tokens) == ("resized", 300) or result.finish_reason == "stop"
    cut, *rejected = upsample(items, engine=engine, settings=Settings(fit="off"))
    assert (cut.verdict, cut.truncated, cut.completion_tokens, cut.prompt_tokens) == ("cut_short", True, 7, 4089)
    assert [result.error_kind for result in rejected] == ["too_long", "too_long"]
