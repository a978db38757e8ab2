"""What a client says and in which order, without saying it: generators of calls, which both clients drive."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from cosmos_workflow import errors
from cosmos_workflow.errors import CosmosError, UsageError
from cosmos_workflow.server import shapes

__all__ = ["Call", "Flow", "Going", "Reply", "ask", "each", "error_of", "text"]

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request; `wait` seconds before it."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    wait: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What came back for a call that went well."""

    status: int
    content: bytes


Flow = Generator[Call, Reply, T]


class Going(Generic[T]):
    """A flow on its way: `call` is what is to be sent now, None at its end; then `value` is what it returned.

    A reply or a failure takes it to its next call; a failure that it does not catch is raised.
    """

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self._step(lambda: next(flow))

    def reply(self, reply: Reply) -> None:
        self._step(lambda: self._flow.send(reply))

    def fail(self, error: Exception) -> None:
        self._step(lambda: self._flow.throw(error))

    def _step(self, step: Callable[[], Call]) -> None:
        self.call: Call | None = None
        try:
            self.call = step()
        except StopIteration as end:
            self.value: T = end.value


def ask(shape: Any, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None) -> Flow[Any]:
    """One call, and its answer in a shape; None for no answer."""
    reply = yield Call(method, path, _given(params or {}), json)
    return TypeAdapter(shape).validate_json(reply.content) if reply.content else None


def each(shape: Any, path: str, params: Mapping[str, Any], *, most: int = 0) -> Flow[list[Any]]:
    """All pages, one after another; with `most`, no more than so many entries."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = yield from ask(
            shapes.Page[shape], "GET", path, params={**params, "limit": min(most or 200, 200), "cursor": cursor}
        )
        found += page.items
        cursor = page.next
        if most and len(found) >= most:
            return found[:most]
        if cursor is None:
            return found


def text(path: str) -> Flow[str]:
    """One call, and its answer as text."""
    reply = yield Call("GET", path)
    return reply.content.decode()


def error_of(status: int, content: bytes, url: str) -> CosmosError:
    """What the server refused, as the error that it was there."""
    try:
        told = shapes.Problem.model_validate_json(content)
    except ValueError:
        return errors.HostError(f"the server answers {status}", where=url, remedy="see its log")
    kind = getattr(errors, told.kind, None) if told.kind in errors.__all__ else None
    if kind is None or kind is errors.RunFailed:
        kind = errors.HostError if status >= 500 else UsageError
    error: CosmosError = kind(told.what, where=told.where, remedy=told.remedy)
    return error


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None and value != ""}
