"""A FAKE: an OpenAI-compatible server that is unwell on purpose, for what a real one cannot be made to do.

It answers 429, 500, 400 or nothing at all, as a test scripts it. What a real server says is tested with
vLLM's own in test_vllm_server.py.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, Any]]


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


class UnwellServer:
    """`reply(text, attempt)` says what the n-th request with this text gets; None closes the line unanswered."""

    def __init__(self, reply: Callable[[str, int], Reply | None], models: list[dict[str, Any]] | None = None) -> None:
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
                self._send((200, {"object": "list", "data": listed}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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
                data = json.dumps(found[1]).encode()
                self.send_response(found[0])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(data)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> UnwellServer:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
