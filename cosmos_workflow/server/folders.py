"""Folders of images and videos on their way to a server: one file that holds all of them.

It begins with MAGIC and a line of JSON, `[["shot/color.0001.png", 4711], …]`: the files' names and their bytes. Then
come the files, one after another in this order.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from cosmos_workflow.errors import BadInputError, cannot_read
from cosmos_workflow.files import is_taken_by_windows
from cosmos_workflow.media.numbering import sequences_in
from cosmos_workflow.media.sequence import files_of, is_sequence
from cosmos_workflow.media.shots import DEEPEST
from cosmos_workflow.media.types import ENDINGS, TEXT, UNKNOWN, media_type_of

__all__ = ["FOLDER", "Source", "is_folder", "source_of", "unpack"]

FOLDER = "image/x-folder"  # the media type of a folder that was uploaded
MAGIC = b"COSMOS FOLDER 1\n"
MOST_FILES = 100_000  # more than an hour of frames
MOST_LIST_BYTES = 32 << 20
PIECE = 1 << 20
SETTLED = 0  # when an unpacked file was changed last: it is whole, so nobody needs to wait whether it grows


class Source(Protocol):
    """What is uploaded: a file, or the images of a sequence as one. `name` is what people call it.

    `pattern` stands for the images in what is uploaded, and is empty for a file.
    """

    name: str
    size: int
    pattern: str

    def sha256(self) -> str:
        """The SHA-256 of its bytes. Raises BadInputError where they cannot be read."""

    def read(self, offset: int, count: int) -> bytes:
        """So many bytes from `offset` on; fewer at the end. Raises BadInputError."""


def source_of(path: Path) -> Source | None:
    """A file or the images of a sequence on this machine; None where nothing is there.

    Raises BadInputError for a folder that is no sequence, and for what cannot be read.
    """
    try:
        if not is_sequence(path):
            return _Joined(path.name, [path]) if path.is_file() else None
        if not path.parent.is_dir():
            return None
        files = list(files_of(path).values())
        folder = re.sub(r'[\x00-\x1f\x7f<>:"\\|?*]', "_", files[0].absolute().parent.name.lstrip(".").rstrip(". "))
        folder = folder if is_taken_by_windows(folder) else f"images{folder and '-'}{folder}"
        listed = [[f"{folder}/{file.name}", file.stat().st_size] for file in files]
        head = MAGIC + json.dumps(listed, separators=(",", ":")).encode() + b"\n"
        pattern = sequences_in(file.name for file in files)[0][0].pattern if path.is_dir() else path.name
        return _Joined(folder, files, head, f"{folder}/{pattern}")
    except OSError as error:
        raise cannot_read(path, error) from error


class _Joined:
    """The bytes of `head` and those of files behind it. Raises OSError where one cannot be looked at."""

    def __init__(self, name: str, files: list[Path], head: bytes = b"", pattern: str = "") -> None:
        self.name, self.pattern, self._head, self._files = name, pattern, head, files
        self._ends = list(accumulate((len(head), *(file.stat().st_size for file in files))))
        self.size = self._ends[-1]

    def sha256(self) -> str:
        digest = hashlib.sha256()
        offset = 0
        while piece := self.read(offset, PIECE):
            digest.update(piece)
            offset += len(piece)
        return digest.hexdigest()

    def read(self, offset: int, count: int) -> bytes:
        pieces: list[bytes] = []
        end = min(offset + count, self.size)
        while offset < end:
            part = bisect_right(self._ends, offset)
            start = self._ends[part - 1] if part else 0
            data = self._part(part, offset - start, min(end, self._ends[part]) - offset)
            pieces.append(data)
            offset += len(data)
        return b"".join(pieces)

    def _part(self, part: int, start: int, count: int) -> bytes:
        if not part:
            return self._head[start : start + count]
        path = self._files[part - 1]
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(count)
        except OSError as error:
            raise cannot_read(path, error) from error
        if not data:
            raise BadInputError("became shorter while it was uploaded", where=str(path), remedy="upload it again")
        return data


def is_folder(file: Path) -> bool:
    """Whether a file holds a folder."""
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def unpack(file: Path, into: Path) -> str:
    """Write the files that `file` holds below `into`, an empty folder, and onto the disk; its SHA-256.

    Raises BadInputError for names that lead elsewhere, for a file that is no image and no video, and where the list is
    not what follows. What was written by then is left to the caller.
    """
    with file.open("rb") as opened:
        listed = _list_of(opened, file.stat().st_size)
        length = opened.tell()
        opened.seek(0)
        digest = hashlib.sha256(opened.read(length))
        for name, size in listed.items():
            path = into / name
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as written:
                    _copy(opened, written, size, digest.update)
            except (FileExistsError, NotADirectoryError) as error:
                raise BadInputError("a file and a folder have the same name", where=name) from error
            # An empty one is a frame that is lost, of which the check tells; FFmpeg must see no text.
            if size and media_type_of(path) in (TEXT, UNKNOWN):
                raise BadInputError(
                    "not an image and not a video, as far as its first bytes tell", where=name,
                    remedy="give PNG, JPEG, WebP, TIFF, OpenEXR, DPX or videos; render a broken frame again",
                )  # fmt: skip
            os.utime(path, (SETTLED, SETTLED))
    if hasattr(os, "sync"):
        os.sync()  # of thousands of files far quicker than one by one
    return digest.hexdigest()


def _list_of(opened: BinaryIO, whole: int) -> dict[str, int]:
    """The names and sizes of the files that follow; afterwards the first of them is read next."""
    opened.seek(len(MAGIC))
    line = opened.readline(MOST_LIST_BYTES)
    wrong = BadInputError("not a folder as it is uploaded", remedy="upload it with the page or the client")
    try:
        entries = json.loads(line)
    except (ValueError, RecursionError):
        raise wrong from None
    if not line.endswith(b"\n") or not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise wrong
    if not 1 <= len(entries) <= MOST_FILES:
        raise BadInputError(f"a folder with {len(entries):,} files", remedy=f"give 1 to {MOST_FILES:,}")
    listed = {_checked(name): size for name, size in entries}
    if len(listed) < len(entries):
        raise BadInputError("two files of the folder have the same name")
    if opened.tell() + sum(listed.values()) != whole:
        raise wrong
    return listed


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)
        and type(entry[1]) is int and entry[1] >= 0
    )  # fmt: skip


def _checked(name: str) -> str:
    """A name that stays inside the folder. Raises BadInputError."""
    path = PurePosixPath(name)
    parts = name.split("/")
    if (
        re.search(r"[\x7f\ud800-\udfff]", name) or len(parts) > DEEPEST + 1
        or any(part.startswith(".") or len(part.encode()) > 255 or not is_taken_by_windows(part) for part in parts)
    ):  # fmt: skip
        raise BadInputError("a file of a folder cannot have this name", where=name.encode("ascii", "replace").decode())
    if path.suffix.lower() not in ENDINGS:
        raise BadInputError(
            "not an image and not a video that is taken, by its name", where=name, remedy="leave it out"
        )
    return name


def _copy(source: BinaryIO, target: BinaryIO, size: int, look: Callable[[bytes], None]) -> None:
    """Copy so many bytes, which are there; `look` gets each piece."""
    while size:
        piece = source.read(min(size, PIECE))
        look(piece)
        target.write(piece)
        size -= len(piece)
