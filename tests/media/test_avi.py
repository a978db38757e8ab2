from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from cosmos_workflow.media import probe, read_frames
from cosmos_workflow.media.avi import avi_of
from cosmos_workflow.media.frames import Frame, encode_png


@pytest.mark.parametrize(("width", "height"), [(96, 64), (37, 51), (16, 16)])
@pytest.mark.parametrize(("count", "fps"), [(1, 2.0), (8, 1.754386), (5, 0.008889), (2, 0.00009), (2, 5000.0)])
def test_each_frame_comes_back_at_its_time(width: int, height: int, count: int, fps: float) -> None:
    pictures = [clips.texture(height, width, seed) for seed in range(count)]
    data = avi_of([Frame(encode_png(picture), width, height) for picture in pictures], fps)
    with av.open(io.BytesIO(data)) as container:
        (stream,) = container.streams.video
        assert stream.average_rate is not None
        assert (float(stream.average_rate), stream.frames) == (fps, count)
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx([number / fps for number in range(count)])
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.array_equal(frame.to_ndarray(format="rgb24"), picture)


def test_it_is_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "made.avi"
    path.write_bytes(avi_of([Frame(encode_png(clips.texture(64, 96, seed)), 96, 64) for seed in range(4)], 1.75))
    clip = probe(path)
    assert (clip.width, clip.height, clip.frames, clip.fps) == (96, 64, 4, 1.75)
    assert Fraction(clip.duration).limit_denominator(100) == Fraction(16, 7)
    assert len(read_frames(path, 4, pick="spread")) == 4


def test_opencv_reads_it_as_vllm_does(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    pictures = [clips.texture(64, 96, seed) for seed in range(8)]
    path = tmp_path / "made.avi"
    path.write_bytes(avi_of([Frame(encode_png(picture), 96, 64) for picture in pictures], 1.754386))
    capture = cv2.VideoCapture(str(path))
    assert (capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)) == (1.754386, 8)
    for picture in pictures:
        assert np.array_equal(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB), picture)
