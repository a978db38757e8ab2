"""One request for a video, from sending it to having the answer, with the retries that cannot make it twice.

NVIDIA's cloud functions (NVCF) take a request and give it a number: their answer is polled for by it, and a large one
is fetched from another address. All other servers answer the request itself, and it is sent again only where it was
surely not begun: no connection was made, or the server said that it is busy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from cosmos_workflow.engines.connection import Connection, shown
from cosmos_workflow.engines.http.body import Body
from cosmos_workflow.engines.http.failing import Failed
from cosmos_workflow.engines.http.finding import is_nvcf
from cosmos_workflow.engines.http.receiving import VideoSink
from cosmos_workflow.engines.patience import patiently
from cosmos_workflow.engines.replies import Reply

__all__ = ["Asking"]

BUSY = {429, 503}  # nothing was begun
UNPOLLED = {429, 502, 503, 504}  # the number can be asked for again
ELSEWHERE = {302, 303, 307}
LONGEST_POLL = 300  # seconds that NVCF waits at most before it says that it is not done
PAUSE = 1.0
STATUS = "/v2/nvcf/pexec/status/"
API = "api.nvcf.nvidia.com"


class Asking:
    """Sends one body to a URL; `note` gets a line for a log, `on_percent` how far the server says that it is."""

    def __init__(
        self, connection: Connection, url: str, sink: VideoSink, *, timeout: float, retries: int, over: threading.Event,
        note: Callable[[str], None], on_percent: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._connection, self._url, self._sink = connection, url, sink
        self._retries, self._over, self._note, self._on_percent = retries, over, note, on_percent
        self._timeout = timeout

    def ask(self, body: Body) -> Reply:
        """The answer, whose video is in the sink. Raises ConnectionFault, Failed and BadInputError."""
        headers = {**body.headers, "Accept": "application/json, video/mp4", **self._poll_header(self._timeout)}
        send = partial(self._sent, self._connection, "POST", self._url, headers=headers, body=body)
        until = time.monotonic() + self._timeout
        reply = patiently(send, self._retries, self._over, retried=BUSY, only_unsent=True)
        if reply.status == 202:
            reply = self._polled(reply, until)
        if reply.status in ELSEWHERE and (is_nvcf(self._url) or "nvcf-reqid" in reply.headers):
            reply = self._fetched(reply)
        return reply

    def _sent(
        self, connection: Connection, method: str, url: str, *, headers: dict[str, str] | None = None,
        body: Body | None = None, timeout: float = 0.0,
    ) -> Reply:  # fmt: skip
        self._sink.begin()
        return connection.send(method, url, timeout or self._timeout, content=body, headers=headers, sink=self._sink)

    def _polled(self, reply: Reply, until: float) -> Reply:
        """The answer to a request that NVCF has taken."""
        id = reply.headers.get("nvcf-reqid", "")
        if not id:
            raise Failed("the server takes the request (202), but gives it no NVCF-REQID to ask for its answer by")
        self._note(f"taken as {id}")
        url = _status_url(self._url, id)
        while reply.status == 202:
            self._tell(reply)
            left = until - time.monotonic()
            if left <= 0 or self._over.wait(min(PAUSE, left)):
                raise Failed(
                    f"no answer in {self._timeout:g} s; it is at work as {id}",
                    remedy="--engine-option timeout=SECONDS waits longer",
                )
            headers = {"Accept": "application/json", **self._poll_header(left)}
            timeout = min(left, LONGEST_POLL) + 30
            poll = partial(self._sent, self._connection, "GET", url, headers=headers, timeout=timeout)
            reply = patiently(poll, self._retries, self._over, retried=UNPOLLED)
        return reply

    def _fetched(self, reply: Reply) -> Reply:
        """A large answer, which lies at an address of its own; it is asked for without the key."""
        target = urljoin(self._url, reply.headers.get("location", ""))
        if urlsplit(target).scheme not in ("http", "https") or not reply.headers.get("location"):
            raise Failed(f"the server says that the video is at {shown(target)!r}, which is no address")
        self._note(f"the answer is at {shown(urlunsplit(urlsplit(target)._replace(query='')))}")
        with closing(Connection(target, self._timeout, reuse=False, keyless=True)) as connection:
            return patiently(partial(self._sent, connection, "GET", target), self._retries, self._over)

    def _poll_header(self, left: float) -> dict[str, str]:
        seconds = max(1, min(LONGEST_POLL, int(left) - 1))
        return {"NVCF-POLL-SECONDS": str(seconds)} if is_nvcf(self._url) else {}

    def _tell(self, reply: Reply) -> None:
        percent = reply.headers.get("nvcf-percent-complete", "")
        if percent.isdecimal() and 0 < int(percent) <= 100:
            self._on_percent(int(percent))


def _status_url(url: str, id: str) -> str:
    """Where the answer to a request is asked for: at NVCF's own API, or where a function was asked under such a path.

    >>> _status_url("https://f1.invocation.api.nvcf.nvidia.com/v1/infer", "7")
    'https://api.nvcf.nvidia.com/v2/nvcf/pexec/status/7'
    """
    parts = urlsplit(url)
    at_nvidia = f".{parts.hostname}".endswith(".nvcf.nvidia.com")
    netloc = API if at_nvidia and parts.hostname != API else parts.netloc
    before = parts.path.partition("/v2/nvcf/")[0] if "/v2/nvcf/" in parts.path else ""
    return urlunsplit(parts._replace(netloc=netloc, path=f"{before}{STATUS}{quote(id, safe='')}", query=""))
