"""What renderers' files show, told by names and headers alone, where it is easily taken for something else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.layers import layers_of
from cosmos_workflow.media.plates import read_picture, size_of
from cosmos_workflow.media.survey import survey
from cosmos_workflow.media.views import View
from cosmos_workflow.media.wholeness import broken

LIGHT = np.random.default_rng(3).uniform(0, 1.4, (30, 40, 3)).astype(np.float32)
PICTURE = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)


def exr(path: Path, pixels: np.ndarray, names: list[str], **attributes: str | float) -> Path:
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), "float")
    spec.channelnames = names
    for name, value in attributes.items():
        spec.attribute(name, value)
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec), OpenImageIO.geterror()
    assert output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


@pytest.mark.parametrize(
    ("names", "depth", "index"),
    [
        ("R G B A N.X N.Y N.Z Z", "Z", ""),
        ("V.Combined.R V.Combined.G V.Combined.B V.Normal.X V.Normal.Y V.Normal.Z", "", ""),
        ("R G B N.X N.Y N.Z depth.Z", "depth.Z", ""),
        ("R G B P.X P.Y P.Z depth.V", "depth.V", ""),
        ("R G B Vector.X Vector.Y Vector.Z Vector.W", "", ""),
        ("R G B P.x P.y P.z depth.z", "depth.z", ""),
        ("R G B N_X N_Y N_Z", "", ""),
        ("R G B id.Z", "", "id.Z"),
        ("beauty.R beauty.G beauty.B beauty.Z", "beauty.Z", ""),
        ("V.Depth.Z V.Mist.Z V.IndexOB.X", "V.Depth.Z", "V.IndexOB.X"),
        ("V.Mist.Z N.X N.Y N.Z", "V.Mist.Z", ""),
        ("X Y Z", "", ""),
    ],
)
def test_a_letter_of_a_vector_is_no_distance(tmp_path: Path, names: str, depth: str, index: str) -> None:
    channels = names.split()
    path = exr(tmp_path / "a.exr", np.zeros((8, 8, len(channels)), np.float32), channels)
    assert (layers_of(path).depth(), layers_of(path).index()) == (depth, index)


def parts(path: Path, named: list[tuple[str, list[str]]]) -> Path:
    """A file of several parts; the channels of each have a value of its own, its place times 0.1."""
    specs = []
    for title, channels in named:
        spec = OpenImageIO.ImageSpec(16, 8, len(channels), "float")
        spec.channelnames = channels
        spec.attribute("oiio:subimagename", title)
        specs.append(spec)
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), tuple(specs))
    for place, spec in enumerate(specs):
        assert not place or output.open(str(path), spec, "AppendSubimage")
        assert output.write_image(np.full((8, 16, spec.nchannels), place * 0.1, np.float32))
    output.close()
    return path


def test_each_part_keeps_its_name(tmp_path: Path) -> None:
    rgba = list("RGBA")
    path = parts(tmp_path / "a.exr", [("crypto_object00", rgba), ("rgba", rgba), ("depth", ["Z"])])
    layers = layers_of(path)
    assert (layers.colour(), layers.depth()) == (("rgba.R", "rgba.G", "rgba.B", "rgba.A"), "Z")
    unknown = layers_of(parts(tmp_path / "b.exr", [("crypto_object00", rgba), ("hero", rgba)]))
    assert unknown.colour()[0] == "hero.R"


@pytest.mark.parametrize("before", [True, False])
def test_a_long_header(tmp_path: Path, before: bool) -> None:
    """Attributes are in the order of their names: a manifest of Cryptomatte is before the display window."""
    path = exr(
        tmp_path / "a.exr", LIGHT, ["R", "G", "B"], **{"aaa" if before else "zzz": "x" * 100_000},
    )  # fmt: skip
    assert (size_of(path), broken(path)) == ((40, 30), "")
    data = path.read_bytes()
    path.write_bytes(data[:-200])
    assert broken(path)


def test_a_single_image_of_many_layers(tmp_path: Path) -> None:
    names = ["V.Combined.R", "V.Combined.G", "V.Combined.B", "V.Depth.Z"]
    path = exr(tmp_path / "beauty.exr", np.ones((30, 40, 4), np.float32), names)
    seen = survey({"rgb": path, "depth": path}, settled=0)
    assert (seen.problems, seen.tracks["rgb"].frames, seen.tracks["depth"].width) == ((), (path,), 40)


def test_a_layer_keeps_its_alpha(tmp_path: Path) -> None:
    pixels = np.full((30, 40, 4), [0.25, 0, 0, 0.5], np.float32)
    path = exr(tmp_path / "a.exr", pixels, [f"L.{letter}" for letter in "RGBA"])
    assert np.array_equal(read_picture(path, View(), "L"), read_picture(path, View()))
    with pytest.raises(BadInputError, match="no red, green and blue"):
        read_picture(path, View(), "M")


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_a_turned_photograph_has_the_size_that_is_read(tmp_path: Path, orientation: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    for name in ("a.jpg", "a.webp", "a.png", "a.tif"):
        Image.fromarray(PICTURE).save(tmp_path / name, exif=tags)
        assert size_of(tmp_path / name) == read_picture(tmp_path / name, View()).shape[1::-1], name


def test_a_photograph_that_is_cut_off_behind_its_thumbnail(tmp_path: Path) -> None:
    thumbnail, file = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (160, 120), (9, 9, 9)).save(thumbnail, "jpeg")
    Image.fromarray(PICTURE).save(file, "jpeg", quality=90)
    data, exif = file.getvalue(), b"Exif\0\0" + thumbnail.getvalue()
    whole = data[:2] + b"\xff\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    path = tmp_path / "a.jpg"
    path.write_bytes(whole + b"camera")
    assert broken(path) == ""
    for cut in (30, len(exif) + 100, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:cut])
        assert broken(path), cut


def test_a_photograph_with_damage_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(PICTURE).save(path, quality=90)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    with pytest.raises(BadInputError):
        read_picture(path, View())


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_with_damaged_strips(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(PICTURE).save(path, compression=compression)
    assert np.array_equal(read_picture(path, View()), PICTURE)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(BadInputError, match="cannot be decoded"):
        read_picture(path, View())


@pytest.mark.parametrize(("aspect", "told"), [(1.0, False), (2.0, True)])
def test_pixels_that_are_not_square_are_told(tmp_path: Path, aspect: float, told: bool) -> None:
    path = exr(tmp_path / "a.exr", LIGHT, ["R", "G", "B"], PixelAspectRatio=aspect)
    notes = survey({"rgb": path}, settled=0).notes
    assert any("2 times as wide as high" in note for note in notes) == told
