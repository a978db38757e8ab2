"""The check of an Item before anything is made: what its sources hold, and what becomes of size, rate and length."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.prepare.item import Item, Settings, Verdict
from cosmos_workflow.kinds.prepare.options import check_layers, unused, with_asked_layers
from cosmos_workflow.limits import VideoModel, get_video_model
from cosmos_workflow.media.controls import BLURS, blur_of, thresholds_of
from cosmos_workflow.media.depth import DepthRange, read_range
from cosmos_workflow.media.framing import Framing, anchor_of, even, frame_for, rate_of, resampled
from cosmos_workflow.media.ocio import archive_of
from cosmos_workflow.media.plates import has_light
from cosmos_workflow.media.sequence import FPS
from cosmos_workflow.media.survey import Survey, survey
from cosmos_workflow.media.views import View, check_view

__all__ = ["BLUR_OF_NO_MODEL", "Checked", "bad_input", "check_item", "shown_order", "view_of"]

BLUR_OF_NO_MODEL = "transfer2.5"  # whose presets are used where no model is named
MOST_SIDE = 8192  # of what is written: H.264's decoders in hardware take no more,
NVDEC_SIDE = 4096  # and NVIDIA's before Blackwell no more than this


@dataclass(frozen=True)
class Checked:
    """An Item, what its sources hold, and what will be made: `size` in pixels, `fps` in frames a second.

    `frames` is the number that is written; `notes` say what happens to the clip, `warnings` what makes results bad.
    """

    item: Item
    verdict: Verdict
    seen: Survey | None = None
    size: tuple[int, int] = (0, 0)
    framing: Framing | None = None
    source_fps: float = 0.0
    fps: float = 0.0
    frames: int = 0
    chunks: int = 0
    reason: str = ""
    remedy: str = ""
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())

    @property
    def runs(self) -> bool:
        return self.verdict != "bad_input"

    @property
    def note(self) -> str:
        """What will be made, in words."""
        if not self.runs:
            return ""
        width, height = self.size
        chunks = f", {self.chunks} {'chunk' if self.chunks == 1 else 'chunks'}" if self.chunks else ""
        return "; ".join([f"{width}x{height}, {self.frames} frames at {self.fps:g} a second{chunks}", *self.notes])

    @property
    def has_light(self) -> bool:
        """Whether pictures may hold scene-linear light, for which the view matters."""
        return self.seen is not None and _has_light(self.seen)


def bad_input(item: Item, error: BadInputError | UsageError) -> Checked:
    """An item that cannot be used."""
    reason = f"{error.where}: {error.what}" if error.where else error.what
    return Checked(item, "bad_input", reason=reason, remedy=error.remedy)


def check_item(item: Item, settings: Settings, look: Callable[..., Survey] = survey) -> Checked:
    """What will be made of an item; one that cannot be used is told of, never raised.

    `look` is `survey`, or what answers as it does.
    """
    try:
        return _check(item, settings, look)
    except (BadInputError, UsageError) as error:
        return bad_input(item, error)


def _check(item: Item, settings: Settings, look: Callable[..., Survey]) -> Checked:
    model = get_video_model(settings.model) if settings.model else None
    if item.problem:
        raise BadInputError(item.problem, remedy=item.remedy)
    if not item.sources:
        raise BadInputError("no images and no video are given", remedy="give --rgb, --depth, --seg, --edge or --vis")
    _check_settings(settings)
    item = with_asked_layers(item, settings)
    seen = look(item.sources, missing=settings.missing, within=(settings.first, settings.last))
    if seen.problems:
        where = str(next(iter(item.sources.values())).parent)
        more = f" (and {len(seen.problems) - 4} more)" if len(seen.problems) > 4 else ""
        raise BadInputError("; ".join(seen.problems[:4]) + more, where=where, remedy="")
    check_layers(seen, settings)
    light = _has_light(seen)
    if light:
        check_view(view_of(settings))
        archive_of(settings.ocio)
    first = next(iter(seen.tracks.values()))
    source = first.width, first.height
    size = _size(source, settings, model)
    framing = frame_for(source, size, settings.fit, anchor_of(settings.anchor))
    notes = [*seen.notes, *filter(None, [framing.words()])]
    warnings = []
    if model and not any(size in sizes for sizes in model.sizes.values()):
        warnings.append(f"{model.title} has no size {size[0]}x{size[1]}; it stretches the clip to one of its own")
    if max(size) > NVDEC_SIDE:
        warnings.append(f"NVIDIA's decoders before Blackwell read H.264 up to {NVDEC_SIDE} pixels a side")
    rate = _rate(seen)
    source_fps = rate or settings.source_fps or (settings.retime and settings.fps) or FPS
    fps = settings.fps or (model.fps if model and model.fps else source_fps)
    count = len(seen.numbers)
    frames = len(shown_order(count, source_fps, fps, settings.retime, 0))
    notes += _of_rate(bool(rate), settings, source_fps, fps, count, frames)
    chunks = 0
    if model:
        if model.rates and not any(abs(fps - rate) < 0.05 for rate in model.rates):
            known = ", ".join(f"{rate:g}" for rate in model.rates)
            warnings.append(f"{model.title} was made for {known} frames a second, not {fps:g}")
        if model.whole_fps and fps != int(fps):
            warnings.append(f"{model.title}'s script writes {int(fps)} frames a second instead of {fps:g}")
        frames, changes = _length(model, frames, fps, settings)
        notes += changes
        chunks = model.chunks(frames)
        if frames < model.chunk and model.short:
            warnings.append(f"{frames} frames: {model.short}; --length hold repeats the last frame")
        if frames > model.most_frames:
            warnings.append(f"{model.title} reads {model.most_frames:,} frames at most, not {frames:,}")
    notes += unused(settings, seen, model, framing, has_light=light)
    verdict: Verdict = "risky" if warnings else "fits" if framing.is_whole else "resized"
    return Checked(
        item, verdict, seen, size, framing, source_fps, fps, frames, chunks,
        "; ".join(warnings), "", tuple(notes), tuple(warnings),
    )  # fmt: skip


def _rate(seen: Survey) -> float:
    """The rate of the clip's videos; 0 if there are only images. Raises BadInputError if they differ."""
    rates = {rate_of(track.fps): track.fps for track in seen.tracks.values() if track.is_video}
    if len(rates) > 1:
        raise BadInputError(
            f"the videos have different rates: {', '.join(f'{rate:g}' for rate in sorted(rates.values()))} frames a"
            " second", remedy="bring them to one rate",
        )  # fmt: skip
    return next(iter(rates.values()), 0.0)


def _check_settings(settings: Settings) -> None:
    """Raise UsageError for a setting that cannot be used."""
    over = read_range(settings.depth_range)
    if isinstance(over, DepthRange) and not over.near and settings.depth_form == "inverse":
        raise UsageError(
            f"the depth range is {settings.depth_range!r}, and inverse depth has no near end at 0",
            remedy="give a near end above 0, or --depth-form linear",
        )
    if settings.edge != "off":
        thresholds_of(settings.edge)
    if settings.blur != "off":
        blur_of(settings.blur, settings.model if settings.model in BLURS else BLUR_OF_NO_MODEL)
    for name in ("fps", "source_fps"):
        rate = getattr(settings, name)
        if rate is not None and not 0.1 <= rate <= 240:
            raise UsageError(f"{name} is {rate:g}", remedy="give frames a second from 0.1 to 240")
    if not -20 <= settings.exposure <= 20:
        raise UsageError(f"the exposure is {settings.exposure:g}", remedy="give stops from -20 to 20")


def _has_light(seen: Survey) -> bool:
    pictures = [track.frames for name, track in seen.tracks.items() if name in ("rgb", "edge", "vis")]
    return any(map(has_light, pictures))


def view_of(settings: Settings) -> View:
    """How light becomes a picture."""
    return View(settings.view, settings.exposure, settings.ocio, settings.light, settings.background)


def _size(source: tuple[int, int], settings: Settings, model: VideoModel | None) -> tuple[int, int]:
    if settings.size and settings.size != "bucket":
        match = re.fullmatch(r"\s*([0-9]{1,5})\s*[x×X]\s*([0-9]{1,5})\s*", settings.size)
        size = (int(match[1]), int(match[2])) if match else (0, 0)
        if not match or not all(2 <= side <= MOST_SIDE and side % 2 == 0 for side in size):
            raise UsageError(
                f"the size is {settings.size!r}", remedy=f"give even sides of 2 to {MOST_SIDE}, such as 1280x720"
            )
        return size
    if model:
        return model.size_for(*source, settings.tier)
    if settings.size == "bucket":
        raise UsageError("the size of which model?", remedy="give --for transfer1, transfer2.5 or cosmos3")
    size = even(source)
    if max(size) > MOST_SIDE:
        raise UsageError(
            f"{size[0]}x{size[1]} is more than H.264 takes in hardware ({MOST_SIDE})", remedy="give --for or --size"
        )
    return size


def _of_rate(stated: bool, settings: Settings, source: float, fps: float, count: int, frames: int) -> list[str]:
    notes = []
    if not stated and not settings.source_fps and not settings.retime:
        notes.append(f"images state no rate: {source:g} frames a second are assumed (--source-fps)")
    if rate_of(source) != rate_of(fps):
        if settings.retime:
            notes.append(f"played at {fps:g} instead of {source:g} frames a second: {count / source:.2f} s become"
                         f" {count / fps:.2f} s")  # fmt: skip
        else:
            notes.append(f"resampled from {source:g} to {fps:g} frames a second: {count} frames become {frames}")
    return notes


def _length(model: VideoModel, frames: int, fps: float, settings: Settings) -> tuple[int, list[str]]:
    whole = model.whole(frames, settings.length)
    if settings.length == "cut" and whole > frames:
        return frames, [f"shorter than a chunk of {model.chunk} frames, so nothing is cut off"]
    if whole < frames:
        lost = frames - whole
        return whole, [
            f"cut to {model.chunks(whole)} whole chunks: the last {lost} frames ({lost / fps:.2f} s) are lost"
        ]
    if whole > frames:
        more = whole - frames
        return whole, [
            f"held to {model.chunks(whole)} whole chunks: the last frame is repeated {more} times ({more / fps:.2f} s)"
        ]
    return frames, []


def shown_order(count: int, source_fps: float, fps: float, retime: bool, frames: int) -> list[int]:
    """For each frame that is written, the index of the frame that it shows; `frames` of them, 0 for as many as come.

    >>> shown_order(3, 24, 24, False, 5), shown_order(4, 24, 12, False, 0), shown_order(4, 24, 12, True, 0)
    ([0, 1, 2, 2, 2], [0, 2], [0, 1, 2, 3])
    """
    order = list(range(count)) if retime else resampled(count, source_fps, fps)
    if frames:
        order = order[:frames] + order[-1:] * (frames - len(order))
    return order
