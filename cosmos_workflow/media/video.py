"""What a video or image file holds, as a player shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.errors import cannot_read
from cosmos_workflow.media.colour import complete, conversion, decoder
from cosmos_workflow.media.opening import decoded, demuxed, no_frames, opened
from cosmos_workflow.media.pictures import Pictures
from cosmos_workflow.media.sequence import files_of, is_sequence
from cosmos_workflow.media.shape import is_image, pixel_aspect, shape, turn
from cosmos_workflow.media.timing import Timing, by_count, counted, stated

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Clip", "decoded", "no_frames", "opened", "pixel_aspect", "probe", "sha256_of", "shape", "turn", "version"]

# FFmpeg's formats that can hold one picture or many.
ANIMATED_FORMATS = {"gif", "apng"}


@dataclass(frozen=True)
class Clip:
    """A video or image: sizes in pixels as shown (pixel aspect, rotation), `fps` in frames a second, `duration` in s.

    `rotation` is the clockwise turn, in degrees, that players apply to the stored frames. `frames` is the
    container's count where that can be relied on, else counted. `start` is the first frame's time in the stream, in s;
    `seekable` is False where frames must be counted from the first to know their times. `note` is for the reader:
    images that are missing in a sequence, colours that are converted.
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
    start: float = 0.0
    seekable: bool = True
    note: str = ""

    @property
    def is_image(self) -> bool:
        return self.frames == 1 and not self.duration


def probe(path: str | Path) -> Clip:
    """The facts about a video, an image or an image sequence. Its first frame is decoded, so a Clip can be read.

    Raises BadInputError for a missing, empty, truncated or foreign file, or one without a video.
    """
    path = Path(path)
    with opened(path) as (container, stream):
        if isinstance(container, Pictures):
            # Decode two pictures, as a request usually has two frames: an error in them shows now.
            frame, *_ = islice(container.decode(), 2)
            timing, codec, note = container.timing, container.codec, container.note
            aspect = container.aspect
        else:
            frame, timing = _survey(container, stream, path)
            codec, note, aspect = stream.codec_context.name, "", pixel_aspect(container, stream)
        width, height = shape(frame, aspect)
        # A pixel format that cannot be converted to RGB is refused now, not when the clip is to be sent.
        complete(frame).reformat(width=16, height=16, format="rgb24")
        return Clip(
            path, codec, width, height, timing.fps, timing.frames, timing.duration, turn(frame), frame.format.name,
            timing.start, not timing.by_count, "; ".join(filter(None, [note, conversion(frame)])),
        )  # fmt: skip


def _survey(container: InputContainer, stream: VideoStream, path: Path) -> tuple[VideoFrame, Timing]:
    """The first frame that decodes, and the timing of all frames."""
    if is_image(container, path):
        return _first(container, stream, path), Timing(1, 0.0, 0.0)
    if timing := stated(container, stream):
        return _first(container, stream, path), timing
    frames: list[VideoFrame] = []
    timing = counted(container, stream, _decoding(container, stream, frames))
    if not frames:
        raise no_frames(path)
    # A file that states no duration and holds one picture is a still image.
    if timing.frames <= 1 and (
        container.format.name in ANIMATED_FORMATS or not (stream.duration or container.duration)
    ):
        timing = Timing(1, 0.0, 0.0, timing.start, timing.by_count)
    return frames[0], timing


def _decoding(
    container: InputContainer, stream: VideoStream, frames: list[VideoFrame]
) -> Iterator[Packet[VideoStream]]:
    """The packets of frames that are shown; the first frame that decodes is appended to `frames` on the way.

    A recording that starts in the middle begins with packets that need earlier ones; they are never shown.
    """
    import av

    first_error: av.error.FFmpegError | None = None
    context = decoder(stream)
    waiting: list[Packet[VideoStream]] = []
    for packet in demuxed(container, stream):
        if frames:
            yield packet
            continue
        try:
            frames += context.decode(packet)[:1]
        except av.error.DecoderNotFoundError:
            raise
        except av.error.FFmpegError as error:
            first_error = first_error or error
            continue
        waiting.append(packet)
        if frames:
            first = None if by_count(container, stream) else frames[0].pts
            yield from (packet for packet in waiting if packet.pts is None or first is None or packet.pts >= first)
    if not frames and first_error:
        raise first_error


def _first(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    for frame in decoded(container, stream):
        return frame
    raise no_frames(path)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, or of those of all images of a sequence in their order, as hex.

    Raises BadInputError if a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for file in files_of(path).values() if is_sequence(path) else [path]:
            with file.open("rb") as opened_file:
                while piece := opened_file.read(1 << 20):
                    digest.update(piece)
    except OSError as error:
        raise cannot_read(path, error) from error
    return digest.hexdigest()


def version(path: Path) -> tuple[int, int]:
    """A value that changes when the file or an image of the sequence does: the latest change in ns, and bytes in all.

    Raises BadInputError if a file cannot be read.
    """
    try:
        status = [file.stat() for file in (files_of(path).values() if is_sequence(path) else [path])]
    except OSError as error:
        raise cannot_read(path, error) from error
    return max(file_status.st_mtime_ns for file_status in status), sum(file_status.st_size for file_status in status)
