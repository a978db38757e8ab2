"""The files that the server has: known by their content, kept outside every served path."""

from __future__ import annotations

import hashlib
import os
import re
import time
from codecs import getincrementaldecoder
from contextlib import suppress
from mimetypes import MimeTypes
from pathlib import Path
from typing import Any

from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.errors import BadInputError, NotFound
from cosmos_workflow.files import write_whole
from cosmos_workflow.media import probe, read_frames, version
from cosmos_workflow.store import FileRecord, Store

__all__ = ["MEDIA_ID", "Library"]

MEDIA_ID = r"[0-9a-f]{64}"
TEXT, TEXT_LOOKED_AT = "text/plain", 1 << 16  # bytes
THUMBNAIL = 320  # pixels, the longer side

# The first bytes of what FFmpeg is let see: no playlist, which could name other files.
SIGNATURES = (
    (rb"....ftyp(qt  |M4V)", "video/quicktime"),
    (rb"....ftyp(avif|heic|mif1)", "image/avif"),
    (rb"....(ftyp|moov|mdat|wide|free)", "video/mp4"),
    (rb"\x1aE\xdf\xa3", "video/webm"),
    (rb"RIFF....AVI ", "video/x-msvideo"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"\x00\x00\x01[\xb3\xba]", "video/mpeg"),
    (rb"G.{187}G", "video/mp2t"),
    (rb"FLV\x01", "video/x-flv"),
)
TYPES = {media_type for _, media_type in SIGNATURES}
# What Python knows of names, whatever the system has besides.
NAMES = MimeTypes()
NAMES.add_type("video/webm", ".mkv")
NAMES.add_type("image/webp", ".webp")


class Library:
    """Uploaded files below `root`, and those in the folder `shared` that the server was started with.

    `types` are beginnings of the media types that it takes: those of the kinds of work that are installed.
    """

    def __init__(
        self, root: Path, store: Store, *, shared: Path | None = None, types: tuple[str, ...] = ("video/", "image/")
    ) -> None:
        self._types = types
        self._media = root / "media"
        self._thumbnails = root / "thumbnails"
        self._store = store
        self._shared = shared.resolve() if shared else None
        for folder in (self._media, self._thumbnails):
            folder.mkdir(parents=True, exist_ok=True)

    def media_type(self, path: Path) -> str:
        """The media type of a file by its first bytes. Raises BadInputError for a type that is not taken."""
        head = _head(path)
        for pattern, media_type in SIGNATURES:
            if re.match(pattern, head, re.DOTALL) and media_type.startswith(self._types):
                return media_type
        if TEXT.startswith(self._types) and _is_text(head):
            return TEXT
        raise BadInputError("neither a video nor a picture", remedy="give MP4, MOV, WebM, MKV, AVI, PNG, JPEG or WebP")

    def path(self, id: str) -> Path:
        """The file of an uploaded clip. Raises NotFound."""
        path = self._media / id[:2] / id
        if not re.fullmatch(MEDIA_ID, id) or not path.is_file():
            raise NotFound("no such clip", where=id[:80], remedy="upload it again")
        return path

    def clip(self, id: str, types: tuple[str, ...] = ("video/", "image/")) -> Path:
        """The file of an upload that is of one of these `types`: FFmpeg must see no text, which could name other files.

        Raises NotFound, BadInputError.
        """
        path = self.path(id)
        if not (media_type := self.media_type(path)).startswith(types):
            raise BadInputError(f"a file of the type {media_type} cannot be used here", where=id[:80])
        return path

    def find(self, video: str, types: tuple[str, ...] = ("video/", "image/")) -> Path:
        """The file that an input of an item names: an uploaded one by its id, or a path in the shared folder.

        Raises NotFound, also for whatever lies elsewhere, BadInputError for an upload that is of none of the `types`.
        """
        if re.fullmatch(MEDIA_ID, video):
            return self.clip(video, types)
        if self._shared is not None and "\0" not in video:
            with suppress(OSError):  # a name that is too long
                path = Path(os.path.realpath(self._shared / video))
                if path.is_relative_to(self._shared) and path.is_file():
                    return path
        raise NotFound("no such clip", where=video[:80], remedy="upload it, or give a path in the media folder")

    def shared(self, types: tuple[str, ...] = (), most: int = 500) -> list[str]:
        """The files in the shared folder that are of one of these media types, by their names; by default of any taken.

        Each as `find` takes it.
        """
        paths: list[str] = []
        for folder, folders, names in os.walk(self._shared or "/nonexistent"):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and _type_by_name(name).startswith(types or self._types):
                    paths.append((Path(folder) / name).relative_to(self._shared or Path()).as_posix())
                    if len(paths) >= most:
                        return paths
        return paths

    def record(self, id: str) -> FileRecord:
        """What is known of an uploaded clip. Raises NotFound."""
        return self._store.files.get(id)

    def take(self, file: Path, name: str) -> FileRecord:
        """Take a whole file in, and away from where it was. Raises BadInputError for one that is not taken."""
        media_type = self.media_type(file)
        facts: dict[str, Any] = {}
        if media_type != TEXT:
            clip = probe(file)
            facts = {"width": clip.width, "height": clip.height, "frames": clip.frames, "duration": clip.duration}
        size, digest = file.stat().st_size, sha256_of(file)
        path = self._media / digest[:2] / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        with file.open("r+b") as synced:
            os.fsync(synced.fileno())  # before its row says that it is there
        file.replace(path)
        self._store.hashes.of(path.absolute(), version(path), lambda _: digest)
        return self._store.files.add(FileRecord(digest, name, time.time(), size, media_type=media_type, **facts))

    def remove(self, id: str) -> None:
        """Forget a clip and its bytes; prompts that used it stay. Raises NotFound."""
        self._store.files.get(id)
        (self._media / id[:2] / id).unlink(missing_ok=True)  # another request removes it just now, or it was lost
        (self._thumbnails / f"{id}.png").unlink(missing_ok=True)
        self._store.files.remove(id)

    def thumbnail(self, path: Path) -> bytes:
        """A small PNG of a clip's first frame, made once. Raises BadInputError, also for a text."""
        if path.is_relative_to(self._media):
            self.clip(path.name)
        elif _is_text(_head(path)):
            raise BadInputError("a text has no picture", where=path.name)
        stat = path.stat()
        name = path.name if re.fullmatch(MEDIA_ID, path.name) else ""
        name = name or hashlib.sha256(f"{path}{stat.st_mtime_ns}{stat.st_size}".encode()).hexdigest()
        file = self._thumbnails / f"{name}.png"
        if not file.exists():
            clip = probe(path)
            ratio = min(1.0, THUMBNAIL / max(clip.width, clip.height))
            size = max(1, round(clip.width * ratio)), max(1, round(clip.height * ratio))
            write_whole(file, read_frames(clip, 1, size=size)[0].png, sync=False)
        return file.read_bytes()


def _type_by_name(name: str) -> str:
    """The media type that a file's name says; empty for one that no file is taken for."""
    media_type = NAMES.guess_type(name)[0] or ""
    return media_type if media_type.startswith("text/") or media_type in TYPES else ""


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(TEXT_LOOKED_AT)


def _is_text(head: bytes) -> bool:
    """Whether a file that begins so is text in UTF-8; its last letter may be cut."""
    try:
        letters = getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(letters) and not re.search(r"[\x00-\x08\x0e-\x1f]", letters)
