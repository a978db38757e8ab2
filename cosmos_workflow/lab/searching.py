"""Bisection one step at a time, so that many searches can run side by side."""

from __future__ import annotations

from collections.abc import Generator

__all__ = ["Search", "bisect", "doubling"]

Search = Generator[int, bool, int]
"""Yields a value to try, is sent whether it holds, and returns the largest of 1, 2, … that holds; 0 where none does."""


def bisect(most: int) -> Search:
    """The largest value of 1 … `most` that holds, where all below it hold and none above it does.

    >>> run = bisect(1024); value = next(run)
    >>> try:
    ...     while True: value = run.send(value <= 911)
    ... except StopIteration as end: print(end.value)
    911
    """
    if (yield most):
        return most
    return (yield from _between(0, most))


def doubling(most: int) -> Search:
    """The same for values that are expensive when too large: tries 1, 2, 4 … until one does not hold, then bisects."""
    good, value = 0, 1
    while (yield value):
        good = value
        if good == most:
            return good
        value = min(2 * value, most)
    return (yield from _between(good, value))


def _between(low: int, high: int) -> Search:
    """The largest value that holds, where `low` holds and `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        if (yield middle):
            low = middle
        else:
            high = middle
    return low
