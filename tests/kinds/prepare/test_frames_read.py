"""Each frame is read as what it shows, in its own place; what cannot be read is told by its number."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import av
import clips
import numpy as np
import OpenImageIO
import pytest
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.prepare import Item, Settings, check_item, make, recipe_of, whole_folder, with_layers
from cosmos_workflow.kinds.prepare.kind import PREPARE
from cosmos_workflow.kinds.prepare.tasks import asks_of

OLD = time.time() - 3600


def run(item: Item, folder: Path, **settings: Any) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """The manifest, and the frames that were handed to the encoder."""
    asked = Settings(keep_frames=True, **{"edge": "off", "blur": "off", **settings})
    checked = check_item(item, asked)
    assert checked.runs, checked.reason
    assert checked.seen
    with whole_folder(folder) as part:
        manifest = make(item.id, recipe_of(checked, asked), checked.seen.tracks, part)
    frames = {
        shown.name: [np.asarray(Image.open(path)) for path in sorted(shown.iterdir())]
        for shown in (folder / "frames").iterdir()
    }
    return manifest, frames


def exr(path: Path, pixels: np.ndarray, names: list[str], **attributes: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), "float")
    spec.channelnames = names
    for name, value in attributes.items():
        spec.attribute(name.replace("__", "/"), value)
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels, np.float32))
    output.close()
    os.utime(path, (OLD, OLD))
    return path


def damage(video: Path, index: int) -> None:
    """Overwrite one packet."""
    with av.open(str(video)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][index]
        place, size = packet.pos, packet.size
    data = bytearray(video.read_bytes())
    data[place : place + size] = b"\xff" * size
    video.write_bytes(data)
    os.utime(video, (OLD, OLD))


@pytest.mark.parametrize("broken", [0, 5, 23])
def test_a_damaged_frame_of_a_video_moves_no_other(tmp_path: Path, broken: int) -> None:
    pictures = [clips.flat((10 * i, 10 * i, 10 * i), 36, 64) for i in range(24)]
    video = clips.write(tmp_path / "a.mp4", pictures, options={"g": "1", "bf": "0", "qp": "5"})
    damage(video, broken)
    with pytest.raises(BadInputError, match=rf"rgb: frame {broken} not readable"):
        run(Item("a", video), tmp_path / "none")
    _, frames = run(Item("a", video), tmp_path / "out", missing="hold")
    light = [frame.mean() / 10 for frame in frames["rgb"]]
    expected = list(range(24))
    expected[broken] = max(0, broken - 1) if broken else 1  # the first has none before it
    assert np.abs(np.array(light) - expected).max() < 0.4


def test_the_first_frame_is_held_from_the_first_that_can_be_read(tmp_path: Path) -> None:
    for name in ("color", "seg", "depth"):
        for number in range(1, 5):
            path = tmp_path / f"{name}.{number:04d}.png"
            noise = np.random.default_rng(number).integers(1, 255 if name == "color" else 9, (36, 64))
            Image.fromarray(noise.astype(np.uint16 if name == "depth" else np.uint8)).save(path)
            if number == 1:
                data = bytearray(path.read_bytes())
                start = data.index(b"IDAT") + 100
                data[start : start + 60] = bytes(60)
                path.write_bytes(data)
            os.utime(path, (OLD, OLD))
    item = Item("a", *(tmp_path / f"{name}.%04d.png" for name in ("color", "depth", "seg")))
    with pytest.raises(BadInputError, match="frame 1 not readable"):
        run(item, tmp_path / "none", edge="medium")
    _, held = run(item, tmp_path / "held", missing="hold", edge="medium")
    for name in ("rgb", "depth", "seg", "edge"):
        assert held[name][1].any()
        assert np.array_equal(held[name][0], held[name][1]), name
    _, black = run(item, tmp_path / "black", missing="black")
    assert not black["seg"][0].any()
    assert np.array_equal(black["seg"][1], held["seg"][1])


RAMP = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(36, 0)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mist/0001.exr", "left"), ("mist.0001.exr", "left"), ("mist8.0001.png", "left"), ("mist16.0001.png", "left"),
        ("mist.mp4", "left"), ("disparity.0001.exr", "right"), ("disparity/0001.png", "right"),
        ("disparity16.0001.png", "right"), ("depth.0001.exr", "left"), ("depth.0001.png", "right"),
        ("mist_valley/depth16.0001.png", "left"),
    ],
)  # fmt: skip
def test_near_is_bright_whatever_the_values_mean(tmp_path: Path, name: str, near: str) -> None:
    """A ramp that rises to the right; 8 bits without another word are a control already."""
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".exr":
        exr(path, RAMP + 0.1, ["Y"])
    elif path.suffix == ".mp4":
        clips.write(path, [(RAMP * 255).astype(np.uint8).repeat(3, 2)])
    elif "16" in name:
        Image.fromarray((RAMP[..., 0] * 60_000 + 1000).astype(np.uint16)).save(path)
    else:
        Image.fromarray((RAMP[..., 0] * 255).astype(np.uint8)).save(path)
    os.utime(path, (OLD, OLD))
    source = path if path.suffix == ".mp4" else path.with_name(path.name.replace("0001", "%04d"))
    _, frames = run(Item("a", depth=source), tmp_path / "out")
    row = frames["depth"][0][18, :, 0].astype(int)
    assert (row[0] > row[-1]) == (near == "left")
    assert abs(row[0] - row[-1]) > 100


def crypto(folder: Path) -> Item:
    ids = np.zeros((36, 64), np.uint32)
    ids[:, :32], ids[:, 32:] = 0x3F123456, 0x40ABCDEF
    pixels = np.ones((36, 64, 8), np.float32)
    pixels[..., 4] = ids.view(np.float32)
    names = ["R", "G", "B", "A", *(f"crypto00.{letter}" for letter in "RGBA")]
    pixels[..., 6:] = 0
    exr(folder / "beauty.0001.exr", pixels, names, cryptomatte__abc__name="crypto",
        cryptomatte__abc__manif_file="man.json")  # fmt: skip
    return with_layers(Item("a", folder / "beauty.%04d.exr"))


def test_names_that_a_file_beside_states(tmp_path: Path) -> None:
    """They travel with the work, and count in what is the same work; a bad file costs only the names."""
    item, settings = crypto(tmp_path / "in"), Settings(edge="off", blur="off")
    asks = []
    for content in (b'{"car":"3f123456","tree":"40abcdef"}', b'{"bus":"3f123456"}', b'{"\xff":"3f123456"}', b"\xff{"):
        (tmp_path / "in" / "man.json").write_bytes(content)
        checked = check_item(item, settings)
        assert checked.seen
        asks.append(json.dumps(asks_of(checked, recipe_of(checked, settings)), sort_keys=True))
    assert len(set(asks)) == 4
    (tmp_path / "in" / "man.json").unlink()
    checked = check_item(item, settings)
    assert checked.runs
    packed = PREPARE.pack(checked, settings, "files")
    assert "object_names" not in packed.task.asks["recipe"]
    (tmp_path / "in" / "man.json").write_bytes(b'{"car":"3f123456","tree":"40abcdef"}')
    manifest, _ = run(item, tmp_path / "out")
    assert {"car", "tree"} <= set(manifest["seg"]["legend"].values())
