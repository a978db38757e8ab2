"""Takes the video out of an answer as it comes: it is never in memory as a whole, in whatever form it is sent."""

from __future__ import annotations

import base64
import re
import zipfile
from pathlib import Path
from typing import BinaryIO, Literal

__all__ = ["VideoSink"]

KEY = re.compile(rb'"b64_video"\s*:\s*"')
LONGEST_KEY = 64  # bytes, with spaces
PIECE = 1 << 20
State = Literal["begin", "raw", "before", "video", "after", "other"]


class VideoSink:
    """A sink of `Connection.send`: an answer that is a video, or JSON with one as `b64_video`, goes into a file.

    NVCF sends a large result as a zip file, with the answer in it. What is no video stays in the Reply. `problem` says
    what is wrong with a video, once the answer is `closed`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self.begin()

    def begin(self) -> None:
        """Forget what came, before the answer is asked for again."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.size, self.problem = 0, ""
        self._state: State = "begin"
        self._kept = b""

    def __call__(self, piece: bytes) -> bytes:
        """Take a piece; returns what of it is not the video. Raises OSError where the disk does not take it."""
        if self._state == "begin":
            piece, self._kept = self._kept + piece, b""
            if len(piece) < 8:
                self._kept = piece
                return b""
            self._state = _form(piece)
        if self._state == "raw":
            self._write(piece)
            return b""
        return self._from_json(piece) if self._state in ("before", "video") else piece

    def close(self) -> None:
        """End the file."""
        if self._file:
            self._file.close()
            self._file = None

    def closed(self) -> bytes:
        """End the answer, and unpack it; returns what is left of it besides the video. Raises OSError."""
        if self._state == "video":
            self.problem = self.problem or "the answer ends within the video"
        self.close()
        left = self._kept if self._state in ("begin", "before") else b""
        if self._state == "raw" and zipfile.is_zipfile(self.path):
            left += self._unpack()
        if self.problem:
            self.size = 0
        return left

    def _from_json(self, piece: bytes) -> bytes:
        rest = b""
        piece = self._kept + piece
        self._kept = b""
        if self._state == "before":
            match = KEY.search(piece)
            if not match:
                rest, self._kept = piece[:-LONGEST_KEY], piece[-LONGEST_KEY:]
                return rest
            self._state = "video"
            rest, piece = piece[: match.end()], piece[match.end() :]
        text, quote, behind = piece.partition(b'"')
        text = text.replace(b"\\", b"")  # some write \/ for a slash
        whole = len(text) if quote else len(text) // 4 * 4
        if not self.problem:
            try:
                self._write(base64.b64decode(text[:whole], validate=True))
            except ValueError as error:
                self.problem = f"its base64 is broken ({error})"
        if quote:
            self._state = "after"
            return rest + quote + behind
        self._kept = text[whole:]
        return rest

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self.path.open("wb")
        self._file.write(data)
        self.size += len(data)

    def _unpack(self) -> bytes:
        """Take the video, or the answer, out of a zip file."""
        packed = self.path.with_suffix(".zip")
        self.path.replace(packed)
        self.begin()
        rest = b""
        try:
            with zipfile.ZipFile(packed) as archive:
                names = [name for name in archive.namelist() if name.endswith((".mp4", ".response", ".json"))]
                for name in sorted(names, key=lambda name: not name.endswith(".mp4"))[:1]:
                    with archive.open(name) as file:
                        while piece := file.read(PIECE):
                            rest += self(piece)
            if self._state == "video":
                self.problem = "the answer ends within the video"
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            self.problem = f"its zip file cannot be read ({error})"
        finally:
            self.close()
            packed.unlink(missing_ok=True)
        return rest


def _form(start: bytes) -> State:
    """What an answer is by its first bytes: a video or a zip file, JSON, or something else."""
    if start[4:8] == b"ftyp" or start.startswith((b"PK\x03\x04", b"\x1a\x45\xdf\xa3")):
        return "raw"
    return "before" if start.lstrip().startswith(b"{") else "other"
