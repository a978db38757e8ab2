"""A file that was cut off is told from a whole one without decoding it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from cosmos_workflow.media.wholeness import broken

PICTURE = np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8)


def by_pillow(path: Path) -> Path:
    Image.fromarray(PICTURE).save(path)
    return path


def by_oiio(path: Path, compression: str = "", tile: int = 0) -> Path:
    spec = OpenImageIO.ImageSpec(120, 90, 3, "half" if path.suffix == ".exr" else "uint16")
    if compression:
        spec.attribute("compression", compression)
    if tile:
        spec.tile_width = spec.tile_height = tile
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    pixels = PICTURE.astype(np.float32) / 255
    assert output.write_tiles(0, 120, 0, 90, 0, 1, pixels) if tile else output.write_image(pixels)
    output.close()
    return path


WRITERS = [
    *((by_pillow, (f"a.{suffix}",)) for suffix in ("png", "jpg", "webp", "tif")),
    *((by_oiio, ("a.exr", name)) for name in ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "dwaa", "dwab")),
    (by_oiio, ("a.exr", "zip", 32)),
    (by_oiio, ("a.dpx",)),
]


@pytest.mark.parametrize(
    ("write", "arguments"), WRITERS, ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else ""
)  # type: ignore[arg-type]
def test_whole_and_cut_off(tmp_path: Path, write: object, arguments: tuple[object, ...]) -> None:
    path = write(tmp_path / str(arguments[0]), *arguments[1:])  # type: ignore[operator]
    assert broken(path) == ""
    data = path.read_bytes()
    # Pillow writes a TIFF's directory first, so that a TIFF which lacks pixels shows only when it is decoded.
    cuts = [0, 4, 8, 12] if path.suffix == ".tif" else [0, 3, 20, 60, 200, len(data) // 2, len(data) - 9]
    for cut in cuts:
        path.write_bytes(data[:cut])
        assert broken(path), cut


def test_a_renderer_that_was_ended_leaves_blocks_out(tmp_path: Path) -> None:
    path = by_oiio(tmp_path / "a.exr", "zip")
    data = bytearray(path.read_bytes())
    spec = OpenImageIO.ImageInput.open(str(path)).spec()
    assert spec.height == 90
    # 90 lines are 6 blocks of 16; the table of their offsets stands right before the first block.
    first = min(int.from_bytes(data[i : i + 8], "little") for i in range(len(data) - 8)
                if int.from_bytes(data[i : i + 8], "little") == i + 48)  # fmt: skip
    data[first - 16 : first] = bytes(16)
    path.write_bytes(data)
    assert broken(path) == "2 of its 6 blocks of pixels are not there"


def test_what_it_does_not_know_counts_as_whole(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(b"BM" + bytes(100))
    assert broken(tmp_path / "a.bmp") == ""
    assert "o such file" in broken(tmp_path / "none.png")


def test_bytes_behind_a_jpeg_do_not_matter(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "jpeg")
    (tmp_path / "a.jpg").write_bytes(file.getvalue() + b"MakerNote" * 20)
    assert broken(tmp_path / "a.jpg") == ""
