"""Text that every database takes as it is: PostgreSQL has no zero character, and prompts may hold one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator

__all__ = ["AnyText", "from_json", "to_json"]

MARK = "\ufdd0"  # a noncharacter: Unicode keeps it for such use
WRITTEN = {"\0": MARK + "0", MARK: MARK + "1"}
READ = {written: meant for meant, written in WRITTEN.items()}


class AnyText(TypeDecorator[str]):
    """A column of text that may hold a zero character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _read(value)


def to_json(value: Any) -> str:
    text = json.dumps(value)
    # Most texts have neither, and are not gone through.
    return json.dumps(_mapped(value, _written)) if "\\u0000" in text or "\\ufdd0" in text else text


def from_json(text: str | bytes) -> Any:
    value = json.loads(text)
    if isinstance(text, bytes):
        text = text.decode()
    return _mapped(value, _read) if MARK in text or "\\ufdd0" in text else value


def _written(text: str) -> str:
    return re.sub(f"\0|{MARK}", lambda found: WRITTEN[found[0]], text)


def _read(text: str) -> str:
    return re.sub(f"{MARK}[01]", lambda found: READ[found[0]], text)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _mapped(one, change) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mapped(one, change) for one in value]
    return value
