"""Every error of the project.

    CosmosError                 something is wrong, and a person can mend it
    ├── UsageError              the command or a call was given wrong words        exit 2
    │   ├── NotFound            nothing has that name
    │   └── Conflict            what is there does not allow it now
    ├── BadInputError           a file, a batch or a frame cannot be used          exit 2
    ├── EngineError             an engine failed
    │   ├── EngineUnavailable   it cannot be loaded or reached                     exit 3
    │   ├── OutOfMemory         the device has too little memory                   exit 3
    │   └── RequestRejected     the engine refused one request (too long, …)       exit 1
    ├── HostError               a host cannot do what was asked                    exit 3
    │   ├── HostUnreachable     there is no line to it; what runs there goes on
    │   ├── HostKeyError        its key is unknown, or is not the pinned one
    │   └── HostFull            its disk is full
    └── RunFailed               a run ended without all of its answers             exit 3

An error says `what` is wrong, `where`, and the `remedy`. Nobody prints but the command line.
"""

from __future__ import annotations

import errno
from typing import Any

__all__ = [
    "BadInputError",
    "Conflict",
    "CosmosError",
    "EngineError",
    "EngineUnavailable",
    "HostError",
    "HostFull",
    "HostKeyError",
    "HostUnreachable",
    "NotFound",
    "OutOfMemory",
    "RequestRejected",
    "RunFailed",
    "UsageError",
    "from_system",
]


class CosmosError(Exception):
    """What is wrong, where, and what to do about it.

    >>> print(BadInputError("no video in it", where="notes.txt", remedy="give a video or an image"))
    notes.txt: no video in it; give a video or an image
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        prefix = f"{self.where}: " if self.where else ""
        suffix = f"; {self.remedy}" if self.remedy else ""
        return f"{prefix}{self.what}{suffix}"


def from_system(error: OSError, go_on: str = "") -> CosmosError:
    """What this machine's system refuses, told with its path; `go_on` is what to do when that is mended."""
    if error.errno in _FULL:
        remedy = "free space there"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        remedy = "see that you may write there, or choose another place (for what runs keep: COSMOS_DATA)"
    else:
        remedy = "mend that"
    remedy += f", then {go_on}" if go_on else ""
    return CosmosError(error.strerror or str(error), where=str(error.filename or "this machine"), remedy=remedy)


_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}


def _again(kind: type[CosmosError], args: tuple[Any, ...], state: dict[str, Any]) -> CosmosError:
    """An error from another process, whatever its own constructor takes."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(CosmosError):
    """The command or the call was given wrong words."""

    exit_code = 2


class NotFound(UsageError):
    """Nothing has that name."""


class Conflict(UsageError):
    """What is there does not allow it now."""


class BadInputError(CosmosError):
    """A file, a batch or a frame cannot be used."""

    exit_code = 2


class EngineError(CosmosError):
    """An engine failed."""

    exit_code = 3


class EngineUnavailable(EngineError):
    """The engine cannot be loaded or reached."""


class OutOfMemory(EngineError):
    """The device has too little memory for the model or the request."""


class RequestRejected(EngineError):
    """The engine refused one request; the others are not concerned."""

    exit_code = 1


class HostError(CosmosError):
    """A host cannot do what was asked."""

    exit_code = 3


class HostUnreachable(HostError):
    """There is no line to a host; what runs there goes on."""


class HostKeyError(HostError):
    """A host's key is unknown, or is not the pinned one."""


class HostFull(HostError):
    """A host's disk is full."""


class RunFailed(CosmosError):
    """A run ended without all of its answers; `kind` names the failure."""

    exit_code = 3

    def __init__(self, what: str, *, kind: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.kind = kind
