"""Converts decoded frames to the RGB of an ordinary screen: from high dynamic range, wide gamut, scene-linear light,
and transparency.

FFmpeg's filters do it. A frame that states none of these takes a shorter way: swscale applies only the range and the
matrix that the frame states, or BT.601 if it states no matrix, as FFmpeg does (and OpenCV, which writes most such
files).
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    import numpy as np
    from av.filter import Graph
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["complete", "conversion", "decoder", "to_rgb"]

# Code points of ITU-T H.273, as FFmpeg numbers them.
UNSPECIFIED = (0, 2)
LINEAR, PQ, HLG = 8, 16, 18
LOGARITHMIC = (9, 10)
BT2020, BT2020_CONSTANT = 9, 10
WIDE_GAMUTS = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}

# BT.2408, table 1: the signal of reference white (203 cd/m²), and that of 1,000 cd/m², up to which detail is kept.
WHITE_AND_PEAK = {PQ: (0.5807, 0.7518), HLG: (0.75, 1.0)}
# BT.2390, 5.4.1: from the knee on, a Hermite spline compresses the brightest values so that they stay below white.
ROLL_OFF = (
    "st(0,min(val/maxval/{peak},1));st(1,(ld(0)-{knee})/(1-{knee}));"
    "maxval*{peak}*if(lt(ld(0),{knee}),ld(0),(2*ld(1)^3-3*ld(1)^2+1)*{knee}"
    "+(ld(1)^3-2*ld(1)^2+ld(1))*(1-{knee})+(3*ld(1)^2-2*ld(1)^3)*{white})"
)
# The curve of sRGB, IEC 61966-2-1.
SRGB = "maxval*if(lte(val/maxval,0.0031308),12.92*val/maxval,1.055*(val/maxval)^(1/2.4)-0.055)"

# Decoders that read transparency from a side stream; FFmpeg's own decoders ignore it.
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def conversion(frame: VideoFrame) -> str:
    """A note for the reader about how a frame's colours are converted; empty if they are not."""
    if frame.color_trc == PQ:
        return "HDR (PQ) converted to SDR"
    if frame.color_trc == HLG:
        return "HDR (HLG) converted to SDR"
    if _is_linear(frame):
        return "linear light converted to sRGB"
    if gamut := _wide_gamut(frame):
        return f"wide gamut ({gamut}) converted to BT.709"
    return ""


def complete(frame: VideoFrame) -> VideoFrame:
    """The frame, with the tags that players assume where a tag is missing or unknown to FFmpeg's scaler."""
    if frame.color_trc in LOGARITHMIC:
        frame.color_trc = 2
    if frame.colorspace == BT2020_CONSTANT or (frame.color_trc in WHITE_AND_PEAK and frame.colorspace == 2):
        frame.colorspace = BT2020
    if frame.color_trc in WHITE_AND_PEAK and frame.color_primaries in UNSPECIFIED:
        frame.color_primaries = BT2020
    return frame


def to_rgb(frame: VideoFrame, size: tuple[int, int], background: int = 255) -> Pixels:
    """A frame as RGB, shape (height, width, 3), scaled to `size` (width, height).

    The grey value `background`, by default white, is behind transparent parts. Raises FFmpeg's errors.
    """
    import numpy as np

    complete(frame)
    transparent = _has_alpha(frame)
    if _is_linear(frame):
        return _from_linear(frame, size, background)
    deep = "rgba64le" if transparent else "rgb48le"
    if conversion(frame):
        pixels = _filtered(frame, size, deep)
    else:
        from av.video.reformatter import Interpolation

        is_deep = any(component.bits > 8 for component in frame.format.components)
        options: dict[str, Any] = {"format": deep if is_deep else "rgba" if transparent else "rgb24"}
        if size != (frame.width, frame.height):
            # Averaging areas avoids moiré when a frame is made much smaller, and it is also the fastest.
            options |= {"width": size[0], "height": size[1], "interpolation": Interpolation.AREA}
        pixels = _eight_bits(frame.to_ndarray(**options))
    if transparent:
        alpha = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * alpha + background * (255 - alpha) + 127) // 255).astype(np.uint8)
    return pixels


def _eight_bits(values: NDArray[Any]) -> Pixels:
    """Values of 16 bits rounded to the nearest of 8; FFmpeg's own conversion is off by up to a step and a half."""
    return values if values.itemsize == 1 else _rounded()[values]


@lru_cache(1)
def _rounded() -> Pixels:
    import numpy as np

    return ((np.arange(65_536, dtype=np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)


def decoder(stream: VideoStream) -> VideoCodecContext:
    """The decoder for a stream, with its transparency; a new one at each call where it is not the stream's own."""
    context = stream.codec_context
    # FFmpeg writes this tag in lower case, other programs in upper case.
    has_alpha = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    name = WITH_ALPHA.get(context.name) if has_alpha else None
    if not name:
        return context
    import av

    try:
        other = cast("VideoCodecContext", av.CodecContext.create(name, "r"))
    except (av.error.FFmpegError, ValueError):  # this FFmpeg was built without that decoder
        return context
    other.extradata, other.options = context.extradata, context.options
    return other


def _has_alpha(frame: VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _is_linear(frame: VideoFrame) -> bool:
    # Files with floating-point pixels (OpenEXR, Radiance HDR, PFM) always hold linear light.
    is_float = "f32" in frame.format.name or "f16" in frame.format.name
    return frame.color_trc == LINEAR or (is_float and frame.color_trc in UNSPECIFIED)


def _wide_gamut(frame: VideoFrame) -> str:
    return "" if frame.color_trc in UNSPECIFIED else WIDE_GAMUTS.get(frame.color_primaries, "")


def _from_linear(frame: VideoFrame, size: tuple[int, int], background: int) -> Pixels:
    """Apply the sRGB curve; values above white become white. Colours are already multiplied by alpha, as in OpenEXR."""
    import av
    import numpy as np

    if _has_alpha(frame):
        light = cast("NDArray[np.float32]", frame.to_ndarray(format="gbrapf32le"))
        # Light adds up: the background shows wherever the picture does not cover it.
        added = light[..., :3] + (1 - np.clip(light[..., 3:], 0, 1)) * (background / 255)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(added, np.float32), "gbrpf32le")
    return _filtered(frame, size, "rgb48le")


class _Key(NamedTuple):
    """All that a graph of filters depends on."""

    width: int
    height: int
    format: str
    matrix: int
    range: int
    transfer: int
    primaries: int
    linear: bool
    size: tuple[int, int]
    out: str


_graph_lock = Lock()  # a graph takes one frame at a time, and setting one up for HDR takes seconds


def _filtered(frame: VideoFrame, size: tuple[int, int], out: str) -> Pixels:
    """The frame through the filters that it needs; `out` is FFmpeg's name for 16 bits a value, rounded to 8 here."""
    key = _Key(
        frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range),
        int(frame.color_trc), int(frame.color_primaries), _is_linear(frame), size, out,
    )  # fmt: skip
    with _graph_lock:
        graph = _graph(key)
        graph.vpush(frame)
        return _eight_bits(graph.vpull().to_ndarray())


@lru_cache(8)
def _graph(key: _Key) -> Graph:
    import av

    graph = av.filter.Graph()
    size = f"{key.width}x{key.height}"
    nodes = [
        graph.add(
            "buffer",
            f"video_size={size}:pix_fmt={key.format}:time_base=1/1:colorspace={key.matrix}:range={key.range}",
        ),
        *(graph.add(name, arguments) for name, arguments in _filters(key)),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _filters(key: _Key) -> list[tuple[str, str]]:
    """FFmpeg's filters and their arguments, in their order."""
    deep = "gbrap16le" if key.out == "rgba64le" else "gbrp16le"
    scaled = [("scale", f"{key.size[0]}:{key.size[1]}:flags=area+accurate_rnd"), ("format", deep)]
    if key.linear:
        return [*scaled, ("lutrgb", _same(SRGB)), ("format", key.out)]
    # FFmpeg would apply the metadata of the screen that the clip was graded on to the target screen as well.
    filters = [("sidedata", "mode=delete")]
    if hdr := WHITE_AND_PEAK.get(key.transfer):
        white, peak = hdr[0] / hdr[1], hdr[1]
        scaled.append(("lutrgb", _same(ROLL_OFF.format(white=white, peak=peak, knee=1.5 * white - 0.5))))
    to_screen = "out_primaries=bt709" + (":out_transfer=bt709" if hdr else "")
    return [*filters, *scaled, ("scale", to_screen), ("format", key.out)]


def _same(expression: str) -> str:
    """The same curve for red, green and blue."""
    return ":".join(f"{channel}='{expression}'" for channel in "rgb")
