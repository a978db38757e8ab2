"""Decodes text files as programs write them: UTF-8 with or without a byte order mark, UTF-16 or UTF-32 with one."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from cosmos_workflow.errors import BadInputError

__all__ = ["decoded", "decoding", "encoding_of", "not_utf8"]

READ_BYTES = 1 << 16

# Longer marks come first, as the mark of UTF-32-LE begins with that of UTF-16-LE.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding of a file, from its first four bytes, and how many of them are its byte order mark."""
    return next(((name, len(mark)) for mark, name in MARKS if head.startswith(mark)), ("utf-8", 0))


def decoding(file: BinaryIO, where: str) -> Iterator[str]:
    """A file's text, without its byte order mark, piece by piece. Raises BadInputError that names an invalid byte."""
    head = file.read(4)
    encoding, mark = encoding_of(head)
    if not mark and 0 in head[:2]:
        raise BadInputError(
            "it looks like UTF-16 without its byte order mark", where=where, remedy="save the file as UTF-8"
        )
    file.seek(mark)
    decoder, at, line, data = codecs.getincrementaldecoder(encoding)(), mark, 1, b" "
    while data:
        data = file.read(READ_BYTES)
        waiting = decoder.getstate()[0]  # the beginning of a character
        try:
            yield decoder.decode(data, not data)
        except UnicodeDecodeError as error:
            together = waiting + data
            line += together.count(b"\n", 0, error.start)
            index = at - len(waiting) + error.start
            line = line if encoding == "utf-8" else 0
            raise _undecodable(together[error.start], index, line, encoding, where) from error
        at, line = at + len(data), line + data.count(b"\n")


def decoded(data: bytes, where: str) -> str:
    """The text of a file's bytes. Raises as `decoding`."""
    return "".join(decoding(io.BytesIO(data), where))


def not_utf8(byte: int, index: int, line: int = 0) -> BadInputError:
    """The error for a byte that is no UTF-8, at an index of the file; `line` counts from 1, and is 0 if not known."""
    return _undecodable(byte, index, line, "utf-8")


def _undecodable(byte: int, index: int, line: int, encoding: str, where: str = "") -> BadInputError:
    at = f"byte {index} in line {line}" if line else f"byte {index}"
    return BadInputError(
        f"not {encoding.upper()} (0x{byte:02X} at {at})", where=where,
        remedy="save the file as UTF-8; in Excel that is the kind “CSV UTF-8”",
    )  # fmt: skip
