"""Running a batch on this machine: plan, decode, ask the engine, hand each result on as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from cosmos_workflow.engines import Answer, Conversation, Engine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.limits import Plan
from cosmos_workflow.media import Clip, Frame, measure, read_frames
from cosmos_workflow.prompts import Checked, Item, Result, Settings, check_items

__all__ = ["run_local"]

# How many items are in memory at once. Frames: far more than an engine answers at a time, in one call of
# its own. Measuring takes longer than writing, so there each item is answered as soon as it is measured.
WINDOW = {"frames": 256, "measurements": 1}
# Many prompts for one clip are usual: it is decoded once for neighbours in a batch.
CLIPS_KEPT = 32

PLANNED = {field.name for field in fields(Plan)} & {field.name for field in fields(Result)}

OnResult = Callable[[Result], None]


def run_local(items: Iterable[Item], engine: Engine, settings: Settings | None = None, *, on_result: OnResult) -> None:
    """Ask `engine` for each item, once, and hand every result to `on_result` as it finishes, in any order.

    An item that the plan refuses, whose video cannot be read or that the engine rejects gives a Result with
    an error. Raises EngineError where the engine itself fails; what was handed on by then stands.
    """
    settings = settings or Settings()
    checked = check_items(items, settings)
    prepare = _preparer(engine, settings)
    while window := list(islice(checked, WINDOW[engine.wants])):
        _run_window(window, engine, prepare, on_result)


def _run_window(
    window: list[Checked], engine: Engine, prepare: Callable[[Checked], Conversation], on_result: OnResult
) -> None:
    open_items: dict[str, Checked] = {}
    conversations = []
    for one in window:
        if not one.plan.runs:
            on_result(_refused(one, engine))
            continue
        try:
            conversations.append(prepare(one))
        except BadInputError as error:
            on_result(_result(one, engine, Answer(one.item.id, error=str(error), error_kind="bad_input")))
            continue
        open_items[one.item.id] = one

    def deliver(answer: Answer) -> None:
        on_result(_result(open_items.pop(answer.id), engine, answer))

    if conversations:
        engine.answer(conversations, deliver)


def _preparer(engine: Engine, settings: Settings) -> Callable[[Checked], Conversation]:
    """What turns a checked item into a conversation, with the frames or measurements that the engine wants."""

    @lru_cache(CLIPS_KEPT)
    def frames_of(clip: Clip, count: int, size: tuple[int, int]) -> tuple[Frame, ...]:
        return tuple(read_frames(clip, count, pick=settings.pick, size=size))

    @lru_cache(CLIPS_KEPT)
    def measured_of(clip: Clip) -> dict[str, Any]:
        return measure(clip).to_dict()

    def prepare(one: Checked) -> Conversation:
        item, plan, model = one.item, one.plan, settings.model
        assert one.clip is not None  # an item without a clip is bad_input, and does not run
        asked = Conversation(
            item.id,
            item.prompt,
            max_tokens=plan.answer_tokens,
            temperature=_first(item.temperature, settings.temperature, model.temperature),
            seed=_first(item.seed, settings.seed, None),
        )
        if engine.wants == "measurements":
            return replace(asked, measured=measured_of(one.clip))
        frames = frames_of(one.clip, plan.frames, (plan.frame_width, plan.frame_height))
        return replace(asked, text=item.prompt or model.fallback_prompt, frames=frames)

    return prepare


def _first(*values: Any) -> Any:
    """The first value that is given."""
    return next((value for value in values if value is not None), None)


def _refused(one: Checked, engine: Engine) -> Result:
    plan = one.plan
    reason = f"{plan.reason}; {plan.remedy}" if plan.remedy else plan.reason
    return _result(one, engine, Answer(one.item.id, error=reason, error_kind=plan.verdict))


def _result(one: Checked, engine: Engine, answer: Answer) -> Result:
    item, plan = one.item, one.plan
    truncated = answer.finish_reason == "length"
    notes = [answer.note]
    if plan.verdict == "resized" and engine.wants == "frames":
        notes.append(
            f"frames resized from {plan.source_width}x{plan.source_height}"
            f" to {plan.frame_width}x{plan.frame_height} to fit"
        )
    if truncated:
        notes.append(f"the answer was cut at {answer.completion_tokens} of {plan.max_tokens} tokens")
    planned = {name: value for name, value in plan.to_dict().items() if name in PLANNED}
    # The engine's own counts go before the plan's, which may be upper bounds.
    planned["prompt_tokens"] = answer.prompt_tokens or plan.prompt_tokens
    return Result(
        **planned,
        prompt=item.prompt,
        video=str(item.video),
        upsampled_prompt=answer.text,
        finish_reason=answer.finish_reason,
        truncated=truncated,
        completion_tokens=answer.completion_tokens,
        seconds=answer.seconds,
        engine=engine.name,
        engine_model=engine.model,
        note="; ".join(filter(None, notes)),
        error=answer.error,
        error_kind=answer.error_kind,
    )
