"""Texts from outside: whatever they hold, they can be read and written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_workflow.text import url_parts, writable

PACKAGE = Path(__file__).parent.parent / "cosmos_workflow"


@given(st.text(st.characters()))
def test_any_text_can_be_written(text: str) -> None:
    written = writable(text)
    written.encode()
    assert len(written) == len(text)
    assert [was for was, now in zip(text, written, strict=True) if was != now and not "\ud800" <= was <= "\udfff"] == []


@pytest.mark.parametrize(
    "url", ["http://[::1", "//[", "http://host:99999", "http://host:port", "http://\u2100.example"]
)
def test_what_is_no_url_has_no_parts(url: str) -> None:
    assert not any(url_parts(url))


@given(st.text())
def test_any_text_can_be_taken_for_a_url(text: str) -> None:
    parts = url_parts(f"http://{text}")
    _ = parts.hostname, parts.port


def test_each_rule_is_written_once() -> None:
    """A rule that is written twice is mended once."""
    pattern = r'encode\("utf-8", "replace"\)\.decode|except ValueError:\n\s+return (?:urlsplit|SplitResult)'
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [path for path, text in texts.items() if re.search(pattern, text)] == [PACKAGE / "text.py"]
