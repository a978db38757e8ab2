"""The transformers engine on tiny checkpoints of two architectures, through their real processors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import boundary
import numpy as np
import pytest
from servers.tiny_checkpoints import build_pixtral, build_qwen

from cosmos_workflow import upsample
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.engines.transformers import TransformersEngine
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.lab.trials import draw_frame
from cosmos_workflow.limits import MODELS, QwenImages, read_folder

pytestmark = pytest.mark.heavy

BUILDERS = {"cosmos-upsampler-12b": build_pixtral, "cosmos-reason1-7b": build_qwen}


@pytest.fixture(scope="module", params=BUILDERS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, BUILDERS[request.param](tmp_path_factory.mktemp(request.param))


def ask(folder: Path, conversations: list[Conversation]) -> list[Answer]:
    answers: list[Answer] = []
    engine = make_engine("transformers", EngineSettings(model_path=str(folder)))
    engine.answer(conversations, answers.append)
    engine.close()
    return answers


def test_image_tokens_are_the_processors(checkpoint: tuple[str, Path]) -> None:
    """A request's tokens less those of the same request without images are what the plan says of the images."""
    name, folder = checkpoint
    model = MODELS[name]
    sizes = [(320, 180), (333, 77), (640, 481), (57, 56), (29, 300)]
    sent = [Conversation(f"{w}x{h}", "a city", (draw_frame(w, h),), max_tokens=1, temperature=0) for w, h in sizes]
    without = Conversation("text", "a city", max_tokens=1, temperature=0)
    text, *answers = ask(folder, [without, *sent])
    for (width, height), answer in zip(sizes, answers, strict=True):
        assert answer.error_kind in ("", "empty_answer")  # one token may be no text
        assert answer.prompt_tokens - text.prompt_tokens == model.images.tokens(width, height), answer.id


def test_each_answers_its_own(checkpoint: tuple[str, Path]) -> None:
    conversations = [
        replace(conversation, frames=conversation.frames[: 1 + n % 2])
        for n, conversation in enumerate(list(boundary.sixteen())[:6])
    ]
    answers = ask(checkpoint[1], conversations)
    assert [answer.id for answer in answers] == [conversation.id for conversation in conversations]
    for conversation, answer in zip(conversations, answers, strict=True):
        assert answer.completion_tokens == conversation.max_tokens or answer.finish_reason == "stop"
    assert len({answer.prompt_tokens for answer in answers}) == len(answers)


def test_the_same_seed_gives_the_same_answer(checkpoint: tuple[str, Path]) -> None:
    frames = (draw_frame(320, 180),)
    sent = [
        Conversation(str(n), "x", frames, max_tokens=12, temperature=1.0, seed=seed) for n, seed in enumerate([1, 1, 2])
    ]
    texts = [answer.text for answer in ask(checkpoint[1], sent)]
    assert texts[0] == texts[1] != texts[2]


def test_a_models_sampling_is_used(checkpoint: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """`generate` knows no presence penalty; where nothing is drawn, only a penalty counts."""
    engine = TransformersEngine(checkpoint[1])
    model = engine._load()[1]
    given: list[dict[str, Any]] = []
    generate = model.generate
    monkeypatch.setattr(model, "generate", lambda **words: given.append(words) or generate(**words))
    sampling = {"top_p": 0.8, "top_k": 20, "presence_penalty": 1.5, "repetition_penalty": 1.05}
    for heat in (0.7, 0.0):
        asked = Conversation("a", "x", (draw_frame(320, 180),), max_tokens=2, temperature=heat, sampling=sampling)
        engine.answer([asked], lambda answer: None)
    names = ("do_sample", "temperature", "top_p", "top_k", "repetition_penalty", "presence_penalty")
    drawn, greedy = ({name: words[name] for name in names if name in words} for words in given[:2])
    assert drawn == {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.05}
    assert greedy == {"do_sample": False, "repetition_penalty": 1.05}


def test_the_whole_way_from_a_video(checkpoint: tuple[str, Path], clip: Path) -> None:
    engine = TransformersEngine(checkpoint[1])
    (result,) = upsample(clip, "a city", engine=engine)
    assert result.ok
    assert result.engine == "transformers"
    assert result.completion_tokens > 0


def test_a_folder_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="cannot be used"):
        ask(tmp_path, [Conversation("a", "x")])


@pytest.mark.parametrize(
    ("name", "value"),
    [("nonsense", 1), ("attn_implementation", "nonsense"), ("dtype", "float99"), ("device_map", "nowhere")],
)
def test_an_option_that_transformers_does_not_have(checkpoint: tuple[str, Path], name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        TransformersEngine(checkpoint[1], options={name: value}).load()


def test_an_item_that_fails_costs_only_itself(checkpoint: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from cosmos_workflow.engines import transformers

    generate = transformers._generate

    def generate_or_fail(processor: object, model: object, conversation: Conversation) -> Answer:
        if conversation.id == "bad":
            raise RuntimeError("The size of tensor a (7) must match the size of tensor b (8)")
        return generate(processor, model, conversation)

    monkeypatch.setattr(transformers, "_generate", generate_or_fail)
    sent = [Conversation(id, "x", (draw_frame(64, 64),), max_tokens=20) for id in ("a", "bad", "b")]
    answers = {answer.id: answer for answer in ask(checkpoint[1], sent)}
    assert (answers["a"].error, answers["b"].error) == ("", "")
    assert answers["bad"].error_kind == "rejected"


def test_qwens_rule_is_smart_resize() -> None:
    """0 mismatches over 20,000 sizes with the public processor's own function."""
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    rule = QwenImages()
    rng = np.random.default_rng(3)
    sizes = np.exp(rng.uniform(0, np.log(8192), (20_000, 2))).astype(int) + 1
    wrong = []
    for width, height in sizes.tolist():
        try:
            tall, wide = smart_resize(height, width, 28, rule.min_pixels, rule.max_pixels)
        except ValueError:
            truth = -1
        else:
            truth = (tall // 28) * (wide // 28) + 2
        try:
            ours = rule.tokens(width, height)
        except ValueError:
            ours = -1
        if ours != truth:
            wrong.append((width, height, ours, truth))
    assert wrong == []


def test_a_qwen_folder_is_read(tmp_path: Path) -> None:
    model = read_folder(build_qwen(tmp_path), "cosmos-reason1-7b")
    assert (model.kv.layers, model.kv.kv_heads, model.kv.head_dim) == (1, 1, 16)
    assert model.text.exact
    assert model.text.count("A futuristic city at sunset") < model.text.bound("A futuristic city at sunset")
