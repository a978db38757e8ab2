"""The check of each Item before anything runs: its Plan, by the model's limits and its video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.captioning import longest_question, prose_question, refused
from cosmos_workflow.kinds.upsample.item import Format, Item
from cosmos_workflow.kinds.upsample.picking import Pick, timing_of, video_note
from cosmos_workflow.limits import DEFAULT_MODEL, Fit, Model, Plan, get_model, plan
from cosmos_workflow.limits.captions import CAPTION_TOKENS
from cosmos_workflow.limits.video_fit import frames_of_video
from cosmos_workflow.media import Clip, probe

__all__ = ["Checked", "Settings", "bad_input", "check_items", "plan_of"]


OF_CAPTION = ("for_size", "for_fps", "for_seconds")  # the video that a caption is for
SOME_CLIP = (121, 30.0)  # a chunk of Transfer1


@dataclass(frozen=True)
class Settings:
    """How the items of a batch are asked; an Item's own values go before these, and these before the model's defaults.

    `limits` is a model by name or by its facts; sizes in tokens. `pick` says which `frames` are sent; `video` sends one
    video of at most so many, by default two a second. `format` is what the answer shall be: a paragraph, or
    a structured caption. `for_size` (width and height in pixels), `for_fps` (frames a second) and `for_seconds` are of
    the video that is to be made with a caption; what is None is the clip's.
    `by_rules` says that captions are written by rules: they take no context, so none is refused for its length.
    """

    limits: str | Model = DEFAULT_MODEL
    fit: Fit = "auto"
    frames: int | None = None
    pick: Pick = "first"
    max_tokens: int | None = None
    max_model_len: int | None = None
    temperature: float | None = None
    seed: int | None = None
    format: Format = "text"
    for_size: tuple[int, int] | None = None
    for_fps: float | None = None
    for_seconds: float | None = None
    by_rules: bool = False

    def __post_init__(self) -> None:
        if self.for_size is not None:  # a list, where it comes from JSON
            object.__setattr__(self, "for_size", tuple(self.for_size))

    @property
    def model(self) -> Model:
        return get_model(self.limits)

    def of(self, item: Item) -> Settings:
        """These settings with what the item says itself of its answer's form."""
        own = {name: getattr(item, name) for name in ("format", *OF_CAPTION)}
        given = {name: value for name, value in own.items() if value is not None}
        return replace(self, **given) if given else self


@dataclass(frozen=True)
class Checked:
    """An Item with its Plan, and its Clip if the video could be read."""

    item: Item
    plan: Plan
    clip: Clip | None = None

    @property
    def runs(self) -> bool:
        """Whether the plan lets it be sent to an engine."""
        return self.plan.runs

    @property
    def verdict(self) -> str:
        return self.plan.verdict

    @property
    def reason(self) -> str:
        return self.plan.reason

    @property
    def remedy(self) -> str:
        return self.plan.remedy


def check_items(
    items: Iterable[Item], settings: Settings | None = None, *, exact: bool = False,
    probed: Callable[[Path], Clip] | None = None,
) -> Iterator[Checked]:  # fmt: skip
    """Plan each item, one at a time; a video that cannot be read gives the verdict `bad_input`, never an exception.

    `exact` loads the tokenizer's table even where an upper bound would be enough. `probed` takes the place of
    `media.probe`, for callers that keep clips for longer.
    """
    settings = settings or Settings()
    probed = probed or lru_cache(1024)(probe)  # many prompts often have the same video
    for item in items:
        try:
            clip = probed(item.video)
        except BadInputError as error:
            yield Checked(item, bad_input(item, settings, error))
            continue
        planned = _plan(item, clip, settings, exact)
        is_video = settings.pick == "video" and planned.frames > 1 and planned.verdict != "bad_input"
        video = video_note(clip, planned.frames, (planned.frame_width, planned.frame_height)) if is_video else ""
        note = "; ".join(filter(None, [clip.note, video, _of_no_caption(item, settings)]))
        yield Checked(item, replace(planned, note=note) if note else planned, clip)


def _of_no_caption(item: Item, settings: Settings) -> str:
    """What an item says of the video of a caption, where its answer is none that has a size and a time."""
    given = [name for name in OF_CAPTION if getattr(item, name) is not None]
    if not given or settings.of(item).format == "cosmos3":
        return ""
    return f'{given[0]} has no effect: it is for a caption ("format": "cosmos3")'


def _plan(item: Item, clip: Clip, settings: Settings, exact: bool) -> Plan:
    model = settings.model
    frames = item.frames or settings.frames or model.default_frames
    timing = timing_of(clip) if settings.pick == "video" else None
    if timing:
        frames = frames_of_video(*timing, item.frames or settings.frames)
    return plan_of(
        (clip.width, clip.height),
        item.prompt,
        settings.of(item),
        # More frames than the model takes are an error; more frames than the clip has are not.
        frames=frames if frames > model.max_images else min(frames, clip.frames),
        max_tokens=item.max_tokens,
        exact=exact,
        id=item.id,
        clip=timing,
    )


def plan_of(
    size: tuple[int, int], prompt: str, settings: Settings, *, frames: int | None = None,
    max_tokens: int | None = None, exact: bool = True, id: str = "", clip: tuple[int, float] | None = None,
) -> Plan:  # fmt: skip
    """The plan of a prompt with frames of a size (width, height) under settings; `frames` and `max_tokens` go before
    theirs. Of a caption it is planned for the longest question that a clip can lead to. `clip` is the frames and frames
    a second of the clip of which a video is sent; where none is known, those of SOME_CLIP.
    """
    note = ""
    if settings.pick == "video" and clip is None:
        clip, note = SOME_CLIP, "planned for a clip of {} frames at {:g} a second".format(*SOME_CLIP)
        frames = frames_of_video(*clip, frames or settings.frames)
    model, captioned = settings.model, settings.format != "text"
    lifted = model.longest_model_len if captioned and settings.by_rules else 0
    planned = plan(
        size,
        longest_question(prompt, settings.format) if captioned else prose_question(prompt),
        model,
        frames=frames or settings.frames or model.default_frames,
        fit=settings.fit,
        max_tokens=max_tokens or settings.max_tokens or (CAPTION_TOKENS if captioned else None),
        max_model_len=max(settings.max_model_len or 0, lifted) or None,
        exact=exact,
        id=id,
        clip=clip,
    )
    planned = replace(planned, note=note) if note else planned
    return refused(planned, model, as_video=clip is not None) if captioned else planned


def bad_input(item: Item, settings: Settings, error: BadInputError) -> Plan:
    model = settings.model
    limit = settings.max_model_len or model.max_model_len
    planned = model.max_tokens if settings.of(item).format == "text" else CAPTION_TOKENS
    answer = item.max_tokens or settings.max_tokens or planned
    reason = f"{error.where}: {error.what}"
    return Plan(
        item.id, "bad_input", model.name, 0, 0, 0, 0, 0, 0, 0, 0, answer, limit, 0, reason, error.remedy,
        fit=settings.fit,
    )  # fmt: skip
