"""How many cases the tests try: few, as all shall be checked within an hour; `make test-full` tries all of them."""

from __future__ import annotations

import os

__all__ = ["FULL", "cases"]

FULL = os.environ.get("FULL_COUNTS") == "1"


def cases(full: int, few: int | None = None) -> int:
    """`full` of them with `make test-full`, else `few`, or a fifth."""
    if FULL:
        return full
    return few if few is not None else max(1, full // 5)
