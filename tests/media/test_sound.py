"""The sound of a clip under another video: at the right time, as long as the video, and untouched where that can be."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.sound import has_sound, with_sound
from cosmos_workflow.media.video import probe

RATE = 48000
BEEP = 0.5  # s in the clip, at which a tone begins and silence ends


def clip_with(path: Path, codec: str, *, seconds: float = 1.5, delay: float = 0.0, rate: int = RATE) -> Path:
    """A clip of 1.5 s at 24 frames a second with a tone from BEEP on; all begins `delay` s late."""
    options = {"strict": "experimental"} if codec == "opus" else {}
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=24, options={"bf": "0"})
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout="stereo", options=options)
        shift = round(delay * 24)
        for number in range(round(seconds * 24)):
            frame = av.VideoFrame.from_ndarray(clips.texture(64, 96), "rgb24")
            frame.pts, frame.time_base = number + shift, Fraction(1, 24)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        times = np.arange(round(seconds * rate)) / rate
        tone = np.where(times >= BEEP, np.sin(2 * np.pi * 440 * times), 0) * 0.5
        samples = av.AudioFrame.from_ndarray(np.stack([tone, tone]).astype(np.float32), "fltp", "stereo")
        samples.sample_rate, samples.pts, samples.time_base = rate, round(delay * rate), Fraction(1, rate)
        resampler = av.AudioResampler(
            sound.codec_context.format, "stereo", rate, sound.codec_context.frame_size or 1024
        )
        for part in [*resampler.resample(samples), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def begin_and_end(path: Path) -> tuple[float, float]:
    """When the tone begins, and when the sound ends, in s of the player's clock."""
    loud, end = None, 0.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            level = np.abs(frame.to_ndarray().astype(float))
            level = level.max(axis=0) if frame.format.is_planar else level.reshape(-1, 2).max(axis=1)
            begin = float(frame.pts * frame.time_base)
            if loud is None and (over := np.flatnonzero(level > 0.2 * (32767 if level.max() > 2 else 1))).size:
                loud = begin + over[0] / frame.sample_rate
            end = begin + frame.samples / frame.sample_rate
    assert loud is not None
    return loud, end


def silent(path: Path, frames: int) -> Path:
    return clips.textured(path, 96, 64, frames=frames, options={"bf": "0"})


@pytest.mark.parametrize(
    ("codec", "suffix", "words", "kept"),
    [
        ("aac", "mp4", "aac, copied", "aac"), ("aac", "mkv", "aac, copied", "aac"),
        ("libmp3lame", "mkv", "mp3, copied", "mp3"), ("ac3", "mkv", "ac3, copied", "ac3"),
        ("alac", "mov", "alac, copied", "alac"), ("libopus", "webm", "opus, copied", "opus"),
        ("pcm_s16le", "mov", "pcm_s16le, as AAC", "aac"), ("flac", "mkv", "flac, as AAC", "aac"),
    ],
)  # fmt: skip
def test_the_sound_begins_and_ends_with_the_picture(
    codec: str, suffix: str, words: str, kept: str, tmp_path: Path
) -> None:
    clip = clip_with(tmp_path / f"clip.{'mkv' if suffix == 'webm' else suffix}", codec)
    assert has_sound(clip)
    video = silent(tmp_path / "video.mp4", 24)
    assert with_sound(video, clip, probe(clip).start, 1.0, tmp_path / "made.mp4") == words
    with av.open(str(tmp_path / "made.mp4")) as container:
        assert container.streams.audio[0].codec_context.name.startswith(kept)
        assert container.streams.video[0].frames == 24
    beep, end = begin_and_end(tmp_path / "made.mp4")
    before, _ = begin_and_end(clip)
    assert abs(beep - before) < 0.03
    assert abs(beep - BEEP) < 0.06
    assert 1.0 - 0.03 < end < 1.0 + 0.05


def test_the_picture_is_what_it_was(tmp_path: Path) -> None:
    clip, video = clip_with(tmp_path / "clip.mp4", "aac"), silent(tmp_path / "video.mp4", 24)
    with_sound(video, clip, 0.0, 1.0, tmp_path / "made.mp4")
    packets = []
    for path in (video, tmp_path / "made.mp4"):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            packets.append([(float(p.pts * p.time_base), bytes(p)) for p in container.demux(stream) if p.size])
    assert packets[0] == packets[1]


def test_a_clip_that_begins_late_stays_together(tmp_path: Path) -> None:
    clip = clip_with(tmp_path / "clip.mkv", "aac", delay=2.0)
    start = probe(clip).start
    assert abs(start - 2.0) < 0.01
    with_sound(silent(tmp_path / "video.mp4", 24), clip, start, 1.0, tmp_path / "made.mp4")
    assert abs(begin_and_end(tmp_path / "made.mp4")[0] - BEEP) < 0.06


def test_rates_that_aac_does_not_have_are_changed(tmp_path: Path) -> None:
    clip = clip_with(tmp_path / "clip.mkv", "pcm_s16le", rate=50000)
    with_sound(silent(tmp_path / "video.mp4", 24), clip, 0.0, 1.0, tmp_path / "made.mp4")
    with av.open(str(tmp_path / "made.mp4")) as container:
        assert container.streams.audio[0].rate == RATE
    assert abs(begin_and_end(tmp_path / "made.mp4")[0] - BEEP) < 0.06


def test_a_clip_without_sound_is_told(tmp_path: Path) -> None:
    clip = silent(tmp_path / "clip.mp4", 4)
    assert not has_sound(clip)
    with pytest.raises(BadInputError, match="no sound"):
        with_sound(silent(tmp_path / "video.mp4", 4), clip, 0.0, 1.0, tmp_path / "made.mp4")
    late = clip_with(tmp_path / "late.mp4", "aac")
    with pytest.raises(BadInputError, match="no sound in these seconds"):
        with_sound(silent(tmp_path / "video.mp4", 4), late, 60.0, 1.0, tmp_path / "made.mp4")
