"""Clients of a server, for scripts in Houdini, Blender, ComfyUI and notebooks: the same methods, sync and async.

with Client("http://127.0.0.1:8420") as cosmos:
    for result in cosmos.upsample([{"video": "clip.mp4", "prompt": "a city at night"}]):
        print(result.upsampled_prompt)
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from cosmos_workflow.client import verbs
from cosmos_workflow.client.flows import Call, Flow, Going, Reply, error_of
from cosmos_workflow.errors import HostUnreachable
from cosmos_workflow.kinds.upsample import Result

# httpx goes on as httpx2, which needs Python 3.11.
if sys.version_info >= (3, 11):
    import httpx2 as httpx
else:
    import httpx

__all__ = ["AsyncClient", "Client", "Event"]

URL = "http://127.0.0.1:8420"
TIMEOUT = 60.0  # seconds
RETRY_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """What happened in a run; `id` is where to go on from."""

    name: str
    data: dict[str, Any]
    id: str


def _method(flow: Callable[P, Flow[T]]) -> Callable[Concatenate[Client, P], T]:
    @functools.wraps(flow)
    def method(self: Client, /, *values: P.args, **named: P.kwargs) -> T:
        going = Going(flow(*values, **named))
        while call := going.call:
            try:
                going.reply(self._send(call))
            except Exception as error:  # noqa: PERF203 - the flow says what to do about it
                going.fail(error)
        return going.value

    return method


def _awaited(flow: Callable[P, Flow[T]]) -> Callable[Concatenate[AsyncClient, P], Awaitable[T]]:
    @functools.wraps(flow)
    async def method(self: AsyncClient, /, *values: P.args, **named: P.kwargs) -> T:
        going = Going(flow(*values, **named))
        while call := going.call:
            try:
                going.reply(await self._send(call))
            except Exception as error:  # noqa: PERF203
                going.fail(error)
        return going.value

    return method


class Client:
    """A server by its URL; `token` is by default COSMOS_TOKEN of the environment.

    Items are mappings or `Item`s; a `video` that is a file here is uploaded, once. Every method raises the errors
    that the server names, HostUnreachable where none answers.
    """

    def __init__(self, url: str = URL, *, token: str | None = None) -> None:
        self._url = url
        self._http = httpx.Client(**_options(url, token))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    health = _method(verbs.health)
    models = _method(verbs.models)
    limits = _method(verbs.limits)
    hosts = _method(verbs.hosts)
    check_host = _method(verbs.check_host)
    check = _method(verbs.check)
    upload = _method(verbs.upload)
    run = _method(verbs.run)
    runs = _method(verbs.runs)
    show = _method(verbs.show)
    cancel = _method(verbs.cancel)
    retry = _method(verbs.retry)
    remove = _method(verbs.remove)
    change = _method(verbs.change)
    results = _method(verbs.results)
    log = _method(verbs.log)
    queue = _method(verbs.queue)
    pause = _method(verbs.pause)
    prompt = _method(verbs.prompt)
    prompts = _method(verbs.prompts)
    mark = _method(verbs.mark)

    def upsample(
        self, items: verbs.Items, *, heard: Callable[[Event], None] = lambda event: None, **how: Any
    ) -> list[Result]:
        """`run`, and its results when it has ended, in the items' order; `heard` is told what happens until then."""
        run = self.run(items, **how)
        for event in self.events(run.id):
            heard(event)
        return self.results(run.id)

    def events(self, run: str, after: str = "") -> Iterator[Event]:
        """What happens in a run until its end, from its beginning or behind the event `after`.

        A line that breaks loses none.
        """
        while True:
            try:
                with self._http.stream("GET", f"/runs/{run}/events", headers=_from(after)) as response:
                    if response.status_code >= 400:
                        raise error_of(response.status_code, response.read(), self._url)
                    reader = _Reader()
                    for line in response.iter_lines():
                        if event := reader.read(line):
                            after = event.id
                            yield event
                return
            except httpx.TransportError:  # noqa: PERF203 - a broken line is gone on with
                time.sleep(RETRY_SECONDS)
                self.health()  # raises where nobody is there at all

    def _send(self, call: Call) -> Reply:
        time.sleep(call.wait)
        try:
            response = self._http.request(call.method, call.path, **_words(call))
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error
        return _reply(response, self._url)


class AsyncClient:
    """`Client`, with methods to await."""

    def __init__(self, url: str = URL, *, token: str | None = None) -> None:
        self._url = url
        self._http = httpx.AsyncClient(**_options(url, token))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    health = _awaited(verbs.health)
    models = _awaited(verbs.models)
    limits = _awaited(verbs.limits)
    hosts = _awaited(verbs.hosts)
    check_host = _awaited(verbs.check_host)
    check = _awaited(verbs.check)
    upload = _awaited(verbs.upload)
    run = _awaited(verbs.run)
    runs = _awaited(verbs.runs)
    show = _awaited(verbs.show)
    cancel = _awaited(verbs.cancel)
    retry = _awaited(verbs.retry)
    remove = _awaited(verbs.remove)
    change = _awaited(verbs.change)
    results = _awaited(verbs.results)
    log = _awaited(verbs.log)
    queue = _awaited(verbs.queue)
    pause = _awaited(verbs.pause)
    prompt = _awaited(verbs.prompt)
    prompts = _awaited(verbs.prompts)
    mark = _awaited(verbs.mark)

    async def upsample(
        self, items: verbs.Items, *, heard: Callable[[Event], None] = lambda event: None, **how: Any
    ) -> list[Result]:
        """`run`, and its results when it has ended, in the items' order; `heard` is told what happens until then."""
        run = await self.run(items, **how)
        async for event in self.events(run.id):
            heard(event)
        return await self.results(run.id)

    async def events(self, run: str, after: str = "") -> AsyncIterator[Event]:
        """As `Client.events`."""
        while True:
            try:
                async with self._http.stream("GET", f"/runs/{run}/events", headers=_from(after)) as response:
                    if response.status_code >= 400:
                        raise error_of(response.status_code, await response.aread(), self._url)
                    reader = _Reader()
                    async for line in response.aiter_lines():
                        if event := reader.read(line):
                            after = event.id
                            yield event
                return
            except httpx.TransportError:  # noqa: PERF203
                await asyncio.sleep(RETRY_SECONDS)
                await self.health()

    async def _send(self, call: Call) -> Reply:
        await asyncio.sleep(call.wait)
        try:
            response = await self._http.request(call.method, call.path, **_words(call))
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error
        return _reply(response, self._url)


class _Reader:
    """Events out of the lines of a stream, as the HTML standard has them."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def read(self, line: str) -> Event | None:
        if line:
            name, _, value = line.partition(":")
            if name:
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        if "data" not in fields:
            return None
        return Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))


def _options(url: str, token: str | None) -> dict[str, Any]:
    token = token if token is not None else os.environ.get("COSMOS_TOKEN", "")
    options: dict[str, Any] = {"base_url": url.rstrip("/") + "/api/v1", "timeout": TIMEOUT}
    return options | ({"headers": {"authorization": f"Bearer {token}"}} if token else {})


def _words(call: Call) -> dict[str, Any]:
    given = {"params": dict(call.params), "json": call.json, "content": call.content}
    return {name: value for name, value in given.items() if value not in (None, {})}


def _from(after: str) -> dict[str, str]:
    return {"last-event-id": after} if after else {}


def _reply(response: httpx.Response, url: str) -> Reply:
    if response.status_code >= 400:
        raise error_of(response.status_code, response.content, url)
    return Reply(response.status_code, response.content)


def _unreachable(url: str, error: Exception) -> HostUnreachable:
    what = f"no server answers ({str(error) or type(error).__name__})"
    return HostUnreachable(what, where=url, remedy="see that `cosmos serve` runs there")
