"""What kind of file it is, by its first bytes: names may say anything."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from pathlib import Path

__all__ = ["ENDINGS", "SIGNATURES", "TEXT", "UNKNOWN", "media_type_of"]

TEXT, TEXT_LOOKED_AT = "text/plain", 1 << 16  # bytes
UNKNOWN = "application/octet-stream"

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
    (rb"\x76\x2f\x31\x01", "image/x-exr"),
    (rb"SDPX|XPDS", "image/x-dpx"),
    (rb"II\*\x00|MM\x00\*", "image/tiff"),
    (rb"\x00\x00\x01[\xb3\xba]", "video/mpeg"),
    (rb"G.{187}G", "video/mp2t"),
    (rb"FLV\x01", "video/x-flv"),
)

# How files with these first bytes are called; of any other name, none is taken into a folder of images or videos.
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".tif", ".tiff", ".exr", ".dpx", ".mp4", ".mov",
                     ".m4v", ".3gp", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv"})  # fmt: skip


def media_type_of(path: Path) -> str:
    """The media type of a file: of a video or picture, of text in UTF-8, or UNKNOWN. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(TEXT_LOOKED_AT)
    for pattern, media_type in SIGNATURES:
        if re.match(pattern, head, re.DOTALL):
            return media_type
    return TEXT if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    """Whether a file that begins so is text in UTF-8; its last letter may be cut."""
    try:
        letters = getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(letters) and not re.search(r"[\x00-\x08\x0e-\x1f]", letters)
