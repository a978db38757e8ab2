"""Work on many frames at once, in the order of the frames, with few of them in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["in_order", "one_thread_each", "workers_for"]

T = TypeVar("T")
R = TypeVar("R")

MEMORY = 2 << 30  # bytes that all frames at work may take together
PIXEL = 48  # bytes: four channels of floats, their view, and what is made of them


def workers_for(width: int, height: int) -> int:
    """How many frames of this size are worked on at once: one a core, fewer if they are large."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, 16, MEMORY // max(1, PIXEL * width * height)))


def in_order(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """What `function` makes of each item, in their order; two more than `workers` are in memory at once."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def one_thread_each(workers: int) -> Iterator[None]:
    """Let OpenCV use one thread a call while several frames are worked on: cores are better used for whole frames."""
    import cv2

    before = cv2.getNumThreads()
    if workers > 1:
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
