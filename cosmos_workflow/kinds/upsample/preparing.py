"""Turns a checked item into a conversation, and its answer into a result, in the same way wherever the batch runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Protocol

from cosmos_workflow.kinds.upsample import Checked, Result, Settings
from cosmos_workflow.kinds.upsample.captioning import caption_of, prose_question, question_of
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation
from cosmos_workflow.kinds.upsample.picking import times_at_shots, video_times
from cosmos_workflow.limits import Plan
from cosmos_workflow.media import Clip, Frame, read_frames, version

__all__ = ["Preparer", "finished", "first", "pending"]

# Many prompts often have the same clip, so neighbours in a batch share its decoded frames. Measurements are small, so
# they are kept for later batches of this process too.
CLIPS_KEPT = 32
VIDEOS_KEPT = 1  # as it may have hundreds of frames
MEASURED_KEPT = 4096

PLANNED = {field.name for field in fields(Plan)} & {field.name for field in fields(Result)} - {"note"}


class EngineInfo(Protocol):
    """What a result states about the engine that answers, which may run on another machine."""

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def wants(self) -> str: ...


class Preparer:
    """Turns checked items into conversations, with the frames or measurements that the engine wants."""

    def __init__(self, wants: str, settings: Settings) -> None:
        self._wants = wants
        self._settings = settings
        kept = VIDEOS_KEPT if settings.pick == "video" else CLIPS_KEPT
        self._frames = lru_cache(kept)(self._read_frames)

    def prepare(self, checked: Checked) -> Conversation:
        """The conversation for an item that runs. Raises BadInputError if its video cannot be read."""
        item, plan = checked.item, checked.plan
        settings = self._settings.of(item)
        model = settings.model
        assert checked.clip is not None  # an item without a clip is bad_input, and does not run
        conversation = Conversation(
            item.id,
            item.prompt,
            max_tokens=plan.answer_tokens,
            temperature=first(item.temperature, settings.temperature, model.temperature),
            seed=first(item.seed, settings.seed),
            sampling=model.sampling,
        )
        clip = checked.clip
        text = prose_question(item.prompt) or model.fallback_prompt
        captioned, negative = settings.format != "text", settings.format == "cosmos3-negative"
        measured: Mapping[str, Any] = {}
        # A caption has what is measured from every engine, a negative one from none: it is of no clip.
        if not negative and (captioned or self._wants == "measurements"):
            measured = _measured(clip, version(clip.path))
        if captioned:
            caption = caption_of(item.prompt, measured, clip.fps, settings)
            conversation = replace(conversation, caption=caption)
            text = question_of(item.prompt, caption["facts"], negative=negative)
        if self._wants == "measurements":
            return replace(conversation, measured=measured)
        frames = self._frames(clip, plan.frames, (plan.frame_width, plan.frame_height), version(clip.path))
        fps = video_times(clip, len(frames))[0] if settings.pick == "video" and len(frames) > 1 else 0.0
        return replace(conversation, text=text, frames=frames, video_fps=fps)

    def _read_frames(self, clip: Clip, count: int, size: tuple[int, int], of: tuple[int, int]) -> tuple[Frame, ...]:
        pick = self._settings.pick
        if pick == "video":
            times = video_times(clip, count)[1] if count > 1 else [0.0]
            return tuple(read_frames(clip, count, pick=times, size=size))
        if pick != "shots":
            return tuple(read_frames(clip, count, pick=pick, size=size))
        shots = _measured(clip, of)["shots"]
        # A still has one frame, at whatever time.
        return tuple(read_frames(clip, count, pick=times_at_shots(shots, count) if shots else "first", size=size))


@lru_cache(MEASURED_KEPT)
def _measured(clip: Clip, _: tuple[int, int]) -> dict[str, Any]:
    # Importing OpenCV takes a fifth of a second, which listing runs does not need.
    from cosmos_workflow.media import measure

    return measure(clip).to_dict()


def first(*values: Any) -> Any:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)


def pending(checked: Checked, engine: EngineInfo, place: str = "local") -> Result:
    """The Result of an item that is planned but not answered yet."""
    plan = checked.plan
    resized = ""
    if plan.verdict == "resized" and engine.wants == "frames":
        resized = (
            f"frames resized from {plan.source_width}x{plan.source_height}"
            f" to {plan.frame_width}x{plan.frame_height} to fit"
        )
    return Result(
        **{name: getattr(plan, name) for name in PLANNED},
        prompt=checked.item.prompt,
        video=str(checked.item.video),
        engine=engine.name,
        engine_model=engine.model,
        place=place,
        note="; ".join(filter(None, [plan.note, resized])),
    )


def finished(waiting: Result, answer: Answer) -> Result:
    """The Result with its answer; the engine's own counts replace the plan's, which may be upper bounds."""
    truncated = answer.finish_reason == "length"
    cut = f"the answer was cut at {answer.completion_tokens} of {waiting.max_tokens} tokens" if truncated else ""
    return replace(
        waiting,
        prompt_tokens=answer.prompt_tokens or waiting.prompt_tokens,
        upsampled_prompt=answer.text,
        finish_reason=answer.finish_reason,
        truncated=truncated,
        completion_tokens=answer.completion_tokens,
        seconds=answer.seconds,
        note="; ".join(filter(None, [answer.note, waiting.note, cut])),
        error=answer.error,
        error_kind=answer.error_kind,
    )
