"""Frames have the colours that a player shows: clips with known code values, made here."""

from __future__ import annotations

import io
import shlex
import subprocess
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from PIL import Image

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media import measure, probe, read_frames

BT709, LINEAR, SRGB, PQ, HLG = 1, 8, 13, 16, 18  # ITU-T H.273
BT2020, P3 = 9, 12
# BT.2020 primaries from those of BT.709, BT.2087.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def shown(path: Path, **options: object) -> np.ndarray:
    """The first frame as it is sent, RGB."""
    (frame,) = read_frames(path, 1, **options)  # type: ignore[arg-type]
    return np.asarray(Image.open(io.BytesIO(frame.png)), np.int16)


def write(path: Path, picture: np.ndarray, pixel_format: str, codec: str, frames: int = 2, **tags: object) -> Path:
    """The picture as its code values are; `tags` are those of the codec, in FFmpeg's numbers."""
    options = tags.pop("options", {})
    metadata = tags.pop("metadata", {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24, options=options)  # type: ignore[arg-type]
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = pixel_format
        stream.metadata.update(metadata)  # type: ignore[call-overload]
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(
                picture, "rgba" if picture.shape[2] == 4 and picture.itemsize == 1 else pixel_format
            )
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: from cd/m² to the signal."""
    power = (np.maximum(nits, 0) / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(nits: np.ndarray) -> np.ndarray:
    """BT.2100: from cd/m² of a screen of 1,000 to the signal; greys only, as its OOTF goes by the luminance."""
    light = (np.asarray(nits) / 1000) ** (1 / 1.2)
    return np.where(
        light <= 1 / 12, np.sqrt(3 * light), 0.17883277 * np.log(12 * np.maximum(light, 0.03) - 0.28466892) + 0.55991073
    )


def patches(values: np.ndarray, size: int = 16) -> np.ndarray:
    """One square a colour beside the other, as 16-bit code values; `values` from 0 to 1, shape (n, 3)."""
    codes = np.round(values * 65535).astype(np.uint16)
    return np.ascontiguousarray(np.repeat(np.repeat(codes[None], size, 0), size, 1))


def middles(picture: np.ndarray, size: int = 16) -> np.ndarray:
    return picture[size // 2, size // 2 :: size]


NITS = np.array([0, 5, 26, 50, 203, 400, 1000])


@pytest.mark.slow
@pytest.mark.parametrize(("transfer", "curve", "name"), [(PQ, pq, "PQ"), (HLG, hlg, "HLG")])
def test_high_dynamic_range_has_its_white_near_white(tmp_path: Path, transfer: int, curve: object, name: str) -> None:
    greys = np.repeat(curve(NITS)[:, None], 3, 1)  # type: ignore[operator]
    # A surface's orange of BT.709, at 100 cd/m².
    orange = curve(TO_BT2020 @ [100, 50, 10])[None]  # type: ignore[operator]
    values = np.concatenate([greys, orange])
    path = write(tmp_path / "hdr.mkv", patches(values), "gbrp16le", "ffv1", color_trc=transfer, color_primaries=BT2020)
    assert probe(path).note == f"HDR ({name}) converted to SDR"
    colours = middles(shown(path))
    # Each of the frames that are measured, as well.
    assert [255 * light for light in measure(path).brightness] == pytest.approx([shown(path).mean()] * 2, abs=4)
    grey = colours[:-1]
    assert np.ptp(grey, axis=1).max() <= 1
    level = grey[:, 1]
    assert 225 <= level[4] <= 255
    # What is brighter than white is told apart up to 1,000 cd/m², and what is far darker is as the screen shows it.
    assert level[4] + 8 < level[5] < level[6] <= 255
    assert level[:4] == pytest.approx(255 * (NITS[:4] / 203) ** (1 / 2.4), abs=3)
    if transfer == PQ:
        assert colours[-1] == pytest.approx([190, 142, 73], abs=6)


@pytest.mark.slow
def test_a_wide_gamut_is_that_of_an_ordinary_screen(tmp_path: Path) -> None:
    linear = TO_BT2020 @ [0.8, 0.4, 0.1]
    values = (linear ** (1 / 2.4))[None]
    path = write(tmp_path / "w.mkv", patches(values), "gbrp16le", "ffv1", color_trc=BT709, color_primaries=BT2020)
    assert middles(shown(path))[0] == pytest.approx(255 * np.array([0.8, 0.4, 0.1]) ** (1 / 2.4), abs=5)
    assert probe(path).note == "wide gamut (BT.2020) converted to BT.709"
    # A grey is the same grey, whatever the curve.
    grey = write(
        tmp_path / "g.mkv", patches(np.full((1, 3), 0.1)), "gbrp16le", "ffv1", color_trc=SRGB, color_primaries=P3
    )
    assert middles(shown(grey))[0] == pytest.approx([25.5] * 3, abs=2)


@pytest.mark.parametrize(
    "tags",
    [
        {"color_trc": PQ},
        {"color_trc": PQ, "color_primaries": BT2020},
        {"color_trc": PQ, "color_primaries": BT2020, "colorspace": 10},
    ],
)
def test_high_dynamic_range_that_states_no_more_or_a_rare_matrix(tmp_path: Path, tags: dict[str, int]) -> None:
    """Greys at 203 cd/m² in limited range: BT.2020 is what players take it for."""
    frame = _grey(round(64 + 876 * 0.5807))
    path = tmp_path / "hdr.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 128, 16, "yuv444p10le"
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    assert probe(path).note == "HDR (PQ) converted to SDR"
    assert shown(path)[5, 5] == pytest.approx([229] * 3, abs=2)


def _grey(code: int) -> av.VideoFrame:
    """Of 10 bits, 128×16."""
    frame = av.VideoFrame(128, 16, "yuv444p10le")
    for plane, value in zip(frame.planes, (code, 512, 512), strict=True):
        plane.update(np.full(plane.buffer_size // 2, value, np.uint16))
    return frame


def test_colours_that_the_scaler_does_not_know_are_unsupported(tmp_path: Path) -> None:
    frame = _grey(500)
    path = tmp_path / "ictcp.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 128, 16, "yuv444p10le"
        stream.codec_context.colorspace = 14
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    for action in (probe, read_frames):
        with pytest.raises(BadInputError, match="its colour space is not supported"):
            action(path)


@pytest.mark.parametrize(
    "tags",
    [{}, {"color_trc": BT709, "color_primaries": BT709}, {"color_primaries": BT2020}, {"color_trc": 9}],
)
def test_a_clip_that_states_nothing_of_the_kind_is_as_it_is(tmp_path: Path, tags: dict[str, int]) -> None:
    values = np.array([[0.5, 0.25, 0.75], [0.9, 0.9, 0.9]])
    path = write(tmp_path / "plain.mkv", patches(values), "gbrp16le", "ffv1", **tags)
    assert probe(path).note == ""
    assert middles(shown(path)) == pytest.approx(values * 255, abs=1)


@pytest.mark.parametrize(
    ("pixel_format", "channels"), [("gbrp16le", 3), ("rgb48le", 3), ("rgba64le", 4), ("gray16le", 1)]
)
def test_sixteen_bits_become_the_nearest_of_eight(tmp_path: Path, pixel_format: str, channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 65_536, (64, 64, channels), np.uint16)
    values[0, :, 0] = np.arange(64) * 257 + 128  # just below the middle of two steps
    if channels == 4:
        values[..., 3] = 65_535
    path = tmp_path / "deep.mkv"
    frame = av.VideoFrame.from_ndarray(values[..., 0] if channels == 1 else values, pixel_format)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    exact = np.rint(values[..., :3] / 257)
    assert np.array_equal(shown(path), np.broadcast_to(exact, (64, 64, 3)))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv422p10le"])
@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("matrix", ["ITU601", "ITU709", "BT2020"])
def test_range_and_matrix_are_those_that_are_stated(
    tmp_path: Path, matrix: str, color_range: int, pixel_format: str
) -> None:
    from av.video.reformatter import Colorspace

    colour = (200, 50, 20)
    frame = av.VideoFrame.from_ndarray(clips.flat(colour, 64, 64), "rgb24").reformat(
        format=pixel_format, dst_colorspace=Colorspace[matrix], dst_color_range=color_range
    )
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        stream.codec_context.colorspace = Colorspace[matrix]
        stream.codec_context.color_range = color_range
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for size in (None, (32, 32)):
        assert shown(path, size=size)[10, 10] == pytest.approx(colour, abs=4)


@pytest.mark.parametrize("half", [False, True])
def test_linear_light_gets_the_curve_of_srgb(tmp_path: Path, half: bool) -> None:
    light = np.array([0.0, 0.0031, 0.18, 0.5, 1.0, 7.0, -1.0])
    picture = np.repeat(np.repeat(np.repeat(light[None, :, None], 3, 2), 16, 0), 16, 1).astype(np.float32)
    options = {"format": "half"} if half else {}
    path = write(tmp_path / "lin.exr", picture, "gbrpf32le", "exr", 1, options=options)
    assert middles(shown(path))[:, 0] == pytest.approx([0, 10, 118, 188, 255, 255, 0], abs=1)
    assert probe(path).note == "linear light converted to sRGB"


@pytest.mark.parametrize("suffix", ["hdr", "pfm"])
def test_other_files_of_light(tmp_path: Path, suffix: str) -> None:
    path = clips.light(tmp_path / f"light.{suffix}")
    assert shown(path)[5, 5] == pytest.approx([118] * 3, abs=1)
    assert probe(path).note == "linear light converted to sRGB"


def test_the_alpha_of_light_is_multiplied_in_already(tmp_path: Path) -> None:
    """Half covered by a grey of 0.18: half of its light, and half of the white behind."""
    picture = np.full((16, 16, 4), (0.09, 0.09, 0.09, 0.5), np.float32)
    path = write(tmp_path / "alpha.exr", picture, "gbrapf32le", "exr", 1)
    assert shown(path)[5, 5] == pytest.approx([202] * 3, abs=1)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "options"),
    [
        ("vp9.webm", "libvpx-vp9", "yuva420p", {}),
        ("vp8.webm", "libvpx", "yuva420p", {"auto-alt-ref": "0"}),
        ("prores.mov", "prores_ks", "yuva444p10le", {"profile": "4444"}),
    ],
)
def test_transparency_of_a_video_is_over_white(
    tmp_path: Path, name: str, codec: str, pixel_format: str, options: dict[str, str]
) -> None:
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[:, :32] = (200, 0, 0, 255)
    picture[32:, 32:] = (200, 0, 0, 128)
    tags = {"metadata": {"alpha_mode": "1"}} if name.endswith("webm") else {}
    path = write(tmp_path / name, picture, pixel_format, codec, 4, options=options, **tags)
    for frame in [*read_frames(path, 1), *read_frames(path, 2, pick="spread")]:
        pixels = np.asarray(Image.open(io.BytesIO(frame.png)), np.int16)
        assert pixels[16, 16] == pytest.approx([200, 0, 0], abs=6)
        assert pixels[16, 48].tolist() == [255, 255, 255]
        assert pixels[48, 48] == pytest.approx([227, 127, 127], abs=8)


@pytest.mark.parametrize(
    ("name", "low", "high", "note"),
    [
        ("pq_203.mp4", 225, 255, "HDR (PQ) converted to SDR"),
        ("lin.exr", 117, 120, "linear light converted to sRGB"),
        ("vp9a.webm", 255, 255, ""),
    ],
)
def test_the_faulty_inputs(faults: Path, name: str, low: int, high: int, note: str) -> None:
    picture = shown(faults / name)
    assert low <= picture.min() <= picture.max() <= high
    assert probe(faults / name).note == note


X265 = "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none:colorprim=bt2020:colormatrix=bt2020nc"
MASTERED = ":hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)"
FLAT = "-f lavfi -i color=0xC83214:s=320x180:d=0.2:r=10,format=rgb24"
PLAYED = {
    "sd_not_stated.mp4": f"{FLAT} -c:v libx264 -pix_fmt yuv420p",
    "bt709.mp4": f"{FLAT} -vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p -c:v libx264 -colorspace bt709",
    "full.mp4": f"{FLAT} -vf scale=out_range=pc,format=yuv420p -c:v libx264 -color_range pc",
    "yuvj.mp4": f"{FLAT} -pix_fmt yuvj420p -c:v libx264",
    "motion.avi": f"{FLAT} -pix_fmt yuvj420p -c:v mjpeg",
    "bt2020.mp4": f"{FLAT} -vf scale=out_color_matrix=bt2020,format=yuv420p10le -c:v libx264 -colorspace bt2020nc",
    "smpte240m.mp4": f"{FLAT} -vf scale=out_color_matrix=smpte240m,format=yuv420p -c:v libx264 -colorspace smpte240m",
    "rgb.mp4": f"{FLAT} -c:v libx264rgb",
    "grey.mkv": f"{FLAT} -pix_fmt gray -c:v ffv1",
    "prores.mov": f"{FLAT} -vf scale=out_color_matrix=bt709,format=yuv422p10le -c:v prores_ks -colorspace bt709",
    "hd_not_stated.mp4": f"{FLAT} -vf scale=1280:720,format=yuv420p -c:v libx264",
}


@pytest.mark.host
@pytest.mark.parametrize("name", PLAYED)
def test_a_colour_is_that_of_ffmpeg(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ffmpeg(f"{PLAYED[name]} {path}")
    truth = ffmpeg(f"-i {path} -frames:v 1 -f rawvideo -pix_fmt rgb24 -")[:3]
    assert shown(path)[0, 0] == pytest.approx(list(truth), abs=2)


@pytest.mark.host
@pytest.mark.parametrize(
    ("transfer", "curve", "more"),
    [
        ("smpte2084", pq, ""),
        ("smpte2084", pq, MASTERED),
        ("arib-std-b67", hlg, ""),
    ],
)  # fmt: skip
def test_a_camera_s_clip_is_as_zimg_has_it(tmp_path: Path, transfer: str, curve: object, more: str) -> None:
    """FFmpeg's filter of another library, zscale, from the same file: below the knee both show the same."""
    levels = curve(np.array([10.0, 60.0, 203.0]))  # type: ignore[operator]
    codes = np.round(64 + 876 * levels).astype(int)
    path = tmp_path / "camera.mp4"
    for name, code in zip("abc", codes, strict=True):
        grey = f"color=black:s=64x64:d=0.2:r=10,format=yuv420p10le,geq=lum={code}:cb=512:cr=512"
        path = tmp_path / f"{name}.mp4"
        ffmpeg(f"-f lavfi -i {grey} {X265}:transfer={transfer}{more} {path}")

    def truth(name: str) -> int:
        to_linear = "zscale=transfer=linear:npl=203,format=gbrpf32le"
        back = "zscale=transfer=bt709:primaries=bt709:matrix=gbr,format=gbrp"
        file = tmp_path / f"{name}.mp4"
        raw = ffmpeg(
            f"-i {file} -frames:v 1 -vf {to_linear},zscale=primaries=bt709,{back} -f rawvideo -pix_fmt rgb24 -"
        )
        return raw[0]

    for name in "ab":
        # zimg's BT.709 is the camera's curve, ours the screen's: alike within a tenth of the range.
        assert shown(tmp_path / f"{name}.mp4")[20, 20] == pytest.approx([truth(name)] * 3, abs=26)
    assert 225 <= shown(tmp_path / "c.mp4")[20, 20].min() <= 255


def ffmpeg(arguments: str) -> bytes:
    return subprocess.run(
        ["ffmpeg", "-y", "-v", "error", *shlex.split(arguments)], check=True, capture_output=True
    ).stdout
