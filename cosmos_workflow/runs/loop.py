"""The one loop from checked items to results, wherever an engine runs: pack, ask, finish."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cosmos_workflow.engines import Engine
from cosmos_workflow.engines.outputs import OnStep, OutputFiles, run_tasks
from cosmos_workflow.engines.process import EngineProcess
from cosmos_workflow.errors import BadInputError, EngineError, EngineUnavailable
from cosmos_workflow.kinds.kind import Checked, Kind, Outcome, Packed

__all__ = ["Prepared", "answer", "answer_together", "prepare"]

STRIKES = 2  # how often an item may end the engine while it is asked alone, before it gets an error
DEATHS_IN_A_ROW = 8  # items that end the engine, with no answer in between: then the engine itself is broken
FATAL = "ends_engine"
LARGE = 2**29  # bytes: about 256 requests with two pictures of 960x540, or 50 with eight of 1280x704

OnResult = Callable[[Any, str], None]
"""Takes a Result and the identity of its work."""


@dataclass(frozen=True)
class Prepared:
    """An item whose task is packed; or one that cannot be asked, whose result is final (`packed` is None)."""

    result: Any
    packed: Packed | None = None
    identity: str = ""


def prepare(kind: Kind, checked: Checked, result: Any, settings: Any, wants: str, identity: str = "") -> Prepared:
    """Pack a checked item, whose Result is begun; one that does not run, or cannot be read, gets its error."""
    if not checked.runs:
        return Prepared(kind.finish(result, kind.refusal(checked)), identity=identity)
    try:
        return Prepared(result, kind.pack(checked, settings, wants), identity)
    except BadInputError as error:
        outcome = Outcome(result.id, error=str(error), error_kind="bad_input")
        return Prepared(kind.finish(result, outcome), identity=identity)


def answer(
    kind: Kind, prepared: Iterable[Prepared], engine: Engine, on_result: OnResult,
    outputs: OutputFiles | None = None, on_step: OnStep | None = None,
) -> None:  # fmt: skip
    """Ask `engine` for each item, once, and give every result to `on_result` as it finishes, in any order.

    Only as many items are in memory as the kind says for what the engine wants, and fewer where their files are large.
    `outputs` takes the files of a kind
    that makes some, each before its result is given; `on_step` is told how far an item is. Raises EngineError where the
    engine itself fails; the results that were given by then stand.
    """
    items = iter(prepared)
    while window := list(_window(items, kind.window(engine.wants))):
        answer_together(kind, window, engine, on_result, outputs, on_step)


def _window(items: Iterator[Prepared], most: int) -> Iterator[Prepared]:
    """The next items, at most so many, until their files in memory reach LARGE bytes."""
    seen: dict[str, int] = {}
    for item in islice(items, most):
        yield item
        files = item.packed.files if item.packed else {}
        seen |= {sha256: len(file) for sha256, file in files.items() if isinstance(file, bytes)}
        if sum(seen.values()) >= LARGE:
            return


def answer_together(
    kind: Kind, prepared: Sequence[Prepared], engine: Engine, on_result: OnResult,
    outputs: OutputFiles | None = None, on_step: OnStep | None = None,
) -> None:  # fmt: skip
    """Ask for all of them in one call, as `answer` does.

    An engine in a process of its own may be ended by an item: the others are asked again, and the item that ends it
    each time gets an error. Raises EngineUnavailable or OutOfMemory where the engine cannot be loaded, EngineError
    where it fails or ends whatever it is asked.
    """
    waiting = {item.result.id: item for item in prepared if item.packed}
    deaths = 0
    for item in prepared:
        if item.packed is None:
            on_result(item.result, item.identity)

    def deliver(outcome: Outcome) -> None:
        nonlocal deaths
        deaths = deaths + 1 if outcome.error_kind == FATAL else 0
        if deaths >= DEATHS_IN_A_ROW:
            raise EngineError(outcome.error, where=f"{deaths} items in a row", remedy="see the engine's output")
        item = waiting.pop(outcome.id)
        on_result(kind.finished(item.result, outcome), item.identity)

    packed = [item.packed for item in prepared if item.packed]
    if packed and isinstance(engine, EngineProcess):
        _ask(engine, packed, deliver, outputs, on_step, STRIKES)
    elif packed:
        run_tasks(engine, [each.task for each in packed], _files(packed), deliver, outputs, on_step)


def _ask(
    engine: EngineProcess, packed: Sequence[Packed], deliver: Callable[[Outcome], None], outputs: OutputFiles | None,
    on_step: OnStep | None, tries: int,
) -> None:  # fmt: skip
    """Halve what the engine ended on, until the item that ends it is alone."""
    left = {each.task.id: each for each in packed}

    def keep(outcome: Outcome) -> None:
        del left[outcome.id]
        deliver(outcome)

    engine.load()  # if this fails, no item is to blame
    try:
        run_tasks(engine, [each.task for each in packed], _files(packed), keep, outputs, on_step)
    except EngineUnavailable:
        raise
    except EngineError as error:
        reason = error.what
    rest = list(left.values())
    if len(rest) > 1:
        _ask(engine, rest[: len(rest) // 2], deliver, outputs, on_step, STRIKES)
        _ask(engine, rest[len(rest) // 2 :], deliver, outputs, on_step, STRIKES)
    elif rest and tries > 1:
        _ask(engine, rest, deliver, outputs, on_step, tries - 1)
    elif rest:
        deliver(Outcome(rest[0].task.id, error=f"it ends the engine each time: {reason}", error_kind=FATAL))


def _files(packed: Sequence[Packed]) -> dict[str, Any]:
    return {sha256: file for each in packed for sha256, file in each.files.items()}
