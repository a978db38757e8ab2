"""An engine in a process of its own, so that an item that crashes the engine does not end the caller.

`python -m cosmos_workflow.engines.process` is that process; `EngineProcess` sends it requests.
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
from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.outputs import Step, TaskFiles
from cosmos_workflow.errors import CosmosError, EngineError, EngineUnavailable
from cosmos_workflow.kinds.kind import Files, Task

__all__ = ["EngineDied", "EngineProcess"]

WATCH_SECONDS = 0.5


class EngineDied(EngineError):
    """The process has ended, and some tasks have no outcome. `killed` is whether something outside of it ended it."""

    killed = False


class EngineProcess:
    """An Engine whose process starts at the first call, and again at the call after it died.

    The process ends when its parent process does.
    """

    def __init__(self, name: str, settings: EngineSettings, module: str = "") -> None:
        self._settings, self._module = settings, module
        self._process: subprocess.Popen[bytes] | None = None
        self._properties: dict[str, Any] = {}
        self._interrupted = False
        self.starts = 0
        engine = make_engine(name, settings, module)
        self.name, self.wants, self.model = engine.name, engine.wants, engine.model

    @property
    def group(self) -> int:
        """The process group of the engine's process and all that it starts; 0 if it is not running."""
        return self._process.pid if self._process else 0

    def load(self) -> None:
        """Start the process and load the engine; one that is killed meanwhile is started once more.

        Raises EngineUnavailable or OutOfMemory, and EngineDied where it ends again.
        """
        if self._interrupted:
            raise EngineUnavailable("the engine was asked to end", where=self.name)
        if self._process is not None:
            return
        try:
            self._start()
        except EngineDied as death:
            if self._interrupted or not death.killed:
                raise
            sys.stderr.write(f"{self.name}: {death.what} while it loaded; it is started once more\n")
            self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "PYTHONUTF8": "1"},
        )  # fmt: skip
        self.starts += 1
        if self._interrupted:
            self.interrupt()
        self._send((self.name, self._settings, self._module))
        self._properties = self._receive()

    def properties(self) -> dict[str, Any]:
        """What the loaded engine reports about itself."""
        return self._properties

    def run(self, tasks: Sequence[Task], files: Files, deliver: Deliver) -> None:
        """As `Engine.run`. Raises EngineDied if the process ended, and EngineError as the engine does."""
        self.load()
        files = files if isinstance(files, TaskFiles) else TaskFiles(files)
        self._send((list(tasks), files.only_of(tasks)))
        while (message := self._receive()) is not None:
            if isinstance(message, Step):
                files.on_step(message)
            else:
                deliver(message)

    def close(self) -> None:
        """End the process, and all that it started."""
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
        """End the process from another thread, for good; a thread that waits for its outcomes gets EngineDied."""
        self._interrupted = True
        if self._process is not None:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _send(self, message: Any) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None

    def _receive(self) -> Any:
        assert self._process is not None and self._process.stdout is not None
        try:
            message = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError, OSError):
            raise self._died() from None
        if isinstance(message, CosmosError):
            self.close()  # after an error, the engine may be in any state
            raise message
        return message

    def _died(self) -> EngineDied:
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        self.close()
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        death = EngineDied(f"the engine's process ended ({how})", where=self.name, remedy="see its output")
        death.killed = code in (-signal.SIGKILL, -signal.SIGTERM)
        return death


def main() -> None:
    """Do the tasks that come on standard input, as long as the parent process lives.

    A child process does the work. When Ray ends an actor, it kills only the actor's own children, that is, this
    process; the child survives to end vLLM's processes.
    """
    parent = os.getpid()
    if (child := os.fork()) != 0:
        _wait_for(child)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # an engine's own output goes to standard error, as standard output carries the outcomes

    def send(message: Any) -> None:
        pickle.dump(message, replies, pickle.HIGHEST_PROTOCOL)
        replies.flush()

    def guarded(action: Any) -> None:
        try:
            send(action())
        except CosmosError as error:
            send(error)
        except Exception as error:
            send(EngineError(f"{type(error).__name__}: {error}", remedy="see the engine's output"))

    name, settings, module = pickle.load(sys.stdin.buffer)
    engine: Any = None

    def load() -> dict[str, Any]:
        nonlocal engine
        engine = make_engine(name, settings, module)
        engine.load()
        return dict(engine.properties())

    guarded(load)
    while True:
        try:
            tasks, files = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        files.on_step = send
        guarded(lambda batch=(tasks, files): engine.run(*batch, send))
    engine.close()


def _wait_for(child: int) -> NoReturn:
    """End in the same way as the child, or when the parent process has ended."""
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
