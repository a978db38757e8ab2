"""Any OpenAI-compatible server: `vllm serve`, NIM, Ollama, LM Studio, llama.cpp."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cached_property
from typing import Any

from cosmos_workflow.engines.base import Answer, Conversation, Deliver, Wants
from cosmos_workflow.engines.failures import classify, readable
from cosmos_workflow.engines.messages import messages
from cosmos_workflow.errors import EngineUnavailable

__all__ = ["ServerEngine"]

MAX_RETRIES = 4  # with OpenAI's client: 0.5 s, 1 s, 2 s, 4 s, or what Retry-After says


class ServerEngine:
    """A server by its URL (`http://localhost:8000/v1`), asked by up to `concurrency` requests at once.

    429, 5xx and connection errors are tried again with backoff, 400 never. `model` is what the server calls
    it; without one, the first that the server lists. The key is taken from COSMOS_API_KEY or OPENAI_API_KEY.
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
        self.url = url
        self._model = model
        self._concurrency = concurrency
        self._timeout = timeout
        self._max_retries = max_retries

    @property
    def model(self) -> str:
        """The model that answers. Raises EngineUnavailable if the server cannot be asked."""
        return self._model or str(self._listed["id"])

    @property
    def max_model_len(self) -> int | None:
        """The context length that the server states (vLLM does), in tokens."""
        stated = self._listed.get("max_model_len")
        return stated if isinstance(stated, int) else None

    def load(self) -> None:
        """See that the server is there and has the model. Raises EngineUnavailable."""
        _ = self._listed

    def properties(self) -> dict[str, Any]:
        stated = {"max_model_len": self.max_model_len, "server": self.url}
        return {name: value for name, value in stated.items() if value}

    def answer(self, conversations: Sequence[Conversation], deliver: Deliver) -> None:
        model = self.model
        pool = ThreadPoolExecutor(max_workers=self._concurrency, thread_name_prefix="cosmos-server")
        try:
            for future in as_completed([pool.submit(self._ask, model, one) for one in conversations]):
                deliver(future.result())
        finally:
            # What has not been sent is not asked; what has, is not waited for.
            pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()
            del self._client

    @cached_property
    def _client(self) -> Any:
        from openai import OpenAI

        key = os.environ.get("COSMOS_API_KEY") or os.environ.get("OPENAI_API_KEY") or "none"
        return OpenAI(base_url=self.url, api_key=key, timeout=self._timeout, max_retries=self._max_retries)

    @cached_property
    def _listed(self) -> dict[str, Any]:
        """What the server says of our model, or of its first."""
        import openai

        try:
            models: list[dict[str, Any]] = [model.model_dump() for model in self._client.models.list()]
        except (openai.OpenAIError, ValueError, TypeError) as error:
            raise self._unavailable(error) from error
        for model in models:
            if not self._model or model["id"] == self._model:
                return model
        names = ", ".join(str(model["id"]) for model in models) or "none"
        raise EngineUnavailable(
            f"the server has no model {self._model!r}; it has: {names}",
            where=self.url,
            remedy="give --server-model",
        )

    def _ask(self, model: str, conversation: Conversation) -> Answer:
        import openai

        started = time.perf_counter()
        try:
            reply = self._client.chat.completions.create(
                model=model,
                messages=messages(conversation),
                max_tokens=conversation.max_tokens,
                temperature=conversation.temperature,
                seed=conversation.seed,
            )
            best, usage = reply.choices[0], reply.usage
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            kind = classify(error)
            return Answer(
                conversation.id,
                seconds=round(time.perf_counter() - started, 3),
                error=readable(error),
                error_kind="rejected" if kind == "other" else kind,
            )
        except (openai.OpenAIError, IndexError, TypeError, ValueError) as error:
            raise self._unavailable(error) from error
        return Answer(
            conversation.id,
            text=(best.message.content or "").strip(),
            finish_reason=best.finish_reason or "",
            prompt_tokens=usage.prompt_tokens if usage else 0,
            completion_tokens=usage.completion_tokens if usage else 0,
            seconds=round(time.perf_counter() - started, 3),
        )

    def _unavailable(self, error: Exception) -> EngineUnavailable:
        status = getattr(error, "status_code", None)
        what = f"the server answers {status}: {readable(error)}" if status else f"no answer ({readable(error)})"
        remedy = "check that it runs and that the URL ends as it should (often /v1)"
        if status in (401, 403):
            remedy = "set COSMOS_API_KEY to a key that the server takes"
        return EngineUnavailable(what, where=self.url, remedy=remedy)
