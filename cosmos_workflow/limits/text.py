"""What a text costs in tokens: an upper bound that costs nothing, and the exact count by the model's table."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.text import writable

if TYPE_CHECKING:
    from kitoken import Kitoken

__all__ = ["PACKAGED_SHA256", "PACKAGED_TABLE", "QwenText", "TekkenText", "TextRule", "read_tekken"]

Counter = Callable[[str], int]

# The table of Pixtral-12B-2409 in kitoken's own form; NOTICE beside it has its source and licence.
PACKAGED_TABLE = Path(__file__).parent / "tables" / "tekken_240911.kit"
PACKAGED_SHA256 = "fb10e71862371e4cd329e9537400052cafbec20be4059d419f722bf85d7d7060"
REINSTALL = "pip install --force-reinstall cosmos-workflow"


class TextRule(Protocol):
    """How a model turns text into tokens."""

    @property
    def exact(self) -> bool:
        """Whether the table for an exact count is available."""

    def bound(self, text: str) -> int:
        """An upper bound of the number of tokens, found without a table."""

    def count(self, text: str) -> int:
        """The exact number of tokens; the bound where `exact` is false."""


@dataclass(frozen=True)
class TekkenText:
    """Mistral's Tekken: the packaged table, or a model folder's own `tekken.json`.

    The packaged table loads in 0.1 s, a `tekken.json` in about a second; each is loaded once in a process.

    >>> TekkenText().bound("A futuristic city at sunset")
    27
    """

    table: Path | None = None
    exact = True

    def bound(self, text: str) -> int:
        # Byte-level BPE only merges bytes, so there are never more tokens than bytes.
        return len(text.encode("utf-8", "replace"))

    def count(self, text: str) -> int:
        return _tekken(self.table)(text) if text else 0


@dataclass(frozen=True)
class QwenText:
    """Qwen's byte-level BPE: the packaged table, or a model folder's own `tokenizer.json`.

    Qwen2.5 and Qwen3 have one table and differ in their control tokens alone; `generation` is 2 or 3. A control token
    in a text, such as <|im_end|>, is one token, as the models' own tokenizers read it. The packaged table loads in
    0.3 s, once in a process.

    >>> QwenText().bound("A futuristic city at sunset")
    27
    """

    table: Path | None = None
    generation: Literal[2, 3] = 2
    exact = True

    def bound(self, text: str) -> int:
        # The tokenizer normalises to NFC first, which can make a text longer.
        return len(unicodedata.normalize("NFC", text).encode("utf-8", "replace"))

    def count(self, text: str) -> int:
        return (_huggingface(self.table) if self.table else _qwen(self.generation))(text) if text else 0


def read_tekken(path: Path) -> Kitoken:
    """The table of a `tekken.json`, without its control tokens. Raises ValueError if the file holds no such table."""
    from kitoken import Kitoken

    definition = (table := Kitoken.from_tekken(path.read_bytes())).definition()
    vocabulary = [bytes(token["bytes"]) for token in definition["model"]["BytePair"]["vocab"]]
    # A byte without a token would be left out of the count.
    if lacking := 256 - len({token for token in vocabulary if len(token) == 1}):
        raise ValueError(f"{lacking} bytes have no token")
    # kitoken cuts a text at whatever looks like a control token; Mistral's encoding of a message treats it as text.
    definition["specials"] = []
    definition["config"]["templates"] = []
    table.set_definition(definition)
    return table


def _packaged() -> bytes:
    data = PACKAGED_TABLE.read_bytes()
    # kitoken can crash the whole process on a file that is not its own, so the file is verified first.
    if hashlib.sha256(data).hexdigest() != PACKAGED_SHA256:
        raise ValueError("damaged")
    return data


@lru_cache(maxsize=4)
def _tekken(path: Path | None) -> Counter:
    remedy = "copy tekken.json again from the model's repository" if path else REINSTALL
    with _mendable("not a Tekken table", path or PACKAGED_TABLE, remedy):
        from kitoken import Kitoken

        table = read_tekken(path) if path else Kitoken(_packaged())

    @lru_cache(maxsize=65536)
    def count(text: str) -> int:
        # A lone surrogate (half an emoji from a broken copy) has no UTF-8 form; the whole system replaces it with "?".
        return len(table.encode(writable(text)))

    return count


@lru_cache(maxsize=2)
def _qwen(generation: Literal[2, 3]) -> Counter:
    from cosmos_workflow.limits import qwen_table

    with _mendable("not Qwen's table", qwen_table.PACKED_TABLE, REINSTALL):
        table = qwen_table.read_packed()
    control = re.compile("|".join(map(re.escape, qwen_table.CONTROL_TOKENS[generation])))

    @lru_cache(maxsize=65536)
    def count(text: str) -> int:
        # The models' own tokenizers look for control tokens before they normalise what stands between them.
        pieces = control.split(writable(text))
        normal = (unicodedata.normalize("NFC", piece) for piece in pieces if piece)
        return len(pieces) - 1 + sum(len(table.encode(piece)) for piece in normal)

    return count


@contextmanager
def _mendable(what: str, path: Path, remedy: str) -> Iterator[None]:
    """A table that cannot be read ends in an error that says how to mend it."""
    try:
        yield
    except ImportError as error:
        raise BadInputError(
            "counting text needs the `kitoken` library", where="this Python", remedy=REINSTALL
        ) from error
    except Exception as error:
        raise BadInputError(f"{what} ({error})", where=str(path), remedy=remedy) from error


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
