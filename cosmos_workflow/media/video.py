"""Opening videos and images: everything FFmpeg may say of a bad file becomes one clear BadInputError."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.errors import BadInputError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Clip", "probe"]

# FFmpeg draws any text file as a terminal's screen; nobody means that as a video.
TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
REMEDY = "give a video (mp4, mov, webm, mkv …) or an image (png, jpeg)"


@dataclass(frozen=True)
class Clip:
    """A video or image: sizes in pixels as shown (after rotation), `fps` in frames a second, `duration` in s.

    `rotation` is the clockwise turn, in degrees, that players apply to the stored frames. `frames` is the
    container's count, or duration × fps where it states none.
    """

    path: Path
    codec: str
    width: int
    height: int
    fps: float
    frames: int
    duration: float
    rotation: int
    pixel_format: str

    @property
    def is_image(self) -> bool:
        return self.frames == 1 and not self.duration


def probe(path: str | Path) -> Clip:
    """What a video or image file holds; its first frame is decoded, so that a Clip can be read.

    Raises BadInputError for a missing, empty, truncated or foreign file, or one without a video.
    """
    with opened(path) as (container, stream):
        frame = first_frame(container, stream, Path(path))
        rotation = turn(frame)
        width, height = frame.width, frame.height
        if rotation % 180:
            width, height = height, width
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        duration = _duration(container, stream)
        if _is_image(container):
            fps, duration = 0.0, 0.0
        frames = stream.frames or max(1, round(duration * fps))
        return Clip(
            Path(path),
            stream.codec_context.name,
            width,
            height,
            fps,
            frames,
            duration,
            rotation,
            frame.format.name,
        )


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first real video stream; whatever FFmpeg raises inside becomes BadInputError."""
    path = Path(path)
    _check_file(path)
    import av

    try:
        # A playlist must not make FFmpeg open what it names on the network.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise BadInputError(f"not a readable video ({_words(error)})", where=str(path), remedy=REMEDY) from error
    with container:
        stream = _video_stream(container, path)
        try:
            yield container, stream
        except (av.error.FFmpegError, ValueError, MemoryError) as error:
            raise BadInputError(
                f"the video cannot be decoded ({_words(error)})",
                where=str(path),
                remedy="the file may be cut off or damaged: copy it again, or re-encode it with ffmpeg",
            ) from error


def turn(frame: VideoFrame) -> int:
    """The clockwise turn, in degrees, that players apply to a stored frame."""
    return -round(frame.rotation) % 360


def first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    """The first frame that decodes."""
    for frame in decoded(container, stream):
        return frame
    raise no_frames(path)


def no_frames(path: Path) -> BadInputError:
    return BadInputError(
        "there are no frames in it",
        where=str(path),
        remedy="the file may be cut off: copy it again, or export the clip again",
    )


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames as far as the file goes: damage after the first frame ends the clip there, as players do."""
    import av

    seen = False
    try:
        for frame in container.decode(stream):
            seen = True
            yield frame
    except av.error.InvalidDataError:
        if not seen:
            raise


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be opened ({_words(error)})"
        raise BadInputError(what, where=str(path), remedy="check the path") from error
    if stat.S_ISDIR(status.st_mode):
        raise BadInputError("a folder, not a file", where=str(path), remedy="name one video in it")
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError("not a regular file", where=str(path), remedy=REMEDY)
    if status.st_size == 0:
        raise BadInputError("the file is empty", where=str(path), remedy="copy it again")


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    from av.stream import Disposition

    if container.format.name not in TEXT_FORMATS:
        for stream in container.streams.video:
            # The cover picture of a song is a video stream too.
            if not stream.disposition & Disposition.attached_pic:
                return stream
    raise BadInputError("there is no video in it", where=str(path), remedy=REMEDY)


def _is_image(container: InputContainer) -> bool:
    return container.format.name == "image2" or container.format.name.endswith("_pipe")


def _duration(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
