"""The identity of work: by it a result is known to answer what is asked now, wherever and whenever it was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosmos_workflow.kinds.kind import Kind

__all__ = ["ENGINE_PART", "INPUT_PART", "differences", "identity"]

# The parts of an identity, and the hexadecimal digits of each.
INPUT_PART, ENGINE_PART = "input file", "engine or model"
PARTS = {"what is asked": 24, INPUT_PART: 24, ENGINE_PART: 16}


def identity(kind: Kind, asks: Mapping[str, Any], inputs: Mapping[str, str], engine: str, model: str) -> str:
    """The same for the same work, everywhere: what is asked, the content of its input files, who answers.

    64 hexadecimal digits: of each of these a hash, so that two identities tell what differs (see `differences`). The
    path of a file and the place of a run never count.

    >>> from cosmos_workflow.kinds.kind import get_kind
    >>> before, now = (identity(get_kind("upsample"), {}, {}, engine, "") for engine in ("describe", "vllm"))
    >>> differences(before, now)
    ('engine or model',)
    """
    values = ([kind.name, kind.version, asks], inputs, [engine, model])
    return "".join(_digest(value)[:digits] for value, digits in zip(values, PARTS.values(), strict=True))


def differences(before: str, now: str) -> tuple[str, ...]:
    """In what two identities differ, in words."""
    start, names = 0, []
    for name, digits in PARTS.items():
        if before[start : start + digits] != now[start : start + digits]:
            names.append(name)
        start += digits
    return tuple(names)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
