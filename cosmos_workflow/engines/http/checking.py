"""Decodes a video that a server sent as a whole, and says what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cosmos_workflow.engines.http.failing import Failed
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.media.opening import decoded, opened
from cosmos_workflow.media.video import probe

__all__ = ["checked"]

BLACK = 8  # grey of 255: what is left of black behind a codec


def checked(path: Path, work: Work, inputs: Mapping[str, Path]) -> tuple[int, int]:
    """The width and height of a video, of which each frame is decoded. Raises Failed if it is not what was asked for.

    Transfer2.5 gives its video the clip's size; the service does not say whether it does.
    """
    try:
        frames, sizes, black = _decoded(path)
    except BadInputError as error:
        raise Failed(f"the server's video cannot be read ({error.what})") from error
    if frames != work.frames:
        raise Failed(f"the server's video has {frames} frames, and {work.frames} were asked for")
    right = {(work.width, work.height), (work.out_width, work.out_height)}
    if work.family == "transfer2.5":
        clip = probe(inputs["video"])
        right.add((clip.width, clip.height))
    if len(sizes) > 1 or not sizes <= right:
        shown = " and ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise Failed(
            f"the server's video has {shown} pixels, and {work.width}x{work.height} were asked for",
            remedy="leave out --size and the aspect: the server takes the shape of the clip",
        )
    if black:
        raise Failed(
            "the server's video is all black, which is what NVIDIA's safety checker leaves of one that it blocks",
            "blocked",
        )
    return sizes.pop()


def _decoded(path: Path) -> tuple[int, set[tuple[int, int]], bool]:
    """The frames of a video, their sizes, and whether all of them are black. Raises BadInputError."""
    count, black = 0, True
    sizes: set[tuple[int, int]] = set()
    with opened(path) as (container, stream):
        stream.thread_type = "AUTO"
        for frame in decoded(container, stream):
            count += 1
            sizes.add((frame.width, frame.height))
            black = black and int(frame.to_ndarray(format="gray").max()) <= BLACK
    return count, sizes, black
