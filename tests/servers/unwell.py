"""A FAKE: an OpenAI-compatible server that is unwell on purpose, for what a real one cannot be made to do.

It answers 429, 500, 400, any other body or nothing at all, as a test scripts it; `model_servers` has the bodies of
servers by name. What a real server says is tested with vLLM's own in test_vllm_server.py.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .ports import reserved

Reply = tuple[int, Any]  # a status, and JSON, or a body as text or bytes as it is


def answer(text: str, **more: Any) -> Reply:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    return 200, {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [choice],
        "usage": usage,
        **more,
    }


def refusal(status: int, message: str) -> Reply:
    return status, {"error": {"message": message, "type": "BadRequestError", "code": status}}


class QuietServer(ThreadingHTTPServer):
    """Says nothing of clients that have gone: its words would stand in the output that another test looks at."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class UnwellServer:
    """`reply(text, attempt)` says what the n-th request with this text gets; None closes the line unanswered.

    Its API is under `root`, and other paths get `elsewhere`; `listing` is its list of models, where that is no list.
    """

    def __init__(
        self, reply: Callable[[str, int], Reply | None], models: list[dict[str, Any]] | None = None, *,
        listing: Reply | None = None, root: str = "/v1", elsewhere: Reply = (404, {"detail": "Not Found"}),
        headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.asked: list[tuple[str, str]] = []
        self.keys: list[str | None] = []
        self.attempts: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []  # of all requests, as they came
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        server = self
        listed = models if models is not None else [{"id": "m", "object": "model", "created": 0, "owned_by": "x"}]

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                server.asked.append(("GET", self.path))
                server.keys.append(self.headers["Authorization"])
                here = self.path == f"{root}/models"
                self._send((listing or (200, {"object": "list", "data": listed})) if here else elsewhere)

            def do_POST(self) -> None:
                server.asked.append(("POST", self.path))
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != f"{root}/chat/completions":
                    self._send(elsewhere)
                    return
                text = body["messages"][0]["content"][-1]["text"]
                with server._lock:
                    server.bodies.append(body)
                    server.attempts[text] += 1
                    attempt = server.attempts[text]
                    server.at_once += 1
                    server.most_at_once = max(server.most_at_once, server.at_once)
                try:
                    found = reply(text, attempt)
                finally:
                    with server._lock:
                        server.at_once -= 1
                if found is None:
                    self.close_connection = True
                    self.connection.close()
                else:
                    self._send(found)

            def _send(self, found: Reply) -> None:
                status, body = found
                data = body.encode() if isinstance(body, str) else body
                if not isinstance(data, bytes):
                    data = json.dumps(body).encode()
                self.send_response(status)
                kind = "text/html" if data.lstrip().startswith(b"<") else "application/json"
                for name, value in ({"Content-Type": kind, "Retry-After": "0"} | (headers or {})).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._reserved = reserved()  # nobody else answers there once this one has stopped
        self._http = QuietServer(self._reserved.getsockname(), Handler)
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._http.server_port}{root}"

    def __enter__(self) -> UnwellServer:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reserved.close()

    def stop(self) -> None:
        """From now on, nobody listens."""
        self._http.shutdown()
        self._http.server_close()
