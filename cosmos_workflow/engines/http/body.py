"""The body of a request with videos in it, which are read while it is sent: never is a whole one in memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from cosmos_workflow.errors import cannot_read

__all__ = ["Body", "Media", "json_body", "media_type", "multipart_body"]

PIECE = 3 << 18  # bytes read at once; a multiple of 3, so that pieces in base64 join
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg"}


@dataclass(frozen=True)
class Media:
    """A file within a body: as it is, or in base64, with a `prefix` such as that of a data URL."""

    path: Path
    base64: bool = True
    prefix: str = ""

    @property
    def length(self) -> int:
        """Its bytes within the body. Raises BadInputError."""
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise cannot_read(self.path, error) from error
        return len(self.prefix) + (-(-size // 3) * 4 if self.base64 else size)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, one piece after the other. Raises OSError."""
        yield self.prefix.encode()
        with self.path.open("rb") as file:
            while piece := file.read(PIECE):
                yield base64.b64encode(piece) if self.base64 else piece


@dataclass(frozen=True)
class Body:
    """A body, which can be sent more than once."""

    content_type: str
    parts: tuple[bytes | Media, ...]

    @property
    def headers(self) -> dict[str, str]:
        """What the request says of it. Raises BadInputError for a file that cannot be read."""
        length = sum(len(part) if isinstance(part, bytes) else part.length for part in self.parts)
        return {"Content-Type": self.content_type, "Content-Length": str(length)}

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
            else:
                yield from part.pieces()


def json_body(values: Mapping[str, Any]) -> Body:
    """An object in JSON, in which a Media stands for a text."""
    media: list[Media] = []
    mark = token_hex(16)

    def marked(value: Any) -> str:
        media.append(value)
        return mark

    head, *tails = json.dumps(values, ensure_ascii=False, default=marked).split(mark)
    parts: list[bytes | Media] = [head.encode()]
    for each, tail in zip(media, tails, strict=True):
        parts += [each, tail.encode()]
    return Body("application/json", tuple(parts))


def multipart_body(fields: Mapping[str, str], files: Mapping[str, Path]) -> Body:
    """A form with fields and files, as browsers send it."""
    boundary = token_hex(16)
    parts: list[bytes | Media] = []
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(f"{head}{value}\r\n".encode())
    for name, path in files.items():
        kind = media_type(path)
        file = f'name="{name}"; filename="{name}{SUFFIXES.get(kind, ".mp4")}"'
        head = f"--{boundary}\r\nContent-Disposition: form-data; {file}\r\nContent-Type: {kind}\r\n\r\n"
        parts += [head.encode(), Media(path, base64=False), b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return Body(f"multipart/form-data; boundary={boundary}", tuple(parts))


def media_type(path: Path) -> str:
    """What a file is, by its first bytes; our copies of files have no suffix. Raises BadInputError."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise cannot_read(path, error) from error
    return next((kind for magic, kind in PICTURES.items() if start.startswith(magic)), "video/mp4")
