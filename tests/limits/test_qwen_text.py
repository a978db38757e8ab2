"""The packaged table of Qwen's tokenizer counts as tiktoken does with dashscope's, for texts of all sorts."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.token_texts import control_texts, texts
from benchmarks.tokens import differing, tiktoken_count
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.limits import QwenText, plan, qwen_table
from cosmos_workflow.limits import text as text_module

COUNT = QwenText().count


@pytest.mark.parametrize("number", [2_000, pytest.param(20_000, marks=pytest.mark.host)])
def test_count_is_tiktokens_for_thousands_of_texts(number: int) -> None:
    assert differing(COUNT, tiktoken_count, texts(number, seed=number)) == []


@settings(max_examples=cases(300), deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(lambda text: "<" not in text))
def test_count_is_tiktokens_for_any_text(text: str) -> None:
    assert COUNT(text) == tiktoken_count(text) <= QwenText().bound(text)


@pytest.mark.host
def test_count_is_tiktokens_for_every_character() -> None:
    """Both know the same letters, numbers and spaces: a text is cut at their borders."""
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 64):
        text = "".join(f"A{character} {character}{character}b1" for character in characters[start : start + 64])
        assert COUNT(text) == tiktoken_count(text), hex(ord(characters[start]))


@pytest.mark.parametrize(
    "piece", ["x", " ", "\n", "\x00", "日", "🤖", "ab", "Aa", "a1", "=-", "\u0301", "The camera pans. ", " \n", "12"]
)
def test_a_long_text_is_counted_as_tiktoken_does(piece: str) -> None:
    # tiktoken overflows its stack on longer runs of one kind.
    text = piece * (20_000 // len(piece.encode()))
    assert COUNT(text) == tiktoken_count(text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("A futuristic city at sunset", 5),
        ("2026", 4),  # each digit by itself
        ("e\u0301", 1),  # as NFC writes it
        ("<|im_end|>", 1),
        ("<|im_start|>user\n", 3),
        ("a<|vision_start|><|vision_end|>b", 4),
        ("<|extra_0|>", 7),  # a control token of Qwen1 alone
        ("<tool_call>", 1),
    ],
)
def test_known_counts(text: str, tokens: int) -> None:
    assert (QwenText().count(text), QwenText(generation=3).count(text)) == (tokens, tokens)


def test_generations_differ_in_their_control_tokens_alone() -> None:
    for text in ("<think>", "</think>", "<tool_response>", "</tool_response>"):
        assert QwenText(generation=3).count(text) == 1 < QwenText(generation=2).count(text)
    for text in texts(300, seed=3):
        assert QwenText(generation=3).count(text) == COUNT(text)


def test_a_control_token_parts_a_text() -> None:
    """An accent after a control token is not joined to what stands before it."""
    for text in control_texts(500, seed=5):
        (token,) = [token for token in qwen_table.CONTROL_TOKENS[3] if token in text][:1]
        before, _, after = text.partition(token)
        both = QwenText(generation=3).count(before) + QwenText(generation=3).count(after)
        assert QwenText(generation=3).count(text) == both + 1


@given(st.text(st.characters(categories=["Cs", "L", "So", "Zs"]), max_size=40))
def test_lone_surrogates_are_counted_as_question_marks(text: str) -> None:
    assert COUNT(text) == tiktoken_count(text.encode("utf-8", "replace").decode())


def test_the_comparison_can_fail() -> None:
    def careless(text: str) -> int:
        return COUNT(unicodedata.normalize("NFD", text).replace("1", "11"))

    assert len(differing(careless, tiktoken_count, texts(200, seed=1))) > 20


def test_threads_count_alike() -> None:
    some = list(texts(200, seed=7))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(COUNT, some)) == [tiktoken_count(text) for text in some]


def test_plans_are_exact_without_a_folder() -> None:
    result = plan((640, 360), "A futuristic city at sunset", "cosmos-reason1-7b")
    assert (result.exact, result.text_tokens, result.prompt_tokens) == (True, 5, 19 + 5 + 2 * (23 * 13 + 2))
    assert plan((640, 360), "", "cosmos-reason2-8b").text_tokens == 4


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], Path]]:
    def write(content: bytes) -> Path:
        path = tmp_path / "qwen.packed"
        path.write_bytes(content)
        monkeypatch.setattr(qwen_table, "PACKED_TABLE", path)
        text_module._qwen.cache_clear()
        return path

    yield write
    text_module._qwen.cache_clear()


@pytest.mark.parametrize("content", [b"", b"kitoken", qwen_table.PACKED_TABLE.read_bytes()[:-1] + b"\x01"])
def test_a_damaged_package_says_how_to_mend_it(content: bytes, packed: Callable[[bytes], Path]) -> None:
    path = packed(content)
    with pytest.raises(BadInputError, match="not Qwen's table") as caught:
        COUNT("a city")
    assert (caught.value.where, "--force-reinstall" in caught.value.remedy) == (str(path), True)


def test_without_its_library_counting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kitoken", None)
    text_module._qwen.cache_clear()
    with pytest.raises(BadInputError, match="needs the `kitoken` library"):
        COUNT("a city")
    text_module._qwen.cache_clear()
