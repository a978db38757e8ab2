"""HEAD: what a GET would answer, without its body."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HeadMiddleware"]


class HeadMiddleware:
    """Asks the application as for a GET, passes the head of its answer on, and ends it there: streams have no end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        async with anyio.create_task_group() as tasks:

            async def head(message: Message) -> None:
                if message["type"] == "http.response.start":
                    with anyio.CancelScope(shield=True):
                        await send(message)
                        await send({"type": "http.response.body", "body": b""})
                    tasks.cancel_scope.cancel()

            await self._app({**scope, "method": "GET"}, receive, head)
