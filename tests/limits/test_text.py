import json
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mistral_common
import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from mistral_common.protocol.instruct.messages import UserMessage
from mistral_common.protocol.instruct.request import ChatCompletionRequest
from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.limits import MODELS, QwenText, TekkenText, plan
from cosmos_workflow.limits import text as text_module

TABLES = Path(mistral_common.__file__).parent / "data"
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


# What a text can be put together from: languages, code, white space, and what looks like control tokens.
PIECES = [
    *("[INST]", "[/INST]", "<s>", "</s>", "<unk>", "<pad>", "[IMG]", "[IMG_BREAK]", "<SPECIAL_20>", "[TOOL_CALLS]"),
    *(
        " ",
        "  ",
        " " * 17,
        "\t",
        "\n",
        "\r\n",
        "\n\n\n",
        "\u00a0",
        "\u2028",
        "\u3000",
        "\ufeff",
        "\x00",
        "\x00" * 5,
        "\x7f",
    ),
    *(
        "The camera",
        " pans slowly",
        "'s",
        "'LL",
        "naïve",
        "e\u0301",
        "Straße",
        "İstanbul",
        "ΣΊΣΥΦΟΣ",
        "Привет",
        "ǅ",
        "ʰ",
        "ﬁ",
    ),
    *(
        "日本の渋谷",
        "交差点。",
        "한국어",
        "मनीष",
        "ภาษาไทย",
        "مرحبا بالعالم",
        "שלום",
        "ქართული",
        "አማርኛ",
        "ꦗꦮ",
        "𝔘𝔫𝔦",
        "𓀀",
        "中文",
    ),
    *(
        "🤖",
        "🏽",
        "👩\u200d👩\u200d👧",
        "🇫🇷",
        "\u200d",
        "\ufe0f",
        "⌚",
        "foo_bar(x)[0]",
        "=> {",
        "!=",
        "//",
        "/*",
        "#!",
        "…",
        "—",
    ),
    *(
        "0",
        "123",
        "4096",
        "٣",
        "Ⅷ",
        "½",
        "x" * 40,
        "ab" * 30,
        "http://a.b/c?d=e",
        "1920x1080",
        "camelCaseWord",
        "ALLCAPS",
    ),
]


def reference_count(text: str) -> int:
    """Tokens of the text alone."""
    return len(REFERENCE.instruct_tokenizer.tokenizer.encode(text, bos=False, eos=False))


def many_texts(count: int, seed: int) -> Iterator[str]:
    """Texts of up to 60 pieces: of the list, of the table's own tokens, and of any characters; the same each time."""
    rng = random.Random(seed)
    vocabulary = [REFERENCE.instruct_tokenizer.tokenizer.decode([rng.randrange(1256, 131072)]) for _ in range(2000)]
    for _ in range(count):
        characters = [chr(rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)))) for _ in range(20)]
        kinds = rng.choice([(PIECES,), (vocabulary,), (characters,), (PIECES, vocabulary, characters)])
        yield "".join(rng.choice(rng.choice(kinds)) for _ in range(rng.randrange(1, 60)))


def reference_tokens(text: str) -> int:
    """Tokens of the whole chat prompt, by mistral-common's own encoding of the request."""
    return len(REFERENCE.encode_chat_completion(ChatCompletionRequest(messages=[UserMessage(content=text)])).tokens)


@pytest.mark.parametrize("text", TEXTS)
def test_count_is_mistral_commons(text: str) -> None:
    assert TekkenText().count(text) + 3 == reference_tokens(text)


@settings(max_examples=cases(300), deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=40)), max_size=20).map("".join))
def test_count_is_mistral_commons_for_any_text(text: str) -> None:
    assert TekkenText().count(text) + 3 == reference_tokens(text)
    assert TekkenText().count(text) <= TekkenText().bound(text)


@pytest.mark.parametrize("count", [2_000, pytest.param(25_000, marks=pytest.mark.host)])
def test_count_is_mistral_commons_for_thousands_of_texts(count: int) -> None:
    counter = TekkenText()
    wrong = [text for text in many_texts(count, seed=count) if counter.count(text) != reference_count(text)]
    assert wrong == []


@pytest.mark.host
def test_count_is_mistral_commons_for_every_character() -> None:
    """Both know the same letters, numbers and spaces: a text is cut at their borders."""
    counter = TekkenText()
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 64):
        text = "".join(f"A{character} {character}{character}b1" for character in characters[start : start + 64])
        assert counter.count(text) == reference_count(text), hex(ord(characters[start]))


@pytest.mark.parametrize(
    "piece", ["x", " ", "\n", "\x00", "日", "🤖", "ab", "Aa", "a1", "=-", "\u0301", "[INST]", "The camera pans. "]
)
def test_a_text_of_100_kb_is_counted_as_mistral_common_does(piece: str) -> None:
    text = piece * (100_000 // len(piece.encode()))
    assert TekkenText().count(text) == reference_count(text)


@pytest.mark.parametrize("content", [b"", b"kitoken", None])
def test_a_damaged_package_says_how_to_mend_it(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`None` stands for a file that is gone."""
    table = tmp_path / "tekken.kit"
    if content is not None:
        table.write_bytes(content)
    monkeypatch.setattr(text_module, "PACKAGED_TABLE", table)
    text_module._tekken.cache_clear()
    with pytest.raises(BadInputError, match="not a Tekken table") as caught:
        TekkenText().count("a city")
    assert (caught.value.where, "--force-reinstall" in caught.value.remedy) == (str(table), True)


def test_without_its_library_counting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kitoken", None)
    text_module._tekken.cache_clear()
    with pytest.raises(BadInputError, match="needs the `kitoken` library"):
        TekkenText().count("a city")


def test_threads_count_alike() -> None:
    texts = list(many_texts(200, seed=7))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(TekkenText().count, texts)) == [reference_count(text) for text in texts]


@given(st.text(st.characters(categories=["Cs", "L", "So", "Zs"]), max_size=40))
def test_lone_surrogates_are_counted_as_question_marks(text: str) -> None:
    assert TekkenText().count(text) == reference_count(text.encode("utf-8", "replace").decode())


@pytest.fixture(scope="module")
def small_table() -> Any:
    """mistral-common's table with fewer tokens, so that a test can change it in no time."""
    table = json.loads((TABLES / "tekken_240911.json").read_text(encoding="utf-8"))
    config = table["config"] | {"default_vocab_size": 1000 + 2500}
    return table | {"vocab": table["vocab"][:3000], "config": config}


SPECIALS = ["<unk>", "<s>", "</s>", "[INST]", "camera", " the"]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"config": {"default_vocab_size": 1300}},
        {"config": {"default_vocab_size": 1020, "default_num_special_tokens": 20, "version": "v7"}, "vocab": 1000},
        {
            "config": {"version": "v11"},
            "special_tokens": [
                {"rank": rank, "token_str": token, "is_control": rank % 2 == 0} for rank, token in enumerate(SPECIALS)
            ],
        },
        {
            "config": {"version": "v13", "pattern": r"\s+|\S+"},
            "special_tokens": [{"rank": 0, "token_str": "<unk>", "is_control": True}],
            "image": {"image_patch_size": 14, "max_image_size": 1540, "spatial_merge_size": 2},
        },
    ],
    ids=["v3", "fewer tokens", "v7", "v11 with its own control tokens", "v13 with another pattern"],
)
def test_a_folders_own_table_is_read_as_mistral_common_does(small_table: Any, change: Any, tmp_path: Path) -> None:
    path = tmp_path / "tekken.json"
    table = small_table | change | {"config": small_table["config"] | change["config"]} if change else small_table
    table["vocab"] = small_table["vocab"][: change.get("vocab", 3000)]
    path.write_text(json.dumps(table))
    reference = Tekkenizer.from_file(path)
    counter = TekkenText(path)
    for text in [*TEXTS, " the camera <s> the <SPECIAL_21>x", *many_texts(300, seed=1)]:
        assert counter.count(text) == len(reference.encode(text, bos=False, eos=False)), text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tekken_240718.json", "tekken_240911.json"])
def test_a_whole_table_of_mistrals(name: str) -> None:
    reference, counter = Tekkenizer.from_file(TABLES / name), TekkenText(TABLES / name)
    for text in [*TEXTS, *many_texts(500, seed=2)]:
        assert counter.count(text) == len(reference.encode(text, bos=False, eos=False))


def _without_a_byte(table: Any) -> None:
    table["vocab"][65] = table["vocab"][65] | {"token_bytes": "QkJC"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.update(vocab=table["vocab"][:1000]), "too many tokens"),
        (lambda table: table.update(vocab=None), "invalid type: null"),
        (lambda table: table.pop("config"), "missing field `config`"),
        (_without_a_byte, "1 bytes have no token"),
        (lambda table: table["config"].update(pattern="(("), "invalid regex"),
        (lambda table: table["config"].update(default_vocab_size=-1), "invalid value: integer `-1`"),
    ],
)
def test_a_broken_table_says_what_is_wrong(
    small_table: Any, change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    table = small_table | {"vocab": list(small_table["vocab"]), "config": dict(small_table["config"])}
    change(table)
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps(table))
    with pytest.raises(BadInputError, match=message) as caught:
        TekkenText(path).count("a city")
    assert caught.value.where == str(path)
    assert "copy tekken.json again" in caught.value.remedy


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
