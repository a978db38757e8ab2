"""However many watch, the store is looked at once."""

from __future__ import annotations

import asyncio

import pytest

from cosmos_workflow.errors import NotFound
from cosmos_workflow.server.watching import Watched

WATCHERS = 500


async def first(watched: Watched[int], count: int) -> list[int]:
    values: list[int] = []
    async for value in watched.values():
        values.append(value)
        if len(values) == count:
            break
    return values


def test_five_hundred_watchers_cost_the_looks_of_one() -> None:
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        return looks

    async def watch() -> list[list[int]]:
        watched = Watched(look, 0.01)
        return await asyncio.gather(*(first(watched, 3) for _ in range(WATCHERS)))

    assert asyncio.run(watch()) == [[1, 2, 3]] * WATCHERS
    assert looks <= 4  # one more may have begun when the last one left


def test_nobody_looks_once_nobody_watches_and_a_later_watcher_is_served() -> None:
    looks: list[int] = []

    async def watch() -> None:
        watched = Watched(lambda: looks.append(1) or len(looks), 0.001)
        await first(watched, 1)
        await asyncio.sleep(0.05)
        before = len(looks)
        await asyncio.sleep(0.05)
        assert len(looks) == before <= 2
        assert await first(watched, 1) == [before + 1]

    asyncio.run(watch())


def test_an_error_reaches_all_who_watch_and_the_next_may_succeed() -> None:
    answers = iter([NotFound("gone"), 7])

    def look() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def watch() -> None:
        watched = Watched(look, 0.001)
        errors = await asyncio.gather(*(first(watched, 1) for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in errors] == [NotFound] * 3
        assert await first(watched, 1) == [7]

    asyncio.run(watch())


def test_a_watcher_that_leaves_in_the_middle_of_a_look_disturbs_no_other() -> None:
    async def watch() -> None:
        watched = Watched(lambda: 1, 0.01)
        leaving, staying = (asyncio.ensure_future(first(watched, 2)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await staying == [1, 1]

    asyncio.run(watch())
