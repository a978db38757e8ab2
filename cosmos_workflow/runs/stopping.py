"""`--stop-after`: a run ends at a cost or a time, as long as a client of this machine drives it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosmos_workflow.errors import Conflict, CosmosError, NotFound, RunFailed, UsageError
from cosmos_workflow.store import RunRecord, Store

__all__ = ["StopAfter", "require_followed", "stopped_in_time"]

AGAIN_SECONDS = 5.0  # between two tries to end a run whose host is not reached, or does not have it yet
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class StopAfter:
    """`limit` is as a person gave it; `seconds` are those since a run's attempt began, `price` US dollars an hour."""

    limit: str
    seconds: float
    price: float = 0.0

    @classmethod
    def of(cls, text: str, price: float, place: str) -> StopAfter:
        """From `$5` or `5usd`, at a place whose price an hour is known, or from a time: `90s`, `10m`, `2h`, `1d`.

        Raises UsageError for other words, and for a cost where the price is 0, which stands for unknown.

        >>> StopAfter.of("$5", 2.5, "gpu").seconds, StopAfter.of("2h", 0, "gpu").seconds
        (7200.0, 7200.0)
        """
        if match := re.fullmatch(r"(\d{1,7})([smhd])", text.strip()):
            return cls(text.strip(), float(match[1]) * UNITS[match[2]])
        number = r"(\d{1,7}(?:\.\d{1,4})?)"
        match = re.fullmatch(rf"\$ ?{number}|{number} ?(?:usd|\$)", text.strip().lower())
        amount = float(match[1] or match[2]) if match else 0.0
        if not amount:
            raise UsageError(
                f"{text!r} is neither a cost nor a time", where="--stop-after",
                remedy="give a cost as '$5' (in quotes) or 5usd, or a time as 30m or 2h",
            )  # fmt: skip
        if not price:
            setting = "price in cosmos.toml" if place == "local" else f"cosmos hosts add {place} … --price 2.10"
            raise UsageError(
                f"the price of {place} is not known", where=f"--stop-after {text}",
                remedy=f"tell its US dollars an hour ({setting}), or give a time: --stop-after 2h",
            )  # fmt: skip
        return cls(f"${amount:g}", amount / price * 3600, price)

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def reason(self) -> str:
        """
        >>> StopAfter("$5", 7200.0, 2.5).reason
        'cost cap of $5 reached: 120 minutes at $2.5 an hour'
        """
        if not self.price:
            return f"time limit of {self.limit} reached"
        return f"cost cap of {self.limit} reached: {self.seconds / 60:.0f} minutes at ${self.price:g} an hour"


def require_followed(run: RunRecord) -> None:
    """Raise UsageError where a run has a limit, which nobody would see to while it is detached."""
    if limit := run.settings.get("stop_after"):
        what = f"the run ends after {limit['limit']}, which only a command sees to that follows it"
        raise UsageError(what, where=run.id, remedy="leave out --detach")


@contextmanager
def stopped_in_time(
    store: Store, run: RunRecord, folder: Path, end: Callable[[str], None], warn: Callable[[str], None]
) -> Iterator[None]:
    """Inside this, a run with a limit is ended when its attempt has lasted so long, and says why.

    `end` ends it at its place, given the reason; it is called until whoever is inside has left. The time counts from
    the first drive of the attempt, also while nobody drives it.
    """
    if not (limit := run.settings.get("stop_after")):
        yield
        return
    cap, over, reached = StopAfter(**limit), threading.Event(), threading.Event()
    began = folder / f"began-{run.attempt}"
    if not began.exists():
        began.touch()
    left = began.stat().st_mtime + cap.seconds - time.time()

    def watch() -> None:
        if over.wait(max(0.0, left)):
            return
        reached.set()
        warn(f"{cap.reason}; nothing new begins, and what is done comes home")
        while not over.is_set():
            try:
                with suppress(Conflict, NotFound):  # it has ended
                    end(cap.reason)
            except CosmosError as error:
                warn(f"it cannot be ended yet: {error}")
            over.wait(AGAIN_SECONDS)

    watcher = threading.Thread(target=watch, name="cosmos-stop-after", daemon=True)
    watcher.start()
    try:
        yield
    except RunFailed as error:
        if not (reached.is_set() and error.kind == "cancelled"):
            raise
        remedy = f"for the rest, with as much again: cosmos runs retry {run.id}"
        store.explain(run.id, cap.reason, remedy)
        raise RunFailed(cap.reason, kind="cancelled", where=run.id, remedy=remedy) from error
    finally:
        over.set()
        watcher.join()
