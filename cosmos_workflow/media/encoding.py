"""Writes a control video as NVIDIA's decoders read it, and checks it by reading it back.

H.264, 8-bit 4:2:0, limited range, even sizes, a constant rate, the index in front: what NVDEC and NVIDIA's services
take (10-bit, 4:4:4 and full range are refused there), with so little loss that a control stays one.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.errors import CosmosError
from cosmos_workflow.media.framing import rate_of

if TYPE_CHECKING:
    import numpy as np
    from av.filter import Graph
    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["LOSS", "Encoder", "check_video", "write_film"]

# x264's quantiser: 0 would be lossless, but in a profile that NVDEC refuses.
LOSS = {"rgb": 8, "vis": 8, "depth": 1, "seg": 1, "edge": 1}
BT709, LIMITED = 1, 1  # ITU-T H.273
NEAR = 2.0  # steps by which a frame's mean light may differ from what was encoded,
NEAR_OF_ONE = 24.0  # and more the fewer pixels the mean is of


class Encoder:
    """Encodes RGB frames into one file, frame by frame; `close` ends it.

    `size` is width and height, both even; `fps` the frames a second; `quantiser` x264's, 1 nearly without loss.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: Fraction, quantiser: int, threads: int = 0) -> None:
        import av

        self.path, self.size, self.fps = path, size, fps
        self.lights: list[float] = []
        self._graph = _conversion(size)
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._stream = self._container.add_stream("libx264", rate=fps)
        stream = self._stream
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = 1 / fps
        context = stream.codec_context
        context.time_base = 1 / fps
        context.thread_count = threads
        context.color_range = LIMITED
        context.colorspace = context.color_primaries = context.color_trc = BT709
        # Without frames that refer to later ones, each frame's time is its number, and no edit list is needed.
        context.options = {"qp": str(quantiser), "preset": "veryfast", "bf": "0", "profile": "high"}

    def write(self, pixels: Pixels) -> None:
        """Encode one frame, shape (height, width, 3)."""
        import av

        self._graph.vpush(av.VideoFrame.from_ndarray(pixels, "rgb24"))
        frame = self._graph.vpull()
        frame.pts, frame.time_base = len(self.lights), 1 / self.fps
        self.lights.append(_light(frame))
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left, and the index."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Close the file without ending it."""
        self._container.close()


def _conversion(size: tuple[int, int]) -> Graph:
    """FFmpeg's filters from RGB to what is encoded: by BT.709, into the limited range, without approximations."""
    import av

    graph = av.filter.Graph()
    flags = "flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"
    nodes = [
        graph.add("buffer", f"video_size={size[0]}x{size[1]}:pix_fmt=rgb24:time_base=1/1"),
        graph.add("scale", f"{flags}:out_color_matrix=bt709:out_range=tv"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _light(frame: VideoFrame) -> float:
    """The mean of every fourth pixel's light."""
    import numpy as np

    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return float(rows[: frame.height : 4, : frame.width : 4].mean())


def check_video(encoder: Encoder, path: Path | None = None) -> None:
    """Decode the whole file that an encoder wrote, or `path` with the same picture.

    Raises CosmosError if it is not what was asked for.
    """
    import av

    wrong = []
    seen = 0
    width, height = encoder.size
    near = NEAR + NEAR_OF_ONE / (-(-width // 4) * -(-height // 4)) ** 0.5
    path = path or encoder.path
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        context = stream.codec_context
        facts = (context.name, context.pix_fmt, context.width, context.height, stream.average_rate)
        if facts != (asked := ("h264", "yuv420p", *encoder.size, encoder.fps)):
            wrong.append(f"it is {facts}, not {asked}")
        for frame in container.decode(stream):
            expected = Fraction(seen) / encoder.fps
            if frame.pts is None or frame.time_base is None or frame.pts * frame.time_base != expected:
                wrong.append(f"frame {seen} is shown at {frame.time} s, not at {float(expected):g} s")
                break
            if seen >= len(encoder.lights) or abs(_light(frame) - encoder.lights[seen]) > near:
                wrong.append(f"frame {seen} is another picture than the one that was encoded")
                break
            seen += 1
    if not wrong and seen != len(encoder.lights):
        wrong.append(f"it has {seen} frames, not {len(encoder.lights)}")
    if wrong:
        raise CosmosError(
            f"the video that was written is not right: {wrong[0]}", where=str(path),
            remedy="look whether the disk is full or faulty, then try again",
        )  # fmt: skip


def write_film(
    frames: Iterable[NDArray[np.uint8]], size: tuple[int, int], fps: float, path: Path, quantiser: int
) -> Encoder:
    """Encode frames of a size (width, height), and check the file by reading it back. Raises CosmosError."""
    encoder = Encoder(path, size, rate_of(fps), quantiser)
    try:
        for frame in frames:
            encoder.write(frame)
        encoder.close()
    except BaseException:
        encoder.abandon()
        raise
    check_video(encoder)
    return encoder
