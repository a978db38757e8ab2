"""Clips as videos: tiny models of the Qwen family count the tokens that were planned, at the frames' times."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest
from servers import vllm_env
from servers.tiny_qwen import FAMILIES, build

from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.engines.messages import messages
from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.engines.vllm import VLLMEngine
from cosmos_workflow.kinds.upsample import Checked, Item, Settings, check_items
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.preparing import Preparer
from cosmos_workflow.kinds.upsample.tasks import conversation_of, task_of

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]

# Width, height, frames and frames a second of clips, and the context in tokens in which a prompt of each is planned.
CLIPS = [
    (320, 180, 48, 24, 8192),
    (641, 363, 121, 30, 8192),
    (641, 363, 121, 30, 400),
    (96, 64, 600, 30, 8192),
    (64, 200, 3, 25, 8192),
    (100, 100, 35, Fraction(30000, 1001), 8192),
    (960, 540, 100, 8, 1000),
    (320, 180, 1, 24, 8192),
]


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, build(tmp_path_factory.mktemp(request.param), request.param)


def asked(folder: Path, name: str) -> list[tuple[Checked, Conversation]]:
    """Each clip's item with its plan, and what travels of it to an engine."""
    made = []
    for number, (width, height, frames, fps, context) in enumerate(CLIPS):
        settings = Settings(name, pick="video", max_tokens=16, max_model_len=context, temperature=0.0)
        path = clips.textured(folder / f"{number}.mp4", width, height, frames, fps=fps, pixel_format="yuv444p")
        (checked,) = check_items([Item(f"i{number}", "A city at dusk", path)], settings, exact=True)
        assert checked.runs, checked.reason
        packed = task_of(Preparer("frames", settings).prepare(checked))
        made.append((checked, conversation_of(packed.task, packed.files)))
    return made


def judge(made: Sequence[tuple[Checked, Conversation]], engine: Upsampler) -> None:
    answers: dict[str, Answer] = {}
    engine.answer([conversation for _, conversation in made], lambda answer: answers.update({answer.id: answer}))
    counted = {id: answer.prompt_tokens for id, answer in answers.items()}
    assert counted == {checked.item.id: checked.plan.prompt_tokens for checked, _ in made}
    assert {answer.error_kind for answer in answers.values()} <= {"", "empty_answer"}  # chance may write no text


def test_what_is_sent(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    made = asked(tmp_path, checkpoint[0])
    sent = [(len(conversation.frames), conversation.video_fps) for _, conversation in made]
    assert sent[:2] == [(4, round(3 * 24 / 47, 6)), (8, 1.75)]
    assert sent[-1] == (1, 0.0)
    assert [checked.verdict for checked, _ in made].count("resized") == 2
    for checked, conversation in made:
        sizes = {(frame.width, frame.height) for frame in conversation.frames}
        assert sizes == {(checked.plan.frame_width, checked.plan.frame_height)}
    times = [frame.seconds for frame in made[1][1].frames]
    assert times == pytest.approx(np.arange(8) / 1.75, abs=0.5 / 30 + 0.001)


def test_by_transformers(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    engine = make_engine("transformers", EngineSettings(model_path=str(checkpoint[1])))
    assert isinstance(engine, Upsampler)
    judge(asked(tmp_path, checkpoint[0]), engine)
    engine.close()


def test_by_vllm(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    from vllm import SamplingParams

    os.environ |= vllm_env.settings(1)
    settings = EngineSettings(
        checkpoint[0], model_path=str(checkpoint[1]), max_model_len=8192, options=dict(vllm_env.OPTIONS)
    )  # fmt: skip
    engine = make_engine("vllm", settings)
    assert isinstance(engine, VLLMEngine)
    assert engine.arguments()["limit_mm_per_prompt"]["video"] == 1
    made = asked(tmp_path, checkpoint[0])
    try:
        judge(made, engine)
        conversation = made[1][1]
        (output,) = engine._llm.chat([messages(conversation)], SamplingParams(max_tokens=1), use_tqdm=False)
        text = engine._llm.get_tokenizer().decode(output.prompt_token_ids)
    finally:
        engine.close()
    stated = [float(time) for time in re.findall(r"<([\d.]+) seconds>", text)]
    middles = [(n + 0.5) / 1.75 for n in range(0, 8, 2)] if FAMILIES[checkpoint[0]] == "qwen3" else []
    assert stated == pytest.approx(middles, abs=0.051)


@pytest.mark.parametrize("checkpoint", ["cosmos-reason2-2b"], indirect=True)
def test_by_vllms_server(checkpoint: tuple[str, Path], tmp_path: Path) -> None:
    with vllm_env.VLLMServer(
        tmp_path, kv_cache_gib=1, max_num_seqs=4, max_model_len=8192, model=checkpoint[1]
    ) as server:  # fmt: skip
        engine = make_engine("server", EngineSettings(server_url=server.url))
        assert isinstance(engine, Upsampler)
        judge(asked(tmp_path, checkpoint[0]), engine)
        engine.close()
