"""One call of vLLM, watched: each request is heard of when it finishes, and the engine's death when it dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["watched"]

LOOK_SECONDS = 0.5


@contextmanager
def watched(engine: Any, finished: Callable[[Any], None]) -> Iterator[None]:
    """Hear of each request when it finishes, not when the whole call does; `engine` is vLLM's `LLMEngine`."""
    step = engine.step

    def watched_step(*args: Any, **kwargs: Any) -> Any:
        outputs = step(*args, **kwargs)
        for output in outputs:
            if output.finished:
                finished(output)
        return outputs

    over = threading.Event()
    threading.Thread(target=_tell_of_death, args=(engine, over), daemon=True).start()
    engine.step = watched_step
    try:
        yield
    finally:
        del engine.step
        over.set()


def _tell_of_death(engine: Any, over: threading.Event) -> None:
    """vLLM's client (0.32) sees that its engine was killed, and goes on waiting for its output: give it an error."""
    core: Any = getattr(engine, "engine_core", None)
    while not over.wait(LOOK_SECONDS):
        if getattr(getattr(core, "resources", None), "engine_dead", False) and hasattr(core, "outputs_queue"):
            core.outputs_queue.put_nowait(RuntimeError("vLLM's engine process has ended"))
            return
