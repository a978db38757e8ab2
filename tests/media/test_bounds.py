"""However large a picture is or how long a clip, little memory holds what is read of it."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import measuring, probe, read_frames
from cosmos_workflow.media.bounds import refuse_pixels

SIDE = 16_000
TOO_LARGE = "a picture of 16000x16000 has 256 megapixels, but the limit is 100"
# What Python, FFmpeg, NumPy and Pillow take themselves is far less; 256 megapixels are more at a byte each.
MOST_MIB = 200


def png(side: int) -> bytes:
    """RGBA; of a large one only the first rows are there, which is enough for a decoder to make room for all."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes((1 + 4 * side) * min(side, 64)))
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture_of(kind: str) -> bytes:
    """A small picture whose header states a large one."""
    if kind == "png":
        return png(SIDE)
    file = io.BytesIO()
    if kind == "exr":
        return exr().replace(struct.pack("<4i", 0, 0, 36, 40), struct.pack("<4i", 0, 0, SIDE - 1, SIDE - 1))
    Image.new("RGB", (37, 41)).save(file, {"jpg": "jpeg", "tif": "tiff"}.get(kind, kind))
    data, before, after = file.getvalue(), (37, 41), (SIDE, SIDE)
    for form in {"jpg": [">HH"], "gif": ["<HH"], "bmp": ["<ii"], "webp": ["<HH"]}.get(kind, []):
        numbers = before[::-1] if kind == "jpg" else before
        data = data.replace(struct.pack(form, *numbers), struct.pack(form, *after))
    if kind == "tif":
        for tag, number in ((256, 37), (257, 41)):
            for code, form in ((3, "<HHIHxx"), (4, "<HHII")):
                data = data.replace(struct.pack(form, tag, code, 1, number), struct.pack("<HHII", tag, 4, 1, SIDE))
    return data


def exr() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as container:
        stream = container.add_stream("exr", rate=24)
        stream.width, stream.height, stream.pix_fmt = 37, 41, "gbrpf32le"
        frame = av.VideoFrame.from_ndarray(np.zeros((41, 37, 3), np.float32), "gbrpf32le")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def video(path: Path, *pictures: bytes, side: int) -> Path:
    """PNG pictures as a video, stated to be of `side` × `side`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=24)
        stream.width, stream.height, stream.pix_fmt = side, side, "rgba"
        container.start_encoding()
        for index, data in enumerate(pictures):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.duration = stream, index, index, 1
            packet.time_base, packet.is_keyframe = Fraction(1, 24), True
            container.mux(packet)
    return path


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "tif", "webp", "exr", "mov", "avi"])
def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"large.{kind}"
    if kind in ("mov", "avi"):
        video(path, png(SIDE), png(SIDE), side=SIDE)
    else:
        path.write_bytes(picture_of(kind))
    program = f"""
from pathlib import Path
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import probe, read_frames
for action in (probe, read_frames):
    try:
        action({str(path)!r})
    except BadInputError as error:
        print(error.what)
status = Path("/proc/self/status")  # of Linux; getrusage would count what the parent had before
print(status.read_text().split("VmHWM:")[1].split()[0] if status.exists() else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *messages, peak = done.stdout.splitlines()
    assert messages == [TOO_LARGE] * 2
    assert int(peak) / 1024 < MOST_MIB


def test_a_clip_that_grows_ends_there(tmp_path: Path) -> None:
    """The bound holds for each frame, not for what the header states."""
    path = video(tmp_path / "growing.mov", png(64), png(SIDE), side=64)
    assert len(read_frames(path, 2)) == 1


def test_measuring_holds_a_bounded_number_of_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clip states: Matroska states no count, and its duration may be wrong."""
    monkeypatch.setattr(measuring, "MAX_FRAMES", 20)
    pictures = [clips.flat((i, i, i), 32, 32) for i in range(230)]
    path = clips.write(tmp_path / "long.mkv", pictures, codec="ffv1", pixel_format="bgr0")
    clip = probe(path)
    for frames in (1, 7, 230, 10_000):
        times, small = measuring._sample(replace(clip, frames=frames))
        assert len(times) == len(small) <= 20
        assert measuring._sample(replace(clip, frames=frames))[0] == times
        if frames < 10_000:
            # Evenly over the whole clip.
            steps = np.diff(times)
            assert steps == pytest.approx([steps[0]] * len(steps), abs=0.002)
            assert times[-1] + steps[0] >= 229 / 24


def test_the_bound_itself() -> None:
    refuse_pixels(Path("x.png"), 10_000, 10_000)
    with pytest.raises(BadInputError, match="10000x10001"):
        refuse_pixels(Path("x.png"), 10_000, 10_001)
