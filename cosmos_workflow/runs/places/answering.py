"""Running a batch on this machine: plan, decode, ask the engine, hand each result on as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from cosmos_workflow.engines import Engine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample import Checked, Item, Result, Settings, check_items
from cosmos_workflow.kinds.upsample.conversation import Answer
from cosmos_workflow.kinds.upsample.preparing import Preparer, finished, pending, refusal

__all__ = ["run_local"]

# How many items are in memory at once. Frames: far more than an engine answers at a time, in one call of
# its own. Measuring takes longer than writing, so there each item is answered as soon as it is measured.
WINDOW = {"frames": 256, "measurements": 1}

OnResult = Callable[[Result], None]


def run_local(items: Iterable[Item], engine: Engine, settings: Settings | None = None, *, on_result: OnResult) -> None:
    """Ask `engine` for each item, once, and hand every result to `on_result` as it finishes, in any order.

    An item that the plan refuses, whose video cannot be read or that the engine rejects gives a Result with
    an error. Raises EngineError where the engine itself fails; what was handed on by then stands.
    """
    settings = settings or Settings()
    checked = check_items(items, settings)
    preparer = Preparer(engine.wants, settings)
    while window := list(islice(checked, WINDOW[engine.wants])):
        _run_window(window, engine, preparer, on_result)


def _run_window(window: list[Checked], engine: Engine, preparer: Preparer, on_result: OnResult) -> None:
    open_items: dict[str, Result] = {}
    conversations = []
    for checked in window:
        waiting = pending(checked, engine)
        try:
            if not checked.plan.runs:
                on_result(finished(waiting, refusal(checked.plan)))
                continue
            conversations.append(preparer.prepare(checked))
        except BadInputError as error:
            on_result(finished(waiting, Answer(checked.item.id, error=str(error), error_kind="bad_input")))
            continue
        open_items[checked.item.id] = waiting

    def deliver(answer: Answer) -> None:
        on_result(finished(open_items.pop(answer.id), answer))

    if conversations:
        engine.answer(conversations, deliver)
