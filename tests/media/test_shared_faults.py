"""Inputs that were read wrongly once (shared/faults), and what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosmos_workflow import check, upsample
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import probe, read_frames


@pytest.mark.parametrize(
    ("name", "size", "frames"),
    [
        ("sar_pal_wide.mp4", (1024, 576), 25),
        ("sar_tall.mkv", (320, 360), 25),
        ("nodur.webm", (320, 180), 24),
        ("raw.h264", (320, 180), 24),
        ("anim.apng", (320, 180), 24),
        ("anim.webp", (320, 180), 24),
        ("ok.ts", (320, 180), 24),
        ("negpts.mkv", (320, 180), 24),
    ],
)
def test_a_clip_is_read_as_players_show_it(faults: Path, name: str, size: tuple[int, int], frames: int) -> None:
    clip = probe(faults / name)
    assert ((clip.width, clip.height), clip.frames, clip.is_image) == (size, frames, False)
    assert clip.duration == pytest.approx(1.0, abs=0.002)
    assert len(read_frames(faults / name, 2)) == 2
    spread = read_frames(faults / name, 2, pick="spread")
    assert [frame.seconds for frame in spread] == pytest.approx([0.25, 0.75], abs=1 / clip.fps)
    assert {(frame.width, frame.height) for frame in spread} == {size}
    assert check(faults / name, "x")[0].verdict in ("fits", "resized")


def test_jpeg_xl_is_unsupported(faults: Path) -> None:
    with pytest.raises(BadInputError, match="JPEG XL is not supported"):
        probe(faults / "im.jxl")


def test_a_playlist_is_refused_at_once(faults: Path) -> None:
    with pytest.raises(BadInputError, match="playlist"):
        probe(faults / "pl.m3u8")


@pytest.mark.slow
def test_what_passes_check_passes_upsample(faults: Path, tmp_path: Path) -> None:
    for path in sorted(faults.iterdir()):
        if path.suffix in (".md", ".csv", ".jsonl"):
            continue
        (plan,) = check(path, "x")
        (result,) = upsample(path, "x", out=tmp_path / f"{path.name}.jsonl")
        assert result.ok == plan.runs
