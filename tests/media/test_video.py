"""Each bad input gives frames or a clear error, never a traceback of FFmpeg's, never a hang."""

from __future__ import annotations

import os
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import probe, read_frames


def refused(path: Path, message: str) -> None:
    for action in (probe, read_frames):
        with pytest.raises(BadInputError, match=message) as caught:
            action(path)
        assert str(path) in str(caught.value)
        assert caught.value.remedy


def test_probe_tells_what_a_clip_is(clip: Path) -> None:
    probed = probe(clip)
    assert (probed.codec, probed.width, probed.height, probed.fps, probed.frames) == ("h264", 320, 180, 24.0, 6)
    assert probed.duration == pytest.approx(0.25)
    assert (probed.rotation, probed.is_image) == (0, False)


@pytest.mark.parametrize(
    ("name", "codec", "size", "fps"),
    [
        ("example1_input_video.mp4", "hevc", (640, 480), 30),
        ("example1_depth.mp4", "h264", (640, 480), 30),
        ("robot_sample_input.mp4", "h264", (1280, 704), 24),
    ],
)
def test_nvidias_samples(samples: Path, name: str, codec: str, size: tuple[int, int], fps: int) -> None:
    clip = probe(samples / name)
    assert (clip.codec, (clip.width, clip.height), clip.fps, clip.frames) == (codec, size, fps, 121)


def test_missing(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", "no such file")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    refused(tmp_path / ("x" * 5000), "cannot be opened")
    with pytest.raises(BadInputError):
        probe("a\0b.mp4")


def test_directory(tmp_path: Path) -> None:
    refused(tmp_path, "a folder")


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    refused(path, "empty")


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("just some notes\n" * 100)
    refused(path, "no video|not a readable video")


def test_a_playlist_opens_nothing_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    refused(path, "an HLS playlist")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "pipe.mp4"
    os.mkfifo(path)
    refused(path, "not a regular file")


def test_truncated_before_any_frame(clip: Path) -> None:
    clip.write_bytes(clip.read_bytes()[:300])
    refused(clip, "not a readable video|no frames|cannot be decoded|no video")


def test_truncated_after_some_frames_gives_those(tmp_path: Path) -> None:
    path = clips.textured(tmp_path / "long.mp4", 320, 180, frames=48)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    assert len(read_frames(path, 2)) == 2
    assert read_frames(path, 2, pick=[99.0])


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_damage_in_the_middle_gives_frames_or_a_clear_error(tmp_path: Path, keep: float) -> None:
    path = clips.textured(tmp_path / "hurt.mp4", 320, 180, frames=24)
    data = bytearray(path.read_bytes())
    start = int(len(data) * keep)
    data[start : start + 2000] = bytes(2000)
    path.write_bytes(bytes(data))
    try:
        frames = read_frames(path, 2)
    except BadInputError as error:
        assert error.remedy
    else:
        assert frames


def test_audio_only(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for start in range(0, 10240, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            frame.rate, frame.pts = 44100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    refused(path, "no video")


def test_one_frame(tmp_path: Path) -> None:
    path = clips.textured(tmp_path / "one.mp4", 64, 48, frames=1)
    assert probe(path).frames == 1
    for pick in ("first", "spread"):
        assert len(read_frames(path, 2, pick=pick)) == 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_an_image_is_one_frame(tmp_path: Path, suffix: str) -> None:
    from PIL import Image

    path = tmp_path / f"picture.{suffix}"
    Image.fromarray(clips.texture(90, 160)).save(path)
    clip = probe(path)
    assert (clip.width, clip.height, clip.frames, clip.is_image) == (160, 90, 1, True)
    (frame,) = read_frames(path, 2)
    assert (frame.width, frame.height) == (160, 90)


def test_8k(tmp_path: Path) -> None:
    path = clips.write(tmp_path / "8k.mp4", [clips.flat((9, 90, 200), 4320, 7680)] * 2, options={"preset": "ultrafast"})
    assert (probe(path).width, probe(path).height) == (7680, 4320)
    first, second = read_frames(path, 2, size=(910, 512))
    assert (first.width, first.height) == (second.width, second.height) == (910, 512)


@pytest.mark.parametrize(("width", "height"), [(321, 181), (1, 1), (17, 300), (2, 999)])
def test_odd_sizes(tmp_path: Path, width: int, height: int) -> None:
    path = clips.write(tmp_path / "odd.mkv", [clips.texture(height, width)] * 3, codec="ffv1", pixel_format="bgr0")
    assert (probe(path).width, probe(path).height) == (width, height)
    assert (read_frames(path, 1)[0].width, read_frames(path, 1)[0].height) == (width, height)
    assert probe(path).frames in (2, 3)  # Matroska states a duration, not a count


def test_variable_frame_rate(tmp_path: Path) -> None:
    """Frames at 0, 40, 80 ms, then one that stays for two seconds, then two more."""
    starts = [0, 40, 80, 2080, 2120, 2160]
    colours = [(40 * i, 40 * i, 40 * i) for i in range(6)]
    path = clips.write(tmp_path / "vfr.mp4", map(clips.flat, colours), times=lambda i: starts[i])
    shown = [clips_grey(frame.png) for frame in read_frames(path, pick=[0.0, 0.05, 1.5, 2.1])]
    assert shown == pytest.approx([0, 40, 80, 120], abs=6)


def clips_grey(png: bytes) -> float:
    import io

    from PIL import Image

    return float(np.asarray(Image.open(io.BytesIO(png))).mean())
