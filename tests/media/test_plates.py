"""One image of a rendered sequence: pictures through a view, distances, and objects."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.media.distances import depth_means, read_distances
from cosmos_workflow.media.flat import FlatColours
from cosmos_workflow.media.layers import layers_of, read_channels
from cosmos_workflow.media.plates import names_in, read_objects, read_picture, size_of
from cosmos_workflow.media.views import View, check_view, to_screen
from cosmos_workflow.media.wholeness import broken

LIGHT = np.random.default_rng(3).uniform(0, 1.4, (30, 40, 3)).astype(np.float32)


def exr(path: Path, pixels: np.ndarray, names: list[str], **options: Any) -> Path:
    """Write channels; options are attributes, or `form`, `tile`, `window` (x, y of the data, width, height shown)."""
    height, width, count = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, count, options.pop("form", "float"))
    spec.channelnames = names
    if tile := options.pop("tile", 0):
        spec.tile_width = spec.tile_height = tile
    if window := options.pop("window", None):
        spec.x, spec.y, spec.full_width, spec.full_height = window
    for name, value in options.items():
        spec.attribute(name, value)
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec), OpenImageIO.geterror()
    pixels = np.ascontiguousarray(pixels)
    assert output.write_tiles(0, width, 0, height, 0, 1, pixels) if tile else output.write_image(pixels)
    output.close()
    return path


def srgb(light: np.ndarray) -> np.ndarray:
    light = np.clip(light.astype(np.float64), 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("form", ["half", "float"])
@pytest.mark.parametrize("compression", ["none", "zip", "piz", "dwaa"])
def test_light_becomes_the_srgb_curve(tmp_path: Path, form: str, compression: str) -> None:
    path = exr(tmp_path / "a.exr", LIGHT, ["R", "G", "B"], form=form, compression=compression)
    step = 6 if compression == "dwaa" else 0.75  # DWAA loses
    assert np.abs(read_picture(path, View()) - srgb(LIGHT)).max() <= step
    brighter = read_picture(path, View(exposure=-1))
    assert np.abs(brighter - srgb(LIGHT / 2)).max() <= step


def test_tiles_and_windows(tmp_path: Path) -> None:
    tiled = exr(tmp_path / "tiled.exr", LIGHT, ["R", "G", "B"], tile=16)
    assert np.array_equal(read_channels(tiled, ["R", "G", "B"]), LIGHT)
    # The data are 40 by 30 at (-5, 4) of a picture of 32 by 24.
    part = exr(tmp_path / "part.exr", LIGHT, ["R", "G", "B"], window=(-5, 4, 32, 24))
    pixels = read_channels(part, ["B", "R"])
    assert pixels.shape == (24, 32, 2)
    assert np.array_equal(pixels[4:], LIGHT[:20, 5:37][..., [2, 0]])
    assert not pixels[:4].any()
    assert size_of(part) == (32, 24)


def test_layers_are_chosen_by_name(tmp_path: Path) -> None:
    names = ["ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "ViewLayer.Depth.Z",
             "ViewLayer.Mist.Z", "ViewLayer.IndexMA.X", "ViewLayer.IndexOB.X", "ViewLayer.Normal.X"]  # fmt: skip
    pixels = np.concatenate([LIGHT, np.full((30, 40, 5), [7, 0.25, 3, 2, 1], np.float32)], axis=2)
    path = exr(tmp_path / "a.exr", pixels, names)
    assert layers_of(path).colour() == tuple(names[:3])
    assert np.abs(read_picture(path, View()) - srgb(LIGHT)).max() <= 0.75
    assert read_distances(path).values.max() == 7
    assert read_distances(path, "ViewLayer.Mist.Z").kind == "share"
    assert (read_objects(path).kind, read_objects(path).labels.max()) == ("index", 2)
    assert read_objects(path, "ViewLayer.IndexMA.X").labels.max() == 3
    with pytest.raises(BadInputError, match="no channel 'Z'"):
        read_distances(path, "Z")


def test_parts_of_one_file(tmp_path: Path) -> None:
    """Two parts, each with channels of its own, as Nuke and Houdini write them."""
    path = str(tmp_path / "parts.exr")
    colour, depth = OpenImageIO.ImageSpec(40, 30, 3, "half"), OpenImageIO.ImageSpec(40, 30, 1, "float")
    depth.channelnames = ["Z"]
    for spec, name in ((colour, "beauty"), (depth, "depth")):
        spec.attribute("oiio:subimagename", name)
    output = OpenImageIO.ImageOutput.create(path)
    assert output.open(path, (colour, depth))
    assert output.write_image(LIGHT)
    assert output.open(path, depth, "AppendSubimage")
    assert output.write_image(np.full((30, 40, 1), 6, np.float32))
    output.close()
    assert broken(tmp_path / "parts.exr") == ""
    assert np.abs(read_picture(tmp_path / "parts.exr", View()) - srgb(LIGHT)).max() <= 0.75
    assert (read_distances(tmp_path / "parts.exr").values == 6).all()


def test_alpha_over_white_and_black(tmp_path: Path) -> None:
    alpha = np.linspace(0, 1, 40, dtype=np.float32)[None, :, None].repeat(30, 0)
    pixels = np.concatenate([0.5 * alpha.repeat(3, 2), alpha], axis=2)
    path = exr(tmp_path / "a.exr", pixels, ["R", "G", "B", "A"])
    white, black = (read_picture(path, View(background=ground)) for ground in ("white", "black"))  # type: ignore[arg-type]
    assert white[0, 0].tolist() == [255, 255, 255]
    assert black[0, 0].tolist() == [0, 0, 0]
    assert np.array_equal(white[:, -1], black[:, -1])
    assert np.abs(white - (srgb(np.float32(0.5)) * alpha + 255 * (1 - alpha))).max() <= 1
    assert np.abs(black - srgb(0.5 * alpha)).max() <= 1
    picture = (np.concatenate([np.full((30, 40, 3), 0.5), alpha], axis=2) * 255).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", View(background="black"))[0, 0].tolist() == [0, 0, 0]
    assert read_picture(tmp_path / "a.png", View())[0, 0].tolist() == [255, 255, 255]


def test_views_of_the_built_in_configuration() -> None:
    view = View("ACES")
    assert check_view(view).startswith("ACES 2.0 - SDR 100 nits (Rec.709) for sRGB - Display")
    pixels = to_screen(np.float32([[[0.18, 0.18, 0.18], [16, 16, 16]]]), view)
    assert 80 < pixels[0, 0, 0] < 130
    assert pixels[0, 1, 0] > 240
    plain = to_screen(LIGHT, View("Un-tone-mapped"))
    assert np.abs(plain.astype(int) - to_screen(LIGHT, View())).max() <= 1
    # A file that states the primaries of ACES is light of another kind.
    red = np.zeros((1, 1, 3), np.float32) + np.float32([0.5, 0, 0])
    assert to_screen(red, View(), (0.713, 0.293))[0, 0].tolist() != to_screen(red, View())[0, 0].tolist()


def test_views_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no view 'Filmic'.*--ocio BLENDER"):
        check_view(View("Filmic"))
    with pytest.raises(UsageError, match="no such configuration"):
        check_view(View("Filmic", config=str(tmp_path / "none.ocio")))
    (tmp_path / "bad.ocio").write_text("nothing")
    with pytest.raises(UsageError, match="not a configuration"):
        check_view(View("Filmic", config=str(tmp_path / "bad.ocio")))
    with pytest.raises(UsageError, match="no colour space 'mine'"):
        check_view(View("ACES", light="mine"))


def test_without_the_extra_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = exr(tmp_path / "a.exr", LIGHT, ["R", "G", "B"])
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name in ("OpenImageIO", "PyOpenColorIO"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadInputError, match=r"EXR needs OpenImageIO.*pip install 'cosmos-workflow\[render\]'"):
        read_picture(path, View())


def test_16_bits_and_other_formats(tmp_path: Path) -> None:
    grey = np.linspace(0, 65_535, 1200).astype(np.uint16).reshape(30, 40)
    deep = cv2.merge((grey, grey, grey))
    expected = grey / 257
    for suffix in ("png", "tif", "webp", "jpg"):
        path = tmp_path / f"a.{suffix}"
        cv2.imwrite(str(path), deep if suffix in ("png", "tif") else (deep // 257).astype(np.uint8))
        shown = read_picture(path, View())
        assert shown.shape == (30, 40, 3)
        assert np.abs(shown - expected[..., None]).max() <= (8 if suffix == "jpg" else 6 if suffix == "webp" else 0.51)
    cv2.imwrite(str(tmp_path / "f.tif"), LIGHT[..., ::-1])
    assert np.abs(read_picture(tmp_path / "f.tif", View()) - srgb(LIGHT)).max() <= 0.75
    cv2.imwrite(str(tmp_path / "a.hdr"), LIGHT[..., ::-1])
    assert np.abs(read_picture(tmp_path / "a.hdr", View()) - srgb(LIGHT)).mean() <= 1  # three values share an exponent


def test_dpx_is_for_screens_unless_it_says_otherwise(tmp_path: Path) -> None:
    spec = OpenImageIO.ImageSpec(40, 30, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", 10)
    values = np.linspace(0, 1, 3600, dtype=np.float32).reshape(30, 40, 3)
    for transfer in ("", "Printing density"):
        path = tmp_path / f"a{len(transfer)}.dpx"
        if transfer:
            spec.attribute("dpx:Transfer", transfer)
        output = OpenImageIO.ImageOutput.create(str(path))
        assert output.open(str(path), spec)
        assert output.write_image(values)
        output.close()
        shown = read_picture(path, View())
        if not transfer:
            assert np.abs(shown - 255 * values).max() <= 1
        else:
            assert shown[values > 686 / 1023].min() == 255  # reference white
            assert shown[values < 94 / 1023].max() == 0


def test_distances_of_every_kind(tmp_path: Path) -> None:
    metres = np.linspace(1, 40, 1200, dtype=np.float32).reshape(30, 40)
    for names in (["Z"], ["R", "G", "B"], ["Y"], ["depth.V"]):
        path = exr(tmp_path / f"{names[0]}.exr", metres[..., None].repeat(len(names), 2), names)
        depth = read_distances(path)
        assert (depth.kind, np.array_equal(depth.values, metres)) == ("distance", True)
    behind = exr(tmp_path / "pz.exr", -metres[..., None], ["Pz"])
    assert np.array_equal(read_distances(behind).values, metres)
    mist = exr(tmp_path / "mist.exr", metres[..., None] / 40, ["Y"])
    assert read_distances(mist, means=depth_means(mist)).kind == "share"
    millimetres = (metres * 1000).astype(np.uint16)
    millimetres[0, 0], millimetres[0, 1] = 0, 65_535
    cv2.imwrite(str(tmp_path / "d.png"), millimetres)
    depth = read_distances(tmp_path / "d.png")
    assert (depth.kind, depth.values[0, 0], depth.values[0, 1], depth.values[1, 1]) == (
        "distance", 0, np.inf, millimetres[1, 1])  # fmt: skip
    cv2.imwrite(str(tmp_path / "g.png"), np.full((30, 40), 77, np.uint8))
    assert (read_distances(tmp_path / "g.png").kind, read_distances(tmp_path / "g.png").values.max()) == ("grey", 77)


def cryptomatte(path: Path, ids: np.ndarray, coverage: np.ndarray, manifest: dict[str, int]) -> Path:
    """A file with one layer of two ranks; ids as 32-bit patterns, shape (height, width, 2)."""
    ranks = np.stack(
        [ids[..., 0].view(np.float32), coverage[..., 0], ids[..., 1].view(np.float32), coverage[..., 1]], -1
    )
    facts = {
        "cryptomatte/abc1234/name": "CryptoObject",
        "cryptomatte/abc1234/manifest": json.dumps({name: f"{number:08x}" for name, number in manifest.items()}),
    }
    return exr(path, ranks.astype(np.float32), [f"CryptoObject00.{c}" for c in "rgba"], **facts)


def test_cryptomatte_by_its_ranks_and_manifest(tmp_path: Path) -> None:
    car, tree = 0x3F9A1234, 0xBE4C0001
    ids = np.zeros((4, 4, 2), np.uint32)
    coverage = np.zeros((4, 4, 2), np.float32)
    ids[0], coverage[0, :, 0] = [car, tree], 0.7
    coverage[0, :, 1] = 0.3
    ids[1], coverage[1] = [tree, car], [0.6, 0.4]
    ids[2, :, 0], coverage[2, :, 0] = car, 0.4  # more of it is background
    path = cryptomatte(tmp_path / "c.exr", ids, coverage, {"car": car, "tree": tree})
    objects = read_objects(path)
    assert objects.kind == "cryptomatte"
    assert [int(row[0]) for row in objects.labels] == [car, tree, 0, 0]
    assert names_in(path) == {car: "car", tree: "tree"}


def test_indices_and_flat_colours(tmp_path: Path) -> None:
    index = np.arange(1200, dtype=np.uint16).reshape(30, 40) % 300
    cv2.imwrite(str(tmp_path / "i.png"), index)
    assert np.array_equal(read_objects(tmp_path / "i.png").labels, index)
    # Smooth borders between two flat colours give mixed ones, which are no objects.
    picture = np.zeros((30, 40, 3), np.uint8)
    picture[:, :20], picture[:, 20:] = (200, 30, 30), (30, 30, 200)
    picture[:, 19], picture[:, 20] = (150, 30, 70), (90, 30, 140)
    Image.fromarray(picture).save(tmp_path / "c.png")
    objects = read_objects(tmp_path / "c.png")
    assert objects.kind == "colour"
    colours = FlatColours()
    colours.add(objects.labels)
    cleaned = colours.clean(objects.labels)
    assert colours.is_soft
    assert set(np.unique(cleaned)) == {200 << 16 | 30 << 8 | 30, 30 << 16 | 30 << 8 | 200}
    assert (cleaned[:, :20] == cleaned[0, 0]).all()


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = exr(tmp_path / "a.exr", LIGHT, ["R", "G", "B"])
    path.write_bytes(path.read_bytes()[:2000])
    for read in (lambda: read_picture(path, View()), lambda: read_distances(path), lambda: read_objects(path)):
        with pytest.raises(BadInputError, match="cannot be read"):
            read()
    (tmp_path / "a.png").write_bytes(b"no picture, but long enough")
    with pytest.raises(BadInputError):
        read_picture(tmp_path / "a.png", View())
    with pytest.raises(BadInputError, match="cannot be decoded"):
        read_objects(tmp_path / "a.png")
