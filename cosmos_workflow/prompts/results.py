"""The results file: one JSON line an item, on disk before the next one starts, gone on with after a crash."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.files import write_whole
from cosmos_workflow.prompts.item import Item, Result

__all__ = ["ResultsFile", "read_results"]

FIELDS = {field.name for field in fields(Result)}


def read_results(path: str | Path) -> list[Result]:
    """The results in a file, in its order; a torn last line, left by a crash, is passed over.

    Raises BadInputError if another line is not a result: the file is then something else.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise _not_results(path, str(error)) from error
    results = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            results.append(Result(**{key: values[key] for key in FIELDS & values.keys()}))
        except (ValueError, TypeError, AttributeError) as error:
            if number == len(lines):
                break
            raise _not_results(path, f"line {number}") from error
    return results


class ResultsFile:
    """A results file open for writing, by one process at a time.

    Opening it reads what is there: `answered` tells which items need not be asked again. Failed results
    and a torn line are dropped then, so that each item has one line.
    """

    def __init__(self, path: str | Path) -> None:
        from filelock import FileLock

        self.path = Path(path)
        self._lock = FileLock(f"{self.path}.lock")
        self.results: list[Result] = []

    def __enter__(self) -> ResultsFile:
        from filelock import Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                "another cosmos is writing it",
                where=str(self.path),
                remedy="wait for it, or choose another -o",
            ) from error
        except OSError as error:
            raise BadInputError(
                f"cannot be written ({error.strerror})", where=str(self.path), remedy="choose another -o"
            ) from error
        try:
            self.results = [result for result in read_results(self.path) if result.ok]
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._lock.release()

    def answered(self, items: Iterable[Item]) -> list[Result]:
        """The results that stand for `items` as they are now: same id, prompt and video's name."""
        # Only the name: the same batch may be run from another folder.
        wanted = {(item.id, item.prompt, item.video.name) for item in items}
        return [one for one in self.results if (one.id, one.prompt, Path(one.video).name) in wanted]

    def drop(self, ids: set[str]) -> None:
        """Forget earlier answers to items that have changed since and are asked anew."""
        kept = [result for result in self.results if result.id not in ids]
        if len(kept) < len(self.results):
            self._file.close()
            self.results = kept
            self._open()

    def write(self, result: Result) -> None:
        """Append one result and wait until the disk has it."""
        try:
            left = memoryview(_line(result).encode())
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise CosmosError(
                f"a result could not be written ({error.strerror})",
                where=str(self.path),
                remedy="free space there and run it again: what is written stands",
            ) from error
        self.results.append(result)

    def _open(self) -> None:
        self._rewrite()
        # Unbuffered, so that what a full disk refused is not tried again on closing.
        self._file = self.path.open("ab", buffering=0)

    def _rewrite(self) -> None:
        """Only the results that stand; a crash leaves the old file or the new one."""
        data = "".join(map(_line, self.results)).encode()
        if self.path.exists() and self.path.read_bytes() != data:
            write_whole(self.path, data)


def to_dict(result: Result) -> dict[str, Any]:
    """A Result as the JSON object that files and `--json` hold."""
    return asdict(result)


def _line(result: Result) -> str:
    return json.dumps(to_dict(result), ensure_ascii=False) + "\n"


def _not_results(path: Path, detail: str) -> BadInputError:
    return BadInputError(
        f"not a results file ({detail})",
        where=str(path),
        remedy="choose another -o: this file is left as it is",
    )
