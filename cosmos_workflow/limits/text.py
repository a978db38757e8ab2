"""What a text costs in tokens: an upper bound that costs nothing, and the exact count by the model's table."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from cosmos_workflow.errors import BadInputError

__all__ = ["QwenText", "TekkenText", "TextRule"]

Counter = Callable[[str], int]


class TextRule(Protocol):
    """How a model turns text into tokens."""

    @property
    def exact(self) -> bool:
        """Whether the table for an exact count is at hand."""

    def bound(self, text: str) -> int:
        """No more tokens than this, without any table."""

    def count(self, text: str) -> int:
        """The exact number of tokens; the bound where `exact` is false."""


@dataclass(frozen=True)
class TekkenText:
    """Mistral's Tekken: the table that mistral-common ships, or a model folder's own `tekken.json`.

    The table takes about a second to load, once a process.

    >>> TekkenText().bound("A futuristic city at sunset")
    27
    """

    table: Path | None = None
    exact = True

    def bound(self, text: str) -> int:
        # Byte-level BPE only ever merges bytes.
        return len(text.encode("utf-8", "replace"))

    def count(self, text: str) -> int:
        return _tekken(self.table)(text) if text else 0


@dataclass(frozen=True)
class QwenText:
    """Qwen2.5's byte-level BPE: a model folder's own `tokenizer.json`; without one, only the bound."""

    table: Path | None = None

    @property
    def exact(self) -> bool:
        return self.table is not None

    def bound(self, text: str) -> int:
        # The tokenizer normalises to NFC first, which can lengthen a text.
        return len(unicodedata.normalize("NFC", text).encode("utf-8", "replace"))

    def count(self, text: str) -> int:
        return self.bound(text) if self.table is None else _huggingface(self.table)(text)


@lru_cache(maxsize=4)
def _tekken(table: Path | None) -> Counter:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    if table is None:
        import mistral_common

        # The table of Pixtral-12B-2409, from which the upsampler was made.
        table = Path(mistral_common.__file__).parent / "data" / "tekken_240911.json"
    try:
        tekken = Tekkenizer.from_file(table)
    except Exception as error:
        raise BadInputError(
            f"not a Tekken table ({error})",
            where=str(table),
            remedy="copy tekken.json again from the model's repository",
        ) from error

    @lru_cache(maxsize=65536)
    def count(text: str) -> int:
        # A lone surrogate (half an emoji from a broken copy) has no UTF-8; everywhere it becomes "?".
        text = text.encode("utf-8", "replace").decode("utf-8")
        return len(tekken.encode(text, bos=False, eos=False))

    return count


@lru_cache(maxsize=4)
def _huggingface(table: Path) -> Counter:
    try:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(table))
    except ImportError as error:
        raise BadInputError(
            "counting with this model's tokenizer needs the `tokenizers` library",
            where=str(table),
            remedy="pip install 'cosmos-workflow[transformers]'",
        ) from error
    except Exception as error:
        raise BadInputError(
            f"not a tokenizer file ({error})",
            where=str(table),
            remedy="copy tokenizer.json again from the model's repository",
        ) from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
