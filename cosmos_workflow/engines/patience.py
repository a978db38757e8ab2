"""Repeats requests to a server after temporary failures: which, how often, and how long to wait between."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Collection
from email.utils import parsedate_to_datetime

from cosmos_workflow.engines.connection import ConnectionFault
from cosmos_workflow.engines.replies import Reply, fault_in

__all__ = ["patiently"]

LONGEST_WAIT, LONGEST_STATED_WAIT = 8.0, 120.0  # seconds
RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
# Kinds of failure that trying again cannot change, whatever the status.
SETTLED = ("too_long", "too_many_images", "model_missing", "rejected")


def patiently(
    send: Callable[[], Reply], retries: int, over: threading.Event, *, retried: Collection[int] = RETRIED,
    only_unsent: bool = False,
) -> Reply:  # fmt: skip
    """The first reply that need not be tried again, or the last one; no further try is made once `over` is set.

    `retried` are the statuses after which another try is made; with `only_unsent`, it is made after a lost connection
    only if there was none yet, so that the server cannot have begun. Raises ConnectionFault if no reply came.
    """
    for attempt in range(retries + 1):
        wait = min(0.5 * 2**attempt, LONGEST_WAIT) * (1 - 0.25 * random.random())
        last = attempt == retries
        try:
            reply = send()
        except ConnectionFault as error:
            # A request that has timed out twice would do so again.
            settled = error.lasting or (error.how == "timed_out" and attempt)
            if last or settled or (only_unsent and error.how != "unconnected") or over.wait(wait):
                raise
            continue
        fault = fault_in(reply)
        if last or fault is None or fault.status not in retried or fault.kind in SETTLED:
            return reply
        stated = _stated_wait(reply)
        if (stated or 0) > LONGEST_STATED_WAIT or over.wait(wait if stated is None else stated):
            return reply
    raise AssertionError("the last try returns or raises")


def _stated_wait(reply: Reply) -> float | None:
    """How long the server asks to wait, in s; None if it does not say."""
    milliseconds, stated = reply.headers.get("retry-after-ms"), reply.headers.get("retry-after", "")
    try:
        if milliseconds:
            seconds = float(milliseconds) / 1000
        else:
            date = stated[:1].isalpha()
            seconds = parsedate_to_datetime(stated).timestamp() - time.time() if date else float(stated)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
