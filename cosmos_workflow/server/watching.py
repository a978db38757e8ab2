"""One reading of the store for all watchers: it costs the same for one open page and for five hundred."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

__all__ = ["Watched"]

T = TypeVar("T")


class Watched(Generic[T]):
    """A value that is read again every `seconds` while somebody watches it, in one thread however many watch."""

    def __init__(self, read: Callable[[], T], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._next: asyncio.Future[T] | None = None

    async def values(self) -> AsyncIterator[T]:
        """Each value as it is read, the first one at once; whatever `read` raises ends the watch."""
        self._watchers += 1
        try:
            while True:
                yield await asyncio.shield(self._reading())
        finally:
            self._watchers -= 1

    def _reading(self) -> asyncio.Future[T]:
        """The value that is read next."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.create_future()
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
        return self._next

    async def _work(self) -> None:
        while self._watchers and (waiting := self._next) is not None:
            try:
                value = await run_in_threadpool(self._read)
            except Exception as error:
                self._next = None
                waiting.set_exception(error)
            else:
                self._next = None
                waiting.set_result(value)
            await asyncio.sleep(self._seconds)
