"""Uploads in pieces: what has arrived is kept, and after a broken connection the upload continues from there."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from cosmos_workflow.errors import BadInputError, Conflict, HostFull, NotFound
from cosmos_workflow.files import write_whole
from cosmos_workflow.server.library import SPARE_BYTES, Library
from cosmos_workflow.server.shapes import Media, Upload

__all__ = ["Uploads"]

UPLOAD_ID = r"[0-9a-f]{32}"
STALE_SECONDS = 86400.0  # an upload that nobody has continued for a day is dropped
MOST_OPEN = 200  # uploads that have begun and are not whole


class Uploads:
    """Files that come, in `folder`; a whole one goes to the library. `most` is how many bytes one may have."""

    def __init__(self, folder: Path, library: Library, *, most: int) -> None:
        self._folder = folder
        self._library = library
        self._most = most
        folder.mkdir(parents=True, exist_ok=True)
        self._beginning = threading.Lock()
        self._missing()

    def begin(self, name: str, size: int) -> Upload:
        """A new upload.

        Raises Conflict for one that is too large and where too many are open, HostFull where the disk has no room
        for it beside what the open ones may still bring.
        """
        if size > self._most:
            raise Conflict(f"an upload of {size:,} bytes is too large", where=name, remedy=f"at most {self._most:,}")
        with self._beginning:
            missing = self._missing()
            if len(missing) >= MOST_OPEN:
                what = f"{len(missing)} uploads have begun and are not finished"
                raise Conflict(what, where=name, remedy="finish or drop one of them; after a day they are dropped")
            if shutil.disk_usage(self._folder).free < sum(missing) + size + SPARE_BYTES:
                raise HostFull("the server's disk is full", where=name, remedy="remove clips that are no longer needed")
            id = token_hex(16)
            note = {"name": Path(name.replace("\\", "/")).name or "clip", "size": size}
            (self._folder / f"{id}.part").touch()
            write_whole(self._folder / f"{id}.json", json.dumps(note).encode())
        return self.get(id)

    def get(self, id: str) -> Upload:
        """How far an upload is; one that was taken in has its clip. Raises NotFound."""
        note = self._note(id)
        if media := note.pop("media", None):
            return Upload(id=id, offset=note["size"], media=Media.of(self._library.record(media)), **note)
        offset = note["size"]
        with suppress(FileNotFoundError):  # all its bytes have come: another request takes it in just now
            offset = (self._folder / f"{id}.part").stat().st_size
        return Upload(id=id, offset=offset, **note)

    @contextmanager
    def piece(self, id: str, offset: int) -> Iterator[Callable[[bytes], None]]:
        """Where the bytes from `offset` on go, in order.

        Raises Conflict where other bytes are due, for too many, and while another piece is being received.
        """
        size = self.get(id).size
        lock = FileLock(self._folder / f"{id}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Conflict("another piece of this upload is being received", where=id, remedy="wait for it") from None
        try:
            now = self.get(id)
            if now.media or offset != now.offset:
                raise Conflict(f"the next piece begins at {now.offset}", where=id, remedy="ask for the upload's offset")
            with self._part(id) as file:

                def put(data: bytes) -> None:
                    if file.tell() + len(data) > size:
                        raise Conflict(
                            "more bytes than the upload was begun with",
                            where=id,
                            remedy="begin it again with its true size",
                        )
                    file.write(data)

                yield put
        finally:
            lock.release()

    def finish(self, id: str) -> Upload:
        """Take in an upload whose bytes have all come. Raises BadInputError for what is no clip, and drops it.

        It is remembered for a while, as the answer to its last piece may be lost on the way.
        """
        upload = self.get(id)
        try:
            with FileLock(self._folder / f"{id}.lock", thread_local=False):
                upload = self.get(id)
                if not upload.media:  # else another request has finished it meanwhile
                    self._part(id).close()  # a server that was killed here may have taken it in already
                    record = self._library.take(self._folder / f"{id}.part", upload.name)
                    note = {"name": upload.name, "size": upload.size, "media": record.sha256}
                    write_whole(self._folder / f"{id}.json", json.dumps(note).encode())
                return self.get(id)
        except BadInputError as error:
            self.drop(id)  # behind the lock, whose file goes too
            raise BadInputError(error.what, where=upload.name, remedy=error.remedy) from error
        except NotFound:
            self._remove(id)
            raise

    def drop(self, id: str) -> None:
        """Forget an upload. Raises NotFound."""
        self._note(id)
        self._remove(id)

    def _missing(self) -> list[int]:
        """The bytes that each open upload may still bring; what nobody has touched for a day is dropped."""
        latest: dict[str, float] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):  # another request ends it just now
                    id = entry.name.partition(".")[0]
                    latest[id] = max(latest.get(id, 0.0), entry.stat().st_mtime)
        missing = []
        for id, moment in latest.items():
            with suppress(OSError, NotFound, ValueError):
                if time.time() - moment > STALE_SECONDS:
                    self._remove(id)
                elif "media" not in (note := self._note(id)):
                    missing.append(note["size"] - (self._folder / f"{id}.part").stat().st_size)
        return missing

    def _note(self, id: str) -> dict[str, Any]:
        """An upload's name and size, and its clip's id once it was taken in. Raises NotFound."""
        try:
            if not re.fullmatch(UPLOAD_ID, id):
                raise FileNotFoundError
            return dict(json.loads((self._folder / f"{id}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise _unknown(id) from None

    def _part(self, id: str) -> BinaryIO:
        """What has come of an upload, at its end; never a new file. Raises NotFound."""
        try:
            file = (self._folder / f"{id}.part").open("r+b")
        except FileNotFoundError:
            raise _unknown(id) from None
        file.seek(0, os.SEEK_END)
        return file

    def _remove(self, id: str) -> None:
        for suffix in ("part", "json", "lock"):
            (self._folder / f"{id}.{suffix}").unlink(missing_ok=True)


def _unknown(id: str) -> NotFound:
    return NotFound("no such upload", where=id[:80], remedy="begin it again")
