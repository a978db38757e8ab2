"""What goes into a video model and what comes out of it, as frames and as files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cosmos_workflow.engines.restoring import add_sound, order_at, times_of
from cosmos_workflow.errors import BadInputError, EngineError
from cosmos_workflow.files import write_whole
from cosmos_workflow.kinds.transfer.work import Applied, Work
from cosmos_workflow.media.controls import blur_of, blurred, edges, thresholds_of
from cosmos_workflow.media.encoding import LOSS, write_film
from cosmos_workflow.media.footage import Scaling, frames_of, stretched
from cosmos_workflow.media.frames import encode_png
from cosmos_workflow.media.video import probe

Film = NDArray[np.uint8]
"""Frames as RGB, shape (frames, height, width, 3)."""

__all__ = ["Film", "control_frames", "controls_of", "keep_video", "write_asked", "write_film", "write_video"]

# How NVIDIA's code brings a control to the bucket (transfer2.5.md, "Given control resize").
CONTROL_SCALING: dict[str, Scaling] = {"edge": "linear", "vis": "area", "depth": "linear", "seg": "nearest"}
VIDEO_LOSS = 16  # x264's quantiser of what a model made: nothing to be seen is lost


def controls_of(work: Work, inputs: Mapping[str, Path], folder: Path) -> dict[str, Film]:
    """The frames of each control in the model's size, by hint.

    What is computed of the clip is computed here. Each control is also written to `folder` as `control_<hint>.mp4`.
    Raises BadInputError for a file that cannot be read, or is too short.
    """
    films = {}
    for control in work.controls:
        film = np.empty((work.frames, work.height, work.width, 3), np.uint8)
        count = 0
        for count, frame in enumerate(control_frames(work, control, inputs), 1):
            film[count - 1] = frame
        if count == 1:  # a picture holds for all frames
            film[1:] = film[0]
        elif count < work.frames:
            raise BadInputError(
                f"{control.hint} has {count} frames, and {work.frames} are wanted",
                remedy="give a longer video, or fewer frames",
            )
        write_film(
            film, (work.width, work.height), work.fps, folder / f"control_{control.hint}.mp4", LOSS.get(control.hint, 1)
        )
        films[control.hint] = film
    return films


def control_frames(
    work: Work, control: Applied, inputs: Mapping[str, Path], every: int = 1, clip: Iterator[Film] | None = None
) -> Iterator[Film]:
    """The frames of a control in the model's size, one by one, shape (height, width, 3).

    What is computed is computed for each `every`th frame, and stays for those between; `clip` are the clip's frames in
    that size, where somebody has them already. Raises BadInputError.
    """
    hint, size = control.hint, (work.width, work.height)
    if not control.computed:
        yield from stretched(inputs[hint], size, CONTROL_SCALING.get(hint, "linear"), work.frames)
        return
    made = None
    for number, frame in enumerate(clip or stretched(inputs["video"], size, "area", work.frames)):
        if made is None or number % every == 0:
            made = _computed(work, control, frame)
        yield made


def _computed(work: Work, control: Applied, frame: Film) -> Film:
    if control.hint == "edge":
        return edges(frame, thresholds_of(control.preset)[0])
    if control.hint == "vis":
        return blurred(frame, blur_of(control.preset, work.family)[0])
    raise BadInputError(
        f"{control.hint} is computed by a model, and none is here", remedy=f"give the video of {control.hint}"
    )


def write_video(
    film: Iterable[Film], work: Work, inputs: Mapping[str, Path], folder: Path, count: int = 0
) -> dict[str, Any]:
    """Write what a model made as `video.mp4`, in the size that was asked for, and its frames if they are kept.

    `count` is the number of its frames, where they come one by one. What shall be restored is taken from the clip.
    Returns what a Result is told of: `frames`, and `sound` in words.
    Raises CosmosError.
    """
    size, clip = (work.out_width, work.out_height), inputs.get("video")
    count = count or len(film)  # type: ignore[arg-type]
    order: Sequence[int] = range(count)
    if "fps" in work.restore and clip:
        order = order_at(times_of(clip, count), count, work.out_fps)
    encoder = write_film(
        _kept(_sized(_ordered(film, order), size), work, folder),
        size,
        work.out_fps or work.fps,
        folder / "video.mp4",
        VIDEO_LOSS,
    )
    sound = {"sound": add_sound(encoder, clip)} if "audio" in work.restore and clip else {}
    return {"frames": len(order), **sound}


def keep_video(path: Path, work: Work, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Keep a video that a program wrote as `video.mp4`: as it is, or as `write_video` does where it must be changed.

    Returns as that. Raises CosmosError where it is not what was asked for.
    """
    made = probe(path)
    if (made.frames, bool(made.codec)) != (work.frames, True):
        raise EngineError(
            f"the video that was made has {made.frames} frames, and {work.frames} were asked for", where=path.name,
            remedy="make the clip as long as the video shall be: cosmos prepare CLIP --last N",
        )  # fmt: skip
    as_it_is = (made.width, made.height) == (work.out_width, work.out_height) and not made.is_image
    if as_it_is and made.codec == "h264" and not work.keep_frames and not {"fps", "audio"} & set(work.restore):
        shutil.copy(path, folder / "video.mp4")
        return {"frames": made.frames}
    return write_video(frames_of(path), work, inputs, folder, work.frames)


def write_asked(name: str, work: Work, inputs: Collection[str], folder: Path) -> None:
    """Write what was asked: the prompt as `prompt.txt`, and all of it as `spec.json`, in our own form."""
    text = json.dumps(work.as_spec(name, inputs), ensure_ascii=False, indent=4)
    for file, content in (("prompt.txt", work.prompt), ("spec.json", text + "\n")):
        (folder / file).write_text(content, encoding="utf-8", newline="\n")


def _ordered(frames: Iterable[Film], order: Iterable[int]) -> Iterator[Film]:
    """The frames of these numbers, which never go back."""
    numbered = enumerate(frames)
    at, frame = next(numbered)
    for index in order:
        while at < index:
            at, frame = next(numbered)
        yield frame


def _sized(frames: Iterable[Film], size: tuple[int, int]) -> Iterator[Film]:
    """The frames in a size; shrunk without moiré, which OpenCV's Lanczos would make."""
    for frame in frames:
        if frame.shape[1::-1] == size:
            yield frame
        else:
            yield np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))


def _kept(frames: Iterable[Film], work: Work, folder: Path) -> Iterator[Film]:
    """The frames; on the way each is written as an image, if they are kept."""
    for number, frame in enumerate(frames):
        if work.keep_frames:
            write_whole(folder / "frames" / f"{number:05d}.png", encode_png(frame), sync=False)
        yield frame
