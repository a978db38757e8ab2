"""Decodes text files as programs write them: UTF-8 with or without a byte order mark, UTF-16 or UTF-32 with one."""

from __future__ import annotations

import codecs

from cosmos_workflow.errors import BadInputError

__all__ = ["decoded", "encoding_of", "not_utf8"]

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


def decoded(data: bytes, where: str) -> str:
    """A file's text, without its byte order mark. Raises BadInputError that names the first invalid byte."""
    encoding, mark = encoding_of(data[:4])
    if not mark and 0 in data[:2]:
        raise BadInputError(
            "it looks like UTF-16 without its byte order mark", where=where, remedy="save the file as UTF-8"
        )
    try:
        return data[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        index = mark + error.start
        line = data.count(b"\n", 0, index) + 1 if encoding == "utf-8" else 0
        raise _undecodable(data[index], index, line, encoding, where) from error


def not_utf8(byte: int, index: int, line: int = 0) -> BadInputError:
    """The error for a byte that is no UTF-8, at an index of the file; `line` counts from 1, and is 0 if not known."""
    return _undecodable(byte, index, line, "utf-8")


def _undecodable(byte: int, index: int, line: int, encoding: str, where: str = "") -> BadInputError:
    at = f"byte {index} in line {line}" if line else f"byte {index}"
    return BadInputError(
        f"not {encoding.upper()} (0x{byte:02X} at {at})", where=where,
        remedy="save the file as UTF-8; in Excel that is the kind “CSV UTF-8”",
    )  # fmt: skip
