"""The engine `http`: asks a server for each video, and brings what comes into the form of all engines."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosmos_workflow.engines import films
from cosmos_workflow.engines.access import GATEWAY, stop_at
from cosmos_workflow.engines.at_once import answer_at_once
from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.connection import Connection, ConnectionFault, checked_url, shown
from cosmos_workflow.engines.http.asking import Asking
from cosmos_workflow.engines.http.checking import checked
from cosmos_workflow.engines.http.contract import Contract, Inputs, given
from cosmos_workflow.engines.http.failing import Failed, failure
from cosmos_workflow.engines.http.finding import Speaks, is_nvcf, root_of, what_it_speaks
from cosmos_workflow.engines.http.receiving import VideoSink
from cosmos_workflow.engines.options import checked_options
from cosmos_workflow.engines.outputs import OnStep, Step
from cosmos_workflow.engines.patience import patiently
from cosmos_workflow.engines.replies import Reply, fault_in, what_it_is
from cosmos_workflow.engines.steps import Steps
from cosmos_workflow.errors import BadInputError, CosmosError, EngineUnavailable
from cosmos_workflow.kinds.kind import Outcome, Task
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.limits.video_models import TRANSFER_MODELS
from cosmos_workflow.media.encoding import LOSS
from cosmos_workflow.media.footage import stretched

if TYPE_CHECKING:
    from cosmos_workflow.engines.outputs import TaskFiles

__all__ = ["HttpEngine"]

MAX_RETRIES = 8  # 0.5 s, 1 s, 2 s, 4 s, then 8 s apart, or as Retry-After says
LOOK_SECONDS, LOOK_RETRIES = 30.0, 4  # for what a server answers at once


class HttpEngine:
    """Videos from a server by its URL: vLLM-Omni, a NIM for Transfer2.5 or Cosmos 3, or one of them at NVCF.

    What it speaks is asked of it, or named by `contract`. `concurrency` requests are sent at once: a NIM and vLLM-Omni
    make one video after the other, and the time that a request waits counts. `timeout` is the time for a video, in s.
    `model` is asked of a server that can have several (vLLM-Omni, or a gateway before it).
    The key is taken from COSMOS_API_KEY or OPENAI_API_KEY. Raises UsageError for an invalid URL or option.
    """

    name = "http"
    wants = "files"

    def __init__(
        self, url: str, *, model: str = "", contract: str = "", concurrency: int = 1, timeout: float = 3600.0,
        max_retries: int = MAX_RETRIES,
    ) -> None:  # fmt: skip
        options: dict[str, Any] = {"concurrency": concurrency, "timeout": timeout, "max_retries": max_retries}
        checked_options("http", options | ({"contract": contract} if contract else {}))
        self.url = checked_url(url)
        self._root = root_of(self.url)
        self._where = shown(self._root)
        self._model, self._contract = model, contract
        self._concurrency, self._timeout, self._max_retries = concurrency, timeout, max_retries
        self._over = threading.Event()
        self._telling = threading.Lock()
        self._answered = False

    @property
    def model(self) -> str:
        """The model that was given, or that the server names, else the server. Raises EngineUnavailable."""
        return self._model or self._speaks.model or self._where

    def load(self) -> None:
        """Make sure that the server answers, and find out what it speaks. Raises EngineUnavailable."""
        _ = self._connection, self._speaks  # before several threads use them

    def properties(self) -> dict[str, Any]:
        return {"server": self._where, "contract": self._speaks.contracts[0].name, "model": self._speaks.model}

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        """As `Engine.run`. A video that is not whole, or not what was asked for, is a failure of its task."""
        self.load()
        make = partial(self._outcome, files=files, on_step=self._one_by_one(files.on_step))
        answer_at_once(make, tasks, deliver, limit=self._concurrency, over=self._over)

    def close(self) -> None:
        self._over.set()
        self._over = threading.Event()
        if (connection := self.__dict__.pop("_connection", None)) is not None:
            connection.close()
        self.__dict__.pop("_speaks", None)
        self._answered = False

    @cached_property
    def _connection(self) -> Connection:
        return Connection(self.url, self._timeout, reuse=False)

    @cached_property
    def _speaks(self) -> Speaks:
        return what_it_speaks(self._root, self._contract, self._look)

    def _look(self, path: str) -> Reply:
        ask = partial(self._connection.get, self._root, path, LOOK_SECONDS)
        return patiently(ask, min(self._max_retries, LOOK_RETRIES), self._over)

    def _one_by_one(self, on_step: OnStep) -> OnStep:
        def tell(step: Step) -> None:
            with self._telling:
                on_step(step)

        return tell

    def _outcome(self, task: Task, *, files: TaskFiles, on_step: OnStep) -> Outcome:
        """One task's outcome. Raises EngineUnavailable if the server or the connection is at fault."""
        began = time.monotonic()
        says: dict[str, Any] = {}
        error = kind = ""
        try:
            says = self._video(task, Work.of(task.asks), files, on_step)
            self._answered = True
        except EngineUnavailable:
            raise
        except Failed as problem:
            error, kind = str(problem), problem.why
        except BadInputError as problem:
            error, kind = str(problem), "bad_input"
        except CosmosError as problem:
            error, kind = str(problem), "failed"
        return Outcome(task.id, says, error=error, error_kind=kind, seconds=round(time.monotonic() - began, 3))

    def _video(self, task: Task, work: Work, files: TaskFiles, on_step: OnStep) -> dict[str, Any]:
        contract = self._contract_for(work)
        inputs = {role: files.path(sha256) for role, sha256 in task.inputs.items()}
        body = contract.body(work, inputs, self._model)
        folder = files.folder(task)
        _write_controls(work, inputs, folder)
        sink = VideoSink(folder.with_name(f"{folder.name}.part"))
        with Steps(folder / "log.txt", task.id, work, on_step) as steps:
            steps.note(f"{contract.title} at {self._where}")
            asking = Asking(
                self._connection, self._url_of(contract), sink, timeout=self._timeout, retries=self._max_retries,
                over=self._over, note=steps.note,
                on_percent=lambda percent: on_step(Step(task.id, percent, 100, "as the server says")),
            )  # fmt: skip
            try:
                self._check(self._asked(asking, body), sink)
                steps.note(f"{sink.size} bytes came")
                size = checked(sink.path, work, inputs)
                frames = stretched(sink.path, size, "area", work.frames)
                says = films.write_video(frames, work, inputs, folder, work.frames)
            finally:
                sink.close()
                sink.path.unlink(missing_ok=True)
        films.write_asked(task.id, work, inputs, folder)
        return {"model": work.model, **says}

    def _contract_for(self, work: Work) -> Contract:
        """What is spoken for a work. Raises BadInputError where the server has another model."""
        contract = self._speaks.contract_for(work.family)
        stated = self._speaks.model.lower()
        known = [name for name in TRANSFER_MODELS if name in stated]
        if contract is None or (known and work.model not in known):
            has = self._speaks.model or self._speaks.contracts[0].title
            raise BadInputError(
                f"the server has {has}, and {work.model} is asked for", where=self._where,
                remedy=f"give --model {known[-1] if known else self._speaks.contracts[0].family}, or the URL of another"
                " server",
            )  # fmt: skip
        return contract

    def _url_of(self, contract: Contract) -> str:
        return self._root if is_nvcf(self._root) and "/functions/" in self._root else self._root + contract.path

    def _asked(self, asking: Asking, body: Any) -> Reply:
        try:
            return asking.ask(body)
        except ConnectionFault as error:
            if error.how == "unconnected" or not self._is_alive():
                raise
            raise Failed(
                f"{error.what}; the server may be at work on it still, so it was not sent again",
                remedy=error.remedy if error.how == "timed_out" else "look into the server's log, then run it again",
            ) from error

    def _check(self, reply: Reply, sink: VideoSink) -> None:
        """Raise what a reply without a video means."""
        left = sink.closed()
        if left:
            reply = Reply(reply.status, reply.body + left, reply.headers)
        if fault := fault_in(reply):
            stop_at(reply, fault, self._where, proxy=self._connection.proxy, answered=self._answered)
            if fault.status == 402:
                raise EngineUnavailable(fault.what, where=self._where, remedy="renew the credits of the key's account")
            if fault.status in (404, 405):
                remedy = "check --server-url, or say what it speaks: --engine-option contract=NAME"
                raise EngineUnavailable(fault.what, where=self._where, remedy=remedy)
            if fault.status in GATEWAY and not self._is_alive():
                remedy = "see that the server behind the proxy runs"
                raise EngineUnavailable(fault.what, where=self._where, remedy=remedy)
            raise failure(fault)
        if sink.problem or not sink.size:
            what = sink.problem or (what_it_is(reply) if reply.json is None else "an answer without a video")
            raise Failed(f"the server sent no whole video: {what}")

    def _is_alive(self) -> bool:
        """Whether the server answers anything at all."""
        if is_nvcf(self._root):
            return True
        with suppress(ConnectionFault):
            return self._connection.get(self._root, "/v1/models", LOOK_SECONDS).status not in GATEWAY
        return False


def _write_controls(work: Work, inputs: Inputs, folder: Path) -> None:
    """Write the controls that are sent, in the model's size; the server keeps those that it computes."""
    size = (work.width, work.height)
    for control in given(work):
        frames = films.control_frames(work, control, inputs)
        path = folder / f"control_{control.hint}.mp4"
        films.write_film(frames, size, work.fps, path, LOSS.get(control.hint, 1))
