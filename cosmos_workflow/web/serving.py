"""The server's process: uvicorn on a socket of our own, so that port 0 can say which one it became."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from cosmos_workflow.errors import UsageError
from cosmos_workflow.web.app import make_app
from cosmos_workflow.web.server import Server

__all__ = ["serve"]

END_SECONDS = 3  # for requests that are still answered, watchers among them, when the server is told to end


def serve(server: Server, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer until SIGINT or SIGTERM; `ready` hears the URL. Raises UsageError for an address that cannot be had."""
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
            timeout_graceful_shutdown=END_SECONDS, proxy_headers=False,
        )  # fmt: skip
        ready(f"http://{named}:{listening.getsockname()[1]}")
        uvicorn.Server(config).run([listening])
