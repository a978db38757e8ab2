"""A scene that Debian's Blender renders here, prepared: pixels are Blender's own, and the files what ffprobe says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from servers import blender_scene

from cosmos_workflow.cli import main

pytestmark = pytest.mark.host

FRAMES = 4
# Of the same package as the program.
OCIO = "/usr/share/blender/datafiles/colormanagement/config.ocio"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "yard"
    script = ["-P", blender_scene.__file__, "--", str(folder), str(FRAMES)]
    done = subprocess.run(
        ["blender", "-b", "--factory-startup", "--python-exit-code", "1", *script],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def made(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both shots, by one command: the files of each pass, and the layers of one file."""
    out = tmp_path_factory.mktemp("made") / "out"
    words = ["--ocio", OCIO, "--view", "Filmic", "--keep-frames", "--source-fps", "25"]
    assert main(["prepare", str(rendered), *words, "-o", str(out)]) == 0
    return out


def kept(folder: Path, name: str) -> list[np.ndarray]:
    """The frames that were handed to the encoder, RGB."""
    paths = sorted((folder / "frames" / name).glob("*.png"))
    assert len(paths) == FRAMES
    return [cv2.imread(str(path))[..., ::-1] for path in paths]


def numbers(rendered: Path) -> list[np.ndarray]:
    """The object of each pixel, as Blender wrote it."""
    return [cv2.imread(str(rendered / f"id.{frame:04d}.png"), cv2.IMREAD_UNCHANGED) for frame in range(1, FRAMES + 1)]


def manifest(folder: Path) -> dict[str, object]:
    return json.loads((folder / "manifest.json").read_text())  # type: ignore[no-any-return]


def test_both_shots_are_there(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir() if path.is_dir()) == ["layers", "yard"]
    for shot in ("layers", "yard"):
        names = {path.name for path in (made / shot).iterdir()}
        assert names >= {f"{name}.mp4" for name in ("rgb", "depth", "seg", "edge", "vis")} | {"sheet.jpg"}


def test_colour_is_blenders_own(rendered: Path, made: Path) -> None:
    for frame, picture in enumerate(kept(made / "layers", "rgb"), 1):
        by_blender = cv2.imread(str(rendered / f"color.{frame:04d}.png"))[..., ::-1]
        assert np.ptp(by_blender) > 100
        assert np.abs(picture.astype(int) - by_blender).max() <= 2
        assert np.array_equal(kept(made / "yard", "rgb")[frame - 1], by_blender)


def test_depth_is_the_formula(rendered: Path, made: Path) -> None:
    import OpenImageIO

    metres = [
        OpenImageIO.ImageInput.open(str(rendered / f"depth.{frame:04d}.exr")).read_image("float")[..., 0].astype(float)
        for frame in range(1, FRAMES + 1)
    ]
    near, far = min(each.min() for each in metres), max(each[each < 1e9].max() for each in metres)
    assert near == pytest.approx(5.4, abs=0.5)  # the ball's front
    for each, picture in zip(metres, kept(made / "yard", "depth"), strict=True):
        exact = np.where(each < 1e9, 255 * (1 / each - 1 / far) / (1 / near - 1 / far), 0)
        assert np.abs(picture - exact[..., None]).max() <= 1


def test_objects_have_their_colours(rendered: Path, made: Path) -> None:
    for shot, names in (("yard", {"1", "2", "3"}), ("layers", {"floor", "crate", "ball"})):
        legend = manifest(made / shot)["seg"]["legend"]  # type: ignore[index]
        assert {text for text in legend.values() if text != "background"} == names
    group = {name: number for name, number, *_ in blender_scene.OBJECTS} | {"background": 0}
    for shot, share in (("yard", 1.0), ("layers", 0.98)):
        legend = manifest(made / shot)["seg"]["legend"]  # type: ignore[index]
        for index, picture in zip(numbers(rendered), kept(made / shot, "seg"), strict=True):
            ours = np.full(index.shape, 255, np.uint8)
            for code, text in legend.items():
                colour = [int(code[at : at + 2], 16) for at in (1, 3, 5)]
                ours[(picture == colour).all(axis=-1)] = group.get(text, int(text) if text.isdigit() else 255)
            # The number is that of one sample of a pixel, Cryptomatte's object the one that covers most of it.
            assert (ours == index).mean() >= share


def test_the_files_are_what_was_asked(made: Path) -> None:
    entries = "stream=codec_name,profile,width,height,pix_fmt,color_range,color_space,avg_frame_rate,nb_read_frames"
    for path in sorted(made.glob("*/*.mp4")):
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json", str(path)],
            capture_output=True, check=True,
        )  # fmt: skip
        (stream,) = json.loads(done.stdout)["streams"]
        assert stream == {
            "codec_name": "h264", "profile": "High", "width": blender_scene.WIDTH, "height": blender_scene.HEIGHT,
            "pix_fmt": "yuv420p", "color_range": "tv", "color_space": "bt709", "avg_frame_rate": "25/1",
            "nb_read_frames": str(FRAMES),
        }  # fmt: skip
