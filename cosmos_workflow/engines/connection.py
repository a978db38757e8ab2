"""The HTTP connection to a server: one request, one reply; without a reply, an error that says why."""

from __future__ import annotations

import importlib
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from cosmos_workflow.engines.replies import Reply
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.text import url_parts

__all__ = ["Connection", "ConnectionFault", "Sink", "bases", "checked_url", "http_library", "shown"]

CONNECT_SECONDS = 20.0
LONGEST_REPLY = 16 << 20  # bytes; an answer of 100,000 tokens is under 1 MiB
CHAT = "/chat/completions"
LONGEST_SHOWN = 300  # characters of a URL
KEYS = ("COSMOS_API_KEY", "OPENAI_API_KEY")

How = Literal["unconnected", "dropped", "timed_out"]
Sink = Callable[[bytes], bytes]
"""Takes a piece of a good reply's body, and returns what of it belongs into the Reply."""


class ConnectionFault(EngineUnavailable):
    """No reply came: no connection was made (`unconnected`), it was `dropped`, or the request `timed_out`."""

    def __init__(self, what: str, *, how: How, lasting: bool = False, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.how = how
        self.lasting = lasting  # trying again cannot help


def checked_url(url: str) -> str:
    """A server's URL, cut after the root of its API. Raises UsageError for an invalid URL.

    >>> checked_url("http://localhost:8000/v1/chat/completions/")
    'http://localhost:8000/v1'
    """
    url = url.strip()
    example = "--server-url http://localhost:8000/v1"
    if "://" not in url:
        full = shown(f"http://{url}")
        what = f"{full.removeprefix('http://')!r} has no http:// or https://"
        raise UsageError(what, where="server_url", remedy=f"give --server-url {full}")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        reason = "" if "@" in url else f" ({error})"  # the error may quote a part of a password
        what = f"{shown(url)!r} is not a valid URL{reason}"
        raise UsageError(what, where="server_url", remedy=f"give {example}") from None
    if parts.scheme.lower() not in ("http", "https"):
        remedy = "give one that begins with http:// or https://"
        raise UsageError(f"model servers do not use {parts.scheme}://", where=shown(url), remedy=remedy)
    if not parts.hostname or any(character.isspace() or not character.isprintable() for character in url):
        raise UsageError(f"{shown(url)!r} is not a valid URL", where="server_url", remedy=f"give {example}")
    path = parts.path.rstrip("/")
    for ending in (CHAT, "/completions", "/models"):
        path = path.removesuffix(ending)
    return urlunsplit(parts._replace(path=path.rstrip("/"), fragment=""))


def shown(url: str) -> str:
    """A URL, or any text in its place, as messages may show it: without the name and the password in it.

    >>> shown("http://me:secret@host/v1"), shown("http://me:secret@[::1")
    ('http://host/v1', 'http://[::1')
    """
    url = "".join(character for character in url if character.isprintable())
    parts = url_parts(url)
    if parts.netloc:
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    elif "@" in url and "://" in url:  # invalid, so drop everything before the last @
        url = f"{url.partition('://')[0]}://{url.rpartition('@')[2]}"
    return url if len(url) <= LONGEST_SHOWN else f"{url[:LONGEST_SHOWN]}…"


def bases(url: str) -> tuple[str, ...]:
    """The URLs where the API may be, the given one first: users often forget /v1, or give another API's path."""
    parts = urlsplit(url)
    paths = [parts.path, f"{parts.path}/v1", "/v1"]
    if parts.path.endswith("/v1"):
        paths = [parts.path]
    return tuple(dict.fromkeys(urlunsplit(parts._replace(path=path)) for path in paths))


class Connection:
    """Sends requests to one server, from many threads at once. The key is from COSMOS_API_KEY or OPENAI_API_KEY.

    Without `reuse` each request has a connection of its own: one that was idle may be closed by the server just as a
    request is sent, and then nobody knows whether the request was taken. `keyless` sends no key.
    """

    def __init__(self, url: str, timeout: float, *, reuse: bool = True, keyless: bool = False) -> None:
        self._where = shown(url)
        self._timeout = timeout
        self._idle, self._keyless = 64 if reuse else 0, keyless
        self._parts = urlsplit(url)
        self.proxy = _proxy_of(self._parts)
        if self.proxy and not url_parts(self.proxy).hostname:
            raise self._no_proxy(repr(self.proxy))
        self._http = http_library()
        self._client = self._open()

    def close(self) -> None:
        self._client.close()

    def get(self, base: str, path: str, timeout: float) -> Reply:
        """Raises ConnectionFault where no reply comes."""
        return self._exchange("GET", _under(base, path), min(timeout, self._timeout))

    def post(self, base: str, path: str, body: dict[str, Any]) -> Reply:
        """Raises ConnectionFault where no reply comes."""
        return self._exchange("POST", _under(base, path), self._timeout, json=body)

    def send(
        self, method: str, url: str, timeout: float, *, content: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None, sink: Sink | None = None,
    ) -> Reply:  # fmt: skip
        """A request with a body that is sent, and a reply with status 200 that is taken by `sink`, piece by piece.

        Raises ConnectionFault where no reply comes, or not all of it.
        """
        return self._exchange(method, url, timeout, sink, content=content, headers=headers)

    def _open(self) -> Any:
        headers = {}
        if not self._keyless and (key := next(filter(None, (os.environ.get(name, "").strip() for name in KEYS)), "")):
            if not key.isascii() or not key.isprintable():
                name = next(name for name in KEYS if os.environ.get(name, "").strip())
                raise UsageError(
                    "the key has characters that are not allowed in a key", where=name,
                    remedy="set it again, in one line of plain ASCII",
                )  # fmt: skip
            headers["Authorization"] = f"Bearer {key}"
        try:
            # No limit on connections: a request that waits for a free one would look like one to a dead server.
            limits = self._http.Limits(max_connections=None, max_keepalive_connections=self._idle)
            return self._http.Client(headers=headers, limits=limits)
        except ImportError:
            raise self._fault(
                f"the proxy {self.proxy} speaks SOCKS, which needs a package", lasting=True,
                remedy="pip install socksio, or name the server in NO_PROXY",
            ) from None  # fmt: skip
        except (ValueError, self._http.InvalidURL) as error:
            raise self._no_proxy(_reason(error)) from None
        except OSError as error:
            raise self._fault(
                f"the certificates to trust cannot be read ({error})", lasting=True,
                remedy="correct SSL_CERT_FILE or SSL_CERT_DIR",
            ) from None  # fmt: skip

    def _exchange(self, method: str, url: str, timeout: float, sink: Sink | None = None, **sent: Any) -> Reply:
        http = self._http
        limits = http.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
        try:
            with self._client.stream(method, url, timeout=limits, **sent) as response:
                pieces = response.iter_bytes()
                if sink and response.status_code == 200:
                    pieces = map(sink, pieces)
                read, too_large = _read(pieces, time.monotonic() + timeout)
                return Reply(response.status_code, read, dict(response.headers), too_large)
        except (http.ReadTimeout, http.WriteTimeout, TimeoutError):
            remedy = "--engine-option timeout=SECONDS waits longer"
            raise self._fault(f"no answer in {timeout:g} s", how="timed_out", remedy=remedy) from None
        except http.TransportError as error:
            raise self._trouble(error) from error
        except (http.HTTPError, http.InvalidURL, ValueError) as error:
            # Bytes that are not HTTP, or a body that cannot be decompressed.
            raise self._fault(f"the reply is not valid HTTP ({_reason(error)})", how="dropped") from error

    def _trouble(self, error: Exception) -> ConnectionFault:
        http, cause = self._http, _root(error)
        through = f"the proxy {self.proxy}" if self.proxy else "the server"
        remedy = _PROXY_REMEDY if self.proxy else ""
        name = url_parts(self.proxy).hostname if self.proxy else self._parts.hostname
        if isinstance(error, http.ProxyError):
            if "407" in str(error):
                return proxy_wants_password(self._where, self.proxy)
            return self._fault(f"the proxy {self.proxy} refuses ({_reason(error)})", remedy=_PROXY_REMEDY)
        if isinstance(cause, socket.gaierror):
            may_pass = cause.errno == getattr(socket, "EAI_AGAIN", None)
            what = f"the name of {through} is not known: {name}" + (f" ({cause.strerror})" if may_pass else "")
            return self._fault(what, lasting=not may_pass, remedy=remedy or "check the name in --server-url")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return self._fault(
                f"the server's certificate is not trusted ({cause.verify_message})", lasting=True,
                remedy="set SSL_CERT_FILE to a file with the certificate that signed it, "
                "and give the name that it is made out to",
            )  # fmt: skip
        if isinstance(cause, ssl.SSLError):
            remedy = "give http:// where the server has no TLS"
            return self._fault(f"the server does not speak TLS ({_reason(cause)})", lasting=True, remedy=remedy)
        if isinstance(cause, ConnectionRefusedError):
            remedy = remedy or "start it, and check the port in --server-url"
            return self._fault(f"no answer: {through} refuses connections (nothing listens there)", remedy=remedy)
        if isinstance(error, http.ConnectTimeout):
            remedy = remedy or "check the address, the port and the firewall between"
            return self._fault(
                f"no answer: {through} does not take a connection in {CONNECT_SECONDS:g} s", remedy=remedy
            )
        if isinstance(error, http.ConnectError):
            return self._fault(
                f"no answer: {through} cannot be reached ({_reason(cause)})", remedy=remedy or "check the address"
            )
        if isinstance(error, http.UnsupportedProtocol):
            return self._no_proxy(_reason(error))
        # The connection was made, but the server closed it, or uses another protocol.
        remedy = "see the server's log"
        if self._parts.scheme == "http":
            remedy += ", and give https:// where it has TLS"
        return self._fault(
            f"no answer: the connection was closed without one ({_reason(error)})", how="dropped", remedy=remedy
        )

    def _no_proxy(self, why: str) -> ConnectionFault:
        return self._fault(f"the proxy's address is not a valid URL ({why})", lasting=True, remedy=_PROXY_REMEDY)

    def _fault(
        self, what: str, *, how: How = "unconnected", lasting: bool = False, remedy: str = ""
    ) -> ConnectionFault:
        return ConnectionFault(
            what, how=how, lasting=lasting, where=self._where, remedy=remedy or "see that the server runs"
        )


_PROXY_REMEDY = "name the server in NO_PROXY, or correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"


def proxy_wants_password(where: str, proxy: str) -> ConnectionFault:
    """The error for a reply with status 407."""
    what = (
        f"the proxy {proxy} wants a name and a password (407)" if proxy else "a proxy wants a name and a password (407)"
    )
    remedy = "set HTTP_PROXY or HTTPS_PROXY to http://NAME:PASSWORD@HOST:PORT, or name the server in NO_PROXY"
    return ConnectionFault(what, how="unconnected", lasting=True, where=where, remedy=remedy)


def http_library() -> Any:
    """httpx, or its successor httpx2: a host's environment may have either."""
    for name in ("httpx2", "httpx"):
        with suppress(ImportError):
            return importlib.import_module(name)
    raise EngineUnavailable("the Python package httpx2 is not installed", remedy="pip install httpx2")


def _read(pieces: Iterator[bytes], until: float) -> tuple[bytes, bool]:
    """A body up to LONGEST_REPLY bytes, and whether there was more. Raises TimeoutError after the time `until`."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > LONGEST_REPLY:
            return bytes(body[:LONGEST_REPLY]), True
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(body), False


def _proxy_of(parts: SplitResult) -> str:
    """The proxy that the environment names for a URL, without its password; empty if there is none."""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return shown(proxy if "://" in proxy else f"http://{proxy}")


def _under(base: str, path: str) -> str:
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=parts.path + path))


def _root(error: BaseException) -> BaseException:
    """The first error in the chain of errors that led to this one."""
    seen = error
    while nearer := seen.__cause__ or seen.__context__:
        seen = nearer
    return seen


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:300]
