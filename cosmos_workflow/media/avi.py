"""Frames as a video file without loss, written by the standard library alone: PNG files in an AVI.

FFmpeg reads them (codec tag MPNG, frames of 24 bits), and with it OpenCV, PyAV, decord and TorchCodec.
Source: Microsoft's "AVI RIFF File Reference".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from cosmos_workflow.media.frames import Frame

__all__ = ["avi_of"]

SCALE = 1_000_000  # a rate in frames a second is RATE / SCALE
FASTEST = 4000  # frames a second, from which whole ones are written: a field has 32 bits
HAS_INDEX, IS_KEY = 0x10, 0x10
BEST = 0xFFFFFFFF  # "quality": the coder's own


def avi_of(frames: Sequence[Frame], fps: float) -> bytes:
    """One or more frames of one size as an AVI file of `fps` frames a second, to six digits."""
    width, height = frames[0].width, frames[0].height
    count, scale = len(frames), SCALE if fps < FASTEST else 1
    rate = max(1, round(fps * scale))
    largest = max(len(frame.png) for frame in frames)
    main = struct.pack(
        "<14I", min(BEST, round(1e6 / fps)), 0, 0, HAS_INDEX, count, 0, 1, largest, width, height, 0, 0, 0, 0
    )  # fmt: skip
    stream = b"vidsMPNG" + struct.pack(
        "<I2H8I4H", 0, 0, 0, 0, scale, rate, 0, count, largest, BEST, 0, 0, 0, width, height
    )  # fmt: skip
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MPNG", width * height * 3, 0, 0, 0, 0)
    header = _list(b"hdrl", _chunk(b"avih", main), _list(b"strl", _chunk(b"strh", stream), _chunk(b"strf", form)))
    pictures = [_chunk(b"00dc", frame.png) for frame in frames]
    index, at = [], 4  # bytes from the word "movi"
    for frame, picture in zip(frames, pictures, strict=True):
        index.append(b"00dc" + struct.pack("<III", IS_KEY, at, len(frame.png)))
        at += len(picture)
    body = b"".join([b"AVI ", header, _list(b"movi", *pictures), _chunk(b"idx1", b"".join(index))])
    return _chunk(b"RIFF", body)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, *parts: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(parts))
