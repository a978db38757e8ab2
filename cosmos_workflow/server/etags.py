"""ETags: a client that asks again for what it has already gets status 304 and no body."""

from __future__ import annotations

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ETagMiddleware"]


class ETagMiddleware:
    """Answers a GET whose JSON or HTML is the same as before with 304; streams and files pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        known_tags = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None

        async def tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if message["status"] == 200 and _whole(Headers(raw=message["headers"])):
                    start = message
                    return
            elif start is not None and message["type"] == "http.response.body":
                begun, start = start, None
                body: bytes = message.get("body", b"")
                tag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
                headers = MutableHeaders(raw=begun["headers"])
                headers["etag"] = tag
                if tag in (known_tag.strip() for known_tag in known_tags.split(",")):
                    del headers["content-length"]
                    begun["status"], message = 304, {**message, "body": b""}
                await send(begun)
            await send(message)

        await self._app(scope, receive, tagged)


def _whole(headers: Headers) -> bool:
    """Whether the body comes in one piece: what is streamed has no length."""
    kind = headers.get("content-type", "")
    return "content-length" in headers and kind.startswith(("application/json", "text/html")) and "etag" not in headers
