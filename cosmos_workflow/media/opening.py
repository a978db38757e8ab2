"""Opens videos and images: whatever FFmpeg reports about a bad file becomes one clear BadInputError."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.media.bounds import MAX_PIXELS, refuse_large
from cosmos_workflow.media.colour import decoder
from cosmos_workflow.media.foreign import REMEDY, damaged, refuse_address, refuse_playlist, unreadable
from cosmos_workflow.media.pictures import Pictures, animated_webp
from cosmos_workflow.media.sequence import Still, is_sequence, open_sequence
from cosmos_workflow.media.shape import pixel_aspect
from cosmos_workflow.media.timing import JUMP, by_count, rate

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["decoded", "demuxed", "no_frames", "opened"]

# FFmpeg would draw any text file as a terminal's screen, which nobody means as a video.
TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
# These formats open the files and addresses that their input names; foreign.py explains the ones it recognises.
REFERRING = {"hls", "concat", "concatf", "dash", "imf", "sdp", "rtsp", "rtp", "sap", "webm_dash_manifest", "lavfi",
             "smoothstreaming", "vapoursynth", "avisynth", "avs", "vobsub"}  # fmt: skip
SECONDS = 60.0  # for opening, and for each read
BAD_PACKETS = 300  # in a row, after which the rest of a stream is not read


@contextmanager
def opened(path: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and the video stream that players choose; whatever FFmpeg raises inside becomes BadInputError.

    For an image sequence or an animated WebP, which FFmpeg does not read, `Pictures` take the container's place.
    """
    path = Path(path)
    if is_sequence(path):
        pictures: Pictures | None = open_sequence(path, _still)
    else:
        _check_file(path)
        refuse_playlist(path)
        pictures = animated_webp(path)
    if pictures is not None:
        try:
            yield cast("InputContainer", pictures), cast("VideoStream", pictures.stream)
        finally:
            pictures.close()
        return
    import av

    options = {
        "protocol_whitelist": "file",
        "format_whitelist": _formats(),
        "pattern_type": "none",
        "max_pixels": str(MAX_PIXELS),
    }
    try:
        # With the protocol in front, FFmpeg takes no file name for an address.
        container = av.open(f"file:{path.absolute()}", options=options, metadata_errors="replace", timeout=SECONDS)
    except av.error.ExitError as error:
        raise _too_slow(path) from error
    except (av.error.FFmpegError, ValueError, OSError, MemoryError) as error:
        raise unreadable(path, _reason(error)) from error
    with container:
        stream = _video_stream(container, path)
        refuse_large(path, stream, options)
        try:
            yield container, stream
        except av.error.ExitError as error:
            raise _too_slow(path) from error
        except av.error.DecoderNotFoundError as error:
            raise unreadable(path, _codec(container, stream), decoder=False) from error
        except av.error.PatchWelcomeError as error:
            raise unreadable(path, f"a feature of {stream.codec_context.name} that it uses", decoder=False) from error
        except (av.error.FFmpegError, ValueError, MemoryError) as error:
            if getattr(error, "errno", None) == errno.EOPNOTSUPP:  # a matrix, such as that of ICtCp
                raise unreadable(path, "its colour space", decoder=False) from error
            fault = unreadable(path, _reason(error))
            raise fault if "not supported" in fault.what else damaged(path, _reason(error)) from error


def no_frames(path: Path) -> BadInputError:
    return BadInputError(
        "the file has no frames",
        where=str(path),
        remedy="the file may be cut off: copy it again, or export the clip again",
    )


def _too_slow(path: Path) -> BadInputError:
    return BadInputError(
        f"reading it took longer than {SECONDS:g} s", where=str(path), remedy="copy it to a local disk of this machine"
    )


def demuxed(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The stream's packets, up to the end of the file or to damage; damage before the first packet is raised."""
    import av

    seen = False
    try:
        for packet in container.demux(stream):
            seen = True
            yield packet
    except av.error.ExitError:
        raise  # it took too long
    except av.error.FFmpegError:
        if not seen:
            raise


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames in the order in which they are shown, each later than the one before; damaged ones are skipped.

    `frame.time` is the stream's own time, in seconds; where the file states no times, they are counted from 0.
    """
    if isinstance(container, Pictures):
        yield from container.decode()
        return
    numbered = by_count(container, stream)
    step = 1 / (rate(stream) or 25.0)
    offset, last, timed = 0.0, -step, False
    for frame in _frames(container, stream):
        time = None if numbered else frame.time
        if time is None:
            shown = last + step
        else:
            shown = time + offset
            # The clock starts only after frames without a time, or it starts again.
            if (not timed and last >= 0) or (timed and shown < last - JUMP):
                offset += last + step - shown
                shown = last + step
            elif timed and shown <= last:
                shown = last + step
            timed = True
        if time is None or shown != time:
            frame.time_base = Fraction(1, 1_000_000)
            frame.pts = round(shown * 1_000_000)
        last = shown
        yield frame


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    import av

    seen, in_a_row, first_error = False, 0, None
    context = decoder(stream)
    for packet in demuxed(container, stream):
        try:
            frames = context.decode(packet)
        except av.error.DecoderNotFoundError:
            raise
        except av.error.FFmpegError as error:
            first_error = first_error or error
            in_a_row += 1
            if in_a_row >= BAD_PACKETS:
                break
            continue
        for frame in frames:
            seen, in_a_row = True, 0
            yield frame
    if not seen and first_error:
        raise first_error


def _still(path: Path) -> Still:
    """One decoded image of a sequence."""
    with opened(path) as (container, stream):
        for frame in decoded(container, stream):
            return Still(frame, stream.codec_context.name, pixel_aspect(container, stream))
    raise no_frames(path)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            refuse_address(path)
        what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be opened ({_reason(error)})"
        raise BadInputError(what, where=str(path), remedy="check the path") from error
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError("not a regular file", where=str(path), remedy=REMEDY)
    if status.st_size == 0:
        raise BadInputError("the file is empty", where=str(path), remedy="copy it again")


@lru_cache(1)
def _formats() -> str:
    """The names of all FFmpeg formats, without those that open other files."""
    import av

    names = {name for format in av.formats_available for name in format.split(",")}
    return ",".join(sorted(names - REFERRING))


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream that ffplay shows: no cover picture, and the default one first. The others are not read."""
    from av.stream import Disposition

    streams = [] if container.format.name in TEXT_FORMATS else list(container.streams.video)
    if any(stream.disposition & Disposition.dependent for stream in streams):
        raise unreadable(path, "a picture in tiles", decoder=False)
    # FFmpeg lists the cover picture of a song as a video stream too.
    passed_over = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in streams if not stream.disposition & passed_over]
    if not len(container.streams):
        raise damaged(path, "it ends before its first stream")
    if not streams:
        raise BadInputError("there is no video in this file", where=str(path), remedy=REMEDY)
    if container.format.name == "ico":
        chosen = max(streams, key=lambda stream: stream.width * stream.height)
    else:
        best = container.streams.best("video")
        chosen = next((stream for stream in streams if stream is best), streams[0])
    with suppress(ImportError, AttributeError):  # PyAV before 17
        from av.stream import Discard

        for stream in container.streams:
            if stream.index != chosen.index:
                stream.discard = Discard.all
    if not chosen.codec_context:
        raise unreadable(path, _codec(container, chosen), decoder=False)
    return chosen


def _codec(container: InputContainer, stream: VideoStream) -> str:
    """FFmpeg's name for a codec or format that it cannot decode."""
    context = stream.codec_context
    name = context.name if context else container.format.name.removesuffix("_pipe")
    return f"the codec or format {name}"


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
