"""Handles texts from outside, which may contain anything; every room may use it."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["url_parts", "writable"]


def writable(text: str) -> str:
    """The text with lone surrogates replaced by "?": JSON can contain them, but no file or engine takes them.

    >>> writable("a\\ud83d")
    'a?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def url_parts(url: str) -> SplitResult:
    """The parts of a URL; all empty for an invalid one, such as one with an unclosed bracket or port 99999.

    >>> url_parts("http://[::1").hostname is None
    True
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts
