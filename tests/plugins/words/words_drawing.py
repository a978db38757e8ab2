"""Bars as a PNG, written by hand. A module of its own, which travels because the kind names it in `modules`."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

__all__ = ["bars"]


def bars(lengths: Sequence[int], thickness: int) -> bytes:
    """A grey picture with one bar for each length, `thickness` pixels high."""
    width = max(lengths, default=1) or 1
    rows = [b"\0" + b"\0" * length + b"\xff" * (width - length) for length in lengths or [0] for _ in range(thickness)]
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
