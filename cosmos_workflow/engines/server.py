"""Any OpenAI-compatible server: `vllm serve`, NIM, SGLang, TensorRT-LLM, TGI, llama.cpp, Ollama, LM Studio, a proxy."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

from cosmos_workflow.engines.answers import ALIKE, ask_again
from cosmos_workflow.engines.at_once import answer_at_once
from cosmos_workflow.engines.line import CHAT, Line, LineFault, bases, checked_url, proxy_wants_password, shown
from cosmos_workflow.engines.messages import messages
from cosmos_workflow.engines.options import checked_options
from cosmos_workflow.engines.patience import patiently
from cosmos_workflow.engines.replies import Fault, Reply, answer_in, fault_in, models_in
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver, Wants

__all__ = ["ServerEngine"]

MAX_RETRIES = 4  # 0.5 s, 1 s, 2 s, 4 s apart, or what Retry-After says
LOOK_SECONDS = 30.0  # for what a server answers at once: its models
# With ALIKE refused and none answered it may be the server, which is asked for the least that there is.
HELLO = Conversation("", "Say hello.", max_tokens=16, temperature=0.0)

KEY_REMEDY = "set COSMOS_API_KEY to a key that the server takes"
GATEWAY = {502, 503, 504}  # from a proxy: nobody behind it
# What is wrong with an item itself; any number of these says nothing of the server.
OF_ITEM = ("too_long", "too_many_images", "empty_answer")


class ServerEngine:
    """A server by its URL (`http://localhost:8000/v1`), asked by up to `concurrency` requests at once.

    408, 429, 5xx and connection errors are tried again with backoff, up to `max_retries` times, refusals never;
    what has no usable answer then is that item's error. `model` is what the server calls it; without one, the first
    that the server lists. The key is taken from COSMOS_API_KEY or OPENAI_API_KEY. Raises UsageError for a URL or an
    option that is none.
    """

    name = "server"
    wants: Wants = "frames"

    def __init__(
        self,
        url: str,
        *,
        model: str = "",
        concurrency: int = 8,
        timeout: float = 600.0,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        checked_options("server", {"concurrency": concurrency, "timeout": timeout, "max_retries": max_retries})
        self.url = checked_url(url)
        self._given = url.strip().rstrip("/")
        self._model = model
        self._concurrency = concurrency
        self._timeout = timeout
        self._max_retries = max_retries
        self._start()

    def _start(self) -> None:
        self._bases = bases(self.url)  # one, once it is known
        self._answered = False
        self._alike: dict[str, set[str]] = defaultdict(set)
        self._refusal = Answer("")
        self._over = threading.Event()

    @property
    def model(self) -> str:
        """The model that answers. Raises EngineUnavailable if the server cannot be asked."""
        return self._model or str(self.listed()["id"])

    @property
    def max_model_len(self) -> int | None:
        """The context length that the server states (vLLM and SGLang do), in tokens.

        Raises EngineUnavailable if the server cannot be asked.
        """
        stated = (self._entry() or {}).get("max_model_len")
        return stated if isinstance(stated, int) and not isinstance(stated, bool) and stated > 0 else None

    def load(self) -> None:
        """See that the server is there. Raises EngineUnavailable; a model that is named is not looked for, as some
        servers load what they do not list.
        """
        _ = self._models if self._model else self.listed()

    def properties(self) -> dict[str, Any]:
        stated = {"max_model_len": self.max_model_len, "server": shown(self._bases[0])}
        return {name: value for name, value in stated.items() if value}

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        self.load()
        self._over = threading.Event()
        ask_again(self._ask_all, conversations, deliver, worth=lambda _: True)

    def close(self) -> None:
        self._over.set()
        if (line := self.__dict__.pop("_line", None)) is not None:
            line.close()
        self.__dict__.pop("_models", None)
        self._start()

    @cached_property
    def _line(self) -> Line:
        return Line(self.url, self._timeout)

    @cached_property
    def _models(self) -> list[dict[str, Any]] | None:
        """What the server lists, None where it has no list; tells where its API is too."""
        first: Fault | None = None
        for base in self._bases:
            try:
                reply = self._patiently(partial(self._line.get, base, "/models", LOOK_SECONDS))
            except LineFault as error:
                if error.how != "timed_out" or not self._model:
                    raise
                return None
            if (models := models_in(reply)) is not None:
                self._bases = (base,)
                return models
            fault = fault_in(reply) or Fault(reply.status, answer_in("", reply).error, "bad_answer")
            # A list holds nothing that a filter withholds; but a key may be for answers only.
            if fault.status != 403:
                self._stop_at(reply, fault)
            elif not self._model:
                raise EngineUnavailable(fault.what, where=shown(self.url), remedy=KEY_REMEDY)
            if fault.status in GATEWAY:
                raise EngineUnavailable(fault.what, where=shown(self.url), remedy="wait until it is ready, or start it")
            first = first or fault
        if self._model:  # TGI, gateways: not every server has a list
            return None
        assert first is not None
        raise EngineUnavailable(
            f"no list of models at {' or '.join(f'{shown(base)}/models' for base in self._bases)} ({first.what})",
            where=shown(self.url),
            remedy="check the URL (it often ends with /v1), or give --server-model where the server has no list",
        )

    def _entry(self) -> dict[str, Any] | None:
        """What the server's list says of our model, or of its first; None where it is not listed."""
        models = self._models or []
        for model in models:
            if not self._model or model["id"] in (self._model, f"{self._model}:latest"):  # Ollama's tag
                return model
        # llama.cpp's server answers to every name.
        return models[0] if models and models[0].get("owned_by") == "llamacpp" else None

    def listed(self) -> dict[str, Any]:
        """What the server says of our model; no more than its name where it has no list.

        Raises EngineUnavailable if the server cannot be asked, or lists only others.
        """
        if self._models is None:
            return {"id": self._model}
        if model := self._entry():
            return model
        what = f"the server has no model {self._model!r}" if self._model else "the server has no model"
        remedy = "give --server-model, or load one there"
        raise EngineUnavailable(f"{what}; it has: {_names(self._models)}", where=shown(self.url), remedy=remedy)

    def _ask_all(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """Each conversation once, with its tries. Raises EngineUnavailable for what concerns all that are open."""

        def pass_on(answer: Answer) -> None:
            place, given = shown(self._bases[0]), shown(self._given)
            if not answer.error and not self._answered and place != given:
                answer = replace(answer, note=f"asked at {place}, where the API of {given} is")
            self._count(answer)
            deliver(answer)

        answer_at_once(
            self._ask, conversations, pass_on, limit=self._concurrency, over=self._over,
            suspect=self._suspect, decide=self._decide,
        )  # fmt: skip

    def _count(self, answer: Answer) -> None:
        if not answer.error:
            self._answered = True
            self._alike.clear()
        elif not self._answered and answer.error_kind not in OF_ITEM:
            # Numbers and the names of requests differ where the refusal is the same.
            words = re.sub(r"[\w-]*\d[\w-]*", "#", f"{answer.error_kind} {answer.error}")
            self._alike[words].add(answer.id)
            self._refusal = answer

    def _suspect(self) -> bool:
        """Whether what is refused may be the server's fault."""
        return any(len(ids) >= ALIKE for ids in self._alike.values())

    def _decide(self) -> None:
        """Raise EngineUnavailable where the server refuses even the smallest request; else it was the items' fault."""
        status = 0
        with suppress(LineFault):
            reply = self._patiently(partial(self._post, self._body(HELLO)))
            fault = fault_in(reply)
            status = fault.status if fault else 0
            if fault is None and isinstance(reply.json, dict) and reply.json.get("choices"):
                self._answered = True
                self._alike.clear()
                return
        remedy = {
            "model_missing": "give --server-model a name that it has",
            "busy": "wait, or ask less at once: --engine-option concurrency=1",
            "out_of_memory": "free memory there, or choose a smaller model",
        }.get(self._refusal.error_kind, KEY_REMEDY if status in (401, 403) else "see the server's log")
        what = f"{ALIKE} items are refused alike, and none is answered: {self._refusal.error}"
        raise EngineUnavailable(what, where=shown(self.url), remedy=remedy)

    def _ask(self, conversation: Conversation) -> Answer:
        """One item's answer or error. Raises EngineUnavailable for what is the server's or the line's."""
        started = time.perf_counter()
        try:
            reply = self._patiently(partial(self._post, self._body(conversation)))
        except LineFault as error:
            if error.how == "unconnected" or not self._lives():
                raise
            kind = "timed_out" if error.how == "timed_out" else "unreachable"
            answer = Answer(conversation.id, error=error.what, error_kind=kind)
        else:
            if fault := fault_in(reply):
                self._stop_at(reply, fault)
                answer = self._failed(conversation.id, fault)
            else:
                answer = answer_in(conversation.id, reply)
        return replace(answer, seconds=round(time.perf_counter() - started, 3))

    def _body(self, conversation: Conversation) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": messages(conversation),
            "max_tokens": conversation.max_tokens,
            "temperature": conversation.temperature,
        } | ({} if conversation.seed is None else {"seed": conversation.seed})

    def _post(self, body: dict[str, Any]) -> Reply:
        """The reply of the first place that has the API, else of the one that was given."""
        replies = []
        for base in self._bases:
            reply = self._line.post(base, CHAT, body)
            if not _no_such_place(reply):
                self._bases = (base,)
                return reply
            replies.append(reply)
        return replies[0]

    def _failed(self, id: str, fault: Fault) -> Answer:
        if fault.status in GATEWAY and not self._lives():
            remedy = "see that the server behind the proxy runs"
            raise EngineUnavailable(fault.what, where=shown(self.url), remedy=remedy)
        what = fault.what
        if fault.kind == "model_missing" and self._models:
            what += f"; the server has: {_names(self._models)}"
        return Answer(id, error=what, error_kind=fault.kind)

    def _stop_at(self, reply: Reply, fault: Fault) -> None:
        """Raise EngineUnavailable for a fault that is every item's."""
        where = shown(self.url)
        if fault.status == 407:
            raise proxy_wants_password(where, self._line.proxy)
        if fault.status == 401 or (fault.of_access and not self._answered):
            raise EngineUnavailable(fault.what, where=where, remedy=KEY_REMEDY)
        if 300 <= reply.status < 400:
            goal = shown(reply.headers.get("location", "")) or "nowhere"
            what = f"the server answers {reply.status}: it sends us on to {goal}"
            remedy = "give --server-url the address where the API is"
            raise EngineUnavailable(what, where=where, remedy=remedy)

    def _lives(self) -> bool:
        """Whether the server answers anything at all; asked where an item got no answer."""
        try:
            reply = self._line.get(self._bases[0], "/models", LOOK_SECONDS)
        except LineFault:
            return False
        return reply.status not in GATEWAY

    def _patiently(self, send: Callable[[], Reply]) -> Reply:
        return patiently(send, self._max_retries, self._over)


def _names(models: list[dict[str, Any]]) -> str:
    return ", ".join(model["id"] for model in models[:20]) or "none"


def _no_such_place(reply: Reply) -> bool:
    """Whether there is no API at this path: not where a model is missing, which is a 404 too."""
    fault = fault_in(reply)
    if fault is None:
        # Pages of a proxy or a program's own page.
        return reply.json is None and reply.text.lstrip().startswith("<")
    unexpected = "unexpected endpoint" in fault.what.lower()  # LM Studio, with status 200
    return unexpected or (reply.status in (404, 405, 501) and fault.kind != "model_missing")
