"""The files of results in the folder that `-o` names: `<id>/<name>` beside `results.jsonl`, known by their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.files import RESULTS, folder_name, is_output_name, is_sha256, names_in, write_whole, writing_whole

if TYPE_CHECKING:
    from cosmos_workflow.store import FileRecord
    from cosmos_workflow.store.hashes import Hashes

__all__ = ["OutputFolder"]

# What is not in its place yet: files by their SHA-256, and those that are made or fetched just now.
UNPLACED = ".cosmos-files"


class _Other(Exception):
    """The content is another one."""


class OutputFolder:
    """Output files of the items of one results folder.

    A file is first taken in by its content (`take`, `blob`), then put in its place when its result is to be kept
    (`place`), before the result's line is written: a line has its files. `hashes` remembers the content of files that
    have not changed.
    """

    def __init__(self, root: Path, hashes: Hashes | None = None) -> None:
        self.root = root.absolute()
        self._hashes = hashes
        self._names: dict[str, str] | None = None
        self._known: dict[str, Path] = {}  # where a file of this content lies by now

    @property
    def scratch(self) -> Path:
        return self.root / UNPLACED

    @property
    def pieces(self) -> Path:
        return self.scratch / "pieces"

    def check(self) -> None:
        """Raise BadInputError where the folder is none of ours: a file, or a folder with other things in it."""
        if self.root.exists() and not self.root.is_dir():
            raise BadInputError("this is a file", where=str(self.root), remedy="give a folder: -o FOLDER")
        visible = [name for name in names_in(self.root).values() if not name.startswith(".")]
        if visible and RESULTS not in visible:
            raise BadInputError(
                f"this folder holds {min(visible)!r} and no {RESULTS}", where=str(self.root),
                remedy="choose another -o: a folder that is new, empty, or has results of ours",
            )  # fmt: skip

    def blob(self, sha256: str) -> Path:
        """Where a whole file lies that is not in its place yet. Raises BadInputError for what is no SHA-256."""
        if not is_sha256(sha256):  # a server or an object store has said so, and a path is made of it
            raise BadInputError(f"no SHA-256 of a file: {sha256[:100]!r}", where=str(self.root))
        return self.scratch / sha256

    def take(self, file: Path) -> str:
        """Keep a whole file by its content; its SHA-256, computed when the disk has it."""
        with file.open("r+b") as opened:
            os.fsync(opened.fileno())
        os.utime(file)  # an engine may set an old time, by which a changed file would look like the one before
        sha256 = sha256_of(file)
        self.scratch.mkdir(parents=True, exist_ok=True)
        file.replace(self.blob(sha256))
        return sha256

    def fill(self, source: BinaryIO, sha256: str) -> bool:
        """Take in the bytes of a file, aside and renamed; False where they are not what its hash says."""
        digest = hashlib.sha256()
        try:
            with writing_whole(self.blob(sha256)) as target:
                while piece := source.read(1 << 20):
                    digest.update(piece)
                    target.write(piece)
                if digest.hexdigest() != sha256:
                    raise _Other
        except _Other:
            return False
        return True

    def has(self, id: str, name: str, sha256: str) -> bool:
        """Whether a file need not be fetched: it is in its place, or was taken in and is whole."""
        if self.blob(sha256).is_file():
            if sha256_of(self.blob(sha256)) == sha256:
                return True
            self.blob(sha256).unlink()  # a crash of this machine
        known = self._known.get(sha256)
        return self._is(self.path(id, name), sha256) or (known is not None and self._is(known, sha256))

    def place(self, id: str, outputs: Mapping[str, str], earlier: Mapping[str, str] | None = None) -> None:
        """Put the files of an item in their places, and remove those of its `earlier` answer that nobody has changed.

        Raises OSError, BadInputError where a file was changed meanwhile that this item has too.
        """
        note = self._note(id)
        with suppress(FileNotFoundError):
            earlier = {**json.loads(note.read_bytes()), **(earlier or {})}
        self._remove(id, earlier or {}, outputs)
        placed = []
        for name, sha256 in outputs.items():
            path = self.path(id, name)
            if not self._is(path, sha256):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._move(sha256, path)
                placed.append((path, _version(path), sha256))
            self._known[sha256] = path
        if self._hashes is not None:
            self._hashes.remember(placed)
        note.unlink(missing_ok=True)
        if self._names is not None and outputs:
            name = self._folder(id).name
            self._names[name.casefold()] = name

    def note_earlier(self, id: str, outputs: Mapping[str, str]) -> None:
        """Let `place` know of the files of an answer whose line is removed before another one comes."""
        if outputs:
            write_whole(self._note(id), json.dumps(dict(outputs)).encode(), sync=False)

    def differing(self, id: str, outputs: Mapping[str, str]) -> list[str]:
        """The names of an item's files that are missing or have another content."""
        return [name for name, sha256 in outputs.items() if not self._is(self.path(id, name), sha256)]

    def has_all(self, result: Any) -> bool:
        """Whether the files that a result names are in their places."""
        return not (result.ok and self.differing(result.id, result.outputs))

    def path(self, id: str, name: str) -> Path:
        """The place of an item's file. Raises BadInputError for a name that no file may have."""
        if not is_output_name(name):
            raise BadInputError(f"no file may be called {name[:100]!r}", where=id[:100])
        return self._folder(id).joinpath(*name.split("/"))

    def records(self, id: str, outputs: Mapping[str, str]) -> dict[str, FileRecord]:
        """What is known of an item's files by looking into them."""
        return {name: _record(self.path(id, name), sha256) for name, sha256 in outputs.items()}

    def clear(self) -> None:
        """Remove what is in no place, when nothing of it will be needed, but the pieces of what is not finished."""
        for path in self.scratch.glob("*"):
            if path.is_dir() and path != self.pieces:
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                path.unlink(missing_ok=True)
        for folder in (self.pieces, self.scratch):
            with suppress(OSError):  # it is not there, or not empty
                folder.rmdir()

    def _folder(self, id: str) -> Path:
        if self._names is None:
            self._names = names_in(self.root)
        return self.root / folder_name(id, self._names)

    def _note(self, id: str) -> Path:
        return self.scratch / f"{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()}.earlier"

    def _remove(self, id: str, earlier: Mapping[str, str], outputs: Mapping[str, str]) -> None:
        """Remove the files of an earlier answer that the new one does not have, and the folders that are empty then."""
        for name, sha256 in earlier.items():
            if name in outputs or not is_output_name(name) or not self._is(path := self.path(id, name), sha256):
                continue
            if sha256 in outputs.values():  # it only has another name now
                self.scratch.mkdir(parents=True, exist_ok=True)
                path.replace(self.blob(sha256))
            else:
                path.unlink()
            with suppress(OSError):  # it is not empty
                for folder in list(path.parents)[: len(name.split("/"))]:
                    folder.rmdir()

    def _move(self, sha256: str, path: Path) -> None:
        blob = self.blob(sha256)
        if not blob.exists() and not self._copied(sha256):
            raise BadInputError(
                "a file with the same content was changed or removed meanwhile", where=str(path),
                remedy="leave the folder as it is until the run has ended, and run it again",
            )  # fmt: skip
        blob.replace(path)

    def _copied(self, sha256: str) -> bool:
        """Whether another item, or another name of this one, has the same file; it is taken in once more."""
        known = self._known.get(sha256)
        if known is None or not known.is_file():
            return False
        with known.open("rb") as source:
            return self.fill(source, sha256)

    def _is(self, path: Path, sha256: str) -> bool:
        try:
            if not path.is_file():
                return False
            if self._hashes is None:
                return sha256_of(path) == sha256
            return self._hashes.of(path, _version(path), sha256_of) == sha256
        except OSError:
            return False


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _record(path: Path, sha256: str) -> FileRecord:
    from cosmos_workflow.media import probe
    from cosmos_workflow.media.types import media_type_of
    from cosmos_workflow.store import FileRecord

    media_type = media_type_of(path)
    facts: dict[str, Any] = {}
    if media_type.startswith(("video/", "image/")):
        try:
            clip = probe(path)
            facts = {"width": clip.width, "height": clip.height, "frames": clip.frames, "duration": clip.duration}
        except BadInputError:
            pass  # it only begins as one
    size = path.stat().st_size
    return FileRecord(sha256, path.name, time.time(), size, media_type=media_type, kept=False, **facts)
