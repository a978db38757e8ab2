"""What is written is what NVIDIA's decoders read, and it is checked by reading it back."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.media import probe
from cosmos_workflow.media.encoding import LOSS, Encoder, check_video
from cosmos_workflow.media.segments import colours


def encode(path: Path, frames: list[np.ndarray], fps: Fraction = Fraction(24), quantiser: int = 1) -> Encoder:
    encoder = Encoder(path, (frames[0].shape[1], frames[0].shape[0]), fps, quantiser)
    for frame in frames:
        encoder.write(frame)
    encoder.close()
    return encoder


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24000, 1001), Fraction(30), Fraction(25, 2)])
def test_the_form_that_nvidia_reads(tmp_path: Path, fps: Fraction) -> None:
    frames = [clips.texture(90, 160, seed) for seed in range(7)]
    path = tmp_path / "a.mp4"
    check_video(encode(path, frames, fps))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # the index is in front
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.profile, context.pix_fmt, int(context.color_range)) == (
            "h264",
            "High",
            "yuv420p",
            1,
        )
        assert (int(context.colorspace), int(context.color_primaries), int(context.color_trc)) == (1, 1, 1)
        assert (stream.average_rate, stream.frames, stream.start_time) == (fps, 7, 0)
        times = [frame.time for frame in container.decode(stream)]
    assert times == pytest.approx([i / float(fps) for i in range(7)])
    clip = probe(path)
    assert (clip.frames, clip.fps, clip.width, clip.height) == (7, pytest.approx(float(fps)), 160, 90)
    if ffprobe := shutil.which("ffprobe"):
        entries = (
            "stream=codec_name,pix_fmt,color_range,width,height,r_frame_rate,avg_frame_rate,nb_frames,has_b_frames"
        )
        facts = subprocess.run(
            [ffprobe, "-v", "error", "-show_entries", entries, "-of", "default=nw=1", str(path)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert f"r_frame_rate={fps.numerator}/{fps.denominator}" in facts
        assert {"codec_name=h264", "pix_fmt=yuv420p", "color_range=tv", "has_b_frames=0", "nb_frames=7"} <= {
            *facts.split()
        }


def test_grey_controls_come_back_within_three_steps(tmp_path: Path) -> None:
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (96, 1))[..., None], 3, axis=2)
    noise = np.repeat(np.random.default_rng(0).integers(0, 256, (96, 256, 1), np.uint8), 3, axis=2)
    lines = np.where(noise > 250, 255, 0).astype(np.uint8)
    frames = [ramp, lines, noise, ramp[:, ::-1]]
    check_video(encode(tmp_path / "a.mp4", frames, quantiser=LOSS["depth"]))
    for frame, back in zip(frames, decoded(tmp_path / "a.mp4"), strict=True):
        assert np.abs(frame.astype(int) - back).max() <= 3


def test_objects_keep_their_colours_away_from_borders(tmp_path: Path) -> None:
    palette = np.array([(0, 0, 0), *colours(24)], np.uint8)
    labels = np.kron(np.random.default_rng(1).integers(0, 25, (12, 16)), np.ones((9, 11), int))[:108, :176]
    check_video(encode(tmp_path / "a.mp4", [palette[labels]] * 3, quantiser=LOSS["seg"]))
    inside = np.ones(labels.shape, bool)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            inside &= np.roll(labels, (dy, dx), (0, 1)) == labels
    assert inside.mean() > 0.2
    for back in decoded(tmp_path / "a.mp4"):
        distances = np.linalg.norm(back[..., None, :].astype(int) - palette.astype(int), axis=-1)
        assert (distances.argmin(axis=-1) == labels)[inside].all()


def test_a_wrong_file_is_told(tmp_path: Path) -> None:
    frames = [clips.texture(90, 160, seed) for seed in range(5)]
    for change, match in (
        (lambda e: e.lights.append(100.0), "it has 5 frames, not 6"),
        (lambda e: e.lights.__setitem__(3, e.lights[3] + 20), "frame 3 is another picture"),
        (lambda e: setattr(e, "fps", Fraction(25)), "not"),
        (lambda e: setattr(e, "size", (160, 92)), "not"),
    ):
        encoder = encode(tmp_path / "a.mp4", frames)
        change(encoder)  # type: ignore[no-untyped-call]
        with pytest.raises(CosmosError, match=match):
            check_video(encoder)
