"""One connection to each host for all steps of a command: `with one_line(): …`."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from cosmos_workflow.ssh.hosts import Host
from cosmos_workflow.ssh.keys import Pins
from cosmos_workflow.ssh.ssh_manager import SSHManager

__all__ = ["line_to", "one_line", "run_steps"]

T = TypeVar("T")
KEPT_SECONDS = 60.0  # no keepalives are answered between steps, so the host may have closed an older one

if sys.version_info >= (3, 11):
    from asyncio import Runner
else:

    class Runner:
        """Stands in for `asyncio.Runner`, which Python has from 3.11: one event loop for several calls."""

        def __enter__(self) -> Runner:
            self._loop = asyncio.new_event_loop()
            return self

        def __exit__(self, *_: object) -> None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

        def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
            task = self._loop.create_task(coroutine)
            try:
                return self._loop.run_until_complete(task)
            except KeyboardInterrupt:
                task.cancel()
                with suppress(asyncio.CancelledError, KeyboardInterrupt):
                    self._loop.run_until_complete(task)
                raise


class _Lines(threading.local):
    """A thread's event loop, and its open, idle managers, each with the time of its last use."""

    runner: Runner | None = None
    idle: dict[tuple[str, Path], tuple[SSHManager, float]]


_lines = _Lines()


@contextmanager
def one_line() -> Iterator[None]:
    """Inside this, all that this thread asks of a host uses one connection; nested uses share the outermost one's."""
    if _lines.runner is not None:
        yield
        return
    with Runner() as runner:
        _lines.runner, _lines.idle = runner, {}
        try:
            yield
        finally:
            idle, _lines.runner, _lines.idle = _lines.idle, None, {}
            runner.run(_close(idle))


def run_steps(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`; inside `one_line`, connections stay open for the next call."""
    return asyncio.run(coroutine) if _lines.runner is None else _lines.runner.run(coroutine)


@asynccontextmanager
async def line_to(host: Host, pins: Pins) -> AsyncIterator[SSHManager]:
    """A connection to a host: the one that an earlier step of this command left open, or a new one."""
    if _lines.runner is None:
        async with SSHManager(host, pins) as manager:
            yield manager
        return
    loop, key = asyncio.get_running_loop(), (repr(host), pins.path)
    # Removed from `idle` while in use, so that a concurrent step does not close it.
    manager, used = _lines.idle.pop(key, (SSHManager(host, pins), loop.time()))
    if loop.time() - used > KEPT_SECONDS:
        await manager.close()
    try:
        yield manager
    finally:
        earlier = _lines.idle.pop(key, None)
        _lines.idle[key] = (manager, loop.time())
        if earlier:
            await earlier[0].close()


async def _close(idle: dict[Any, tuple[SSHManager, float]]) -> None:
    for manager, _ in idle.values():
        await manager.close()
    await asyncio.sleep(0)  # lets the aborted connections finish closing
