"""Clips of many makes: size, shape, times, duration and frames are those of ffprobe and ffmpeg.

Each is made by the `ffmpeg` program, and read by it and by us: what a header, a container and a codec may
say of a clip, alone and against each other.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cosmos_workflow.media import probe, read_frames

pytestmark = pytest.mark.host

X264 = "-c:v libx264 -preset ultrafast"
SOUND_FIRST = "ffmpeg -y -v error -f lavfi -i sine=d=3 -itsoffset 1 -i mid.mp4 -map 1:v -map 0:a -c:v copy OUT"
SMALL = (32, 24)  # pixels: enough to tell a frame of testsrc2 from its neighbours

# name of the file: what ffmpeg is told. SRC is two seconds of a moving test picture of 160x120, SIZE=WxH another size.
TABLE = {
    # containers
    "plain.mp4": f"SRC {X264}",
    "b_frames.mp4": "SRC -c:v libx264 -bf 3 -g 24",
    "plain.mov": f"SRC {X264}",
    "plain.mkv": f"SRC {X264}",
    "b_frames.avi": "SRC -c:v libx264 -bf 2",
    "plain.avi": "SRC -c:v mpeg4",
    "packed_b.avi": "SRC -c:v mpeg4 -bf 2",
    "plain.ts": f"SRC {X264}",
    "b_frames.ts": "SRC -c:v libx264 -bf 3",
    "bluray.m2ts": "SRC -c:v libx264 -bf 2 -mpegts_m2ts_mode 1 -f mpegts",
    "vp8.webm": "SRC -c:v libvpx",
    "vp9.webm": "SRC -c:v libvpx-vp9",
    "flash.flv": f"SRC {X264}",
    "windows.wmv": "SRC -c:v wmv2",
    "phone.3gp": "SRC,scale=176:144 -c:v h263",
    "program.mpg": "SRC -c:v mpeg2video",
    "dvd.vob": "SRC -c:v mpeg2video -f vob",
    "ogg.ogv": "SRC -c:v libtheora",
    "plain.nut": f"SRC {X264}",
    "plain.ivf": "SRC -c:v libvpx",
    "plain.y4m": "SRC -pix_fmt yuv420p",
    "tape.dv": "SIZE=720x576 -r 25 -pix_fmt yuv420p -f dv",
    "exchange.mxf": "SRC -c:v mpeg2video -r 25",
    "motion.mjpeg": "SRC -c:v mjpeg",
    "motion.avi": "SRC -c:v mjpeg",
    # codecs
    "hevc.mp4": "SRC -c:v libx265 -x265-params log-level=none",
    "av1.mp4": "SRC -c:v libaom-av1 -cpu-used 8 -t 0.5",
    "prores.mov": "SRC -c:v prores_ks",
    "lossless.mkv": "SRC -c:v ffv1",
    "qtrle.mov": "SRC -c:v qtrle",
    "ten_bit.mkv": "SRC -c:v libx265 -pix_fmt yuv420p10 -x265-params log-level=none",
    # no word of duration or count
    "pipe.webm": "SRC -c:v libvpx -f webm PIPE",
    "pipe.mkv": f"SRC {X264} -f matroska PIPE",
    "pipe.flv": f"SRC {X264} -f flv PIPE",
    "pipe.avi": "SRC -c:v mpeg4 -f avi PIPE",
    "raw.h264": f"SRC {X264} -bf 2",
    "raw.hevc": "SRC -c:v libx265 -x265-params log-level=none",
    "raw.m2v": "SRC -c:v mpeg2video",
    "raw.m4v": "SRC -c:v mpeg4 -f m4v",
    "raw.obu": "SRC -c:v libaom-av1 -cpu-used 8 -t 0.5 -f obu",
    "fragments.mp4": f"SRC {X264} -g 12 -movflags frag_keyframe+empty_moov",
    "dash_fragments.mp4": f"SRC {X264} -g 12 -movflags frag_keyframe+empty_moov+default_base_moof+delay_moov",
    "anim.apng": "SRC -plays 0",
    "anim.gif": "SRC",
    # pixel aspect
    "pal_wide.mp4": f"SIZE=720x576,setsar=64/45 {X264}",
    "hdv.mp4": f"SIZE=1440x1080,setsar=4/3 -t 0.3 {X264}",
    "tall.mkv": f"SIZE=320x180,setsar=1/2 {X264}",
    "ntsc.mpg": "SIZE=720x480,setdar=16/9 -c:v mpeg2video",
    "wide.webm": "SRC,setsar=3/2 -c:v libvpx-vp9",
    "wide.avi": "SRC,setsar=2/1 -c:v mpeg4",
    "wide.mov": "SRC,setsar=16/15 -c:v prores_ks",
    "wide.ts": f"SRC,setsar=40/33 {X264}",
    "raw_wide.h264": f"SRC,setsar=12/11 {X264}",
    "container_wins.mp4": f"SRC,setsar=2/1 {X264} -f h264 - | ffmpeg -y -v error -i - -c copy -aspect 4:3 OUT",
    "container_wins.mkv": f"SRC,setsar=2/1 {X264} -f h264 - | ffmpeg -y -v error -i - -c copy -aspect 3:1 OUT",
    # turned
    "turned_90.mp4": f"SRC {X264} -metadata:s:v rotate=90",
    "turned_180.mov": f"SRC {X264} -metadata:s:v rotate=180",
    "turned_wide.mp4": f"SIZE=180x144,setsar=16/15 {X264} -metadata:s:v rotate=270",
    # times
    "late.mkv": f"SRC {X264} -output_ts_offset 5",
    "late.ts": f"SRC {X264} -output_ts_offset 1000",
    "late.mp4": f"SRC {X264} -output_ts_offset 3",
    "long.ts": "SRC -t 10 -c:v libx264 -g 250 -bf 2",
    "sound_first.mkv": f"SRC {X264} mid.mp4 && {SOUND_FIRST}",
    "sound_first.mp4": f"SRC {X264} mid.mp4 && {SOUND_FIRST}",
    "long_sound.mkv": f"SOUND SRC -t 1 {X264} -c:a aac -map 1:v -map 0:a",
    "edit_list.mp4": f"SRC {X264} -g 48 -f mp4 mid.mp4 && ffmpeg -y -v error -ss 0.7 -i mid.mp4 -c copy OUT",
    "open_gop.ts": "SRC -t 4 -c:v libx264 -bf 3 -x264-params open-gop=1:keyint=24",
    "cut_in.ts": "SRC -t 4 -c:v libx264 -g 48 mid.ts && tail -c +20305 mid.ts > OUT",
    "variable.mkv": f"SRC,setpts=if(lt(N\\,10)\\,N\\,N*3)/24/TB -vsync vfr -t 3 {X264}",
    "variable.mp4": f"SRC,setpts=if(lt(N\\,10)\\,N\\,N*3)/24/TB -vsync vfr -t 3 {X264}",
    "ntsc_rate.mkv": f"SRC -r 30000/1001 {X264}",
    "fast.mp4": f"SRC -r 120 -t 0.5 {X264}",
    "slow.mp4": f"SRC -r 1 -t 8 {X264}",
    "interlaced.mpg": "SRC -c:v mpeg2video -flags +ilme+ildct -alternate_scan 1",
    # tracks
    "second_default.mkv": f"SRC -f lavfi -i testsrc2=s=96x64:d=2:r=24 -map 0 -map 1 -disposition:0 0 -disposition:1"
    f" default {X264}",
    "cover.mp4": "SRC -f lavfi -i color=red:s=96x64:d=0.04 -map 1 -map 0 -c:v:0 mjpeg -disposition:0 attached_pic"
    " -c:v:1 libx264",
}  # fmt: skip


def ffmpeg(arguments: str, out: Path) -> None:
    """Make a file of TABLE."""
    arguments = arguments.replace("PIPE", "- | cat > OUT")
    arguments = arguments if "OUT" in arguments else f"{arguments} OUT"
    arguments = arguments.replace("SRC", "SIZE=160x120").replace("SOUND", "-f lavfi -i sine=d=3")
    length = "" if "-t " in arguments else " -t 2"
    arguments = re.sub(r"SIZE=(\w+)(\S*)", rf"-f lavfi -i 'testsrc2=size=\1:rate=24:duration=10\2'{length}", arguments)
    command = f"ffmpeg -y -v error {arguments.replace('OUT', shlex.quote(str(out)))}"
    subprocess.run(command, shell=True, check=True, cwd=out.parent, capture_output=True)


def ffprobe(path: Path, stream: int) -> tuple[dict[str, Any], list[float], float]:
    """The stream; the times of its frames as they are shown, from the first; and how long the last is shown."""
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", str(stream), "-show_entries",
         "stream:stream_side_data:frame=best_effort_timestamp_time,pkt_duration_time", "-of", "json", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    document = json.loads(done.stdout)
    rates = (document["streams"][0][f"{which}_frame_rate"] for which in ("avg", "r"))
    rate = next(float(Fraction(rate)) for rate in rates if not rate.endswith("/0"))
    frames = document["frames"]
    times = [float(frame.get("best_effort_timestamp_time", index / rate)) for index, frame in enumerate(frames)]
    if times != sorted(set(times)):  # ffprobe 5 does not know them all in raw streams
        times = [index / rate for index in range(len(times))]
    last = float(frames[-1].get("pkt_duration_time", 1 / rate))
    return document["streams"][0], [time - times[0] for time in times], last


def pictures(path: Path, stream: int) -> np.ndarray:
    """All frames as ffmpeg gives them, tiny and grey."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-map", f"0:{stream}", "-vsync", "passthrough",
         "-s", f"{SMALL[0]}x{SMALL[1]}", "-sws_flags", "area", "-pix_fmt", "gray", "-f", "rawvideo", "-"],
        check=True, capture_output=True,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, SMALL[1], SMALL[0]).astype(np.int16)


@pytest.mark.parametrize("name", TABLE)
def test_a_clip_is_what_ffprobe_and_ffmpeg_say(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ffmpeg(TABLE[name], path)
    index = 1 if name == "second_default.mkv" else 0
    stream, times, last = ffprobe(path, index)
    clip = probe(path)

    rotation = next((int(data["rotation"]) for data in stream.get("side_data_list", []) if "rotation" in data), 0)
    aspect = stream.get("sample_aspect_ratio", "1:1").replace(":", "/")
    aspect = Fraction(1) if aspect.startswith(("N", "0")) else Fraction(aspect)
    size = round(stream["width"] * aspect), stream["height"]
    assert (clip.width, clip.height) == (size[::-1] if rotation % 180 else size)
    assert clip.rotation == -rotation % 360
    assert clip.frames == len(times)
    assert clip.duration == pytest.approx(times[-1] + last, abs=max(0.021, 1.05 * last))
    assert clip.fps == pytest.approx(len(times) / clip.duration, rel=0.05)
    assert not clip.is_image

    truth = pictures(path, index)
    for frame in read_frames(path, 4, pick="spread"):
        assert (frame.width, frame.height) == (clip.width, clip.height)
        shown = np.asarray(Image.open(io.BytesIO(frame.png)).convert("L").resize(SMALL, Image.Resampling.BOX), np.int16)
        off = np.abs(truth - shown).mean(axis=(1, 2))
        near = [index for index, time in enumerate(times) if abs(time - frame.seconds) < last + 0.002]
        assert off[near].min() <= off.min() + 0.1
    for index, frame in enumerate(read_frames(path, 4, pick="spread")):
        assert frame.seconds == pytest.approx((index + 0.5) * clip.duration / 4, abs=_step(times, frame.seconds) + 0.01)


def _step(times: list[float], seconds: float) -> float:
    """How long the frame at a time is shown."""
    later = [time for time in times if time > seconds + 0.01]
    return (later[0] - seconds) if later else max(np.diff(times))
