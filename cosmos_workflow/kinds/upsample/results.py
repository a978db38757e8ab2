"""The results file: one JSON line for each item, on disk before the next one starts, so a crash loses nothing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from cosmos_workflow.errors import BadInputError, CosmosError, UsageError
from cosmos_workflow.files import write_whole
from cosmos_workflow.kinds.upsample.item import Item, Result, at_home
from cosmos_workflow.limits.fit import Verdict

__all__ = ["ResultsFile", "is_result", "line_of", "read_results", "to_dict"]

KINDS: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool}
FIELDS = {field.name: KINDS[str(field.type)] for field in fields(Result)}
# Fields that the first version did not write yet; every result has all the others.
SINCE = {"text_tokens", "image_tokens", "max_model_len", "room", "reason", "remedy", "engine_model"}
TEXTS = ("id", "prompt", "video", "verdict")  # the order in which a result's line begins
VERDICTS = get_args(Verdict)
# How a line continues from its verdict on, in this version and in the first one.
BEGUN = [f'"{verdict}", "{name}": ' for verdict in VERDICTS for name in ("model", "upsampled_prompt")]
MARKED = {"rating", "tags"}  # an export of the history has these besides all fields of a result
STRING = r'"(?:[^"\\]|\\.)*'


def is_result(values: Any, names: Iterable[str] = FIELDS) -> bool:
    """Whether an object of a file or a table is a result of this program, judged by those of its fields in `names`."""
    return (
        isinstance(values, dict)
        and all(_is_field(values[name], name) if name in values else name in SINCE for name in names)
        and not MARKED & values.keys()
    )


def _is_field(value: Any, name: str) -> bool:
    if name == "verdict":
        return value in VERDICTS
    return isinstance(value, FIELDS[name]) and (FIELDS[name] is bool or not isinstance(value, bool))


def read_results(path: str | Path) -> list[Result]:
    """The results in a file, in its order; an incomplete last line, left by a crash, is skipped.

    Raises BadInputError if any other line is not a result, as the file is then something else.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _not_results(path, error.strerror or str(error)) from error
    return [result for result, _ in _parsed(data, path)]


def _parsed(data: bytes, path: Path) -> list[tuple[Result, bytes]]:
    """The results in a file's bytes, each with its line."""
    whole, _, last = data.rpartition(b"\n")
    results = []
    for number, line in enumerate(whole.split(b"\n"), 1):
        if not line.strip():
            continue
        if (result := _result(line)) is None:
            raise _not_results(path, f"line {number}")
        results.append((result, line))
    if last.strip():
        if result := _result(last):
            results.append((result, last))
        elif not _is_torn(last, follows=bool(results)):
            raise _not_results(path, "its last line", maybe=not results and _is_torn(last, follows=True))
    return results


def _result(line: bytes) -> Result | None:
    try:
        values = json.loads(line.decode("utf-8"))
        return Result(**{key: values[key] for key in FIELDS.keys() & values.keys()}) if is_result(values) else None
    except (ValueError, RecursionError):
        return None


def _is_torn(line: bytes, *, follows: bool) -> bool:
    """Whether an incomplete line is the beginning of a result.

    It is if it reaches the verdict, which no batch has. A shorter one could be the beginning of any JSON, and counts
    as a result only if it follows other results.
    """
    # A power cut can leave zeros for what was not written yet, and can cut the last character between its bytes.
    text = line.rstrip(b"\0").decode("utf-8", "ignore")
    with suppress(ValueError, RecursionError):
        json.JSONDecoder().raw_decode(text)
        return False  # a complete object was not cut
    for number, name in enumerate(TEXTS):
        key = f'{", " if number else "{"}"{name}": '
        if not text.startswith(key):
            return follows and key.startswith(text)
        if name == TEXTS[-1]:
            text = text.removeprefix(key)
            return any(text.startswith(begun) or begun.startswith(text) for begun in BEGUN)
        text = text.removeprefix(key)
        value = re.match(STRING, text)
        if value is None or not text[value.end() :].startswith('"'):
            return follows and re.fullmatch(rf"(?:{STRING}\\?)?", text) is not None
        text = text[value.end() + 1 :]
    return False


class ResultsFile:
    """A results file open for writing, by one process at a time.

    Opening it reads the existing results: `answered` says which items need not be asked again. Failed results
    and an incomplete last line are dropped then, so that each item has one line; the other lines stay as they are.
    A line with unknown keys is never dropped: if it would have to be, the file is refused.
    A file that holds anything else is refused, and left as it is.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = at_home(Path(path))
        self._is_folder = os.fspath(path).endswith(("/", os.sep))
        self.results: list[Result] = []

    def __enter__(self) -> ResultsFile:
        from filelock import FileLock, Timeout

        try:
            if self._is_folder or self.path.is_dir():
                raise BadInputError("this is a folder", where=str(self.path), remedy="give a file: -o results.jsonl")
            # If it is a link, write to the file that it points to, so that the link stays.
            self._real = Path(os.path.realpath(self.path))
            if self._real.exists() and not self._real.is_file():
                raise BadInputError("not a regular file", where=str(self.path), remedy="choose another -o")
            self._real.parent.mkdir(parents=True, exist_ok=True)
            lock = _lock_of(self._real)
            self._lock = FileLock(lock)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            if not lock.exists():  # FileLock also times out where the folder does not let it create its file
                raise self._unwritable(ValueError("no file can be made beside it")) from error
            raise UsageError(
                "another process is writing this file",
                where=str(self.path),
                remedy="wait until it has ended, or choose another -o",
            ) from error
        except (OSError, ValueError) as error:
            raise self._unwritable(error) from error
        try:
            self.results = self._keep(lambda result: result.ok)
        except OSError as error:
            self._lock.release()
            raise self._unwritable(error) from error
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
        """The results that are still valid for `items`: same id, prompt and name of the video."""
        # Only the video's name, as the same batch may be run from another folder.
        wanted = {(item.id, item.prompt, item.video.name) for item in items}
        return [result for result in self.results if (result.id, result.prompt, Path(result.video).name) in wanted]

    def drop(self, ids: set[str]) -> None:
        """Remove earlier answers to items that have changed since, as these are asked again."""
        if any(result.id in ids for result in self.results):
            self._file.close()
            self.results = self._keep(lambda result: result.id not in ids)

    def write(self, result: Result) -> None:
        """Append one result and wait until the disk has it."""
        before = os.fstat(self._file.fileno()).st_size
        try:
            left = memoryview(line_of(result).encode())
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
        self.results.append(result)

    def _keep(self, wanted: Callable[[Result], bool]) -> list[Result]:
        """Open the file to append to it, with only the wanted results; a crash leaves the old file or the new one."""
        data = self._real.read_bytes() if self._real.exists() else b""
        lines = _parsed(data, self.path)
        kept = [(result, line) for result, line in lines if wanted(result)]
        for result, line in lines:
            if not wanted(result) and (others := json.loads(line).keys() - FIELDS.keys()):
                names = ", ".join(repr(name[:60]) for name in sorted(others)[:6])
                raise BadInputError(
                    f"the result of {result.id!r} would be replaced, but it holds added keys ({names})",
                    where=str(self.path),
                    remedy="choose another -o: this file is left as it is",
                )
        new = b"".join(line + b"\n" for _, line in kept)
        if data.strip() and new != data:
            write_whole(self._real, new)
        # Unbuffered, so that closing does not try again to write what a full disk has refused.
        self._file = self._real.open("ab", buffering=0)
        return [result for result, _ in kept]

    def _unwritable(self, error: OSError | ValueError) -> BadInputError:
        reason = getattr(error, "strerror", None) or str(error)
        return BadInputError(f"cannot be written ({reason})", where=str(self.path), remedy="choose another -o")


def to_dict(result: Result) -> dict[str, Any]:
    """A Result as the JSON object that results files and `--json` contain."""
    return asdict(result)


def line_of(result: Result, *, ascii: bool = False) -> str:
    """A Result as a line of a results file."""
    line = json.dumps(to_dict(result), ensure_ascii=ascii) + "\n"
    try:
        line.encode()
    except UnicodeEncodeError:  # the bytes of a video's name are not UTF-8; as escapes they can be read back unchanged
        return line_of(result, ascii=True)
    return line


def _lock_of(path: Path) -> Path:
    """A name that no user's file has, as FileLock empties or removes its file: NAME.lock could be one, like uv.lock."""
    name = path.name if len(path.name) <= 60 else hashlib.sha256(path.name.encode("utf-8", "replace")).hexdigest()
    return path.with_name(f".{name}.cosmos-lock")


def _not_results(path: Path, detail: str, *, maybe: bool = False) -> BadInputError:
    remedy = "choose another -o: this file is left as it is"
    if maybe:
        remedy += "; if a crash left it with an incomplete first result, it holds no answer, and you can remove it"
    return BadInputError(f"not a results file ({detail})", where=str(path), remedy=remedy)
