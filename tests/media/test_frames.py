from __future__ import annotations

import io
import threading
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from PIL import Image

from cosmos_workflow.errors import UsageError
from cosmos_workflow.media import measure, probe, read_frames
from cosmos_workflow.media.frames import at_shots


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_first_are_the_first_frames_to_the_pixel(clip: Path) -> None:
    with av.open(str(clip)) as container:
        truth = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frames = read_frames(clip, 2)
    assert len(frames) == 2
    for frame, true in zip(frames, truth, strict=False):
        assert np.array_equal(pixels(frame.png), true)


def test_a_png_is_lossless_and_plain_for_others(clip: Path) -> None:
    import cv2

    (frame,) = read_frames(clip, 1)
    by_opencv = cv2.imdecode(np.frombuffer(frame.png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(by_opencv, pixels(frame.png))


def test_scaled_while_decoding(clip: Path) -> None:
    (whole,), (small,) = read_frames(clip, 1), read_frames(clip, 1, size=(160, 90))
    truth = np.asarray(Image.fromarray(pixels(whole.png)).resize((160, 90), Image.Resampling.BOX), np.int16)
    assert (small.width, small.height) == (160, 90)
    assert np.abs(pixels(small.png) - truth).mean() < 4


def test_spread_takes_the_middles_of_equal_parts(tmp_path: Path) -> None:
    shades = [(4 * i, 4 * i, 4 * i) for i in range(48)]
    path = clips.write(tmp_path / "ramp.mp4", map(clips.flat, shades))
    frames = read_frames(path, 2, pick="spread")
    assert [frame.seconds for frame in frames] == pytest.approx([0.5, 1.5], abs=0.05)
    assert [pixels(frame.png).mean() for frame in frames] == pytest.approx([4 * 12, 4 * 36], abs=6)


def test_by_time(tmp_path: Path) -> None:
    shades = [(4 * i, 4 * i, 4 * i) for i in range(48)]
    path = clips.write(tmp_path / "ramp.mp4", map(clips.flat, shades), options={"g": "12", "bf": "2"})
    frames = read_frames(path, pick=[1.9, 0.0, -3.0, 1.0, 500.0])
    assert [pixels(frame.png).mean() for frame in frames] == pytest.approx([180, 0, 0, 96, 188], abs=6)


def test_an_unknown_pick(clip: Path) -> None:
    with pytest.raises(UsageError, match="unknown way to pick"):
        read_frames(clip, 2, pick="random")


@pytest.mark.parametrize(
    ("degrees", "size", "corner"),
    [
        (0, (160, 120), "top left"),
        (90, (120, 160), "top right"),
        (180, (160, 120), "bottom right"),
        (270, (120, 160), "bottom left"),
    ],
)
def test_a_turned_phone_clip_is_shown_upright(tmp_path: Path, degrees: int, size: tuple[int, int], corner: str) -> None:
    """A red corner at the stored top left stands where a player shows it."""
    picture = clips.flat((20, 20, 20))
    picture[:40, :40] = (230, 20, 20)
    path = clips.turn_in_header(clips.write(tmp_path / "phone.mp4", [picture] * 3), degrees)
    clip = probe(path)
    assert (clip.rotation, (clip.width, clip.height)) == (degrees, size)
    for wanted in (None, (size[0] // 2, size[1] // 2)):
        (frame,) = read_frames(path, 1, size=wanted)
        assert (frame.width, frame.height) == (wanted or size)
        shown = pixels(frame.png)[..., 0] > 150
        rows, columns = np.nonzero(shown)
        vertical = "top" if rows.mean() < frame.height / 2 else "bottom"
        horizontal = "left" if columns.mean() < frame.width / 2 else "right"
        assert f"{vertical} {horizontal}" == corner


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    picture = np.zeros((60, 80, 4), np.uint8)
    picture[:, :40] = (200, 0, 0, 255)
    video = clips.write(tmp_path / "alpha.mov", [picture] * 2, codec="qtrle", pixel_format="argb")
    image = tmp_path / "alpha.png"
    Image.fromarray(picture).save(image)
    for path in (video, image):
        shown = pixels(read_frames(path, 1)[0].png)
        assert shown[30, 20].tolist() == [200, 0, 0]
        assert shown[30, 60].tolist() == [255, 255, 255]


def test_two_jobs_at_once_do_not_mix_their_frames(tmp_path: Path) -> None:
    """NVIDIA's script writes frame_1.png into the shared temporary folder; here nothing is shared."""
    colours = [(240, 10, 10), (10, 10, 240)]
    paths = [clips.write(tmp_path / f"{i}.mp4", [clips.flat(colour)] * 4) for i, colour in enumerate(colours)]
    wrong: list[int] = []

    def read(which: int) -> None:
        for _ in range(30):
            means = [pixels(frame.png).reshape(-1, 3).mean(0) for frame in read_frames(paths[which], 2)]
            wrong.extend(which for mean in means if np.abs(mean - colours[which]).max() > 12)

    threads = [threading.Thread(target=read, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_frames_at_the_shots(tmp_path: Path) -> None:
    pictures = [clips.flat(colour) for colour, count in (((255, 0, 0), 12), ((0, 255, 0), 36)) for _ in range(count)]
    path = clips.write(tmp_path / "shots.mp4", pictures)
    shots = [(shot.start, shot.end) for shot in measure(path).shots]
    for count, seconds in ((1, [1.25]), (2, [0.25, 1.25]), (3, [0.25, 0.875, 1.625])):
        frames = read_frames(path, count, pick=at_shots(shots, count))
        assert [frame.seconds for frame in frames] == pytest.approx(seconds, abs=0.05)


@pytest.mark.parametrize("fps", [24, 30])
@pytest.mark.parametrize("gop", ["1", "12", "250"])
def test_many_times_in_one_pass_give_the_frames_of_each_alone(tmp_path: Path, fps: int, gop: str) -> None:
    path = clips.textured(tmp_path / "a.mp4", 96, 64, frames=60, fps=fps, options={"g": gop})
    times = [(number * 59 / 29 + 0.5) / fps for number in range(30)] + [99.0]
    together = read_frames(path, len(times), pick=times)
    alone = [read_frames(path, 1, pick=[time])[0] for time in times]
    assert [frame.png for frame in together] == [frame.png for frame in alone]
    assert [frame.seconds for frame in together] == [frame.seconds for frame in alone]


def test_a_frame_that_is_shown_at_many_times_is_converted_once(tmp_path: Path) -> None:
    """Two threads that convert the same frame wait for each other without end."""
    path = clips.textured(tmp_path / "a.mp4", 640, 360, frames=3, fps=1)
    for times in ([0.5] * 40, [9.0] * 40, [1.0] * 4):
        frames = read_frames(path, len(times), pick=times)
        assert len({frame.png for frame in frames}) == 1
        assert len(frames) == len(times)
