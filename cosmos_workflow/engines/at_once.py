"""Several requests at once, their outcomes in the caller's thread as they come."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence

from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver

__all__ = ["answer_at_once"]


def answer_at_once(
    ask: Callable[[Conversation], Answer],
    conversations: Sequence[Conversation],
    deliver: Deliver,
    *,
    limit: int,
    over: threading.Event,
    suspect: Callable[[], bool] = lambda: False,
    decide: Callable[[], None] = lambda: None,
) -> None:
    """`ask` for each conversation in up to `limit` threads, and `deliver` each answer.

    While something is `suspect`, nothing new is asked; when what is on its way has come, `decide` says what it is: it
    raises, or clears it.
    What `ask` or `deliver` raises ends all, after the answers that are there have been delivered; `over` is set then,
    and requests on their way are not waited for.
    """
    waiting, tasks = deque(conversations), queue.SimpleQueue[Conversation | None]()
    outcomes = queue.SimpleQueue[Answer | BaseException]()
    threads = min(limit, len(waiting))

    def work() -> None:
        while (task := tasks.get()) is not None and not over.is_set():
            try:
                outcome: Answer | BaseException = ask(task)
            except BaseException as error:
                outcome = error
            outcomes.put(outcome)

    for number in range(threads):
        # Daemons, so that a program that is told to end does not wait for them.
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


def _deliver_rest(outcomes: queue.SimpleQueue[Answer | BaseException], deliver: Deliver) -> None:
    while True:
        try:
            outcome = outcomes.get_nowait()
        except queue.Empty:
            return
        if isinstance(outcome, Answer):
            deliver(outcome)
