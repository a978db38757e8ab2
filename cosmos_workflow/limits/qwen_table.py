"""The packaged table of the Qwen family's tokenizer: how it is packed, and how it becomes a table of kitoken's again.

Qwen's table is a byte-level BPE: 256 tokens of one byte, then 151,387 tokens that each join two earlier ones. So a
token is stored as the ranks of its two parts, and the bytes come back by joining them in order: half a megabyte in
place of 2.6 (`qwen.tiktoken`) or 1.6 (kitoken's own form).
"""

from __future__ import annotations

import hashlib
import lzma
import struct
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kitoken import Kitoken

__all__ = [
    "CONTROL_TOKENS",
    "PACKED_SHA256",
    "PACKED_TABLE",
    "PATTERN",
    "as_tiktoken",
    "pack",
    "read_packed",
    "tokens_of",
]

# NOTICE beside it has its source and licence; `scripts/qwen_table.py` makes it.
PACKED_TABLE = Path(__file__).parent / "tables" / "qwen.packed"
PACKED_SHA256 = "08565c4b90f5df286fcb38dbe64cbff6fbf0a63f5d5f42f6d1f4ed4abe68cd8f"

# Where a text is cut before anything is joined: the same in qwen.tiktoken's program (dashscope), in transformers'
# Qwen2Tokenizer and in the tokenizer.json of Qwen3. Every digit stands alone.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# The tokens that stand for no text, by the generation of the model: 151,643 and on in the tokenizer.json of Qwen2.5 (2)
# and of Qwen3 (3).
_OF_BOTH = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>"),
    *("<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
)
CONTROL_TOKENS = {2: _OF_BOTH, 3: (*_OF_BOTH, "<tool_response>", "</tool_response>", "<think>", "</think>")}

# Around the tokens in kitoken 0.11's own form: its mark, format, version and source; then no control tokens, bytes
# without a token left out, no normalisation, one pattern that cuts, and nothing else.
HEAD = b"kitoken\x00\x01\x060.11.1\x08tiktoken\x00\x00"
TAIL_BEFORE, TAIL_AFTER = b"\x00\x00\x01\x00\x00\x01\x00\x02", b"\x02\x00\x00\x00"


def pack(tokens: Sequence[bytes]) -> bytes:
    """The tokens, in the order of their ranks, in the packed form. ValueError if one is no join of two before it."""
    ranks = {token: rank for rank, token in enumerate(tokens)}
    if sorted(tokens[:256]) != [bytes([byte]) for byte in range(256)]:
        raise ValueError("the first 256 tokens are not the 256 bytes")
    parts = [parts_of(tokens[rank], rank, ranks) for rank in range(256, len(tokens))]
    # Each byte of each rank in a row of its own: what is alike stands together.
    rows = [bytes(part[side] >> shift & 255 for part in parts) for side in (0, 1) for shift in (0, 8, 16)]
    return lzma.compress(b"".join([*tokens[:256], *rows]), format=lzma.FORMAT_ALONE, preset=9 | lzma.PRESET_EXTREME)


def parts_of(token: bytes, rank: int, ranks: dict[bytes, int]) -> tuple[int, int]:
    """The two tokens that BPE joins last into this one, by their ranks."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        joins = [ranks.get(left + right, rank) for left, right in zip(parts, parts[1:], strict=False)]
        place = joins.index(min(joins))
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    left, right = (ranks.get(part, rank) for part in parts)
    if max(left, right) >= rank:
        raise ValueError(f"token {rank} joins no two earlier tokens")
    return left, right


def tokens_of(packed: bytes) -> list[bytes]:
    """The tokens of a packed table in the order of their ranks."""
    data = lzma.decompress(packed, format=lzma.FORMAT_ALONE)
    tokens = [data[place : place + 1] for place in range(256)]
    for left, right in zip(_ranks(data, 0), _ranks(data, 1), strict=True):
        tokens.append(tokens[left] + tokens[right])
    return tokens


def _ranks(data: bytes, side: int) -> tuple[int, ...]:
    """The ranks of all left parts (0) or of all right ones (1), put together from their rows of bytes."""
    count = (len(data) - 256) // 6
    ranks = bytearray(4 * count)
    for row in range(3):
        start = 256 + (3 * side + row) * count
        ranks[row::4] = data[start : start + count]
    return struct.unpack(f"<{count}I", ranks)


def as_tiktoken(tokens: Sequence[bytes]) -> bytes:
    """The tokens as the file `qwen.tiktoken` has them, byte for byte."""
    from base64 import b64encode

    return b"".join(b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens))


def read_packed(path: Path | None = None) -> Kitoken:
    """kitoken's table of the packaged file. Raises ValueError if the file is not the packaged one."""
    from kitoken import Kitoken

    packed = (path or PACKED_TABLE).read_bytes()
    # kitoken can crash the whole process on what is not its own form, so the file is verified first.
    if hashlib.sha256(packed).hexdigest() != PACKED_SHA256:
        raise ValueError("damaged")
    return Kitoken(_as_kitoken(tokens_of(packed)))


def _as_kitoken(tokens: Sequence[bytes]) -> bytes:
    numbers = _numbers()
    lengths = [numbers[length] for length in map(len, tokens)]
    pattern = PATTERN.encode()
    entries = chain.from_iterable(zip(numbers, lengths, tokens, strict=False))
    return b"".join((HEAD, numbers[len(tokens)], *entries, TAIL_BEFORE, numbers[len(pattern)], pattern, TAIL_AFTER))


def _numbers() -> list[bytes]:
    """The numbers below 2^18 as kitoken writes them: seven bits a byte, the lowest first, a high bit if one follows."""
    last = [bytes((value,)) for value in range(128)]
    more = [bytes((value | 128,)) for value in range(128)]
    pairs = [low + high for high in more for low in more]
    return [
        *last,
        *(low + high for high in last[1:] for low in more),
        *(low + high for high in last[1:16] for low in pairs),
    ]
