"""Texts of all sorts to count tokens of: the same ones for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from cosmos_workflow.limits.qwen_table import CONTROL_TOKENS, PACKED_TABLE, tokens_of

__all__ = ["control_texts", "texts"]

WORDS = (
    *("a", "robot", "arm", "the", "camera", "pans", "slowly", "across", "rainy", "street", "at", "night", "snow"),
    *("bright", "daylight", "sunny", "clear", "sky", "forklift", "moves", "towards", "pallet", "glass", "steel"),
    *("photorealistic", "cinematic", "35mm", "lens", "shallow", "depth", "of", "field", "lighting", "soft", "neon"),
    *("'s", "'ll", "don't", "it's", "we've", "X-ray", "T-shirt", "U.S.", "e.g.", "naïve", "café", "4K", "1080p"),
)
PIECES = (
    *(" ", "  ", " " * 17, "\t", "\n", "\r\n", "\n\n\n", "\u00a0", "\u2028", "\u3000", "\ufeff", "\x00", "\x7f"),
    *(" \n ", "\n \t", " \r\n  x", "\x85"),
    *("Straße", "İstanbul", "ΣΊΣΥΦΟΣ", "Привет", "ǅ", "ʰ", "ﬁ"),
    *("Å", "A\u030a", "e\u0301", "\u1e9b\u0323", "\u0958", "가", "가"),
    *("日本の渋谷", "交差点。", "한국어", "मनीष", "ภาษาไทย", "مرحبا بالعالم", "שלום", "ქართული"),
    *("አማርኛ", "𝔘𝔫𝔦", "𓀀", "中文"),
    *("🤖", "🏽", "👩\u200d👩\u200d👧", "🇫🇷", "\u200d", "\ufe0f", "⌚", "…", "—"),
    *("“quoted”", "¿Qué?", "½", "Ⅷ", "٣", "0", "4096"),
    *("foo_bar(x)[0]", "=> {", "!=", "//", "/*", "#!", "http://a.b/c?d=e", "1920x1080"),
    *("camelCaseWord", "ALLCAPS", "x" * 40),
    *("'S", "'LL", "'Re", "'ſ", "\u0301", "\u0301\u0327", "\u0327\u0301"),
    *("1,234.5", "0:00-0:04", "3.14159e-10", "<think", "|>"),
)  # fmt: skip
KEYS = (
    "subjects",
    "background_setting",
    "lighting",
    "cinematography",
    "actions",
    "segments",
    "temporal_caption",
    "fps",
)


def texts(count: int, seed: int = 0) -> Iterator[str]:
    """Prompts, captions as JSON, code, numbers, mixtures of languages and signs, any characters; no control token."""
    rng = random.Random(seed)
    vocabulary = tokens_of(PACKED_TABLE.read_bytes())
    for number in range(count):
        yield _TEXTS[number % len(_TEXTS)](rng, vocabulary)


def control_texts(count: int, seed: int = 0) -> Iterator[str]:
    """The same with control tokens of Qwen3 among them."""
    rng = random.Random(seed)
    for text in texts(count, seed):
        place = rng.randrange(len(text) + 1)
        yield text[:place] + rng.choice(CONTROL_TOKENS[3]) + text[place:]


def _prompt(rng: random.Random, _: list[bytes]) -> str:
    words = " ".join(rng.choices(WORDS, k=rng.randrange(1, 80)))
    return words.capitalize() + rng.choice((".", "!", "", " ...", "\n"))


def _caption(rng: random.Random, vocabulary: list[bytes]) -> str:
    value: dict[str, Any] = {
        key: rng.choice((
            _prompt(rng, vocabulary), rng.randrange(100_000), rng.random(), [_prompt(rng, vocabulary)],
            {"time": f"0:0{rng.randrange(9)}-0:{rng.randrange(10, 60)}", "note": _mixture(rng, vocabulary)}, None, True,
        ))
        for key in rng.sample(KEYS, rng.randrange(1, 8))
    }  # fmt: skip
    indent = rng.choice((None, None, 2))
    return json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=indent, separators=None if indent else (",", ":"))


def _mixture(rng: random.Random, _: list[bytes]) -> str:
    return "".join(rng.choice(PIECES) if rng.random() < 0.8 else rng.choice(WORDS) for _ in range(rng.randrange(1, 50)))


def _characters(rng: random.Random, _: list[bytes]) -> str:
    codes = (rng.choice((rng.randrange(0xD800), rng.randrange(0xE000, 0x110000))) for _ in range(rng.randrange(1, 60)))
    return _harmless("".join(map(chr, codes)))


def _own_tokens(rng: random.Random, vocabulary: list[bytes]) -> str:
    joined = b"".join(rng.choices(vocabulary, k=rng.randrange(1, 60)))
    return _harmless(joined.decode("utf-8", "replace"))


def _numbers(rng: random.Random, _: list[bytes]) -> str:
    return rng.choice((" ", "", ",", "\n", " x ")).join(
        str(rng.randrange(10 ** rng.randrange(1, 15))) for _ in range(20)
    )


def _marks(rng: random.Random, _: list[bytes]) -> str:
    """Letters with combining marks in any order, which NFC joins and sorts."""
    marks = [chr(rng.randrange(0x300, 0x370)) for _ in range(8)]
    return "".join(rng.choice("aeiouAEIOUxყ가ㅏ ") + "".join(rng.choices(marks, k=rng.randrange(4))) for _ in range(30))


_TEXTS: tuple[Callable[[random.Random, list[bytes]], str], ...] = (
    _prompt, _caption, _mixture, _characters, _own_tokens, _numbers, _marks, _mixture,
)  # fmt: skip


def _harmless(text: str) -> str:
    return text if not any(token in text for token in CONTROL_TOKENS[3]) else "x"
