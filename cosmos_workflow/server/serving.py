"""The server's process: uvicorn on a socket of our own, so that port 0 can say which one it became."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from cosmos_workflow.errors import UsageError
from cosmos_workflow.server.app import make_app
from cosmos_workflow.server.server import Server

__all__ = ["serve"]

END_SECONDS = 3  # for requests that are still answered, watchers among them, when the server is told to end


HEADER_SECONDS = 30.0  # for the head of a request; who is slower holds a connection for nothing


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own, which closes a connection whose next request does not come whole within HEADER_SECONDS."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self._is_between_requests():
            self._wait_for_head()
        super().data_received(data)
        if self._deadline is not None and not self._is_between_requests():
            self._deadline.cancel()
            self._deadline = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _is_between_requests(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait_for_head(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._close_unless_begun)

    def _close_unless_begun(self) -> None:
        self._deadline = None
        if self._is_between_requests() and not self.transport.is_closing():
            self.transport.close()


def serve(
    server: Server, host: str, port: int, ready: Callable[[str], None], *, behind: Sequence[str] = ()
) -> None:  # fmt: skip
    """Answer until SIGINT or SIGTERM; `ready` hears the URL. Raises UsageError for an address that cannot be had.

    `behind` are addresses of proxies: what they say of the client's address and of `https` is believed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on: 40 ms for every answer.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            what = f"cannot listen at {host}:{port} ({error.strerror or error})"
            raise UsageError(what, remedy="give another --host or --port") from error
        listening.listen(128)
        named = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            make_app(server), log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=END_SECONDS, proxy_headers=bool(behind),
            forwarded_allow_ips=list(behind), http=PatientProtocol,
        )  # fmt: skip
        ready(f"http://{named}:{listening.getsockname()[1]}")
        uvicorn.Server(config).run([listening])
