"""A hub that says of each repository what a test wants, as Hugging Face's does: status and headers, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["TOKEN", "HubServer", "hub_server"]

TOKEN = "hf_aTokenThatNobodyMaySee"
# Status, X-Error-Code, X-Error-Message, in the words that people quote of the hub.
Answer = tuple[int, str, str]
GATED = (
    403, "GatedRepo",
    "Access to model x is restricted and you are not in the authorized list. Visit https://huggingface.co/x to ask for"
    " access.",
)  # fmt: skip
FINE_GRAINED = (
    403, "GatedRepo", "Please enable access to public gated repositories in your fine-grained token settings to view"
    " this repository.",
)  # fmt: skip
INVALID = (401, "", "Invalid username or password.")
LOCKED = (401, "GatedRepo", "Access to model x is restricted. You must have access to it and be authenticated.")
GONE = (404, "RepoNotFound", "Repository not found")


class HubServer(ThreadingHTTPServer):
    """`answers` by the repository's name; `hangs` are those that get none. `asked` is what came: path and token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.redirects: dict[str, str] = {}
        self.hangs: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        hub = self.server
        hub.asked.append((self.path, self.headers.get("Authorization", "")))
        name = self.path.removeprefix("/api/models/").removesuffix("/auth-check")
        if name in hub.hangs:
            hub.over.wait(60)
            return
        status, code, says = hub.answers.get(name, (200, "", ""))
        if name in hub.redirects:
            status = 307
        self.send_response(status)
        if name in hub.redirects:
            self.send_header("Location", hub.redirects[name])
        # In small letters, as a proxy may make them.
        self.send_header("x-error-code", code)
        self.send_header("x-error-message", says)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def hub_server() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
