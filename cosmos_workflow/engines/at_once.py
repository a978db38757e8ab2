"""Several requests at once, with their outcomes delivered in the caller's thread as they come."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["answer_at_once"]

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


def answer_at_once(
    ask: Callable[[Asked], Answered],
    questions: Sequence[Asked],
    deliver: Callable[[Answered], None],
    *,
    limit: int,
    over: threading.Event,
    suspect: Callable[[], bool] = lambda: False,
    decide: Callable[[], None] = lambda: None,
) -> None:
    """Call `ask` for each question in up to `limit` threads, and `deliver` each answer.

    While `suspect()` is true, no new requests start; when all running ones have ended, `decide` is called, which
    raises an error or clears the suspicion.
    An error from `ask` or `deliver` ends the call, after the answers that have come are delivered; `over` is then set,
    and running requests are not waited for.
    """
    waiting, tasks = deque(questions), queue.SimpleQueue[Asked | None]()
    outcomes = queue.SimpleQueue[Answered | BaseException]()
    threads = min(limit, len(waiting))

    def work() -> None:
        while (task := tasks.get()) is not None and not over.is_set():
            try:
                outcome: Answered | BaseException = ask(task)
            except BaseException as error:
                outcome = error
            outcomes.put(outcome)

    for number in range(threads):
        # Daemons, so that a program that has to end does not wait for them.
        threading.Thread(target=work, name=f"cosmos-server-{number}", daemon=True).start()
    on_their_way = 0
    try:
        while waiting or on_their_way:
            if not on_their_way and suspect():
                decide()
            while waiting and on_their_way < threads and not suspect():
                tasks.put(waiting.popleft())
                on_their_way += 1
            outcome = outcomes.get()
            on_their_way -= 1
            if isinstance(outcome, BaseException):
                _deliver_rest(outcomes, deliver)
                raise outcome
            deliver(outcome)
    finally:
        if waiting or on_their_way:
            over.set()
        for _ in range(threads):
            tasks.put(None)


def _deliver_rest(outcomes: queue.SimpleQueue[Answered | BaseException], deliver: Callable[[Answered], None]) -> None:
    while True:
        try:
            outcome = outcomes.get_nowait()
        except queue.Empty:
            return
        if not isinstance(outcome, BaseException):
            deliver(outcome)
