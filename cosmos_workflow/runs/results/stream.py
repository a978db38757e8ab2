"""Results written to a stream: standard output, a pipe or a device. They cannot be read back to resume a batch."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.runs.results.file import ResultsFile
from cosmos_workflow.runs.results.lines import Line, Lines

if TYPE_CHECKING:
    from cosmos_workflow.store.hashes import Hashes

__all__ = ["ResultsStream", "is_stdout", "is_stream", "open_results"]

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
STDERR = ("/dev/stderr", "/dev/fd/2", "/proc/self/fd/2")
REMEDY = "choose another -o: a file, or - for standard output"


def is_stdout(path: str | Path) -> bool:
    """Whether `-o` names standard output."""
    return os.fspath(path) in STDOUT


def is_stream(path: str | Path) -> bool:
    """Whether `-o` names a stream, which keeps no lines: standard output, a pipe or a device."""
    if os.fspath(path) in (*STDOUT, *STDERR):
        return True
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a Path of `NUL` would have a folder before it
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def open_results(path: str | Path, kind: Kind, hashes: Hashes | None = None) -> ResultsFile:
    """A results file or a stream, by its path; to be used in a `with` statement.

    Raises UsageError for a stream where the kind makes files.
    """
    if not is_stream(path):
        return ResultsFile(path, kind, hashes)
    if kind.makes_files:
        raise UsageError(f"the files of {kind.name} need a folder", where=f"-o {path}", remedy="give -o FOLDER")
    return ResultsStream(path, kind)


class ResultsStream(ResultsFile):
    """A stream open for writing, in place of a `ResultsFile`: each result is passed on as soon as it is written.

    Standard output is the one at the time of entering; a later redirection has no effect.
    Entering raises BadInputError if it cannot be opened, also for a named pipe without a reader, instead of waiting.
    """

    def __init__(self, path: str | Path, kind: Kind) -> None:
        self.path = self.out = Path(path)
        self.outputs = None
        self._name = os.fspath(path)
        self._lines = Lines(kind)
        self._file: Any = None
        self._ascii = False

    def __enter__(self) -> ResultsStream:
        try:
            self._file = self._opened()
        except OSError as error:
            reason, remedy = f"cannot be written ({error.strerror})", REMEDY
            with suppress(OSError):
                if stat.S_ISFIFO(os.stat(self._name).st_mode):  # noqa: PTH116
                    reason, remedy = "no process reads this pipe", "start its reader first, then run this again"
            raise BadInputError(reason, where=self._name, remedy=remedy) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def has_line(self, id: str) -> bool:
        """False, as a stream keeps no results."""
        return False

    def line_of(self, id: str) -> Line | None:
        """None, as a stream keeps no results."""
        return None

    def drop(self, ids: set[str]) -> None:
        """Do nothing, as a stream keeps no results."""

    def write(self, result: Any, identity: str = "", *, replace: bool = False) -> bool:
        """Write one line, without a buffer; True."""
        line = self._lines.write(result, identity, ascii=self._ascii)
        try:
            if self._file is None:
                sys.stdout.write(line)
                sys.stdout.flush()
                return True
            left = memoryview(line.encode())
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            if isinstance(error, BrokenPipeError) and is_stdout(self._name):
                raise  # as with `| head`: the reader has all that it wanted
            reason = "its reader has ended" if isinstance(error, BrokenPipeError) else error.strerror
            raise CosmosError(
                f"a result could not be written ({reason})", where=self._name, remedy="solve this, then run it again"
            ) from error
        return True

    def _opened(self) -> Any:
        if self._name in (*STDOUT, *STDERR):
            stream = sys.stdout if is_stdout(self._name) else sys.stderr
            if stream is None:
                raise OSError(errno.EBADF, "it is closed")
            # A console that is not UTF-8 gets escapes, so nothing is lost.
            self._ascii = (getattr(stream, "encoding", "") or "").lower().replace("-", "") != "utf8"
            stream.flush()
            try:
                return os.fdopen(os.dup(stream.fileno()), "wb", buffering=0)
            except OSError:  # a notebook's standard output has no file descriptor
                if stream is not sys.stdout:
                    raise
                return None
        # Without blocking, as opening a pipe without a reader would wait for ever.
        file = os.fdopen(os.open(self._name, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0)), "wb", buffering=0)
        if hasattr(os, "O_NONBLOCK"):
            os.set_blocking(file.fileno(), True)
        return file
