# Made of _async/transport.py by scripts/sync_client.py: change that file, then run `make format`.
"""Requests to a server, and their answers in shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from cosmos_workflow.client.protocol import URL, client_options, httpx, parsed, refused, unreachable
from cosmos_workflow.server import shapes

__all__ = ["Transport"]

PAGE_SIZE = 200  # the most that the server gives at once

T = TypeVar("T")


class Transport:
    """A server by its URL; `token` is by default COSMOS_TOKEN of the environment."""

    def __init__(self, url: str = URL, *, token: str | None = None) -> None:
        self._url = url
        self._http = httpx.Client(**client_options(url, token))

    @property
    def url(self) -> str:
        """The server's URL."""
        return self._url

    def close(self) -> None:
        """Close the connections to the server."""
        self._http.close()

    def _request(
        self, method: str, path: str, *,
        params: Mapping[str, Any] | None = None, json: Any = None, content: bytes | None = None,
    ) -> bytes:  # fmt: skip
        """The body of an answer. Parameters that are None or empty are left out."""
        params = {name: value for name, value in (params or {}).items() if value is not None and value != ""}
        try:
            response = self._http.request(method, path, params=params, json=json, content=content)
        except httpx.TransportError as error:
            raise unreachable(error, self._url) from error
        if response.status_code >= 400:
            raise refused(response.status_code, response.content, self._url)
        body: bytes = response.content
        return body

    def _ask(
        self, shape: type[T], method: str, path: str, *,
        params: Mapping[str, Any] | None = None, json: Any = None, content: bytes | None = None,
    ) -> T:  # fmt: skip
        """An answer in its shape."""
        return parsed(shape, self._request(method, path, params=params, json=json, content=content), self._url)

    def _pages(
        self, shape: type[shapes.Page[T]], path: str, params: Mapping[str, Any] | None = None, *, most: int = 0
    ) -> list[T]:
        """The entries of all pages; with `most`, no more than so many."""
        entries: list[T] = []
        page = {**(params or {}), "limit": min(most or PAGE_SIZE, PAGE_SIZE)}
        while True:
            answer = self._ask(shape, "GET", path, params=page)
            entries += answer.items
            if most and len(entries) >= most:
                return entries[:most]
            if answer.next is None:
                return entries
            page["cursor"] = answer.next
