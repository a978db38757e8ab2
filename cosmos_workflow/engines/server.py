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

from cosmos_workflow.engines.access import GATEWAY, KEY_REMEDY, stop_at
from cosmos_workflow.engines.answer_forms import AnswerForms, Form, with_form
from cosmos_workflow.engines.answers import ALIKE, ask_again
from cosmos_workflow.engines.at_once import answer_at_once
from cosmos_workflow.engines.connection import (
    CHAT,
    Connection,
    ConnectionFault,
    bases,
    checked_url,
    shown,
)
from cosmos_workflow.engines.messages import messages
from cosmos_workflow.engines.options import checked_options
from cosmos_workflow.engines.patience import patiently
from cosmos_workflow.engines.replies import Fault, Reply, answer_in, fault_in, models_in
from cosmos_workflow.engines.structured import answer_formed
from cosmos_workflow.engines.upsampler import Upsampler
from cosmos_workflow.errors import EngineUnavailable
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation, Deliver

__all__ = ["ServerEngine"]

MAX_RETRIES = 4  # 0.5 s, 1 s, 2 s, 4 s apart, or as Retry-After says
LOOK_SECONDS = 30.0  # timeout for the list of models, which a server answers at once
# If ALIKE items are refused and none is answered, the server may be at fault: this smallest request tests it.
HELLO = Conversation("", "Say hello.", max_tokens=16, temperature=0.0)

# Failures of the item itself; any number of them says nothing about the server.
# Ways to sample which OpenAI's API does not have: a strict server refuses them by name.
BEYOND = re.compile(r"\b(?:top_k|repetition_penalty)\b")
OF_ITEM = ("too_long", "too_many_images", "empty_answer")
# Failures that a server has which knows no videos, or whose model takes none.
MAYBE_OF_VIDEO = ("rejected", "too_many_images", "server_error", "bad_answer", "other")


class ServerEngine(Upsampler):
    """A server by its URL (`http://localhost:8000/v1`), with up to `concurrency` requests at once.

    408, 429, 5xx and connection errors are tried again with backoff, up to `max_retries` times, refusals never.
    An item that has no usable answer then gets an error. `model` is the server's name for the model; by default the
    first that the server lists. The key is taken from COSMOS_API_KEY or OPENAI_API_KEY. Raises UsageError for an
    invalid URL or option.
    """

    name = "server"

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
        self._bases = bases(self.url)  # only one, once it is known which has the API
        self._answered = False
        self._alike: dict[str, set[str]] = defaultdict(set)
        self._refusal = Answer("")
        self._forms = AnswerForms()
        self._beyond = True
        self._over = threading.Event()

    @property
    def model(self) -> str:
        """The model that answers. Raises EngineUnavailable if the server cannot be reached."""
        return self._model or str(self.listed()["id"])

    @property
    def stated_model(self) -> str:
        """The name under which the server lists the model that answers; the given name where it lists none.

        Raises EngineUnavailable if the server cannot be reached.
        """
        entry = self._entry()
        return str(entry["id"]) if entry else self.model

    @property
    def max_model_len(self) -> int | None:
        """The context length in tokens, if the server states it (vLLM and SGLang do).

        Raises EngineUnavailable if the server cannot be reached.
        """
        stated = (self._entry() or {}).get("max_model_len")
        return stated if isinstance(stated, int) and not isinstance(stated, bool) and stated > 0 else None

    def load(self) -> None:
        """Make sure that the server answers. Raises EngineUnavailable. A given model need not be in the server's list,
        as some servers load models that they do not list.
        """
        _ = self._models if self._model else self.listed()

    def properties(self) -> dict[str, Any]:
        stated = {"max_model_len": self.max_model_len, "server": shown(self._bases[0])}
        return {name: value for name, value in stated.items() if value}

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        self.load()
        self._over = threading.Event()
        ask = partial(ask_again, self._ask_all, worth=lambda _: True)
        answer_formed(ask, conversations, deliver, model=lambda: self.model)

    def close(self) -> None:
        self._over.set()
        if (connection := self.__dict__.pop("_connection", None)) is not None:
            connection.close()
        self.__dict__.pop("_models", None)
        self._start()

    @cached_property
    def _connection(self) -> Connection:
        return Connection(self.url, self._timeout)

    @cached_property
    def _models(self) -> list[dict[str, Any]] | None:
        """The models that the server lists; None if it has no list. Also finds out which URL has the API."""
        first: Fault | None = None
        for base in self._bases:
            try:
                reply = self._patiently(partial(self._connection.get, base, "/models", LOOK_SECONDS))
            except ConnectionFault as error:
                if error.how != "timed_out" or not self._model:
                    raise
                return None
            if (models := models_in(reply)) is not None:
                self._bases = (base,)
                return models
            fault = fault_in(reply) or Fault(reply.status, answer_in("", reply).error, "bad_answer")
            # A 403 for the list is never a content filter; but the key may be allowed to get answers only.
            if fault.status != 403:
                self._stop_at(reply, fault)
            elif not self._model:
                raise EngineUnavailable(fault.what, where=shown(self.url), remedy=KEY_REMEDY)
            if fault.status in GATEWAY:
                raise EngineUnavailable(fault.what, where=shown(self.url), remedy="wait until it is ready, or start it")
            first = first or fault
        if self._model:  # not every server has a list, such as TGI and gateways
            return None
        assert first is not None
        raise EngineUnavailable(
            f"no list of models at {' or '.join(f'{shown(base)}/models' for base in self._bases)} ({first.what})",
            where=shown(self.url),
            remedy="check the URL (it often ends with /v1), or give --server-model where the server has no list",
        )

    def _entry(self) -> dict[str, Any] | None:
        """The list's entry for the given model, or the first entry if none is given; None if it is not listed."""
        models = self._models or []
        for model in models:
            if not self._model or model["id"] in (self._model, f"{self._model}:latest"):  # Ollama's tag
                return model
        # llama.cpp's server takes any name for its one model.
        return models[0] if models and models[0].get("owned_by") == "llamacpp" else None

    def listed(self) -> dict[str, Any]:
        """The list's entry for the model; only its name if the server has no list.

        Raises EngineUnavailable if the server cannot be reached, or lists only other models.
        """
        if self._models is None:
            return {"id": self._model}
        if model := self._entry():
            return model
        what = f"the server has no model {self._model!r}" if self._model else "the server has no model"
        remedy = "give --server-model, or load one there"
        raise EngineUnavailable(f"{what}; it has: {_names(self._models)}", where=shown(self.url), remedy=remedy)

    def _ask_all(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        """Ask each conversation once, with retries. Raises EngineUnavailable for a failure that affects all of them."""

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
            # Leave out numbers and request ids, which differ between equal refusals.
            wording = re.sub(r"[\w-]*\d[\w-]*", "#", f"{answer.error_kind} {answer.error}")
            self._alike[wording].add(answer.id)
            self._refusal = answer

    def _suspect(self) -> bool:
        """Whether the refusals may be the server's fault."""
        return any(len(ids) >= ALIKE for ids in self._alike.values())

    def _decide(self) -> None:
        """Raise EngineUnavailable if the server refuses even the smallest request; else the items are at fault."""
        status = 0
        with suppress(ConnectionFault):
            reply = self._patiently(partial(self._post, self._body(HELLO)))
            fault = fault_in(reply)
            status = fault.status if fault else 0
            if fault is None and isinstance(reply.json, dict) and reply.json.get("choices"):
                self._answered = True
                self._alike.clear()
                return
        remedy = {
            "model_missing": "give --server-model the name of a model that it has",
            "busy": "wait, or send fewer requests at once: --engine-option concurrency=1",
            "out_of_memory": "free memory there, or choose a smaller model",
        }.get(self._refusal.error_kind, KEY_REMEDY if status in (401, 403) else "see the server's log")
        what = f"{ALIKE} items were refused in the same way, and none was answered: {self._refusal.error}"
        raise EngineUnavailable(what, where=shown(self.url), remedy=remedy)

    def _ask(self, conversation: Conversation) -> Answer:
        """One item's answer or error. Raises EngineUnavailable if the server or the connection is at fault."""
        started = time.perf_counter()
        try:
            reply = self._reply_to(conversation)
        except ConnectionFault as error:
            if error.how == "unconnected" or not self._is_alive():
                raise
            kind = "timed_out" if error.how == "timed_out" else "unreachable"
            answer = Answer(conversation.id, error=error.what, error_kind=kind)
        else:
            if fault := fault_in(reply):
                self._stop_at(reply, fault)
                answer = _of_video(self._failed(conversation.id, fault), conversation)
            else:
                answer = answer_in(conversation.id, reply)
        return replace(answer, seconds=round(time.perf_counter() - started, 3))

    def _reply_to(self, conversation: Conversation) -> Reply:
        """The reply to a request; one for a caption holds the answer to its form as far as the server can."""
        form: Form | None = self._forms.now
        while True:
            body = self._body(conversation) | with_form(conversation, form or "")
            reply = self._patiently(partial(self._post, body))
            had_beyond = any(BEYOND.match(name) for name in body)  # and not `_beyond`: others ask at the same time
            if had_beyond and (fault := fault_in(reply)) and fault.status in (400, 422) and BEYOND.search(fault.what):
                self._beyond = False  # asked once more, and never again with these
                continue
            if conversation.caption is None or (form := self._forms.after(form or "", fault_in(reply))) is None:
                return reply

    def _body(self, conversation: Conversation) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": messages(conversation),
            "max_tokens": conversation.max_tokens,
            "temperature": conversation.temperature,
            **{name: value for name, value in conversation.sampling.items() if self._beyond or not BEYOND.match(name)},
        } | ({} if conversation.seed is None else {"seed": conversation.seed})

    def _post(self, body: dict[str, Any]) -> Reply:
        """The reply from the first URL that has the API, else from the one that was given."""
        replies = []
        for base in self._bases:
            reply = self._connection.post(base, CHAT, body)
            if not _no_such_place(reply):
                self._bases = (base,)
                return reply
            replies.append(reply)
        return replies[0]

    def _failed(self, id: str, fault: Fault) -> Answer:
        if fault.status in GATEWAY and not self._is_alive():
            remedy = "see that the server behind the proxy runs"
            raise EngineUnavailable(fault.what, where=shown(self.url), remedy=remedy)
        what = fault.what
        if fault.kind == "model_missing" and self._models:
            what += f"; the server has: {_names(self._models)}"
        return Answer(id, error=what, error_kind=fault.kind)

    def _stop_at(self, reply: Reply, fault: Fault) -> None:
        """Raise EngineUnavailable for a fault that every item would have."""
        stop_at(reply, fault, shown(self.url), proxy=self._connection.proxy, answered=self._answered)

    def _is_alive(self) -> bool:
        """Whether the server answers anything at all; checked when an item got no answer."""
        try:
            reply = self._connection.get(self._bases[0], "/models", LOOK_SECONDS)
        except ConnectionFault:
            return False
        return reply.status not in GATEWAY

    def _patiently(self, send: Callable[[], Reply]) -> Reply:
        return patiently(send, self._max_retries, self._over)


def _of_video(answer: Answer, conversation: Conversation) -> Answer:
    """The error with what to do where the server may have refused it for its video."""
    if not conversation.video_fps or answer.error_kind not in MAYBE_OF_VIDEO:
        return answer
    return replace(answer, error=f"{answer.error}; if the server takes no videos, send pictures (--pick spread)")


def _names(models: list[dict[str, Any]]) -> str:
    return ", ".join(model["id"] for model in models[:20]) or "none"


def _no_such_place(reply: Reply) -> bool:
    """Whether a reply means that this path has no API; a missing model, which is also a 404, does not."""
    fault = fault_in(reply)
    if fault is None:
        # A web page, of a proxy or of the program itself.
        return reply.json is None and reply.text.lstrip().startswith("<")
    unexpected = "unexpected endpoint" in fault.what.lower()  # LM Studio, with status 200
    return unexpected or (reply.status in (404, 405, 501) and fault.kind != "model_missing")
