"""Who may use the server: protects it from other web pages, from guessed tokens and from what answers or names contain.

The server answers only requests with its token; without a token, only requests from this machine.
Browsers carry attacks of their own: a page elsewhere may send forms here (so Origin is checked), or point its own name
at 127.0.0.1 (DNS rebinding, so Host is checked), or show what somebody else wrote (so only our own files' scripts run).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections import deque
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cosmos_workflow.server.sessions import Sessions
from cosmos_workflow.text import url_parts

__all__ = ["COOKIE", "Guard", "GuardMiddleware", "is_loopback", "session_cookie", "with_retry_after"]

COOKIE = "cosmos_session"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OPEN_PATHS = ("/api/v1/health", "/login", "/static/")
UPLOADS = "/api/v1/uploads/"
BODY_BYTES = 64 << 20
TRIES, TRIES_SECONDS = 10, 60.0
CLIENTS_COUNTED = 10_000  # addresses whose wrong tokens are remembered

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass
class Guard:
    """The token, if there is one, the names by which this server may be called, and the page's sessions."""

    token: str = ""
    names: frozenset[str] = frozenset()
    ended_sessions: Path | None = None
    _wrong: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.token, self.ended_sessions)

    def host_is_ours(self, host: str) -> bool:
        """Whether a Host header names this server. An address cannot be rebound; other names must be configured."""
        name = url_parts(f"//{host}").hostname or ""
        if not self.token:
            return is_loopback(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name in self.names
        return True

    def origin_is_ours(self, headers: Headers) -> bool:
        """Whether a request that changes something comes from our own pages, or from no browser."""
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or url_parts(origin).netloc == headers.get("host", "")

    def lets_in(self, headers: Headers) -> bool:
        """Whether a request shows the token, in its header or by the cookie of a session."""
        if not self.token:
            return True
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_token(token.strip())
        return self.sessions.holds(session_cookie(headers))

    def is_token(self, token: str) -> bool:
        """In the same time whatever is given."""
        return hmac.compare_digest(_digest(token), _digest(self.token))

    def may_try(self, client: str) -> float:
        """0 where a client may try again, else the seconds until then: ten wrong tokens a minute, no more."""
        wrong = self._wrong.get(client)
        now = time.monotonic()
        while wrong and now - wrong[0] > TRIES_SECONDS:
            wrong.popleft()
        return TRIES_SECONDS - (now - wrong[0]) if wrong and len(wrong) >= TRIES else 0.0

    def was_wrong(self, client: str) -> None:
        """Count a wrong token against the address that it came from."""
        if len(self._wrong) >= CLIENTS_COUNTED:
            self._wrong.clear()
        self._wrong.setdefault(client, deque(maxlen=TRIES)).append(time.monotonic())


def session_cookie(headers: Headers) -> str:
    """The cookie of a session; empty without one."""
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


class GuardMiddleware:
    """Turns away what the guard does not let in, and puts the protecting headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-cache")
            await send(message)

        refused = self._refusal(Request(scope))
        # Pieces of a clip go to disk as they come, and are counted there.
        bounded = receive if scope["path"].startswith(UPLOADS) else _bounded(receive)
        await (refused or self._app)(scope, bounded, guarded)

    def _refusal(self, request: Request) -> Response | None:
        headers, path = request.headers, request.url.path
        if not self._guard.host_is_ours(headers.get("host", "")):
            return _problem(
                403, "the server is not known by this name", "start it with --name NAME, or use its address"
            )
        if request.method not in SAFE_METHODS and not self._guard.origin_is_ours(headers):
            return _problem(
                403, "the request comes from another web page", "use this server's own pages, or no browser"
            )
        if path.startswith(OPEN_PATHS):
            return None
        # First, so that nobody locks others out by guessing from the address that they share.
        if self._guard.lets_in(headers):
            return None
        client = request.client.host if request.client else ""
        if wait := self._guard.may_try(client):
            return with_retry_after(_problem(429, "too many wrong tokens", f"wait {wait:.0f} s"), wait)
        if "authorization" in headers:
            self._guard.was_wrong(client)
        if "text/html" in headers.get("accept", "") and not path.startswith("/api/"):
            return RedirectResponse("/login", 303)
        refused = _problem(401, "the token is missing or wrong", "send `Authorization: Bearer TOKEN`")
        refused.headers["www-authenticate"] = "Bearer"
        return refused


def with_retry_after(refused: Response, seconds: float) -> Response:
    refused.headers["retry-after"] = str(int(seconds) + 1)
    return refused


def _bounded(receive: Receive) -> Receive:
    """A body that is read whole into memory ends with 413 where it becomes too large."""
    came = 0

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > BODY_BYTES:
            raise HTTPException(413, f"more than {BODY_BYTES:,} bytes")
        return message

    return counted


def _problem(status: int, what: str, remedy: str) -> JSONResponse:
    return JSONResponse({"kind": "Refused", "what": what, "where": "", "remedy": remedy}, status)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
