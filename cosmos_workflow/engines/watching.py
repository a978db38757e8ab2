"""Watches a call of vLLM: reports each request when it finishes, and ends the call if vLLM's engine process dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["watched"]

LOOK_SECONDS = 0.5


@contextmanager
def watched(engine: Any, finished: Callable[[Any], None]) -> Iterator[None]:
    """Call `finished` for each request as it finishes, not only when the whole call does; `engine` is vLLM's
    `LLMEngine`.
    """
    step = engine.step

    def watched_step(*args: Any, **kwargs: Any) -> Any:
        outputs = step(*args, **kwargs)
        for output in outputs:
            if output.finished:
                finished(output)
        return outputs

    over = threading.Event()
    threading.Thread(target=_report_death, args=(engine, over), daemon=True).start()
    engine.step = watched_step
    try:
        yield
    finally:
        del engine.step
        over.set()


def _report_death(engine: Any, over: threading.Event) -> None:
    """Give vLLM's client an error if its engine process was killed: it (0.32) notices, but waits for ever."""
    core: Any = getattr(engine, "engine_core", None)
    while not over.wait(LOOK_SECONDS):
        if getattr(getattr(core, "resources", None), "engine_dead", False) and hasattr(core, "outputs_queue"):
            core.outputs_queue.put_nowait(RuntimeError("vLLM's engine process has ended"))
            return
