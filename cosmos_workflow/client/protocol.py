"""What the sync and the async client share: options, requests and answers as data. Nothing in this module waits."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from cosmos_workflow import errors
from cosmos_workflow.errors import CosmosError, HostError, HostUnreachable, UsageError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.server import shapes

# httpx goes on as httpx2, which needs Python 3.11 and reads server-sent events itself.
if sys.version_info >= (3, 11):
    import httpx2 as httpx
    from httpx2 import EventSource, SSEError
else:
    import httpx
    import httpx_sse
    from httpx_sse import SSEError

    class EventSource(httpx_sse.EventSource):  # type: ignore[misc]
        """Iterated itself, as httpx2's is."""

        __iter__ = httpx_sse.EventSource.iter_sse
        __aiter__ = httpx_sse.EventSource.aiter_sse


__all__ = [
    "URL",
    "Event",
    "EventSource",
    "Items",
    "SSEError",
    "Settings",
    "checked",
    "client_options",
    "event_headers",
    "event_of",
    "httpx",
    "item_in",
    "no_events",
    "parsed",
    "refused",
    "settings_in",
    "unreachable",
]

URL = "http://127.0.0.1:8420"
TIMEOUT = 60.0  # seconds

T = TypeVar("T")
Shape = TypeVar("Shape", bound=BaseModel)

# Mappings, or items of the kind.
Items = Sequence[Any]
Settings = Mapping[str, Any] | BaseModel


@dataclass(frozen=True)
class Event:
    """What happened in a run: `name` is what, as `state` or `result`; `id` is where to go on from."""

    name: str
    data: dict[str, Any]
    id: str


def client_options(url: str, token: str | None) -> dict[str, Any]:
    """The arguments of httpx's client."""
    token = token if token is not None else os.environ.get("COSMOS_TOKEN", "")
    options: dict[str, Any] = {"base_url": url.rstrip("/") + "/api/v1", "timeout": TIMEOUT}
    return options | ({"headers": {"authorization": f"Bearer {token}"}} if token else {})


def checked(shape: type[Shape], where: str = "", /, **values: Any) -> Shape:
    """`values` in the shape that the server expects. Raises UsageError that names the first wrong value."""
    try:
        return shape(**values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in (*([where] if where else []), *first["loc"]))
        raise UsageError(first["msg"], where=path, remedy="see the server's /docs") from error


def item_in(kind: Kind, item: Any, number: int) -> Any:
    """An item as it is sent; `number` is its position in the batch, from 0. Raises UsageError."""
    shape = kind.item_shape()
    if isinstance(item, shape):
        return item
    if isinstance(item, kind.item):
        item = {name: getattr(item, name) for name in shape.model_fields if hasattr(item, name)}
        item |= {name: str(item[name]) for name in kind.inputs if item[name] is not None}
    return checked(shape, f"items[{number}]", **item)


def settings_in(kind: Kind, settings: Settings | None) -> Any:
    """Settings as they are sent. Raises UsageError."""
    shape = kind.settings_shape()
    return settings if isinstance(settings, shape) else checked(shape, "settings", **dict(settings or {}))


def parsed(shape: type[T], content: Any, url: str) -> T:
    """An answer, its bytes or their value, in its shape. Raises HostError where it is something else."""
    read = TypeAdapter(shape)
    try:
        return read.validate_json(content) if isinstance(content, bytes) else read.validate_python(content)
    except ValidationError as error:
        remedy = "see that the URL is that of a `cosmos serve` of this version"
        raise HostError("the answer is not that of a cosmos server", where=url, remedy=remedy) from error


def refused(status: int, content: bytes, url: str) -> CosmosError:
    """The server's error, as the same error of this package."""
    try:
        problem = shapes.Problem.model_validate_json(content)
    except ValueError:
        return HostError(f"the server answers {status}", where=url, remedy="see its log")
    kind = getattr(errors, problem.kind, None) if problem.kind in errors.__all__ else None
    if kind is None or kind is errors.RunFailed:
        kind = HostError if status >= 500 else UsageError
    error: CosmosError = kind(problem.what, where=problem.where, remedy=problem.remedy)
    return error


def unreachable(error: Exception, url: str) -> HostUnreachable:
    what = f"no server answers ({str(error) or type(error).__name__})"
    return HostUnreachable(what, where=url, remedy="see that `cosmos serve` runs there")


def event_headers(after: str) -> dict[str, str]:
    """For a stream of the events behind the event `after`; from the beginning without it."""
    headers = {"accept": "text/event-stream", "cache-control": "no-store"}
    return headers | ({"last-event-id": after} if after else {})


def event_of(message: Any) -> Event:
    return Event(message.event, message.json(), message.id)


def no_events(error: Exception, url: str) -> HostError:
    return HostError(
        f"no stream of events ({error})", where=url, remedy="a proxy may have answered in place of the server"
    )
