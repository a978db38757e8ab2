"""The preflight: what would fail late or go wrong silently is said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from cosmos_workflow.kinds.transfer.case import Case
from cosmos_workflow.kinds.transfer.preflight import engines, inputs, lengths, results, settings, sizes, words
from cosmos_workflow.kinds.transfer.preflight.statement import LEVELS, STATEMENTS, Finding, Statement

__all__ = ["LEVELS", "STATEMENTS", "Finding", "Statement", "findings"]

_ROOMS = (inputs, settings, engines, sizes, lengths, words, results)  # importing them has filled STATEMENTS


def findings(case: Case) -> Iterator[Finding]:
    """Every statement that holds for a case."""
    for each in STATEMENTS.values():
        for text, remedy in each.look(case):
            yield Finding(each, text, remedy)
