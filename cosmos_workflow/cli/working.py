"""What the programs that go on for long have in common: their log."""

from __future__ import annotations

import logging

__all__ = ["logged"]


def logged() -> None:
    """Warnings and what the queue does, on stderr."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("cosmos_workflow").setLevel(logging.INFO)
