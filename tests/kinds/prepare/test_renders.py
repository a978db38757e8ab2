"""The real frames that Blender rendered: what is handed to the encoder, and what comes back from the videos."""

from __future__ import annotations

import json
import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from cosmos_workflow.kinds.prepare import (
    Item,
    Settings,
    check_item,
    items_in,
    make,
    recipe_of,
    whole_folder,
    with_layers,
)
from cosmos_workflow.media.controls import blur_of, blurred

pytestmark = pytest.mark.slow

DEBIAN = Path("/usr/share/blender/datafiles/colormanagement/config.ocio")
OCIO = Path(os.environ.get("COSMOS_BLENDER_OCIO", DEBIAN))


def prepared(item: Item, settings: Settings, folder: Path) -> dict[str, object]:
    checked = check_item(item, settings)
    assert checked.runs, checked.reason
    assert checked.seen
    with whole_folder(folder) as part:
        return make(item.id, recipe_of(checked, settings), checked.seen.tracks, part)


def kept(folder: Path, name: str) -> list[np.ndarray]:
    """The frames that were handed to the encoder."""
    return [cv2.imread(str(path))[..., ::-1] for path in sorted((folder / "frames" / name).glob("*.png"))]


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def made(renders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 24 frames in their own size."""
    folder = tmp_path_factory.mktemp("made") / "clip"
    item = next(item for item in items_in(renders)[0] if "multilayer" not in item.id)
    prepared(item, Settings(keep_frames=True), folder)
    return folder


def distances(renders: Path, number: int) -> np.ndarray:
    import OpenImageIO

    return OpenImageIO.ImageInput.open(str(renders / f"depth.{number:04d}.exr")).read_image("float")[..., 0]


def test_depth_is_the_formula_at_every_pixel(renders: Path, made: Path) -> None:
    metres = [distances(renders, number).astype(np.float64) for number in range(1, 25)]
    finite = [each[each < 1e9] for each in metres]
    near, far = min(each.min() for each in finite), max(each.max() for each in finite)
    facts = json.loads((made / "manifest.json").read_text())["depth"]
    assert (facts["near"], facts["far"], facts["form"]) == (pytest.approx(near), pytest.approx(far), "inverse")
    handed, back = kept(made, "depth"), decoded(made / "depth.mp4")
    assert len(handed) == len(back) == 24
    for each, frame, read in zip(metres, handed, back, strict=True):
        exact = np.where(each < 1e9, 255 * (1 / each - 1 / far) / (1 / near - 1 / far), 0)
        assert np.abs(frame - exact[..., None]).max() <= 1
        assert np.abs(frame.astype(int) - read).max() <= 3


def test_objects_are_exact_and_keep_their_colours(renders: Path, made: Path) -> None:
    legend = json.loads((made / "manifest.json").read_text())["seg"]["legend"]
    colour_of = {text: tuple(int(code[i : i + 2], 16) for i in (1, 3, 5)) for code, text in legend.items()}
    assert colour_of.pop("background") == (0, 0, 0)
    assert set(colour_of) == {"1", "2", "3", "4", "5"}
    table = np.zeros((256, 3), np.uint8)
    for text, colour in colour_of.items():
        table[int(text)] = colour
    for number, (frame, read) in enumerate(zip(kept(made, "seg"), decoded(made / "seg.mp4"), strict=True), 1):
        index = cv2.imread(str(renders / f"seg.{number:04d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(frame, table[index])
        inside = np.ones(index.shape, bool)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                inside &= np.roll(index, (dy, dx), (0, 1)) == index
        nearest = np.linalg.norm(read[:, :, None].astype(int) - table[:6].astype(int), axis=-1).argmin(axis=-1)
        assert (nearest == index)[inside].all()


def test_edges_and_blur_are_nvidias_on_the_rendered_picture(renders: Path, made: Path) -> None:
    for number, (edge, vis, rgb) in enumerate(
        zip(*(kept(made, name) for name in ("edge", "vis", "rgb")), strict=True), 1
    ):
        picture = cv2.imread(str(renders / f"color.{number:04d}.png"))[..., ::-1]
        assert np.array_equal(rgb, picture)
        assert np.array_equal(edge[..., 0], cv2.Canny(np.ascontiguousarray(picture), 100, 200))
        assert np.array_equal(vis, blurred(np.ascontiguousarray(picture), blur_of("medium", "transfer2.5")[0]))
    for frame, read in zip(kept(made, "edge"), decoded(made / "edge.mp4"), strict=True):
        assert np.abs(frame.astype(int) - read).max() <= 3


def test_layers_of_one_file(renders: Path, tmp_path: Path) -> None:
    """Depth and Cryptomatte from the multilayer files of the same frames."""
    item = with_layers(Item("layers", renders / "multilayer" / "beauty.%04d.exr"))
    assert set(item.sources) == {"rgb", "depth", "seg"}
    manifest = prepared(item, Settings(keep_frames=True, edge="off", blur="off"), tmp_path / "out")
    legend = manifest["seg"]["legend"]  # type: ignore[index]
    assert {"background", "floor", "car", "ball", "Suzanne", "house0"} <= set(legend.values())
    colour_of = {text: np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) for code, text in legend.items()}
    groups = {"floor": 1, "car": 3, "ball": 4, "Suzanne": 5} | {f"house{i}": 2 for i in range(7)}
    for number, frame in enumerate(kept(tmp_path / "out", "seg"), 1):
        index = cv2.imread(str(renders / f"seg.{number:04d}.png"), cv2.IMREAD_UNCHANGED)
        ours = np.zeros_like(index)
        for text, group in groups.items():
            if text in colour_of:
                ours[(frame == colour_of[text]).all(axis=-1)] = group
        assert (ours == index).mean() > 0.99  # the index is one sample a pixel, the matte their coverage
    single = tmp_path / "single"
    prepared(Item("d", depth=renders / "depth.%04d.exr"), Settings(keep_frames=True, first=1, last=4), single)
    for a, b in zip(kept(tmp_path / "out", "depth"), kept(single, "depth"), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.skipif(not OCIO.is_file(), reason="Blender's colour configuration is not here (COSMOS_BLENDER_OCIO)")
def test_colour_is_blenders_own_view(renders: Path, tmp_path: Path) -> None:
    settings = Settings(view="Filmic", ocio=str(OCIO), keep_frames=True, edge="off", blur="off")
    manifest = prepared(Item("filmic", renders / "multilayer" / "beauty.%04d.exr"), settings, tmp_path / "out")
    assert "Filmic for sRGB" in manifest["clips"]["rgb"]["how"]  # type: ignore[index]
    for number, frame in enumerate(kept(tmp_path / "out", "rgb"), 1):
        by_blender = cv2.imread(str(renders / f"color.{number:04d}.png"))[..., ::-1]
        assert np.abs(frame.astype(int) - by_blender).max() <= 2


def test_fit_for_a_model(renders: Path, tmp_path: Path) -> None:
    item = Item("fit", renders / "color.%04d.png", renders / "depth.%04d.exr", renders / "seg.%04d.png")
    settings = Settings(model="transfer2.5", tier="256", fps=12, length="hold", edge="60:140")
    checked = check_item(item, settings)
    assert (checked.verdict, checked.size, checked.frames, checked.chunks) == ("resized", (320, 192), 93, 1)
    manifest = prepared(item, settings, tmp_path / "out")
    assert manifest["notes"][1:] == [  # type: ignore[index]
        "images state no rate: 24 frames a second are assumed (--source-fps)",
        "resampled from 24 to 12 frames a second: 24 frames become 12",
        "held to 1 whole chunks: the last frame is repeated 81 times (6.75 s)",
    ]
    for name in ("rgb", "depth", "seg", "edge", "vis"):
        frames = decoded(tmp_path / "out" / f"{name}.mp4")
        assert (len(frames), frames[0].shape) == (93, (192, 320, 3))
    colours = {
        tuple(pixel) for pixel in np.unique(decoded(tmp_path / "out" / "seg.mp4")[0].reshape(-1, 3), axis=0).tolist()
    }
    assert colours
