"""A statement of the preflight: something that fails late, or goes wrong silently, where nobody says it first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.item import Verdict

__all__ = ["LEVELS", "STATEMENTS", "Finding", "Level", "Statement", "statement"]

Level = Literal["bad_input", "no_memory", "risky", "note"]
LEVELS: tuple[Level, ...] = ("bad_input", "no_memory", "risky", "note")
Look = Callable[[Case], Iterator[tuple[str, str]]]


@dataclass(frozen=True)
class Statement:
    """`level` is the verdict that it leads to; a `note` leads to none. `source` says where the fact is from."""

    name: str
    level: Level
    title: str
    source: str
    look: Look

    @property
    def verdict(self) -> Verdict:
        """What an item gets for which it holds."""
        return "fits" if self.level == "note" else self.level


@dataclass(frozen=True)
class Finding:
    """A statement that holds for an item: `text` with the numbers in it, and what to do."""

    statement: Statement
    text: str
    remedy: str


STATEMENTS: dict[str, Statement] = {}


def statement(level: Level, title: str, source: str) -> Callable[[Look], Look]:
    """Add a function to the preflight: it yields a text and a remedy for each time that its statement holds."""

    def add(look: Look) -> Look:
        name = look.__name__.replace("_", "-")
        STATEMENTS[name] = Statement(name, level, title, source, look)
        return look

    return add
