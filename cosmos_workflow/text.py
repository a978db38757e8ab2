"""Texts from outside, which may hold anything; below all rooms."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

__all__ = ["url_parts", "writable"]


def writable(text: str) -> str:
    """The text with halves of surrogate pairs replaced, which JSON can carry and no file and no engine can take.

    >>> writable("a\\ud83d")
    'a?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def url_parts(url: str) -> SplitResult:
    """The parts of a URL; none of a text that is no URL, such as an address with one bracket or port 99999.

    >>> url_parts("http://[::1").hostname is None
    True
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts
