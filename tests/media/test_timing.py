"""Frames are counted and timed as they are shown, whatever the file states of them."""

from __future__ import annotations

import io
import shutil
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from counts import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import Clip, measure, probe, read_frames


def shade(png: bytes) -> float:
    return float(np.asarray(Image.open(io.BytesIO(png)).convert("L")).mean())


def ramp(path: Path, frames: int = 24, **options: object) -> Path:
    """Frame i has the shade 40 + 8i, so that a frame tells its number."""
    pictures = [clips.flat((40 + 8 * i,) * 3, 96, 128) for i in range(frames)]
    return clips.write(path, pictures, **options)  # type: ignore[arg-type]


def shifted(source: Path, path: Path, seconds: float) -> Path:
    """The same packets, `seconds` later."""
    with av.open(str(source)) as came, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(came.streams.video[0])
        for packet in came.demux(video=0):
            if packet.dts is None:
                continue
            delay = int(seconds / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + delay, packet.dts + delay, stream
            container.mux(packet)
    return path


def is_24_frames(path: Path, tolerance: float = 3) -> Clip:
    """Of one second; the frames at a quarter and at three are the sixth and the eighteenth."""
    clip = probe(path)
    assert (clip.frames, clip.is_image) == (24, False)
    assert clip.duration == pytest.approx(1.0, abs=0.002)
    assert clip.fps == pytest.approx(24, abs=0.1)
    frames = read_frames(path, 2, pick="spread")
    assert [frame.seconds for frame in frames] == pytest.approx([0.25, 0.75], abs=0.002)
    assert [shade(frame.png) for frame in frames] == pytest.approx([40 + 8 * 6, 40 + 8 * 18], abs=tolerance)
    assert len(read_frames(path, 2)) == 2
    return clip


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("stated.mp4", {}),
        ("pipe.webm", {"codec": "libvpx", "piped": True}),
        ("pipe.mkv", {"piped": True}),
        ("raw.h264", {"options": {"bf": "2"}}),
        ("raw.hevc", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("raw.m2v", {"codec": "mpeg2video"}),
        ("raw.ivf", {"codec": "libvpx"}),
        ("motion.mjpeg", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
        ("b_frames.avi", {"options": {"bf": "2"}}),
        ("b_frames.ts", {"options": {"bf": "2"}}),
        ("anim.apng", {"codec": "apng", "pixel_format": "rgb24"}),
    ],
)
def test_frames_without_a_stated_count_are_counted(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    if name == "motion.mjpeg":  # states no rate: players show 25
        clip = probe(ramp(tmp_path / name, **options))
        assert (clip.frames, clip.fps, clip.duration) == (24, 25, pytest.approx(0.96))
    else:
        is_24_frames(ramp(tmp_path / name, **options))


def test_fragments(tmp_path: Path) -> None:
    source = ramp(tmp_path / "whole.mp4", options={"g": "6"})
    path = tmp_path / "fragments.mp4"
    with (
        av.open(str(source)) as came,
        av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container,
    ):
        stream = container.add_stream_from_template(came.streams.video[0])
        for packet in came.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    is_24_frames(path)


@pytest.mark.parametrize(
    ("name", "seconds"), [("late.mkv", 5), ("late.ts", 1000), ("late.mp4", 3), ("early.mkv", -0.5), ("early.ts", -0.5)]
)
def test_a_clip_begins_with_its_first_frame(tmp_path: Path, name: str, seconds: float) -> None:
    is_24_frames(shifted(ramp(tmp_path / "source.mp4"), tmp_path / name, seconds))


def test_a_long_transport_stream_is_sought_where_it_lands_late(tmp_path: Path) -> None:
    """Ten seconds, one key frame in four: seeking by bytes lands behind the target."""
    pictures = [clips.flat((round(20 + 0.9 * i),) * 3, 96, 128) for i in range(240)]
    path = clips.write(tmp_path / "long.ts", pictures, options={"g": "96"})
    frames = read_frames(path, 2, pick="spread")
    assert [frame.seconds for frame in frames] == pytest.approx([2.5, 7.5], abs=0.002)
    assert [shade(frame.png) for frame in frames] == pytest.approx([20 + 0.9 * 60, 20 + 0.9 * 180], abs=3)


def test_joined_transport_streams_are_as_long_as_both(tmp_path: Path) -> None:
    part = ramp(tmp_path / "part.ts").read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(part + part)
    clip = probe(path)
    assert (clip.frames, clip.duration, clip.fps) == (48, pytest.approx(2.0, abs=0.05), pytest.approx(24, abs=0.5))
    frames = read_frames(path, 4, pick="spread")
    assert [shade(frame.png) for frame in frames] == pytest.approx([88, 184, 88, 184], abs=9)


def test_a_hard_cut_in_raw_dv_is_seen(tmp_path: Path) -> None:
    first, second = clips.texture(576, 720, seed=1), 255 - clips.texture(576, 720, seed=2)
    path = clips.write(tmp_path / "tape.dv", [first] * 12 + [second] * 13, fps=25, codec="dvvideo")
    clip = probe(path)
    assert (clip.frames, clip.fps, clip.duration) == (25, 25, pytest.approx(1.0))
    assert [shot.start for shot in measure(path).shots] == pytest.approx([0, 0.48], abs=0.001)


def test_the_default_track_is_the_one_that_is_read(tmp_path: Path) -> None:
    from av.stream import Disposition

    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=24) for _ in range(2)]
        for stream, width in zip(streams, (128, 64), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
        streams[0].disposition, streams[1].disposition = Disposition(0), Disposition.default
        for stream in streams:
            for index in range(8):
                frame = av.VideoFrame.from_ndarray(clips.texture(48, stream.width), "rgb24")
                frame.pts = index
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert probe(path).width == 64
    assert read_frames(path, 1)[0].width == 64


def test_a_recording_that_was_cut_in_begins_where_it_can_be_shown(tmp_path: Path) -> None:
    data = ramp(tmp_path / "whole.ts", options={"g": "12"}).read_bytes()
    packets = [data[start : start + 188] for start in range(0, len(data), 188)]
    path = tmp_path / "cut.ts"
    path.write_bytes(b"".join(packets[:2] + packets[5:]))  # the tables, and not the first key frame
    clip = probe(path)
    assert 0 < clip.frames <= 24
    assert len(read_frames(path, clip.frames)) == clip.frames


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif", "tiff"])
def test_a_picture_that_moves_is_a_video_and_one_that_does_not_is_a_still(tmp_path: Path, suffix: str) -> None:
    pictures = [Image.fromarray(clips.flat((40 + 20 * i,) * 3, 48, 64)) for i in range(8)]
    moving, still = tmp_path / f"moving.{suffix}", tmp_path / f"still.{suffix}"
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=100)
    pictures[0].save(still)
    assert (probe(still).frames, probe(still).is_image, probe(still).fps) == (1, True, 0)
    clip = probe(moving)
    if suffix == "tiff":  # pages
        assert clip.is_image
        return
    assert (clip.frames, clip.is_image, clip.duration) == (8, False, pytest.approx(0.8))
    frames = read_frames(moving, pick=[0.0, 0.35, 99])
    assert [shade(frame.png) for frame in frames] == pytest.approx([40, 100, 180], abs=4)
    assert len(measure(moving).brightness) == 8


def test_animated_webp_with_frames_of_their_own_length(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    pictures = [Image.new("RGBA", (64, 48), (200, 0, 0, alpha)) for alpha in (255, 128, 0)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 500, 200], lossless=True)
    assert (probe(path).frames, probe(path).duration) == (3, pytest.approx(0.8))
    frames = read_frames(path, pick=[0.05, 0.5, 0.7])
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.1, 0.6])
    assert np.asarray(Image.open(io.BytesIO(frames[2].png))).min() == 255  # transparent is white
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(BadInputError, match="cut off"):
        read_frames(path, 3)


def test_a_faststart_clip_that_was_cut_off_states_what_is_there(tmp_path: Path) -> None:
    path = clips.textured(tmp_path / "long.mp4", 320, 180, frames=48)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    clip = probe(path)
    assert 2 <= clip.frames < 40
    assert len(read_frames(path, 4, pick="spread")) == 4


def test_thousands_of_frames_are_counted_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = (clips.flat((i % 200, 0, 0), 16, 16) for i in range(3000))
    path = clips.write(tmp_path / "many.webm", pictures, codec="libvpx", piped=True)
    assert probe(path).frames == 3000
    # No more time than a file on a slow disk is given: the rest is taken to be as what was read.
    monkeypatch.setattr("cosmos_workflow.media.timing.COUNTING_SECONDS", -1.0)
    assert probe(path).frames == pytest.approx(3000, rel=0.3)


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((720, 576), Fraction(64, 45), (1024, 576)),
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
        ((640, 360), Fraction(1, 2), (320, 360)),
        ((720, 480), Fraction(8, 9), (640, 480)),
        ((128, 96), Fraction(1000, 1), (128, 96)),
        ((128, 96), Fraction(1, 1000), (128, 96)),
        ((4096, 16), Fraction(10, 1), (4096, 2)),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "avi"])
def test_the_shape_is_the_one_that_is_shown(
    tmp_path: Path, suffix: str, size: tuple[int, int], aspect: Fraction, shown: tuple[int, int]
) -> None:
    picture = clips.flat((20, 20, 20), size[1], size[0])
    path = clips.write(tmp_path / f"a.{suffix}", [picture] * 2, aspect=aspect, options={"preset": "ultrafast"})
    assert (probe(path).width, probe(path).height) == shown
    for pick in ("first", "spread"):
        (frame, *_) = read_frames(path, 1, pick=pick)
        assert (frame.width, frame.height) == shown
    assert (measure(path).width, measure(path).height) == shown


@pytest.mark.parametrize("degrees", [90, 270])
def test_a_turned_clip_with_wide_pixels(tmp_path: Path, degrees: int) -> None:
    path = clips.write(tmp_path / "a.mp4", [clips.texture(96, 120)] * 2, aspect=Fraction(4, 3))
    # The track's own size in the header is that after widening; the matrix turns it.
    clips.turn_in_header(path, degrees)
    assert (probe(path).width, probe(path).height) == (96, 160)
    assert (read_frames(path, 1)[0].width, read_frames(path, 1)[0].height) == (96, 160)


def test_a_picture_for_print_keeps_its_shape(tmp_path: Path) -> None:
    for suffix in ("png", "jpg"):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(clips.texture(90, 160)).save(path, dpi=(72, 144))
        assert (probe(path).width, probe(path).height) == (160, 90)


@settings(max_examples=cases(25))
@given(
    st.lists(st.integers(15, 400), min_size=2, max_size=12),
    st.sampled_from(["mkv", "mp4", "mov", "webm", "nut"]),
    st.floats(0, 1),
)
def test_any_course_of_times(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], suffix: str, share: float
) -> None:
    """At any time the frame is shown that began last."""
    folder = tmp_path_factory.mktemp("times")
    starts = [sum(gaps[:index]) for index in range(len(gaps))]
    pictures = [clips.flat((20 + 18 * index,) * 3, 32, 32) for index in range(len(gaps))]
    codec = "libvpx-vp9" if suffix == "webm" else "libx264"
    path = clips.write(folder / f"a.{suffix}", pictures, codec=codec, times=lambda index: starts[index])
    assert probe(path).frames == len(gaps)
    seconds = share * starts[-1] / 1000
    (frame,) = read_frames(path, pick=[seconds])
    index = max(index for index, start in enumerate(starts) if start / 1000 <= seconds + 0.0006)
    assert shade(frame.png) == pytest.approx(20 + 18 * index, abs=5)
    shutil.rmtree(folder)
