"""Every error of the project.

    CosmosError                 something is wrong that a person can correct
    ├── UsageError              a command or call has invalid arguments            exit 2
    │   ├── NotFound            nothing has that name
    │   └── Conflict            the present state does not allow this
    ├── BadInputError           a file, a batch or a frame cannot be used          exit 2
    ├── EngineError             an engine failed
    │   ├── EngineUnavailable   it cannot be loaded or reached                     exit 3
    │   ├── OutOfMemory         the device has too little memory                   exit 3
    │   └── RequestRejected     the engine refused one request (too long, …)       exit 1
    ├── HostError               a host cannot do what was asked                    exit 3
    │   ├── HostUnreachable     no connection to it; runs on it continue
    │   ├── HostKeyError        its key is unknown, or is not the pinned one
    │   ├── HostFull            its disk is full
    │   └── FileDamaged         a file of it comes with another content each time
    ├── StoreError              the store cannot be reached, or takes nothing more
    └── RunFailed               a run ended without all of its answers             exit 3

An error says `what` is wrong, `where`, and the `remedy`. Only the command line prints errors.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

__all__ = [
    "BadInputError",
    "Conflict",
    "CosmosError",
    "EngineError",
    "EngineUnavailable",
    "FileDamaged",
    "HostError",
    "HostFull",
    "HostKeyError",
    "HostUnreachable",
    "NotFound",
    "OutOfMemory",
    "RequestRejected",
    "RunFailed",
    "StoreError",
    "UsageError",
    "cannot_read",
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
    """The CosmosError for an error of this machine's operating system; `go_on` is what to do once it is solved."""
    if error.errno in _FULL:
        remedy = "free space there"
    elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
        remedy = "get the right to write there, or choose another place (COSMOS_DATA, for the files of runs)"
    else:
        remedy = "solve this"
    remedy += f", then {go_on}" if go_on else ""
    return CosmosError(error.strerror or str(error), where=str(error.filename or "this machine"), remedy=remedy)


def cannot_read(path: Path, error: OSError | ValueError) -> BadInputError:
    """For an input file that the operating system does not give; a ValueError is a null byte in its path."""
    why = getattr(error, "strerror", None) or error
    what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({why})"
    return BadInputError(what, where=str(path), remedy="check the path")


_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)}


# Named in pickles, which a Ray cluster of another version may have written.
def _again(kind: type[CosmosError], args: tuple[Any, ...], state: dict[str, Any]) -> CosmosError:
    """An error from another process, made without its constructor, as those take different arguments."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(CosmosError):
    """A command or call has invalid arguments."""

    exit_code = 2


class NotFound(UsageError):
    """Nothing has that name."""


class Conflict(UsageError):
    """The present state does not allow this."""


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
    """The engine refused one request; the others are not affected."""

    exit_code = 1


class HostError(CosmosError):
    """A host cannot do what was asked."""

    exit_code = 3


class HostUnreachable(HostError):
    """There is no connection to a host; runs on it continue."""


class HostKeyError(HostError):
    """A host's key is unknown, or is not the pinned one."""


class HostFull(HostError):
    """A host's disk is full."""


class FileDamaged(HostError):
    """A file comes from a host or a server with another content each time."""


class StoreError(CosmosError):
    """The store cannot be reached, or takes nothing more."""


class RunFailed(CosmosError):
    """A run ended without all of its answers; `kind` names the failure."""

    exit_code = 3

    def __init__(self, what: str, *, kind: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.kind = kind
