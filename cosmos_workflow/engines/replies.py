"""What any reply of an OpenAI-compatible server means: an answer, or a fault and its reason.

Servers differ: vLLM, SGLang and TensorRT-LLM, llama.cpp, Ollama, LM Studio, TGI and the proxies before them put the
reason in different places, and some send an error with status 200. `tests/servers/model_servers.py` has their bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from typing import Any

from cosmos_workflow.engines.answers import judged
from cosmos_workflow.engines.failures import Kind, classify
from cosmos_workflow.kinds.upsample.conversation import Answer
from cosmos_workflow.text import writable

__all__ = ["Fault", "Reply", "answer_in", "fault_in", "models_in", "what_it_is"]

LONGEST_REASON = 600  # characters
# The keys that may hold the reason (also of TGI, FastAPI and gateways), the most informative first.
REASONS = (
    *("message", "error", "detail", "msg", "errors", "error_description", "reason", "title", "description"),
    *("fault", "faultstring", "Message"),
)
# The keys that may hold a code for it.
CODES = ("code", "type", "error_type", "status", "n_prompt_tokens")
BY_STATUS: dict[int, Kind] = {
    **dict.fromkeys((408, 504, 524), "timed_out"),
    **dict.fromkeys((409, 425, 429, 503, 529), "busy"),
}  # fmt: skip
THINKING = ("thinking", "reasoning", "reasoning_content", "reasoning.text", "redacted_thinking", "analysis")


@dataclass(frozen=True)
class Reply:
    """The reply to one request; `too_large` if it was longer than is read."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    too_large: bool = False

    @cached_property
    def text(self) -> str:
        return self.body.decode("utf-8-sig", "replace")

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None if it is not JSON."""
        try:
            return json.loads(self.text, strict=False)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class Fault:
    """Why a server did not answer, in its own words."""

    status: int
    what: str
    kind: Kind
    of_access: bool = False  # the fault is about the key, not about the request


def fault_in(reply: Reply) -> Fault | None:
    """The fault that a reply reports, even with status 200; None if it reports none."""
    body, status = reply.json, reply.status
    error = body[0] if isinstance(body, list) and body else body  # Gemini's is a list of one
    failed = isinstance(error, dict) and (bool(error.get("error")) or error.get("object") == "error")
    if status < 300 and not (failed and not error.get("choices")):
        return None
    codes = " ".join(str(code) for code in _codes(error))
    if status < 300:
        stated = re.search(r"\b[45]\d\d\b", codes)
        status = int(stated[0]) if stated else 500
    reason = _reason(error) or _reason_of_text(reply)
    what = f"the server answers {reply.status}" + (f": {reason}" if reason else "")
    text = f"{reason} {codes}"
    return Fault(status, what, _kind(status, text), status == 401 or (status == 403 and _of_access(text)))


def answer_in(id: str, reply: Reply) -> Answer:
    """The answer in a reply that reports no fault; an answer with an error if it is not a chat completion."""
    body = reply.json
    if reply.too_large:
        return _bad(id, "a reply that is far longer than any answer")
    if body is None:
        return _bad(id, what_it_is(reply))
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        return _bad(id, f"no choices in its reply: {_short(reply.text)}")
    choice = choices[0]
    if isinstance(choice, dict) and (error := choice.get("error")):  # OpenRouter, if the server behind it failed
        return _refused(id, _reason(error) or _short(reply.text))
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return _bad(id, f"no message in its reply: {_short(reply.text)}")
    try:
        text = "".join(_parts(message.get("content")))
    except (TypeError, RecursionError):
        return _bad(id, f"content that is not text: {_short(reply.text)}")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    end = choice.get("finish_reason")
    if isinstance(end, dict):  # SGLang's
        if end.get("type") == "abort" and end.get("message"):
            return _refused(id, _reason(end))
        end = end.get("type")
    answer = Answer(
        id,
        text=text,
        finish_reason=end if isinstance(end, str) else "",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )
    return judged(answer, _withheld(message, text))


def models_in(reply: Reply) -> list[dict[str, Any]] | None:
    """The models that the server lists, each with an `id`; None if the reply is not such a list."""
    body = reply.json
    if reply.status != 200 or fault_in(reply):
        return None
    if isinstance(body, dict):
        if "data" not in body and "models" not in body:
            return None
        body = body.get("data") or body.get("models") or []  # Ollama without models sends null
    if not isinstance(body, list):
        return None
    models = [model for model in body if isinstance(model, dict)]
    named = [model | {"id": model.get("id") or model.get("name") or model.get("model")} for model in models]
    return [model for model in named if isinstance(model["id"], str)]


def _of_access(text: str) -> bool:
    """Whether a 403 is about the key; OpenRouter, Azure and others also send it when a filter blocks the content."""
    if re.search(r"flag|moderat|content|guardrail|safety|harm|polic", text, re.IGNORECASE):
        return False
    about = (
        r"\bkeys?\b(?![ -]?frame)|api.?key|authenticat|authori[sz]|permission|credential|\baccess\b"
        r"|(expired|invalid|missing|bearer|auth)[ _-]token"
    )
    return bool(re.search(about, text, re.IGNORECASE))


def _kind(status: int, text: str) -> Kind:
    kind = classify(text)
    if kind not in ("other", "unreachable"):
        return kind
    if status in BY_STATUS:
        return BY_STATUS[status]
    return "server_error" if status >= 500 else "rejected"


def _withheld(message: dict[str, Any], text: str) -> str:
    """The reason that a message itself gives for having no text."""
    if refusal := message.get("refusal"):
        return f"the model refused: {_short(str(refusal))}"
    if text.strip():
        return ""
    if message.get("tool_calls") or message.get("function_call"):
        return "the model called a tool instead"
    if any(message.get(name) for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details")):
        return "only its thinking came: raise --max-tokens, or choose a model that does not think"
    return ""


def _parts(content: Any) -> Iterator[str]:
    """The texts in a message's content, which is a text, a part, or a list of parts. Raises TypeError for others."""
    if content is None:
        return
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            yield from _parts(part)
    elif isinstance(content, dict):
        kind = content.get("type", "text")
        text = content.get("text", content.get("content"))
        if kind not in THINKING and text is not None:
            yield from _parts(text.get("value") if isinstance(text, dict) else text)
    else:
        raise TypeError("a part of a message's content must be a text or have one")


def _reason(error: Any, depth: int = 0) -> str:
    """The server's own message in an error of any structure."""
    if isinstance(error, str):
        inner = _inner(error)
        return _reason(inner, depth + 1) if inner and depth < 6 else _short(error)
    if isinstance(error, list) and depth < 6:
        return _short("; ".join(filter(None, (_reason(entry, depth + 1) for entry in error[:3]))))
    if isinstance(error, dict) and depth < 6:
        for name in REASONS:
            if isinstance(value := error.get(name), (str, list, dict)) and (reason := _reason(value, depth + 1)):
                place = error.get("loc")  # FastAPI says which field
                return f"{'.'.join(map(str, place))}: {reason}" if isinstance(place, list) else reason
    return ""


def _inner(text: str) -> Any:
    """The error in a text, as some proxies pass errors on: {"message": "{\\"error\\": …}"}."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _codes(error: Any, depth: int = 0) -> Iterator[Any]:
    if isinstance(error, dict) and depth < 3:
        for name in CODES:
            if isinstance(error.get(name), (str, int)):
                yield f"{name} {error[name]}" if name == "n_prompt_tokens" else error[name]
        yield from _codes(error.get("error"), depth + 1)


def _reason_of_text(reply: Reply) -> str:
    """The reason in a page or a plain text; of a page, as from nginx and others, it is the title."""
    if titled := re.search(r"<(title|h1)[^>]*>([^<]+)<", reply.text[:20_000], re.IGNORECASE):
        return _short(unescape(titled[2]))
    if reply.json is not None and not isinstance(reply.json, str):
        return _short(reply.text) if reply.json else ""
    return _short(re.sub(r"<[^<>]{0,500}>", " ", reply.text[:20_000]))


def what_it_is(reply: Reply) -> str:
    """A description of a reply that has status 200 but is not JSON."""
    start = reply.text.lstrip()[:200].lower()
    if not start:
        return "an empty body"
    if start.startswith(("data:", "event:", ":")):
        return "a stream of events, which was not asked for"
    if start.startswith("<"):
        return f"a page instead of an answer: {_reason_of_text(reply)}"
    return f"a reply that is not JSON: {_short(reply.text)}"


def _bad(id: str, what: str) -> Answer:
    return Answer(id, error=f"the server sent {what}", error_kind="bad_answer")


def _refused(id: str, reason: str) -> Answer:
    """The answer for an error that the server sent in place of an answer."""
    return Answer(id, error=f"the server sent an error as its answer: {reason}", error_kind=_kind(500, reason))


def _short(text: str) -> str:
    """A text on one line, shortened, and without control characters of terminals."""
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", writable(text[: 4 * LONGEST_REASON])).split())
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0
