"""No setting is ignored in silence: each changes what is made, or is told, or refused."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import clips
import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from cosmos_workflow.kinds.prepare import Item, Settings, check_item, recipe_of

pytestmark = pytest.mark.slow

OLD = time.time() - 3600


@pytest.fixture
def video(tmp_path: Path) -> Item:
    return Item("a", clips.textured(tmp_path / "clip.mp4", 320, 180, frames=4))


def images(folder: Path, name: str, pixels: np.ndarray) -> Path:
    for number in (1, 2):
        path = folder / name.replace("%04d", f"{number:04d}")
        Image.fromarray(pixels).save(path)
        os.utime(path, (OLD, OLD))
    return folder / name


def layered(folder: Path) -> Path:
    spec = OpenImageIO.ImageSpec(64, 36, 5, "half")
    spec.channelnames = ["R", "G", "B", "A", "camera.D"]
    path = folder / "beauty.0001.exr"
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.ones((36, 64, 5), np.float32))
    output.close()
    os.utime(path, (OLD, OLD))
    return folder / "beauty.%04d.exr"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"length": "hold"}, "--length without effect: no model is named"),
        ({"tier": "480"}, "--tier without effect: no model is named"),
        ({"tier": "480", "model": "transfer2.5", "size": "768x432"}, "--tier without effect: --size is given"),
        ({"retime": True}, "--retime without effect: no rate is asked for"),
        ({"anchor": "top"}, "--anchor without effect: nothing is cut off"),
        ({"source_fps": 12.0}, "--source-fps without effect: videos state their rate"),
        ({"rgb_layer": "foo"}, "--rgb-layer without effect: rgb has no files with layers"),
        ({"depth_layer": "foo"}, "--depth-layer without effect: depth has no files with layers"),
        ({"depth_range": "1:2"}, "--depth-range without effect: there is no depth"),
        ({"depth_form": "linear"}, "--depth-form without effect: there is no depth"),
        ({"seg_colours": "keep"}, "--seg-colours without effect: there is no seg"),
        ({"view": "Nonsense", "exposure": 3.0}, "--view, --exposure without effect: the picture is made for a screen"),
    ],
)
def test_what_changes_nothing_is_told(video: Item, given: dict[str, Any], reason: str) -> None:
    checked = check_item(video, Settings(**given))
    assert checked.runs, checked.reason
    assert any(note.startswith(reason) for note in checked.notes), checked.notes


def test_what_changes_something_is_not(tmp_path: Path, video: Item) -> None:
    settings = Settings(model="transfer2.5", tier="256", length="hold", fps=12, retime=True, anchor="top")
    assert not any("without effect" in note for note in check_item(video, settings).notes)
    assert not any("without effect" in note for note in check_item(video, Settings()).notes)
    far = images(tmp_path, "z.%04d.png", np.full((36, 64), 900, np.uint16))
    item = Item("a", depth=far, edge=images(tmp_path, "e.%04d.png", np.zeros((36, 64, 3), np.uint8)))
    checked = check_item(item, Settings(depth_range="1:2", depth_form="linear", source_fps=12, edge="high"))
    assert [note for note in checked.notes if "without effect" in note] == ["--edge without effect: edge is given"]
    grey = Item("a", depth=images(tmp_path, "d.%04d.png", np.full((36, 64), 9, np.uint8)))
    assert any("grey already" in note for note in check_item(grey, Settings(depth_range="1:2")).notes)


def test_layers_that_are_asked_for(tmp_path: Path) -> None:
    rgb = layered(tmp_path)
    for given in ({"rgb_layer": "foo"}, {"depth_layer": "foo"}, {"seg_layer": "foo"}):
        checked = check_item(Item("a", rgb), Settings(**given))  # type: ignore[arg-type]
        assert checked.verdict == "bad_input"
        assert "'foo'" in checked.reason
        assert "camera.D" in checked.remedy
    checked = check_item(Item("a", rgb), Settings(depth_layer="camera.D"))
    assert checked.runs, checked.reason
    assert checked.seen
    assert set(checked.seen.tracks) == {"rgb", "depth"}
    assert set(checked.item.sources) == {"rgb", "depth"}


def test_light_is_what_files_hold_and_not_their_suffix(tmp_path: Path) -> None:
    settings = Settings(exposure=3)
    for name, pixels, light in (
        ("a.%04d.tif", np.full((36, 64, 3), 9, np.uint8), False),
        ("b.%04d.tif", np.full((36, 64), 0.5, np.float32), True),
    ):
        checked = check_item(Item("a", images(tmp_path, name, pixels)), settings)
        assert checked.has_light == light
        assert recipe_of(checked, settings).view.exposure == (3 if light else 0)
        assert any("--exposure without effect" in note for note in checked.notes) != light
