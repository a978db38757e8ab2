from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.protocol.instruct.messages import UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.limits import MODELS, QwenText, TekkenText, plan

REFERENCE = MistralTokenizer.v3(is_tekken=True, is_mm=True)
TEXTS = [
    "A futuristic city at sunset",
    "describe the following images",
    " ",
    "\n\n\n",
    "日本の渋谷スクランブル交差点、雨の夜",
    "🤖🏽‍🚀 👩‍👩‍👧‍👦 🇫🇷" * 5,
    "def f(x):\n\treturn [y ** 2 for y in x if y % 2 == 0]  # squares\n" * 4,
    "[INST] [IMG] </s> <s>[/INST]",
    "مرحبا بالعالم — Привет, мир! — ¿Qué tal?",
    "x" * 10_000,
    "The camera pans slowly across a rainy street. " * 220,
    "\u0000\u0001\u2028\u2029\ufeff",
]


def reference_tokens(text: str) -> int:
    """Tokens of the whole chat prompt, by mistral-common's own encoding of the request."""
    return len(REFERENCE.encode_chat_completion(ChatCompletionRequest(messages=[UserMessage(content=text)])).tokens)


@pytest.mark.parametrize("text", TEXTS)
def test_count_is_mistral_commons(text: str) -> None:
    assert TekkenText().count(text) + 3 == reference_tokens(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_count_is_mistral_commons_for_any_text(text: str) -> None:
    assert TekkenText().count(text) + 3 == reference_tokens(text)
    assert TekkenText().count(text) <= TekkenText().bound(text)


def test_a_broken_emoji_is_counted_not_crashed_on() -> None:
    assert TekkenText().count("\ud83d broken") == TekkenText().count("? broken")


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_fallback_prompts_tokens_are_stated_right(model) -> None:
    assert model.text.count(model.fallback_prompt) == model.fallback_tokens


def test_the_table_is_loaded_only_when_the_verdict_depends_on_it(tmp_path: Path) -> None:
    """A table that cannot be loaded stands in for the cost of loading it."""
    from dataclasses import replace

    broken = tmp_path / "tekken.json"
    broken.write_text("{}")
    model = replace(MODELS["cosmos-upsampler-12b"], text=TekkenText(broken))
    bounded = plan((320, 180), "a short text", model, exact=False)
    assert (bounded.verdict, bounded.exact, bounded.text_tokens) == ("fits", False, 12)
    with pytest.raises(BadInputError, match="not a Tekken table"):
        plan((320, 180), "a short text", model)
    with pytest.raises(BadInputError, match="not a Tekken table"):
        plan((906, 510), "a text whose bound does not fit" * 20, model, exact=False)


def test_qwen_bound_counts_what_normalisation_adds() -> None:
    assert QwenText().bound("\u0958") == 6  # one letter of 3 bytes, which NFC writes as two
    assert not QwenText().exact
