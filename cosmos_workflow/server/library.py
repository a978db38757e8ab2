"""The files that the server has: known by their content, kept outside every served path."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from mimetypes import MimeTypes
from pathlib import Path
from secrets import token_hex
from typing import Any

from cosmos_workflow.agent.files import sha256_of
from cosmos_workflow.errors import BadInputError, HostFull, NotFound
from cosmos_workflow.files import write_whole
from cosmos_workflow.media import probe, read_frames, version
from cosmos_workflow.media.numbering import IMAGES, sequences_in
from cosmos_workflow.media.sequence import files_of, is_sequence
from cosmos_workflow.media.types import SIGNATURES, TEXT, media_type_of
from cosmos_workflow.server.folders import FOLDER, is_folder, unpack
from cosmos_workflow.server.shapes import MEDIA_ID
from cosmos_workflow.store import FileRecord, Store

__all__ = ["SPARE_BYTES", "Library"]

THUMBNAIL = 320  # pixels, the longer side
STALE_SECONDS = 86400.0
SPARE_BYTES = 256 << 20  # that stay free on the disk

TYPES = {media_type for _, media_type in SIGNATURES}
# What Python knows of names, whatever the system has besides.
NAMES = MimeTypes()
NAMES.add_type("video/webm", ".mkv")
NAMES.add_type("image/webp", ".webp")
NAMES.add_type("image/x-exr", ".exr")
NAMES.add_type("image/x-dpx", ".dpx")


class Library:
    """Uploaded files and folders below `root`, and those in the folder `shared` that the server was started with.

    `types` are beginnings of the media types that it takes: those of the kinds of work that are installed.
    """

    def __init__(
        self, root: Path, store: Store, *, shared: Path | None = None, types: tuple[str, ...] = ("video/", "image/")
    ) -> None:
        self._types = types
        self._media = root.resolve() / "media"
        self._thumbnails = root / "thumbnails"
        self._store = store
        self._shared = shared.resolve() if shared else None
        for folder in (self._media, self._thumbnails):
            folder.mkdir(parents=True, exist_ok=True)
        for part in self._media.glob(".*.part"):  # of a server that was killed; another one may be at work just now
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > STALE_SECONDS:
                    shutil.rmtree(part) if part.is_dir() else part.unlink()

    def media_type(self, path: Path) -> str:
        """The media type of a file by its first bytes. Raises BadInputError for a type that is not taken."""
        media_type = FOLDER if path.is_dir() else media_type_of(path)
        if media_type.startswith(self._types):
            return media_type
        raise BadInputError("neither a video nor a picture", remedy="give MP4, MOV, WebM, MKV, AVI, PNG, JPEG or WebP")

    def path(self, id: str) -> Path:
        """The file of an uploaded clip. Raises NotFound, also for a folder."""
        if not (path := self._uploaded(id)).is_file():
            raise NotFound("it is a folder, which has no bytes of its own", where=id, remedy="name a file")
        return path

    def _uploaded(self, id: str) -> Path:
        path = self._media / id[:2] / id
        if not re.fullmatch(MEDIA_ID, id) or not path.exists():
            raise NotFound("no such clip", where=id[:80], remedy="upload it again")
        return path

    def clip(self, id: str, types: tuple[str, ...] = ("video/", "image/")) -> Path:
        """An upload that is of one of these `types`: FFmpeg must see no text, which could name other files.

        Raises NotFound, BadInputError.
        """
        path = self._uploaded(id)
        if not (media_type := self.media_type(path)).startswith(types):
            raise BadInputError(f"a file of the type {media_type} cannot be used here", where=id[:80])
        return path

    def find(self, video: str, types: tuple[str, ...] = ("video/", "image/")) -> Path:
        """The file, the folder or the pattern of numbered images that an input of an item names.

        It is an upload by its id, something in an uploaded folder (`ID/shot/color.%04d.png`), or a path in the shared
        folder. Raises NotFound, also for whatever lies elsewhere, BadInputError for an upload that is of none of the
        `types`.
        """
        id, _, inner = video.partition("/")
        if re.fullmatch(MEDIA_ID, id):
            path = self.clip(id, types)
            if not inner:
                return _with_files(path)
            root: Path | None = path if path.is_dir() else None
        else:
            root, inner = self._shared, video
        if root is not None and "\0" not in inner:
            with suppress(OSError, BadInputError):  # a name that is too long, a pattern that no image has
                root = root.resolve()
                path = Path(os.path.realpath(root / inner))
                if path.is_relative_to(root) and (path.is_file() or _sequence_inside(path, root)):
                    return path
        raise NotFound("no such clip", where=video[:80], remedy="upload it, or give a path in the media folder")

    def name_of(self, path: Path) -> str:
        """What `find` finds a file or a folder of the library or of the shared folder by."""
        if path.is_relative_to(self._media):
            return Path(*path.relative_to(self._media).parts[1:]).as_posix()
        return path.relative_to(self._shared or path.anchor).as_posix()

    def is_inside(self, path: Path) -> bool:
        """Whether a path lies in the shared folder, wherever links lead; there need be nothing."""
        with suppress(OSError, ValueError, RuntimeError):  # a name that no system takes, links in a circle
            return self._shared is not None and path.resolve().is_relative_to(self._shared)
        return False

    def without_folders(self, text: str) -> str:
        """A message with the names of files as people know them, without where the server has them."""
        text = re.sub(rf"{re.escape(str(self._media))}[\\/][0-9a-f]{{2}}[\\/]{MEDIA_ID}[\\/]?", "", text)
        return text.replace(f"{self._shared}{os.sep}", "") if self._shared else text

    def shared(self, types: tuple[str, ...] = (), most: int = 500) -> list[str]:
        """The files in the shared folder that are of one of these media types, by their names; by default of any taken.

        Numbered images are listed as their pattern. Each as `find` takes it.
        """
        paths: list[str] = []
        for folder, names in self._shared_files(types or self._types):
            paths += [(folder / name).as_posix() for name in _with_patterns(names)]
            if len(paths) >= most:
                break
        return paths[:most]

    def shared_folders(self, types: tuple[str, ...], most: int = 200) -> list[str]:
        """The folders in the shared folder that files of these types are in, also deeper; itself as "."."""
        folders: set[str] = set()
        for folder, _ in self._shared_files(types):
            folders |= {each.as_posix() for each in (folder, *folder.parents)}
            if len(folders) >= most:
                break
        return sorted(folders)

    def shared_specs(self, most: int = 200) -> list[str]:
        """The JSON files in the shared folder, and its folders with such a file that says what is in them.

        Each as `find` takes it; a folder's own description (manifest.json) stands for the folder.
        """
        names: set[str] = set()
        for folder, folders, files in os.walk(self._shared or "/nonexistent"):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = Path(folder).relative_to(self._shared or Path())
            if "manifest.json" in files:
                names |= {inside.as_posix(), inside.parent.as_posix()} - {"."}
            elif "results.jsonl" not in files:
                names |= {(inside / name).as_posix() for name in files if name.endswith((".json", ".jsonl"))}
            if len(names) >= most:
                break
        return sorted(names)[:most]

    def _shared_files(self, types: tuple[str, ...]) -> Iterator[tuple[Path, list[str]]]:
        """Each folder in the shared one with files whose names are of these types, and their names."""
        for folder, folders, names in os.walk(self._shared or "/nonexistent"):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            taken = sorted(name for name in names if not name.startswith(".") and _type_by_name(name).startswith(types))
            if taken:
                yield Path(folder).relative_to(self._shared or Path()), taken

    def record(self, id: str) -> FileRecord:
        """What is known of an uploaded clip. Raises NotFound."""
        return self._store.files.get(id)

    def take(self, file: Path, name: str) -> FileRecord:
        """Take a whole file in, and away from where it was. Raises BadInputError for one that is not taken."""
        if is_folder(file):
            return self._take_folder(file, name)
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

    def _take_folder(self, file: Path, name: str) -> FileRecord:
        """Take in the files that `file` holds; their folder is known by the SHA-256 of that file."""
        size = file.stat().st_size
        part = self.part()
        part.mkdir()
        try:
            if shutil.disk_usage(part).free < size + SPARE_BYTES:
                raise HostFull("the server's disk is full", where=name, remedy="remove clips that are not needed")
            digest = unpack(file, part)
            path = self._media / digest[:2] / digest
            path.parent.mkdir(exist_ok=True)
            try:
                part.replace(path)
            except OSError:
                if not path.is_dir():  # else it is there already
                    raise
        except BadInputError as error:
            what = f"{error.where}: {error.what}" if error.where else error.what
            raise BadInputError(what, where=name, remedy=error.remedy) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        facts: dict[str, Any] = {}
        with suppress(BadInputError):  # several shots, or images that only some kinds of work read
            clip = probe(_with_files(path))
            facts = {"width": clip.width, "height": clip.height, "frames": clip.frames, "duration": clip.duration}
        file.unlink()
        return self._store.files.add(FileRecord(digest, name, time.time(), size, media_type=FOLDER, **facts))

    def part(self) -> Path:
        """A new path for a file or folder that is not whole; `__init__` removes what a crash leaves of it."""
        return self._media / f".{token_hex(8)}.part"

    def remove(self, id: str) -> None:
        """Forget a clip and its bytes; prompts that used it stay. Raises NotFound."""
        self._store.files.get(id)
        path, part = self._media / id[:2] / id, self.part()
        if path.is_dir():
            with suppress(FileNotFoundError):  # another request removes it just now
                path.replace(part)  # first, as a folder that is removed halfway looks like a whole one
            shutil.rmtree(part, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)  # as above, or it was lost
        (self._thumbnails / f"{id}.png").unlink(missing_ok=True)
        self._store.files.remove(id)

    def thumbnail(self, path: Path) -> bytes:
        """A small PNG of a clip's first frame, made once. Raises BadInputError, also for a text."""
        uploaded = path.parent.parent == self._media
        if uploaded:
            self.clip(path.name)
        elif path.is_file() and media_type_of(path) == TEXT:
            raise BadInputError("a text has no picture", where=path.name)
        name = path.name if uploaded else hashlib.sha256(f"{path}{version(path)}".encode()).hexdigest()
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


def _with_files(path: Path) -> Path:
    """A file itself; of a folder that holds one folder alone, that one."""
    while path.is_dir() and len(inside := list(path.iterdir())) == 1 and inside[0].is_dir():
        path = inside[0]
    return path


def _sequence_inside(path: Path, root: Path) -> bool:
    """Whether a path is a folder or a pattern, and none of its images is a link that leads out of `root`.

    Raises BadInputError for a pattern that no image has.
    """
    if not is_sequence(path):
        return False
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() in IMAGES]
    else:
        files = list(files_of(path).values())
    return all(Path(os.path.realpath(file)).is_relative_to(root) for file in files if file.is_symlink())


def _with_patterns(names: list[str]) -> list[str]:
    """The names of a folder, in which two or more numbered images are one pattern."""
    sequences, _ = sequences_in(name for name in names if Path(name).suffix.lower() in IMAGES)
    patterns = {name: each.pattern for each in sequences if len(each.files) > 1 for _, name in each.files}
    return list(dict.fromkeys(patterns.get(name, name) for name in names))
