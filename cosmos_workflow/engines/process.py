"""An engine in a process of its own: an item that crashes it takes nobody else along.

`python -m cosmos_workflow.engines.process` is that process; `EngineProcess` talks to it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.errors import CosmosError, EngineError
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver

__all__ = ["EngineDied", "EngineProcess"]

WATCH_SECONDS = 0.5


class EngineDied(EngineError):
    """The process is gone, and what it had not answered is open."""


class EngineProcess:
    """An Engine; started by the first call, and again by the call after it died. It ends with whoever started it."""

    def __init__(self, name: str, settings: EngineSettings) -> None:
        self._told = (name, settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._properties: dict[str, Any] = {}
        self.starts = 0
        engine = make_engine(name, settings)
        self.name, self.wants, self.model = engine.name, engine.wants, engine.model

    @property
    def group(self) -> int:
        """The process group in which it and all that it starts are; 0 where it does not run."""
        return self._process.pid if self._process else 0

    def load(self) -> None:
        """Start it. Raises EngineUnavailable or OutOfMemory."""
        if self._process is None:
            command = [sys.executable, "-m", __name__]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
                env={**os.environ, "PYTHONUTF8": "1"},
            )  # fmt: skip
            self.starts += 1
            self._send(self._told)
            self._properties = self._heard()

    def properties(self) -> dict[str, Any]:
        """What the loaded engine says of itself."""
        return self._properties

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """As `Engine.answer`. Raises EngineDied where the process ended; EngineError as the engine does."""
        self.load()
        self._send(list(conversations))
        while (said := self._heard()) is not None:
            assert isinstance(said, Answer)
            deliver(said)

    def close(self) -> None:
        """End it, and whatever it started."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def interrupt(self) -> None:
        """End it from another thread: whoever waits for its answers gets EngineDied."""
        if self._process is not None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, what: Any) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            pickle.dump(what, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None

    def _heard(self) -> Any:
        assert self._process is not None and self._process.stdout is not None
        try:
            said = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError, OSError):
            raise self._died() from None
        if isinstance(said, CosmosError):
            self.close()  # it may be in any state
            raise said
        return said

    def _died(self) -> EngineDied:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        self.close()
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        return EngineDied(f"the engine's process ended ({how})", where=self._told[0], remedy="see its output")


def main() -> None:
    """Answer what comes on standard input, as long as whoever started this lives.

    The answering is done by a child: Ray, when it ends an actor, kills the actor's own children and no others, so the
    one that it kills is not the one that has to end vLLM's processes.
    """
    parent = os.getpid()
    if (child := os.fork()) != 0:
        _stand_for(child)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what an engine prints is for people

    def tell(what: Any) -> None:
        pickle.dump(what, replies, pickle.HIGHEST_PROTOCOL)
        replies.flush()

    def guarded(action: Any) -> None:
        try:
            tell(action())
        except CosmosError as error:
            tell(error)
        except Exception as error:
            tell(EngineError(f"{type(error).__name__}: {error}", remedy="see the engine's output"))

    name, settings = pickle.load(sys.stdin.buffer)
    engine: Any = None

    def load() -> dict[str, Any]:
        nonlocal engine
        engine = make_engine(name, settings)
        engine.load()
        return dict(engine.properties())

    guarded(load)
    while True:
        try:
            conversations = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        guarded(lambda asked=conversations: engine.answer(asked, tell))
    engine.close()


def _stand_for(child: int) -> NoReturn:
    """End as the child ends, and when whoever started this is gone."""
    os.close(0)
    os.close(1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
