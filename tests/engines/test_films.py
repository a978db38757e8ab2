"""What is written of a video that a model made, and what it gets back of its clip; no model is needed for it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import clips
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cosmos_workflow.engines.films import write_video
from cosmos_workflow.kinds.transfer.work import Applied, Work
from cosmos_workflow.media.footage import stretched

WIDTH, HEIGHT, FRAMES = 96, 64, 5


def work(width: int = WIDTH, height: int = HEIGHT) -> Work:
    return Work(
        "transfer2.5-2b", "transfer2.5", "a city", "", (Applied("edge", 1.0, 1.0, "medium", True),), WIDTH, HEIGHT,
        width, height, FRAMES, 24.0, 93, 1, 0, 1, 35, 3.0, 7,
    )  # fmt: skip


@pytest.fixture
def film() -> NDArray[np.uint8]:
    picture = clips.texture(HEIGHT, WIDTH)
    return np.stack([np.roll(picture, 2 * number, axis=1) for number in range(FRAMES)])


def shown(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_frames_are_kept_as_they_were_before_encoding(film: NDArray[np.uint8], tmp_path: Path) -> None:
    write_video(film, replace(work(), keep_frames=True), {}, tmp_path)
    images = sorted((tmp_path / "frames").iterdir())
    assert [path.name for path in images] == [f"{number:05d}.png" for number in range(FRAMES)]
    assert (np.stack([np.asarray(Image.open(path)) for path in images]) == film).all()
    assert len(shown(tmp_path / "video.mp4")) == FRAMES


def test_no_frames_are_kept_where_nobody_asks(film: NDArray[np.uint8], tmp_path: Path) -> None:
    write_video(film, work(), {}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_a_smaller_video_has_no_moire(tmp_path: Path) -> None:
    """Every second pixel of a fine pattern would make it all black or all white."""
    stripes = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    stripes[:, :, ::2] = 255
    write_video(stripes, replace(work(48, 32), keep_frames=True), {}, tmp_path)
    picture = np.asarray(Image.open(tmp_path / "frames" / "00002.png"))
    assert picture.shape == (32, 48, 3)
    assert np.abs(picture[8:24, 8:40].astype(int) - 127).max() < 40


def sounding(path: Path, frames: int = FRAMES, **options: Any) -> Path:
    """A clip with a track of silence."""
    clips.textured(bare := path.with_name("bare.mp4"), 160, 90, frames=frames, **options)
    with av.open(str(bare)) as source, av.open(str(path), "w") as target:
        picture = source.streams.video[0]
        to, sound = target.add_stream_from_template(picture), target.add_stream("aac", rate=48000, layout="mono")
        for packet in source.demux(picture):
            if packet.size:
                packet.stream = to
                target.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
    return path


def test_size_rate_and_sound_of_the_clip_come_back(film: NDArray[np.uint8], tmp_path: Path) -> None:
    clip = sounding(tmp_path / "clip.mp4", fps=30)
    asked = replace(work(160, 90), out_fps=30.0, restore=("size", "fps", "audio"))
    folder = tmp_path / "made"
    folder.mkdir()
    says = write_video(film, asked, {"video": clip}, folder)
    assert says == {"frames": FRAMES, "sound": "sound of the clip: aac, copied"}
    assert [path.name for path in folder.iterdir()] == ["video.mp4"]
    with av.open(str(folder / "video.mp4")) as container:
        stream, sound = container.streams.video[0], container.streams.audio[0]
        assert (stream.width, stream.height, stream.average_rate, stream.frames) == (160, 90, 30, FRAMES)
        assert float(sound.duration * sound.time_base) < FRAMES / 30 + 0.03
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_frames_are_repeated_and_left_out_as_the_clip_shows_them(tmp_path: Path) -> None:
    times = [0, 40, 80, 240, 250]  # ms: one stays for four frames, one for no time at all
    clip = clips.textured(tmp_path / "clip.mkv", 96, 64, frames=FRAMES, times=lambda number: times[number])
    film = np.stack([np.full((HEIGHT, WIDTH, 3), 50 * number, np.uint8) for number in range(FRAMES)])
    asked = replace(work(), out_fps=25.0, restore=("fps",))
    assert write_video(film, asked, {"video": clip}, tmp_path)["frames"] == 7
    levels = [round(float(frame.mean()) / 50) for frame in shown(tmp_path / "video.mp4")]
    assert levels == [0, 1, 2, 2, 2, 2, 4]


def test_broken_times_repeat_nothing(film: NDArray[np.uint8], tmp_path: Path) -> None:
    times = [0, 40, 80, 120, 90_000_000]  # ms: the last frame would be shown after a day
    clip = clips.textured(tmp_path / "clip.mkv", 96, 64, frames=FRAMES, times=lambda number: times[number])
    assert write_video(film, replace(work(), restore=("fps",)), {"video": clip}, tmp_path)["frames"] == FRAMES


@pytest.mark.parametrize("fps", [24000 / 1001, 59.94, 12.5, 0.5, 1 / 3, 1000, 7.3331])
@pytest.mark.parametrize("count", [1, FRAMES])
def test_every_rate_and_number_of_frames_is_written(
    film: NDArray[np.uint8], tmp_path: Path, fps: float, count: int
) -> None:
    write_video(film[:count], replace(work(), out_fps=fps), {}, tmp_path)
    assert len(shown(tmp_path / "video.mp4")) == count


def test_a_turned_clip_is_upright_for_the_model(tmp_path: Path) -> None:
    stored = np.zeros((FRAMES, 64, 96, 3), np.uint8)
    stored[:, :, :48] = (220, 40, 40)  # red is on one side, and above or below once it is turned
    clip = clips.turn_in_header(clips.write(tmp_path / "clip.mp4", stored), 90)
    frames = list(stretched(clip, (64, 96), "area", FRAMES))
    assert [frame.shape for frame in frames] == [(96, 64, 3)] * FRAMES
    halves = sorted((frames[0][:40].mean(axis=(0, 1)).tolist(), frames[0][-40:].mean(axis=(0, 1)).tolist()))
    assert np.abs(np.asarray(halves) - [(0, 0, 0), (220, 40, 40)]).max() < 12


def test_sound_that_does_not_fit_is_told(film: NDArray[np.uint8], tmp_path: Path) -> None:
    clip = sounding(tmp_path / "clip.mp4", fps=30)
    (tmp_path / "made").mkdir()
    says = write_video(film, replace(work(), out_fps=15.0, restore=("audio",)), {"video": clip}, tmp_path / "made")
    assert says["sound"].startswith("sound of the clip: aac, copied; it does not fit: the video has 15 frames")


def test_a_video_is_not_lost_because_of_its_sound(film: NDArray[np.uint8], tmp_path: Path) -> None:
    clip = clips.textured(tmp_path / "clip.mp4", 96, 64, frames=FRAMES)
    says = write_video(film, replace(work(), restore=("audio",)), {"video": clip}, tmp_path)
    assert says == {"frames": FRAMES, "sound": "no sound: the clip has no sound"}
    assert len(shown(tmp_path / "video.mp4")) == FRAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "video.mp4"]
