"""Whether a file is there as a whole: by the marks at its end or in its header, without decoding it."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

__all__ = ["broken", "exr_attributes"]


def broken(path: Path) -> str:
    """Why an image is not whole, as far as that shows without decoding it; empty if nothing is wrong.

    A renderer that is still at work, or was ended, leaves such files. Formats without marks count as whole.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < 16:
                return "it ends early" if size else "it is empty"
            head = file.read(1024)
            if head.startswith(b"\x89PNG\r\n\x1a\n"):
                return _png(file, size)
            if head.startswith(b"\xff\xd8\xff"):
                return _jpeg(file, size)
            if head.startswith(b"\x76\x2f\x31\x01"):
                return _exr(file, size)
            if head[:4] in (b"SDPX", b"XPDS"):
                return _dpx(head, size)
            if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
                stated = struct.unpack_from("<I", head, 4)[0] + 8
                return "" if size >= stated else _short(stated, size)
            if head[:4] in (b"II*\0", b"MM\0*"):
                return _tiff(head, size)
    except OSError as error:
        return error.strerror or str(error)
    except struct.error:
        return "its header ends early"
    return ""


def _short(stated: int, size: int) -> str:
    return f"it ends after {size:,} of {stated:,} bytes"


def _png(file: BinaryIO, size: int) -> str:
    """Goes from chunk to chunk; the checksums of the header and of the end are read, those of the pixels are not."""
    position = 8
    while position + 12 <= size:
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if name in (b"IHDR", b"IEND"):
            data = file.read(length + 4)
            if len(data) < length + 4 or zlib.crc32(name + data[:-4]) != int.from_bytes(data[-4:], "big"):
                return f"its {name.decode()} is damaged"
        if name == b"IEND":
            return ""
        position += 12 + length
    return "it ends early"


def _jpeg(file: BinaryIO, size: int) -> str:
    """Goes from segment to segment up to the pixels: a thumbnail before them has an end of its own."""
    position = 2
    while True:
        file.seek(position)
        marker, name, length = struct.unpack(">BBH", file.read(4))
        if marker != 0xFF or (name == 0xFF and position + 1 >= size):
            return "its header is damaged"
        if name == 0xFF:  # a byte that fills up
            position += 1
            continue
        position += 2 + length
        if name == 0xDA:
            break
    # Cameras write a few bytes behind the end.
    file.seek(max(position, size - 65_536))
    return "" if b"\xff\xd9" in file.read() else "it ends early"


# Lines in a block, by the number of the compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB.
LONGEST = 65_536  # bytes of an attribute that is read
LINES = dict(enumerate((1, 1, 1, 16, 32, 16, 32, 32, 32, 256)))


def _exr(file: BinaryIO, size: int) -> str:
    """OpenEXR writes the table of its blocks last: a block that is not there yet has the offset 0."""
    file.seek(4)
    (version,) = struct.unpack("<I", file.read(4))
    if version & 0x1800:  # several parts, or deep data: their tables are laid out differently
        return ""
    tiled = bool(version & 0x200)
    blocks = _blocks(exr_attributes(file, size), tiled)
    if not blocks:
        return ""
    offsets = struct.unpack(f"<{blocks}Q", file.read(8 * blocks))
    lacking = sum(not 0 < offset < size for offset in offsets)
    if lacking:
        return f"{lacking} of its {blocks} blocks of pixels are not there"
    # A block begins with where it is in the picture, and its length.
    start = max(offsets) + (16 if tiled else 4)
    file.seek(start)
    (length,) = struct.unpack("<I", file.read(4))
    end = start + 4 + length
    return "" if end <= size else _short(end, size)


def exr_attributes(file: BinaryIO, size: int) -> dict[bytes, bytes]:
    """The attributes of an OpenEXR header, from behind its first eight bytes on. Long ones, such as Cryptomatte's
    manifest, are passed over. Raises struct.error where the header ends early.
    """
    attributes = {}
    while name := _text(file):
        _text(file)  # its type
        (length,) = struct.unpack("<I", file.read(4))
        if length > size:
            raise struct.error
        if length > LONGEST:
            file.seek(length, os.SEEK_CUR)
        else:
            attributes[name] = file.read(length)
    return attributes


def _blocks(attributes: dict[bytes, bytes], tiled: bool) -> int:
    """How many blocks of pixels an OpenEXR file has; 0 where that is not known."""
    left, top, right, bottom = struct.unpack("<4i", attributes.get(b"dataWindow", b""))
    width, height = right - left + 1, bottom - top + 1
    if tiled:
        across, down, mode = struct.unpack("<2IB", attributes.get(b"tiles", b""))
        return 0 if mode & 0xF or not across * down else -(-width // across) * -(-height // down)  # 0 with mipmaps
    lines = LINES.get(attributes.get(b"compression", b"\xff")[0])
    return -(-height // lines) if lines else 0


def _text(file: BinaryIO) -> bytes:
    """A text of OpenEXR's header, which a zero ends. Raises struct.error at the end of the file."""
    text = b""
    while (byte := file.read(1)) != b"\0":
        if not byte or len(text) > 255:
            raise struct.error
        text += byte
    return text


def _dpx(head: bytes, size: int) -> str:
    if len(head) < 20:
        return "its header ends early"
    (stated,) = struct.unpack_from(">I" if head[:4] == b"SDPX" else "<I", head, 16)
    return _short(stated, size) if size < stated < 0xFFFFFFFF else ""


def _tiff(head: bytes, size: int) -> str:
    """A TIFF's first directory may be anywhere; where it is beyond the end, the rest was not written."""
    (offset,) = struct.unpack_from("<I" if head[:2] == b"II" else ">I", head, 4)
    return "" if offset < size else "it ends early"
