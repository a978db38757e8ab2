"""The results file: one JSON line for each item, on disk before the next one starts, so a crash loses nothing."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from cosmos_workflow.errors import BadInputError, CosmosError
from cosmos_workflow.files import RESULTS, at_home, writing_whole
from cosmos_workflow.kinds.kind import Kind
from cosmos_workflow.runs.results.lines import Line, Lines
from cosmos_workflow.runs.results.locking import locked, unwritable
from cosmos_workflow.runs.results.outputs import OutputFolder

if TYPE_CHECKING:
    from cosmos_workflow.store.hashes import Hashes

__all__ = ["ResultsFile", "read_results"]


def read_results(path: str | Path, kind: Kind) -> list[Any]:
    """The results in a file, in its order; an incomplete last line, left by a crash, is skipped.

    Raises BadInputError if any other line is not a result, as the file is then something else.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return [line.result for _, _, line in _parsed(file, path, Lines(kind)) if line]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _not_results(path, error.strerror or str(error)) from error


def _parsed(file: BinaryIO, path: Path, lines: Lines) -> Iterator[tuple[int, bytes, Line | None]]:
    """Each line of a file: where it begins, its bytes with their end, and None for an empty one or an incomplete last.

    Raises BadInputError where the file is something else.
    """
    at, follows = 0, False
    for number, text in enumerate(file, 1):
        bare = text.removesuffix(b"\n")
        line = lines.read(bare) if bare.strip() else None
        if bare.strip() and line is None:
            if bare != text:
                raise _not_results(path, f"line {number}")
            if not lines.is_torn(bare, follows=follows):
                raise _not_results(path, "its last line", maybe=not follows and lines.is_torn(bare, follows=True))
        yield at, text, line
        at, follows = at + len(text), follows or line is not None


class ResultsFile:
    """A results file open for writing, by one process at a time.

    Opening it reads the existing results: `answer_to` says which items need not be asked again. Failed results
    and an incomplete last line are dropped then, so that each item has one line; the other lines stay as they are.
    A line with unknown keys is never dropped: if it would have to be, the file is refused.
    A file that holds anything else is refused, and left as it is.
    For a kind that makes files, `path` names a folder: the results file in it, and `outputs`, the files of its items.
    In memory is only where the line of each answer begins (some 120 bytes each); it is read when it is asked for.
    """

    def __init__(self, path: str | Path, kind: Kind, hashes: Hashes | None = None) -> None:
        self.out = at_home(Path(path))
        self.path = self.out / RESULTS if kind.makes_files else self.out
        self.outputs = OutputFolder(self.out, hashes) if kind.makes_files else None
        self._is_folder = not kind.makes_files and os.fspath(path).endswith(("/", os.sep))
        self._lines = Lines(kind)
        self._kind = kind
        self._begins: dict[int, int] = {}  # by the id's hash, the first byte of its line
        self._failures: dict[int, int] = {}  # by the id's hash, that of the failure written since it was opened
        self._doubled = False  # whether an item has a line that a later one replaces

    def __enter__(self) -> ResultsFile:
        try:
            if self.outputs:
                self.outputs.check()
            if self._is_folder or self.path.is_dir():
                raise BadInputError("this is a folder", where=str(self.path), remedy="give a file: -o results.jsonl")
            # If it is a link, write to the file that it points to, so that the link stays.
            self._real = Path(os.path.realpath(self.path))
            if self._real.exists() and not self._real.is_file():
                raise BadInputError("not a regular file", where=str(self.path), remedy="choose another -o")
            self._real.parent.mkdir(parents=True, exist_ok=True)
            self._lock = locked(self._real, self.path)
        except (OSError, ValueError) as error:
            raise unwritable(self.path, error) from error
        try:
            self._open(lambda line: line.result.ok)
        except OSError as error:
            self._lock.release()
            raise unwritable(self.path, error) from error
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close()
            if self._doubled:
                self._keep(lambda line: True)  # the latest line of each item stays
        finally:
            self._lock.release()

    def line_of(self, id: str) -> Line | None:
        """The line with the answer for an item of this id, to whatever it was asked then."""
        begin = self._begins.get(_hash(id))
        if begin is None:
            return None
        self._reader.seek(begin)
        return self._lines.read(self._reader.readline().removesuffix(b"\n"))

    def stands_for(self, line: Line, item: Any, identity: str) -> bool:
        """Whether a line's answer stands for an item as it is now.

        Where the identity is not known (empty), or the line has none as the version before wrote it, the kind says
        whether it answers this item.
        """
        if line.identity and identity:
            return line.identity == identity
        return self._kind.answers(line.result, item)

    def answer_to(self, item: Any, identity: str = "") -> Any | None:
        """The answer that stands for an item as it is now (see `stands_for`)."""
        line = self.line_of(item.id)
        return line.result if line and self.stands_for(line, item, identity) else None

    def has_line(self, id: str) -> bool:
        """Whether a line of this id stands here, of an answer or of a failure written since the file was opened."""
        return _hash(id) in self._begins or _hash(id) in self._failures

    def has_whole_line(self, id: str) -> bool:
        """As `has_line`, and the output files that the line names are in their places."""
        line = self.line_of(id)
        lost = line and self.outputs and self.outputs.differing(id, line.result.outputs)
        return self.has_line(id) and not lost

    def place(self, result: Any) -> None:
        """Put the output files of a good result in their places, before its line is written; raises as `outputs.place`.

        Those of the line before are removed.
        """
        if self.outputs:
            line = self.line_of(result.id)
            self.outputs.place(result.id, result.outputs, line.result.outputs if line else None)

    def drop(self, ids: set[str]) -> None:
        """Remove earlier answers to items that have changed since, as these are asked again.

        Their output files stay until another answer comes.
        """
        if any(_hash(id) in self._begins for id in ids):
            if self.outputs:
                for line in filter(None, map(self.line_of, sorted(ids))):
                    self.outputs.note_earlier(line.result.id, line.result.outputs)
            self._close()
            self._open(lambda line: line.result.ok and line.result.id not in ids)

    def write(self, result: Any, identity: str = "", *, replace: bool = False) -> bool:
        """Append one result and wait until the disk has it. False if it, or the answer to the same work, stands here.

        With `replace`, or with other output files, a good answer takes the place of the one before. A failure never
        takes that of an answer.
        """
        key, line = _hash(result.id), self.line_of(result.id)
        if line is not None:
            replace |= self.outputs is not None and line.result.outputs != result.outputs
            if not result.ok or (line.identity == identity and (line.result == result or not replace)):
                return False
            self._require_plain(line)
        row = self._lines.write(result, identity)
        if not result.ok and self._failures.get(key) == _hash(row):
            return False
        self._doubled |= line is not None or key in self._failures
        text = row.encode()
        before = os.fstat(self._file.fileno()).st_size
        try:
            left = memoryview(text)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            # Leave no incomplete line: as the first line of a file, it could not be told from a user's own text.
            with suppress(OSError):
                self._file.truncate(before)
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise CosmosError(
                f"a result could not be written ({error.strerror})",
                where=str(self.path),
                remedy=f"{'free space there' if full else 'solve this'}, then run it again: written results are kept",
            ) from error
        if result.ok:
            self._begins[key] = before
        else:
            self._failures[key] = _hash(row)
        return True

    def _open(self, wanted: Callable[[Line], bool]) -> None:
        """Open the file to append to it, with only the wanted lines."""
        self._keep(wanted)
        # Unbuffered, so that closing does not try again to write what a full disk has refused.
        self._file = self._real.open("ab", buffering=0)
        self._reader = self._real.open("rb")

    def _close(self) -> None:
        self._file.close()
        self._reader.close()

    def _keep(self, wanted: Callable[[Line], bool]) -> None:
        """Leave only the latest of the wanted lines of each item; a crash leaves the old file or the new one."""
        self._begins.clear()
        self._failures.clear()
        count, text, blank = 0, b"\n", True
        for begin, text, line in self._each():
            count, blank = count + 1, blank and not text.strip()
            if line is not None and wanted(line):
                self._begins[_hash(line.result.id)] = begin
        if blank or (count == len(self._begins) and text.endswith(b"\n")):
            return
        with writing_whole(self._real) as file:
            for begin, _, line in self._each():
                if line is None:
                    continue
                key = _hash(line.result.id)
                if self._begins.get(key) == begin:
                    # It moves towards the file's beginning, where no later line of this item can begin.
                    self._begins[key] = file.tell()
                    file.write(line.text + b"\n")
                else:
                    self._require_plain(line)

    def _require_plain(self, line: Line) -> None:
        """Raise BadInputError for a line that may not be dropped."""
        if added := self._lines.added(line):
            names = ", ".join(repr(name[:60]) for name in added[:6])
            raise BadInputError(
                f"the result of {line.result.id!r} would be replaced, but it holds added keys ({names})",
                where=str(self.path),
                remedy="choose another -o: this file is left as it is",
            )

    def _each(self) -> Iterator[tuple[int, bytes, Line | None]]:
        if self._real.exists():
            with self._real.open("rb") as file:
                yield from _parsed(file, self.path, self._lines)


def _hash(id: str) -> int:
    """A number for an id, whose size in memory does not depend on the id's; no two ids ever have the same."""
    return int.from_bytes(hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=15).digest(), "big")


def _not_results(path: Path, detail: str, *, maybe: bool = False) -> BadInputError:
    remedy = "choose another -o: this file is left as it is"
    if maybe:
        remedy += "; if a crash left it with an incomplete first result, it holds no answer, and you can remove it"
    return BadInputError(f"not a results file ({detail})", where=str(path), remedy=remedy)
