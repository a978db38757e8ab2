from __future__ import annotations

from dataclasses import asdict

import pytest

from cosmos_workflow.kinds.upsample.conversation import Answer
from cosmos_workflow.lab.rigs import Call
from cosmos_workflow.lab.trials import Request, Subject, Trial, draw_frame, ended, most_at_once
from cosmos_workflow.limits import get_model

MODEL = get_model("cosmos-upsampler-12b")
VLLM = {"max_model_len": 4096, "max_num_seqs": 16, "block_size": 128, "cache_bytes": 2**30}
REQUEST = Request(2, 940, 529, "A futuristic city at sunset", 300)


def subject(**properties: object) -> Subject:
    return Subject(MODEL, {**VLLM, **properties})


@pytest.mark.parametrize(
    ("size", "verdict"), [((910, 512), "fits"), ((940, 529), "cut_short"), ((960, 540), "too_long")]
)
def test_what_is_expected_of_an_engine(size: tuple[int, int], verdict: str) -> None:
    request = Request(2, *size, REQUEST.text, 300)
    assert subject().expect("x", request).predicted == verdict
    assert Subject(MODEL, {"max_model_len": 4096}).expect("x", request).predicted == verdict  # as a server tells it
    assert Subject(MODEL, {}).expect("x", request).predicted == "fits"


@pytest.mark.parametrize(
    ("answers", "failure", "seen"),
    [
        ([Answer("", "t", "stop", 4089, 7)], {}, "fits"),
        ([Answer("", "t", "length", 4089, 300)], {}, "fits"),
        ([Answer("", "t", "length", 4089, 7)], {}, "cut_short"),
        ([Answer("", error="The decoder prompt (length 4157) is longer than", error_kind="too_long")], {}, "too_long"),
        ([Answer("", error="At most 2 image(s) may be provided", error_kind="too_many_images")], {}, "other"),
        ([], {"kind": "out_of_memory", "error": "CUDA out of memory"}, "out_of_memory"),
        # A worker says no more than that its engine failed: the text decides.
        ([], {"kind": "engine", "error": "ValueError: Free memory on device cuda:0 (3/23 GiB)"}, "out_of_memory"),
        ([], {"kind": "worker_killed", "error": "the worker was killed by SIGKILL"}, "other"),
    ],
)
def test_what_is_seen(answers: list[Answer], failure: dict[str, str], seen: str) -> None:
    trial = ended(subject().expect("x", REQUEST), answers, Call({}, 1.0, {}, **failure))  # type: ignore[arg-type]
    assert trial.seen == seen
    assert bool(trial.error) == (seen not in ("fits", "cut_short"))
    assert Trial(**asdict(trial)) == trial


def test_the_parts_of_the_time_and_the_memory() -> None:
    times = {"queued": 1.0, "scheduled": 1.5, "first_token": 2.5, "last_token": 5.5}
    call = Call({}, 9.0, {}, memory=[(0.0, 10), (1.0, 30), (2.0, 20)], memory_of="gpu")
    trial = ended(subject().expect("x", REQUEST), [Answer("", "t", "length", 4089, 7, 4.0, times=times)], call)
    assert (trial.queue_seconds, trial.prefill_seconds, trial.decode_seconds) == (0.5, 1.0, 3.0)
    assert (trial.seconds, trial.peak_mib, trial.memory_of, trial.reported_tokens) == (4.0, 30, "gpu", 4089)
    assert trial.memory == [[0.0, 10], [1.0, 30], [2.0, 20]]
    assert trial.agrees


def test_a_count_that_differs_is_no_agreement() -> None:
    trial = subject().expect("x", REQUEST)
    assert not ended(trial, [Answer("", "t", "length", 4090, 7)], Call({}, 1.0, {})).agrees


@pytest.mark.parametrize(
    ("properties", "tokens", "at_once"),
    [
        ({}, 6544 * 16, 16),  # a GiB at 160 KiB a token, in blocks of 128
        ({"cache_bytes": 2**29, "max_num_seqs": 2}, 3200, 2),
        ({"blocks_override": 70}, 70 * 128, 2),
    ],
)
def test_what_the_cache_holds(properties: dict[str, int], tokens: int, at_once: int) -> None:
    measured = subject(**properties)
    assert measured.planned_cache is not None
    if "blocks_override" in properties:
        assert measured.planned_cache.tokens == tokens
    batch = Request(2, 910, 512, REQUEST.text, 300, batch=20)
    blocks = measured.planned_cache.blocks
    room = (blocks - 1) // 32  # one block is vLLM's own
    assert measured.expect("batch", batch).predicted_at_once == min(20, measured.properties["max_num_seqs"], room)
    if "blocks_override" in properties:
        assert measured.expect("batch", batch).predicted_at_once == at_once


def test_on_a_gpu_the_cache_is_what_the_planner_says() -> None:
    from cosmos_workflow.limits import memory

    measured = Subject(MODEL, {"max_model_len": 4096, "gpu_mib": 46068, "gpu_memory_utilization": 0.9})
    planned = memory(MODEL, gpu="L40S", gpu_memory_utilization=0.9)
    assert measured.planned_cache is not None
    assert measured.planned_cache.tokens == pytest.approx(planned.cache_tokens, rel=0.001)
    assert Subject(MODEL, {"max_model_len": 4096}).planned_cache is None


def test_requests_that_gave_way_did_not_run_at_once() -> None:
    def ran(queued: float, begin: float, end: float, preempted: int = 0) -> dict[str, float]:
        return {"queued": queued, "scheduled": begin, "first_token": begin, "last_token": end, "preempted": preempted}

    assert most_at_once([]) == 0
    assert most_at_once([ran(0, 0, 5), ran(0, 1, 6), ran(0, 5, 9)]) == 2  # the third waited for the first to end
    assert most_at_once([ran(0, 0, 5), ran(0, 1, 9, preempted=1), ran(0, 2, 6)]) == 2
    assert most_at_once([ran(0, 0, 5), ran(6, 6, 9)]) == 2  # it came late, and did not wait
    # A part of a long prompt was let in before there was room for all of it: vLLM 0.32, 160 blocks, 39 a request.
    part = {**ran(0, 5, 12), "first_token": 8.0}
    assert most_at_once([ran(0, 0, 5), ran(0, 1, 7), part]) == 2
    assert most_at_once([ran(0, 0, 5), ran(0, 1, 5)]) == 2  # it waited for a step, not for another's end


def test_every_request_of_a_batch_has_pictures_of_its_own() -> None:
    conversations = Request(2, 64, 32, "x", 5, batch=3).conversations()
    pictures = {frame.png for conversation in conversations for frame in conversation.frames}
    assert len(pictures) == 6
    assert len({conversation.id for conversation in conversations}) == 3
    assert draw_frame(64, 32, 1) == draw_frame(64, 32, 1)
