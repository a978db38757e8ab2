"""The Hugging Face hub as a machine sees it: its cache on disk, the user's token, and what the token opens.

Standard library only. The names of the environment's variables, and which of them wins, are those of huggingface_hub.
"""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

__all__ = ["Fetch", "Hub", "answer_of", "expanded", "failure_of", "fetch"]

TIMEOUT = 10.0  # seconds that one answer may take
ALL = 25.0  # and all of them
# What is asked: a repository's own page of facts is public even where its files are not, so it would prove nothing.
CHECK = "/api/models/{repository}/auth-check"

Fetch = Callable[[str, Mapping[str, str], float], dict[str, Any]]


@dataclass(frozen=True)
class Hub:
    """Where the hub is, where its files are kept on this machine, and the user's token with where it is from."""

    endpoint: str
    cache: Path
    token: str = field(repr=False)
    token_from: str
    offline: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Hub:
        """The hub as these variables name it; HF_ENDPOINT replaces the public one."""
        home = Path(environment.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
        home = expanded(environment.get("HF_HOME") or home)
        cache = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
        token, source = _token(environment, home)
        return cls(
            endpoint=(environment.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/"),
            cache=expanded(cache) if cache else home / "hub",
            token=token,
            token_from=source,
            offline=environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"),
        )

    def folders(self, repository: str) -> list[Path]:
        """Where the cache has a repository's files: one folder for each version of it."""
        versions = self.cache / f"models--{repository.replace('/', '--')}" / "snapshots"
        return sorted(path for path in versions.glob("*") if path.is_dir())

    def access(self, repositories: Iterable[str], fetch: Fetch) -> dict[str, dict[str, Any]]:
        """What the hub answers for each repository: see `answer_of` and `failure_of`. All are asked at once."""
        if self.offline:
            return {name: {"failed": "HF_HUB_OFFLINE is set"} for name in repositories}
        headers = {"User-Agent": "cosmos-workflow"}
        if self.token:
            if not (self.token.isascii() and self.token.isprintable() and " " not in self.token):
                return {name: {"failed": f"{self.token_from} holds no token of the hub"} for name in repositories}
            headers["Authorization"] = f"Bearer {self.token}"
        answers: dict[str, dict[str, Any]] = {}

        def ask(name: str) -> None:
            answers[name] = fetch(self.endpoint + CHECK.format(repository=quote(name)), headers, TIMEOUT)

        names = list(dict.fromkeys(repositories))
        threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
        for thread in threads:
            thread.start()
        until = time.monotonic() + ALL
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return {name: answers.get(name) or {"failed": f"no answer within {ALL:.0f} seconds"} for name in names}


class Headers(Protocol):
    """Those of an answer, whose names are the same in capitals."""

    def get(self, name: str, /) -> str | None: ...


def expanded(path: str | Path) -> Path:
    """The path with the home folder for `~`; as it is, where nobody has that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def answer_of(status: int, headers: Headers) -> dict[str, Any]:
    """{status, code, fine_grained} of an answer; `code` is the hub's own word for what is wrong.

    `fine_grained` says that the token is one of those with rights of their own, and lacks that to gated repositories.
    """
    says = headers.get("X-Error-Message") or ""
    return {"status": status, "code": headers.get("X-Error-Code") or "", "fine_grained": "fine-grained" in says}


def failure_of(error: BaseException) -> dict[str, Any]:
    """{failed} for a request without an answer: its kind in words, without anything that was sent."""
    reason = getattr(error, "reason", error)
    if (
        isinstance(reason, TimeoutError)
        or "timed out" in str(reason).lower()
        or "timeout" in type(error).__name__.lower()
    ):
        return {"failed": f"no answer within {TIMEOUT:.0f} seconds"}
    if "certificate" in str(reason).lower():
        return {"failed": "its certificate cannot be verified"}
    return {"failed": "no connection"}


def fetch(url: str, headers: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """Ask for a page with the standard library, and tell how the answer begins."""
    try:
        request = urllib.request.Request(url, headers=dict(headers))
        with urllib.request.build_opener(_Redirects).open(request, timeout=timeout) as answer:
            return answer_of(answer.status, answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return answer_of(error.code, error.headers)
    except Exception as error:
        return failure_of(error)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows where a repository was renamed to; a token goes to no other server."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            request.remove_header("Authorization")
        return request


def _token(environment: Mapping[str, str], home: Path) -> tuple[str, str]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := _clean(environment.get(name, "")):
            return token, name
    path = expanded(environment.get("HF_TOKEN_PATH") or home / "token")
    try:
        return _clean(path.read_text(encoding="utf-8", errors="replace")), str(path)
    except OSError:
        return "", str(path)


def _clean(token: str) -> str:
    return token.replace("\r", "").replace("\n", "").strip()
