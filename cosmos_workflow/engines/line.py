"""The line to a server: one request, one reply, and what is wrong with the line where there is none."""

from __future__ import annotations

import importlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from cosmos_workflow.engines.replies import Reply
from cosmos_workflow.errors import EngineUnavailable, UsageError
from cosmos_workflow.text import url_parts

__all__ = ["Line", "LineFault", "bases", "checked_url", "shown"]

CONNECT_SECONDS = 20.0
LONGEST_REPLY = 16 << 20  # bytes; an answer of 100,000 tokens is under 1 MiB
CHAT = "/chat/completions"
LONGEST_SHOWN = 300  # characters of a URL
KEYS = ("COSMOS_API_KEY", "OPENAI_API_KEY")

How = Literal["unconnected", "dropped", "timed_out"]


class LineFault(EngineUnavailable):
    """No reply came: nothing was `unconnected`, the connection was `dropped`, or the time was over."""

    def __init__(self, what: str, *, how: How, lasting: bool = False, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.how = how
        self.lasting = lasting  # another try cannot help


def checked_url(url: str) -> str:
    """A server's URL without what follows its API's root. Raises UsageError for what is no URL.

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
        words = "" if "@" in url else f" ({error})"  # which may name a part of a password
        raise UsageError(f"{shown(url)!r} is no URL{words}", where="server_url", remedy=f"give {example}") from None
    if parts.scheme.lower() not in ("http", "https"):
        remedy = "give one that begins with http:// or https://"
        raise UsageError(f"{parts.scheme}:// is not spoken by model servers", where=shown(url), remedy=remedy)
    if not parts.hostname or any(character.isspace() or not character.isprintable() for character in url):
        raise UsageError(f"{shown(url)!r} is no URL", where="server_url", remedy=f"give {example}")
    path = parts.path.rstrip("/")
    for ending in (CHAT, "/completions", "/models"):
        path = path.removesuffix(ending)
    return urlunsplit(parts._replace(path=path.rstrip("/"), fragment=""))


def shown(url: str) -> str:
    """A URL as messages may show it, or what came in place of one: a name and a password in it are no one's business.

    >>> shown("http://me:secret@host/v1"), shown("http://me:secret@[::1")
    ('http://host/v1', 'http://[::1')
    """
    url = "".join(character for character in url if character.isprintable())
    parts = url_parts(url)
    if parts.netloc:
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    elif "@" in url and "://" in url:  # where the name ends, nobody can say
        url = f"{url.partition('://')[0]}://{url.rpartition('@')[2]}"
    return url if len(url) <= LONGEST_SHOWN else f"{url[:LONGEST_SHOWN]}…"


def bases(url: str) -> tuple[str, ...]:
    """Where the API may be, the given place first: /v1 is often forgotten, and another API's path often given."""
    parts = urlsplit(url)
    paths = [parts.path, f"{parts.path}/v1", "/v1"]
    if parts.path.endswith("/v1"):
        paths = [parts.path]
    return tuple(dict.fromkeys(urlunsplit(parts._replace(path=path)) for path in paths))


class Line:
    """Requests to one server; used by many threads at once. The key is COSMOS_API_KEY's or OPENAI_API_KEY's."""

    def __init__(self, url: str, timeout: float) -> None:
        self._where = shown(url)
        self._timeout = timeout
        self._parts = urlsplit(url)
        self.proxy = _proxy_of(self._parts)
        if self.proxy and not url_parts(self.proxy).hostname:
            raise self._no_proxy(repr(self.proxy))
        self._http = _library()
        self._client = self._open()

    def close(self) -> None:
        self._client.close()

    def get(self, base: str, path: str, timeout: float) -> Reply:
        """Raises LineFault where no reply comes."""
        return self._exchange("GET", _under(base, path), min(timeout, self._timeout), None)

    def post(self, base: str, path: str, body: dict[str, Any]) -> Reply:
        """Raises LineFault where no reply comes."""
        return self._exchange("POST", _under(base, path), self._timeout, body)

    def _open(self) -> Any:
        headers = {}
        if key := next(filter(None, (os.environ.get(name, "").strip() for name in KEYS)), ""):
            if not key.isascii() or not key.isprintable():
                name = next(name for name in KEYS if os.environ.get(name, "").strip())
                raise UsageError(
                    "the key has characters that no key has", where=name, remedy="set it anew, on one line"
                )
            headers["Authorization"] = f"Bearer {key}"
        try:
            # As many connections as there are requests: a request that waits for one would look like a dead server.
            limits = self._http.Limits(max_connections=None, max_keepalive_connections=64)
            return self._http.Client(headers=headers, limits=limits)
        except ImportError:
            raise self._fault(
                f"the proxy {self.proxy} speaks SOCKS, which needs a package", lasting=True,
                remedy="pip install socksio, or name the server in NO_PROXY",
            ) from None  # fmt: skip
        except (ValueError, self._http.InvalidURL) as error:
            raise self._no_proxy(_words(error)) from None
        except OSError as error:
            raise self._fault(
                f"the certificates to trust cannot be read ({error})", lasting=True,
                remedy="correct SSL_CERT_FILE or SSL_CERT_DIR",
            ) from None  # fmt: skip

    def _exchange(self, method: str, url: str, timeout: float, body: dict[str, Any] | None) -> Reply:
        http = self._http
        limits = http.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout))
        try:
            with self._client.stream(method, url, json=body, timeout=limits) as response:
                read, too_large = _read(response.iter_bytes(), time.monotonic() + timeout)
                return Reply(response.status_code, read, dict(response.headers), too_large)
        except (http.ReadTimeout, http.WriteTimeout, TimeoutError):
            remedy = "--engine-option timeout=SECONDS waits longer"
            raise self._fault(f"no answer in {timeout:g} s", how="timed_out", remedy=remedy) from None
        except http.TransportError as error:
            raise self._trouble(error) from error
        except (http.HTTPError, http.InvalidURL, ValueError) as error:
            # Bytes that are no HTTP, a body that does not decompress.
            raise self._fault(f"what comes is no HTTP reply ({_words(error)})", how="dropped") from error

    def _trouble(self, error: Exception) -> LineFault:
        http, cause = self._http, _root(error)
        through = f"the proxy {self.proxy}" if self.proxy else "the server"
        remedy = _PROXY_REMEDY if self.proxy else ""
        name = url_parts(self.proxy).hostname if self.proxy else self._parts.hostname
        if isinstance(error, http.ProxyError):
            if "407" in str(error):
                return proxy_wants_password(self._where, self.proxy)
            return self._fault(f"the proxy {self.proxy} refuses ({_words(error)})", remedy=_PROXY_REMEDY)
        if isinstance(cause, socket.gaierror):
            again = cause.errno == getattr(socket, "EAI_AGAIN", None)
            what = f"the name of {through} is not known: {name}" + (f" ({cause.strerror})" if again else "")
            return self._fault(what, lasting=not again, remedy=remedy or "check the name in --server-url")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return self._fault(
                f"the server's certificate is not trusted ({cause.verify_message})", lasting=True,
                remedy="set SSL_CERT_FILE to a file with the certificate that signed it, "
                "and give the name that it is made out to",
            )  # fmt: skip
        if isinstance(cause, ssl.SSLError):
            remedy = "give http:// where the server has no TLS"
            return self._fault(f"the server does not speak TLS ({_words(cause)})", lasting=True, remedy=remedy)
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
                f"no answer: {through} cannot be reached ({_words(cause)})", remedy=remedy or "check the address"
            )
        if isinstance(error, http.UnsupportedProtocol):
            return self._no_proxy(_words(error))
        # After the connection stood: the server ended it, or speaks something else.
        remedy = "see the server's log"
        if self._parts.scheme == "http":
            remedy += ", and give https:// where it has TLS"
        return self._fault(
            f"no answer: the connection was closed without one ({_words(error)})", how="dropped", remedy=remedy
        )

    def _no_proxy(self, why: str) -> LineFault:
        return self._fault(f"the proxy's address is no URL ({why})", lasting=True, remedy=_PROXY_REMEDY)

    def _fault(self, what: str, *, how: How = "unconnected", lasting: bool = False, remedy: str = "") -> LineFault:
        return LineFault(what, how=how, lasting=lasting, where=self._where, remedy=remedy or "see that the server runs")


_PROXY_REMEDY = "name the server in NO_PROXY, or correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"


def proxy_wants_password(where: str, proxy: str) -> LineFault:
    """What a status of 407 means."""
    what = (
        f"the proxy {proxy} wants a name and a password (407)" if proxy else "a proxy wants a name and a password (407)"
    )
    remedy = "set HTTP_PROXY or HTTPS_PROXY to http://NAME:PASSWORD@HOST:PORT, or name the server in NO_PROXY"
    return LineFault(what, how="unconnected", lasting=True, where=where, remedy=remedy)


def _library() -> Any:
    """httpx, which goes on as httpx2; a host's environment may have either."""
    for name in ("httpx2", "httpx"):
        with suppress(ImportError):
            return importlib.import_module(name)
    raise EngineUnavailable("httpx is not installed here", remedy="pip install httpx2")


def _read(pieces: Iterator[bytes], until: float) -> tuple[bytes, bool]:
    """The whole of a body, as far as it is read, and whether there was more. Raises TimeoutError."""
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > LONGEST_REPLY:
            return bytes(body[:LONGEST_REPLY]), True
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(body), False


def _proxy_of(parts: SplitResult) -> str:
    """The proxy that the environment names for a URL, as messages may show it; empty for none."""
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return shown(proxy if "://" in proxy else f"http://{proxy}")


def _under(base: str, path: str) -> str:
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=parts.path + path))


def _root(error: BaseException) -> BaseException:
    """The first of the chain of errors that led to this one."""
    seen = error
    while nearer := seen.__cause__ or seen.__context__:
        seen = nearer
    return seen


def _words(error: BaseException) -> str:
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(words).split())[:300]
