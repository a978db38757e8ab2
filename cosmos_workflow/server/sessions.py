"""Sessions of the page: signed with the token, and ended on the server when somebody logs out."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from pathlib import Path
from secrets import token_hex

from filelock import FileLock

from cosmos_workflow.files import write_whole

__all__ = ["SESSION_SECONDS", "Sessions"]

SESSION_SECONDS = 30 * 86400


class Sessions:
    """Cookies `END.NUMBER.SIGNATURE`. `ended` is a file of those that were logged out, a line `END.NUMBER` each.

    The file is what servers of one data folder share, and what outlives a restart. Without one, a session
    that has ended is remembered by this process alone.
    """

    def __init__(self, token: str, ended: Path | None = None) -> None:
        self._token = token
        self._file = ended
        self._ended: set[str] = set()
        self._version: tuple[int, int] | None = None
        self._reading = threading.Lock()

    def begin(self) -> str:
        """A new session's cookie; it is worth nothing once the token is another, or after 30 days."""
        name = f"{int(time.time()) + SESSION_SECONDS}.{token_hex(16)}"
        return f"{name}.{self._signature(name)}"

    def holds(self, cookie: str) -> bool:
        """Whether a cookie is one of ours, and its session has not ended."""
        name, _, signature = cookie.rpartition(".")
        until = name.partition(".")[0]
        # Both are compared as bytes: a cookie may hold any character.
        signed = hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(name).encode())
        return signed and int(until) > time.time() and name not in self._logged_out()

    def end(self, cookie: str) -> None:
        """End a session for good, wherever its cookie has been copied to."""
        if not self.holds(cookie):
            return
        name = cookie.rpartition(".")[0]
        if self._file is None:
            self._ended.add(name)
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._file}.lock"):
            now = time.time()
            lines = [line for line in self._lines() if int(line.partition(".")[0]) > now]
            write_whole(self._file, "".join(f"{line}\n" for line in [*lines, name]).encode())

    def _logged_out(self) -> set[str]:
        if self._file is None:
            return self._ended
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return set()
        version = status.st_mtime_ns, status.st_ino
        with self._reading:
            if version != self._version:
                self._ended, self._version = set(self._lines()), version
            return self._ended

    def _lines(self) -> list[str]:
        assert self._file is not None
        try:
            return self._file.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []

    def _signature(self, name: str) -> str:
        message = f"cosmos session {name}".encode("utf-8", "replace")
        return hmac.new(self._token.encode(), message, hashlib.sha256).hexdigest()
