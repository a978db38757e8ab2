"""The engine that shows what a video model would be given, in seconds and without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cosmos_workflow.engines.base import Deliver
from cosmos_workflow.engines.films import control_frames, write_asked
from cosmos_workflow.engines.one_by_one import one_by_one
from cosmos_workflow.engines.outputs import OnStep, Step
from cosmos_workflow.engines.steps import Pace
from cosmos_workflow.kinds.kind import Task
from cosmos_workflow.kinds.transfer.work import Applied, Work
from cosmos_workflow.media.encoding import Encoder, check_video
from cosmos_workflow.media.footage import stretched
from cosmos_workflow.media.framing import even, rate_of
from cosmos_workflow.media.sheet import printable
from cosmos_workflow.media.video import probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cosmos_workflow.engines.outputs import TaskFiles

    Pixels = NDArray[np.uint8]

__all__ = ["PREVIEW", "PreviewEngine"]

PREVIEW = "preview.mp4"
PANEL = 480  # pixels of a panel's longer side
LINE, GAP, BAR = 18, 6, 26  # pixels: height of a line of text, space between panels, half the bar of time
DARK, GREY, LIGHT, ORANGE, BLUE = (24, 24, 26), (70, 70, 76), (235, 235, 235), (255, 170, 60), (90, 150, 255)
BLUR_EVERY = 8  # frames: the blur of one takes longer than all the rest of it
LOSS = 20  # x264's quantiser


class PreviewEngine:
    """Puts the clip and its controls side by side, in the model's size, with weights, masks and the ends of chunks."""

    name = "preview"
    wants = "files"
    model = ""

    def load(self) -> None:
        """Nothing to load."""

    def properties(self) -> dict[str, Any]:
        return {"version": cv2.__version__}

    def run(self, tasks: Sequence[Task], files: TaskFiles, deliver: Deliver) -> None:
        def preview(task: Task) -> dict[str, Any]:
            work = Work.of(task.asks)
            inputs = {name: files.path(sha256) for name, sha256 in task.inputs.items()}
            folder = files.folder(task)
            write_preview(task.id, work, inputs, folder / PREVIEW, files.on_step)
            write_asked(task.id, work, inputs, folder)
            return {"frames": work.frames}

        one_by_one(tasks, deliver, preview)

    def close(self) -> None:
        """Nothing to free."""


def write_preview(
    title: str, work: Work, inputs: dict[str, Path], path: Path, on_step: OnStep = lambda step: None
) -> None:
    """Write the preview of a work as an mp4. Raises BadInputError for a file that cannot be read."""
    computed = [control.hint for control in work.controls if control.computed and control.hint in ("edge", "vis")]
    clip, *copies = tee(_clip(work, inputs), 1 + len(computed))  # decoded and stretched once for all
    of_clip = dict(zip(computed, copies, strict=True))
    panels = [_Panel(work, _clip_title(work, inputs), clip)]
    for control in work.controls:
        if control.hint == "upscale":
            continue
        every = BLUR_EVERY if control.hint == "vis" else 1
        shown = control_frames(work, control, inputs, every, of_clip.get(control.hint))
        if control.computed and control.hint not in of_clip:
            shown = iter(())  # a model computes it, and none is here
        given = "" if control.computed else _stretch(inputs.get(control.hint), work)
        panels.append(_Panel(work, _control_title(control) + given, shown))
        if (mask := f"{control.hint}_mask") in inputs:
            masks = stretched(inputs[mask], (work.width, work.height), "linear", work.frames)
            title_of_mask = f"mask of {control.hint}: white = it acts{_stretch(inputs[mask], work)}"
            panels.append(_Panel(work, title_of_mask, masks))
    columns = 2 if len(panels) in (2, 3, 4) else min(3, len(panels))
    rows = -(-len(panels) // columns)
    wide, high = panels[0].size
    width = columns * wide + (columns + 1) * GAP
    says, *facts = (_wrapped(line, width - 2 * GAP) for line in _lines(title, work))
    lines = [*says, *(line for fact in facts for line in fact)]
    head = len(lines) * LINE + 2 * GAP
    titles = [_wrapped(panel.title, wide) for panel in panels]
    below = max(map(len, titles)) * LINE + 2 * GAP  # a panel's title
    height = head + rows * (high + below) + 2 * BAR
    size = even((width + 1, height + 1))
    canvas = np.full((size[1], size[0], 3), DARK, np.uint8)
    for number, line in enumerate(lines):
        _write(canvas, line, GAP, GAP + number * LINE, ORANGE if number < len(says) else LIGHT)
    pace, encoder = Pace(), Encoder(path, size, rate_of(work.fps), LOSS)
    try:
        for frame in range(work.frames):
            for number, panel in enumerate(panels):
                x = GAP + number % columns * (wide + GAP)
                y = head + number // columns * (high + below)
                for row, line in enumerate(titles[number] if frame == 0 else ()):
                    _write(canvas, line, x, y + high + 4 + row * LINE, LIGHT)
                canvas[y : y + high, x : x + wide] = panel.picture()
            _draw_time(canvas[size[1] - 2 * BAR :], work, frame)
            encoder.write(canvas)
            if pace.lets(frame + 1, work.frames):
                on_step(Step(title, frame + 1, work.frames, f"frame {frame + 1} of {work.frames}"))
        encoder.close()
    except BaseException:
        encoder.abandon()
        raise
    check_video(encoder)


class _Panel:
    """One clip of the preview; its last picture stays where it ends early."""

    def __init__(self, work: Work, title: str, frames: Iterator[Pixels]) -> None:
        scale = PANEL / max(work.width, work.height)
        self.title, self._frames = title, frames
        self.size = even((round(work.width * scale), round(work.height * scale)))
        self._last: Pixels = np.zeros((self.size[1], self.size[0], 3), np.uint8)

    def picture(self) -> Pixels:
        frame = next(self._frames, None)
        if frame is not None:
            self._last = np.asarray(cv2.resize(frame, self.size, interpolation=cv2.INTER_AREA), np.uint8)
        return self._last


def _clip(work: Work, inputs: dict[str, Path]) -> Iterator[Pixels]:
    if "video" not in inputs:
        return iter(())
    return stretched(inputs["video"], (work.width, work.height), "area", work.frames)


def _clip_title(work: Work, inputs: dict[str, Path]) -> str:
    if "video" not in inputs:
        return "no clip: controls alone"
    title = "clip"
    if work.family == "transfer1" and work.sigma_max is not None:
        title = f"clip, with noise {work.sigma_max:g}"
    elif work.controls and work.family != "transfer1" and work.sigma_max is None and not work.first_overlap:
        title = "clip: only controls are made of it"
    return title + _stretch(inputs["video"], work)


def _stretch(path: Path | None, work: Work) -> str:
    """How a file of another size is brought to the model's, in words; empty for one that has it."""
    if path is None:
        return ""
    clip = probe(path)
    if (clip.width, clip.height) == (work.width, work.height):
        return ""
    wider = work.width * clip.height / (work.height * clip.width) - 1
    how = f", {abs(wider):.0%} {'wider' if wider > 0 else 'narrower'} than it was" if abs(wider) >= 0.005 else ""
    return f", {clip.width}x{clip.height} scaled to {work.width}x{work.height}{how}"


def _control_title(control: Applied) -> str:
    how = (
        f"computed, {control.preset}"
        if control.preset
        else "computed by a model: not shown"
        if control.computed
        else "given"
    )
    if control.hint == "vis" and control.computed:
        how += f", shown every {BLUR_EVERY} frames"
    if control.weight == 0 and control.share == 0:
        return f"{control.hint} (no weight), {how}"
    scaled = "" if abs(control.share - control.weight) < 0.0005 else f" -> {control.share:.3g}"
    return f"{control.hint} {control.weight:g}{scaled}, {how}"


def _lines(title: str, work: Work) -> list[str]:
    chunks = f"{work.chunks} {'chunk' if work.chunks == 1 else 'chunks'} of {work.chunk}"
    more = _full(work) - work.frames
    filled = [f"grey at the end: {more} frames that fill up the last chunk"] if more > 0 else []
    return [
        "PREVIEW: what the model would be given. No model was used.",
        f"{title}: {work.model}, {work.width}x{work.height}, out {work.out_width}x{work.out_height}, {work.frames}"
        f" frames at {work.fps:g}/s, {chunks}",
        f"seed {work.seed}, {work.steps} steps, guidance {work.guidance:g}",
        *filled,
    ]


def _full(work: Work) -> int:
    """The frames of all chunks, with those that fill up the last one."""
    return work.chunk + (work.chunks - 1) * max(1, work.chunk - work.overlap)


def _draw_time(bar: Pixels, work: Work, frame: int) -> None:
    """The clip's time with its chunks: what one repeats of the one before, where a seam is, and what is filled up."""
    bar[:] = DARK
    stride = max(1, work.chunk - work.overlap)
    full = _full(work)
    left, right = GAP, bar.shape[1] - GAP

    def at(number: float) -> int:  # an even pixel: a line keeps its colour only there
        return left + 2 * int((right - left) * number / max(full, work.frames) / 2 + 0.5)

    for chunk in range(work.chunks):
        begin = chunk * stride
        end = min(begin + work.chunk, full)
        colour = BLUE if chunk % 2 == 0 else (60, 110, 190)
        bar[4:16, at(begin + (work.overlap if chunk else 0)) : at(end)] = colour
        if chunk:
            bar[0:20, at(begin + work.overlap) : at(begin + work.overlap) + 2] = ORANGE
    if full > work.frames:
        bar[4:16, at(work.frames) : at(full)] = GREY
    bar[0:20, at(frame) : at(frame) + 4] = LIGHT
    chunk = 0 if frame < work.chunk else 1 + (frame - work.chunk) // stride
    text = f"frame {frame + 1} of {work.frames}, {frame / work.fps:.2f} s, chunk {chunk + 1} of {work.chunks}"
    _write(bar, text, GAP, 24, LIGHT)


def _wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most so many pixels, as far as its words let."""
    font, lines = _font(), [""]
    for word in printable(text).split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(14)


def _write(picture: Pixels, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    """Write a line of text into a picture; what does not fit is cut off."""
    from PIL import Image, ImageDraw

    height = min(LINE + 4, picture.shape[0] - y)
    if height <= 0:
        return
    image = Image.fromarray(picture[y : y + height])
    ImageDraw.Draw(image).text((x, 0), printable(text), colour, _font())
    picture[y : y + height] = np.asarray(image)
