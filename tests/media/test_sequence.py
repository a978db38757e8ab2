"""Numbered images are a video: in the order of their numbers, with what is missing told."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from PIL import Image

from cosmos_workflow import check, upsample
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.media import measure, opening, probe, read_frames, version
from cosmos_workflow.media.sequence import Still


def images(folder: Path, names: dict[str, int], size: tuple[int, int] = (64, 48)) -> Path:
    """Flat images by their names and shades."""
    folder.mkdir(exist_ok=True)
    for name, shade in names.items():
        Image.new("RGB", size, (shade, shade, shade)).save(folder / name)
    return folder


def shades(path: Path, count: int) -> list[int]:
    frames = read_frames(path, count)
    return [round(float(np.asarray(Image.open(io.BytesIO(frame.png))).mean())) for frame in frames]


@pytest.mark.parametrize("pattern", ["", "shot.%04d.png", "shot.####.png"])
def test_a_folder_or_a_pattern_is_a_video(tmp_path: Path, pattern: str) -> None:
    folder = images(tmp_path / "render", {f"shot.{i:04d}.png": 10 * i for i in range(1, 13)})
    (folder / "notes.txt").write_text("x")
    (folder / ".DS_Store").write_text("x")
    path = folder / pattern
    clip = probe(path)
    assert (clip.codec, clip.width, clip.height, clip.frames) == ("png", 64, 48, 12)
    assert (clip.fps, clip.duration, clip.is_image, clip.note) == (24, 0.5, False, "")
    assert shades(path, 3) == [10, 20, 30]
    frames = read_frames(path, 2, pick="spread", size=(32, 24))
    assert [(frame.width, frame.height) for frame in frames] == [(32, 24)] * 2
    assert [frame.seconds for frame in frames] == pytest.approx([3 / 24, 9 / 24])
    measured = measure(path)
    assert (measured.width, measured.height, measured.duration) == (64, 48, 0.5)


def test_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    folder = images(tmp_path / "a", {f"im{i}.png": 10 * i for i in (1, 2, 9, 10, 11)})
    assert shades(folder, 5) == [10, 20, 90, 100, 110]
    assert shades(folder / "im%d.png", 5) == [10, 20, 90, 100, 110]
    beyond = images(tmp_path / "b", {"x_0998.png": 10, "x_9999.png": 20, "x_10000.png": 30})
    assert shades(beyond / "x_%04d.png", 5) == [10, 20, 30]


def test_missing_images_are_told(tmp_path: Path) -> None:
    folder = images(tmp_path / "a", {f"a.{i:03d}.png": i for i in (1, 2, 3, 5, 9, 10)})
    assert probe(folder).note == "4 images are missing and were left out: 4, 6-8"
    assert probe(folder).frames == 6


def test_images_of_several_sizes_are_named(tmp_path: Path) -> None:
    folder = images(tmp_path / "a", {f"a.{i:03d}.png": i for i in range(1, 9)})
    images(folder, {"a.003.png": 3, "a.004.png": 4, "a.007.png": 7}, size=(128, 48))
    with pytest.raises(BadInputError, match=r"most are 64x48, but 128x48: 3-4, 7"):
        probe(folder)


def test_what_is_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="a folder without images"):
        probe(images(tmp_path / "empty", {}))
    with pytest.raises(BadInputError, match="no numbers") as caught:
        probe(images(tmp_path / "names", {"left.png": 1, "right.png": 2}))
    assert "left.png" in str(caught.value)
    with pytest.raises(BadInputError, match="no image matches this pattern"):
        probe(images(tmp_path / "other", {"a.0001.png": 1}) / "b.%04d.png")
    with pytest.raises(BadInputError, match="no such folder"):
        probe(tmp_path / "gone" / "b.%04d.png")
    with pytest.raises(BadInputError, match="no such file"):
        probe(tmp_path / "gone")
    with pytest.raises(BadInputError, match="two images have the number 1"):
        probe(images(tmp_path / "twice", {"a1.png": 1, "a01.png": 1}))


def test_several_sequences_are_named_with_patterns_that_work(tmp_path: Path) -> None:
    folder = images(tmp_path / "a", {f"{name}.{i:04d}.png": i for name in ("beauty", "depth 100%") for i in (1, 2)})
    with pytest.raises(BadInputError, match="2 image sequences") as caught:
        probe(folder)
    for pattern in ("beauty.%04d.png", "depth 100%%.%04d.png"):
        assert pattern in str(caught.value)
        assert probe(folder / pattern).frames == 2


def test_one_image_in_a_folder_is_a_still(tmp_path: Path) -> None:
    assert probe(images(tmp_path / "a", {"a.0001.png": 9})).is_image


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    folder = images(tmp_path / "a", {f"a.{i:03d}.png": i for i in range(1, 5)})
    (folder / "a.002.png").write_bytes((folder / "a.002.png").read_bytes()[:50])
    for action in (probe, read_frames):
        with pytest.raises(BadInputError, match=r"a\.002\.png"):
            action(folder)


def test_a_changed_image_is_another_version(tmp_path: Path) -> None:
    folder = images(tmp_path / "a", {f"a.{i:03d}.png": i for i in range(1, 5)})
    before = version(folder), version(folder / "a.###.png")
    Image.fromarray(clips.texture(48, 64)).save(folder / "a.003.png")
    assert version(folder) != before[0]
    assert version(folder / "a.###.png") != before[1]


def encoded(kind: str, shade: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A flat image in a format of film, as FFmpeg writes it."""
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as container:
        stream = container.add_stream(kind, rate=24)
        (stream.width, stream.height), stream.pix_fmt = size, "rgb48le" if kind == "dpx" else "gbrpf32le"
        frame = av.VideoFrame.from_ndarray(clips.flat((shade,) * 3, *size), "rgb24").reformat(format=stream.pix_fmt)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The images of sequences that were decoded."""
    files: list[Path] = []

    def still(path: Path, whole: Callable[[Path], Still] = opening._still) -> Still:
        files.append(path)
        return whole(path)

    monkeypatch.setattr(opening, "_still", still)
    return files


@pytest.mark.parametrize("kind", ["exr", "dpx", "hdr", "png", "qoi"])
def test_sizes_are_read_from_headers(tmp_path: Path, decodes: list[Path], kind: str) -> None:
    def write(number: int, size: tuple[int, int]) -> None:
        data = io.BytesIO()
        if kind in ("png", "qoi"):
            Image.new("RGB", size).save(data, kind)
        else:
            data.write(encoded(kind, 90, size))
        (tmp_path / f"a.{number:03d}.{kind}").write_bytes(data.getvalue())

    for number in range(1, 13):
        write(number, (64, 48))
    clip = probe(tmp_path)
    assert (clip.width, clip.height, clip.frames) == (64, 48, 12)
    assert {path.name for path in decodes} == {f"a.001.{kind}", f"a.002.{kind}"}
    write(7, (62, 48))
    with pytest.raises(BadInputError, match="most are 64x48, but 62x48: 7"):
        probe(tmp_path)


def test_data_windows_may_differ(tmp_path: Path) -> None:
    """A renderer leaves out what is empty of a picture."""
    whole, part = encoded("exr", 90), bytearray(encoded("exr", 90, (40, 20)))
    place = part.index(b"displayWindow\0box2i\0") + len(b"displayWindow\0box2i\0") + 4
    struct.pack_into("<4i", part, place, 0, 0, 63, 47)
    (tmp_path / "a.1.exr").write_bytes(whole)
    (tmp_path / "a.2.exr").write_bytes(part)
    assert (probe(tmp_path).width, probe(tmp_path).height) == (64, 48)


def test_what_had_to_be_decoded_is_decoded_once(tmp_path: Path, decodes: list[Path]) -> None:
    for number in range(1, 13):
        # A header that goes on beyond what is read of it.
        data = encoded("hdr", 20 * number).replace(b"FORMAT", b"# a comment\n" * 6000 + b"FORMAT", 1)
        (tmp_path / f"a.{number:03d}.hdr").write_bytes(data)
    probe(tmp_path)
    assert len(set(decodes)) == 12
    decodes.clear()
    probe(tmp_path / "a.###.hdr")
    assert {path.name for path in decodes} == {"a.001.hdr", "a.002.hdr"}
    decodes.clear()
    (tmp_path / "a.007.hdr").write_bytes(encoded("hdr", 9, (62, 48)))
    with pytest.raises(BadInputError, match="62x48: 7"):
        probe(tmp_path)


def test_a_batch_takes_folders_and_patterns(tmp_path: Path) -> None:
    folder = images(tmp_path / "render", {f"a.{i:03d}.png": 10 * i for i in range(1, 9)})
    batch = tmp_path / "batch.jsonl"
    batch.write_text('{"id": "a", "video": "render"}\n{"id": "b", "video": "render/a.###.png"}\n')
    assert [plan.verdict for plan in check(batch)] == ["fits", "fits"]
    assert [result.ok for result in upsample(batch)] == [True, True]
    assert upsample(Item("c", "x", folder))[0].ok
