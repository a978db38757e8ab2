"""Text that every database takes as it is: a zero character, or a file name's bytes that are no UTF-8, is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator

__all__ = ["AnyText", "from_json", "to_json"]

MARK = "\ufdd0"  # a noncharacter: Unicode keeps it for such use
WRITTEN = {"\0": MARK + "0", MARK: MARK + "1"}
READ = {written: character for character, written in WRITTEN.items()}


class AnyText(TypeDecorator[str]):
    """A column of text that may hold a zero character or a half of a surrogate pair."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _read(value)


def to_json(value: Any) -> str:
    text = json.dumps(value)
    # Most texts have none, and are not gone through.
    return json.dumps(_mapped(value, _written)) if re.search(r"\\u(0000|fdd0|d[89a-f])", text) else text


def from_json(text: str | bytes) -> Any:
    value = json.loads(text)
    if isinstance(text, bytes):
        text = text.decode()
    return _mapped(value, _read) if MARK in text or "\\ufdd0" in text else value


def _written(text: str) -> str:
    return re.sub(f"\0|{MARK}|[\ud800-\udfff]", lambda match: WRITTEN.get(match[0], f"{MARK}{ord(match[0]):x}"), text)


def _read(text: str) -> str:
    return re.sub(f"{MARK}([01]|d[89a-f]..)", lambda match: READ.get(match[0]) or chr(int(match[1], 16)), text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _mapped(part, change) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(part, change) for part in value]
    return value
