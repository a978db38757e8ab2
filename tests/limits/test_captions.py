"""Limits of structured captions: as answers, and as prompts of video servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import MODELS, QwenText, plan
from cosmos_workflow.limits.captions import (
    CAPTION_TOKENS,
    NIM_CHARACTERS,
    SERVER_WRAPPING,
    caption_tokens,
    caption_troubles,
    server_tokens,
)


def caption(words: int) -> str:
    return json.dumps({"temporal_caption": "a robot " * (words // 2), "fps": 24}, separators=(",", ":"))


def test_tokens_are_qwen3s() -> None:
    assert caption_tokens("") == 0
    assert caption_tokens("A futuristic city at sunset") == 5
    assert caption_tokens("<think>") == 1 != QwenText().count("<think>")
    assert caption_tokens("\ud83d") == caption_tokens("?")


def test_the_wrapping_is_that_of_the_servers_template() -> None:
    """pipeline_cosmos3.py of vllm-omni 0.30, COSMOS3_TRANSFER_SYSTEM_PROMPT."""
    system = (
        "You are a helpful assistant that generates images or videos following the user's instructions and control"
        " signals (edge maps, blur, depth, or segmentation)."
    )
    template = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n"
    assert caption_tokens(template) == SERVER_WRAPPING


def test_the_server_writes_a_caption_anew() -> None:
    text = '{"subjects":[{"description":"caf\u00e9"}],"fps":24}'
    anew = (
        '{"subjects": [{"description": "caf\\u00e9"}], "fps": 30.0, "duration": "5s",'
        ' "resolution": {"H": 720, "W": 1280}, "aspect_ratio": "16,9"}'
    )
    assert server_tokens(text) == SERVER_WRAPPING + caption_tokens(anew) > caption_tokens(text)
    assert server_tokens("a city") > SERVER_WRAPPING + caption_tokens("a city")


def test_a_caption_of_usual_length_has_no_trouble() -> None:
    for server in ("", "vllm-omni", "nim"):
        assert caption_troubles(caption(1200), server) == []


@pytest.mark.parametrize(
    ("text", "server", "says"),
    [
        (caption(4100), "", "beyond 4,096 is cut off"),
        (caption(4100), "vllm-omni", "beyond 4,096 is cut off"),
        (caption(600), "vllm-omni-early", "before 0.30 keeps 512"),
        (json.dumps({"context": "x" * NIM_CHARACTERS}), "nim", "refuses more than 20,000"),
        (json.dumps({"context": "x" * NIM_CHARACTERS}), "", "refuses more than 20,000"),
        ("a robot " * 151, "", "302 words; NVIDIA recommends fewer than 300"),
        (caption(1802), "nim", "its own sample captions have 600 to 1,800"),
    ],
)
def test_troubles(text: str, server: str, says: str) -> None:
    troubles = caption_troubles(text, server)
    assert any(says in what for what, _ in troubles), troubles
    assert all(remedy for _, remedy in troubles)


def test_just_at_the_limits() -> None:
    def words(count: int) -> list[tuple[str, str]]:
        return [each for each in caption_troubles("robot " * count, "vllm-omni") if "cut off" in each[0]]

    most = 4096 - (server_tokens("robot " * 3000) - 3000)
    assert server_tokens("robot " * most) == 4096
    assert (words(most), len(words(most + 1))) == ([], 1)
    exactly = json.dumps({"context": "x" * (NIM_CHARACTERS - 15)})
    assert len(exactly) == NIM_CHARACTERS
    assert caption_troubles(exactly, "nim") == []
    assert caption_troubles(exactly + " ", "nim") != []


def test_what_is_no_caption_is_counted_as_a_paragraph() -> None:
    for text in ("[1, 2]", '{"a": ', "{" * 5000, '{"a":' * 100_000, "\ud83d", ""):
        assert caption_troubles(text, "nim") == [] or len(text) > NIM_CHARACTERS
        assert server_tokens(text) > SERVER_WRAPPING
    with pytest.raises(UsageError, match="unknown video server"):
        caption_troubles("", "comfy")


def test_samples_of_nvidia(specs: Path) -> None:
    """None of NVIDIA's own captions is in trouble, and each is well within what is planned for an answer."""
    paths = sorted(specs.glob("cosmos3/*_prompt.json"))
    assert len(paths) == 6
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert caption_troubles(text) == [], path.name
        compact = json.dumps(json.loads(text), separators=(",", ":"))
        assert 1000 < caption_tokens(compact) < CAPTION_TOKENS


@pytest.mark.parametrize("length", [1, 2048, 4096])
@pytest.mark.parametrize("model", MODELS)
def test_a_context_of_4096_is_refused_for_a_caption(model: str, length: int) -> None:
    result = plan((960, 540), "a robot", model, max_tokens=CAPTION_TOKENS, max_model_len=length)
    assert result.verdict in ("too_long", "cut_short")
    assert not result.runs
    assert "--max-model-len" in result.remedy


def test_the_remedy_is_enough() -> None:
    result = plan((960, 540), "a robot", max_tokens=CAPTION_TOKENS)
    assert "--max-model-len 9216" in result.remedy
    longer = plan((960, 540), "a robot", max_tokens=CAPTION_TOKENS, max_model_len=9216)
    assert longer.verdict == "fits"


@pytest.mark.parametrize("model", [name for name in MODELS if name != "cosmos-upsampler-12b"])
def test_the_qwen_family_takes_a_caption_as_it_is(model: str) -> None:
    result = plan((1920, 1080), "a robot " * 100, model, max_tokens=CAPTION_TOKENS)
    assert (result.verdict, result.exact) == ("fits", True)
