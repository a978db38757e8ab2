"""Where results go: a folder, or a prefix of an object store, of parts that are whole or not there at all.

`part-NAME.jsonl` or `.parquet` hold the answers, `dead-letters/NAME.jsonl` what has none, with its reason, and
`files/SHA256` the files that the answers name. A part
is named after the items in it, so that a piece of work done twice in one run gives one file.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from cosmos_workflow.errors import BadInputError, HostError, HostFull, NotFound, UsageError
from cosmos_workflow.files import is_sha256, write_whole, writing_whole
from cosmos_workflow.kinds.kind import FIRST_KIND, IDENTITY_KEY, get_kind
from cosmos_workflow.kinds.reading import filesystem
from cosmos_workflow.runs.places.ray.batches import key_of
from cosmos_workflow.runs.results import Lines, to_dict

__all__ = ["FORMATS", "Answer", "Format", "Output"]

Format = Literal["jsonl", "parquet"]
FORMATS: tuple[Format, ...] = ("jsonl", "parquet")
OWNER = "run.json"
LETTERS = "dead-letters"
FILES = "files"
EMPTY = hashlib.sha256(b"").hexdigest()


class Answer(NamedTuple):
    """What a row of a part answers: the item's id and key (see `key_of`), the engine that answered, and the identity of
    the work, which is empty where the version before wrote it; whether the files that it names are there.
    """

    id: str
    key: bytes
    engine: str
    identity: str
    has_files: bool = True


@dataclass(frozen=True)
class Output:
    """A folder of parts; `owner` is the driver that may write there, the last one that called `take`."""

    url: str
    format: Format = "jsonl"
    owner: str = ""
    kind: str = FIRST_KIND

    def take(self) -> Output:
        """The same with an owner of its own: whoever wrote here writes no more.

        Raises UsageError where other things lie here.
        """
        fs, folder = self._fs()
        if self._guarded(lambda: fs.isfile(folder)):
            raise UsageError("a file, not a folder of parts", where=self.url, remedy="choose another -o")
        names = [path.rsplit("/", 1)[-1] for path in self._guarded(lambda: fs.ls(folder, detail=False))]
        names = [name for name in names if not name.startswith(f"{OWNER}.")]  # what a crash left of writing it
        strange = [name for name in names if name not in (OWNER, LETTERS, FILES) and not name.startswith("part-")]
        if names and not strange and not self._owner():
            # Other programs' parts have such names too: without our mark beside them they are not ours.
            strange = [OWNER if OWNER in names else names[0]]
        if strange:
            raise UsageError(
                f"it holds {strange[0]!r}, which is not part of a result", where=self.url, remedy="choose another -o"
            )
        output = replace(self, owner=secrets.token_hex(8))
        self._put(OWNER, json.dumps({"owner": output.owner}).encode())
        return output

    def write(self, name: str, results: Sequence[tuple[Any, str]]) -> None:
        """Put results with their identities there, the answers and the dead letters each as one file.

        Raises UsageError where another driver has taken the folder meanwhile, HostFull for a full disk, HostError
        where it cannot be written otherwise.
        """
        if self._owner() != self.owner:
            raise UsageError("another run writes here now", where=self.url, remedy="follow that one: cosmos runs list")
        answers, letters = (
            [_row(result, identity) for result, identity in results if result.ok is ok] for ok in (True, False)
        )
        if answers:
            self._put(f"part-{name}.{self.format}", self._encoded(answers, self.format))
        if letters:
            self._put(f"{LETTERS}/{name}.jsonl", self._encoded(letters, "jsonl"))

    def put_file(self, sha256: str, file: Path) -> None:
        """Bring a file there, whole or not at all, in the place of one that may be damaged; raises as `write`."""
        fs, _ = self._fs()
        target = self._file(sha256)
        with file.open("rb") as source:
            if "file" in fs.protocol:
                self._written(lambda: _copy(source, Path(target)))
            else:
                self._written(lambda: fs.put_file(str(file), target))

    @contextmanager
    def opened_file(self, sha256: str) -> Iterator[BinaryIO]:
        """The bytes of a file that an answer names. Raises NotFound."""
        fs, _ = self._fs()
        try:
            source = fs.open(self._file(sha256), "rb")
        except FileNotFoundError:
            remedy = "submit the same work again: what is missing is done anew"
            raise NotFound("the file is gone", where=f"{self.url}/{FILES}/{sha256}", remedy=remedy) from None
        with source as file:
            yield file

    def _file(self, sha256: str) -> str:
        """Where a file is. Raises BadInputError for what is no SHA-256, as a row that others have written may say."""
        if not is_sha256(sha256):
            raise BadInputError(f"no SHA-256 of a file: {sha256[:100]!r}", where=self.url)
        return f"{self._fs()[1]}/{FILES}/{sha256}"

    @property
    def _keys(self) -> tuple[str, ...]:
        kind = get_kind(self.kind)
        return ("id", *kind.key_fields, "verdict", *(["outputs"] if kind.makes_files else []))

    @property
    def _lines(self) -> Lines:
        return Lines(get_kind(self.kind))

    def _owner(self) -> str:
        """Who may write here; empty where nobody of ours ever did."""
        fs, folder = self._fs()
        data = self._guarded(lambda: fs.cat_file(f"{folder}/{OWNER}"))
        try:
            owner = json.loads(data)["owner"] if data else ""
        except (ValueError, TypeError, KeyError):
            return ""
        return owner if isinstance(owner, str) else ""

    def answered(self) -> Iterator[tuple[str, list[Answer]]]:
        """Each part of answers: its file, and what its rows answer."""
        kind = get_kind(self.kind)
        there = self._files_there() if kind.makes_files else set()
        for path in self._files():
            answers = []
            for row in self._rows(path, self._keys):
                has_files = there.issuperset(row.get("outputs", {}).values())
                answers.append(
                    Answer(
                        row["id"], key_of(kind, row), row.get("engine") or "", row.get(IDENTITY_KEY) or "", has_files
                    )
                )
            yield path, answers

    def _files_there(self) -> set[str]:
        """The hashes of the files that are there; an empty one is what a crash has left, unless its hash says so."""
        fs, folder = self._fs()
        fs.invalidate_cache()
        files = self._guarded(lambda: fs.ls(f"{folder}/{FILES}", detail=True))
        named = [(file["name"].rstrip("/").rsplit("/", 1)[-1], file["size"]) for file in files]
        return {name for name, size in named if size or name == EMPTY}

    def letters(self) -> Iterator[tuple[str, list[str]]]:
        """Each file of dead letters, and its items' ids."""
        for path in self._files(f"/{LETTERS}"):
            yield path, [row["id"] for row in self._rows(path, self._keys)]

    def results(self) -> Iterator[Any]:
        """All that is there: the answers, then the dead letters."""
        for path in [*self._files(), *self._files(f"/{LETTERS}")]:
            for row in self._rows(path, None):
                yield get_kind(self.kind).load_result(row)

    def drop(self, path: str, rows: set[int]) -> None:
        """Take rows, by their numbers, out of a file; a crash leaves the old file or the new one."""
        fs, folder = self._fs()
        remaining = [row for n, row in enumerate(self._rows(path, None)) if n not in rows]
        if not remaining:
            self._guarded(lambda: fs.rm_file(path))
            return
        self._put(path.removeprefix(f"{folder}/"), self._encoded(remaining, _format_of(path)))

    def _files(self, below: str = "") -> list[str]:
        fs, folder = self._fs()
        fs.invalidate_cache()  # others write here too
        if not self._guarded(lambda: fs.isdir(f"{folder}{below}")):
            return []
        paths = self._guarded(lambda: fs.ls(f"{folder}{below}", detail=False))
        return sorted(path for path in paths if path.endswith(FORMATS) and (below or "/part-" in path))

    def _rows(self, path: str, columns: tuple[str, ...] | None) -> list[dict[str, Any]]:
        """The rows of a file; of Parquet only `columns`, if given, with the engine and the identity where they are."""
        fs, _ = self._fs()
        data = self._guarded(lambda: fs.cat_file(path))
        try:
            if _format_of(path) == "jsonl":
                rows = [json.loads(line) for line in data.decode().split("\n") if line]
            else:
                import pyarrow.parquet as pq

                with pq.ParquetFile(io.BytesIO(data)) as file:
                    more = [name for name in ("engine", IDENTITY_KEY) if name in file.schema_arrow.names]
                    rows = file.read([*columns, *more] if columns else None).to_pylist()
                for row in rows:
                    if "outputs" in row:  # a map comes as pairs
                        row["outputs"] = dict(row["outputs"])
            read = [columns] if columns and _format_of(path) == "parquet" else []
            if not all(self._lines.is_result(row, *read) for row in rows):
                raise ValueError("a row is no result")
            return rows
        except (ValueError, OSError) as error:
            raise BadInputError(f"not a part of a result ({error})", where=path, remedy="choose another -o") from error

    def _encoded(self, rows: Sequence[dict[str, Any]], format: Format) -> bytes:
        if format == "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
        kinds["dict[str, str]"] = pa.map_(pa.string(), pa.string())
        columns = [(field.name, kinds[str(field.type)]) for field in fields(get_kind(self.kind).result)]
        schema = pa.schema([*columns, (IDENTITY_KEY, pa.string())])
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(rows), schema), file, compression="zstd")
        return file.getvalue()

    def _put(self, name: str, data: bytes) -> None:
        """A whole object, or none: an object store puts it so, on a disk it is renamed into place."""
        fs, folder = self._fs()
        if "file" in fs.protocol:
            self._written(lambda: write_whole(Path(folder) / name, data))
        else:
            self._written(lambda: fs.pipe_file(f"{folder}/{name}", data))

    def _fs(self) -> tuple[Any, str]:
        fs, folder = filesystem(self.url)
        return fs, folder.rstrip("/")

    def _guarded(self, action: Any) -> Any:
        """What `action` reads; an empty list where nothing is there. Raises as `write`."""
        try:
            return action()
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._trouble(error) from error

    def _written(self, action: Any) -> None:
        """Do what writes; a folder that is gone is no success. Raises as `write`."""
        try:
            action()
        except Exception as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> HostError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        remedy = "solve this, then run it again: written results are kept"
        return (HostFull if full else HostError)(f"the output cannot be used ({reason})", where=self.url, remedy=remedy)


def _copy(source: BinaryIO, path: Path) -> None:
    with writing_whole(path) as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _row(result: Any, identity: str) -> dict[str, Any]:
    return to_dict(result) | ({IDENTITY_KEY: identity} if identity else {})


def _format_of(path: str) -> Format:
    return "parquet" if path.endswith(".parquet") else "jsonl"
