"""Running a batch on this machine: plan, decode, ask the engine, hand each result on as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import islice

from cosmos_workflow.engines import Answer, Conversation, Engine
from cosmos_workflow.errors import BadInputError
from cosmos_workflow.limits import Plan
from cosmos_workflow.media import measure, read_frames
from cosmos_workflow.prompts import Checked, Item, Result, Settings, check_items

__all__ = ["run_local"]

# How many items' frames are in memory at once; far more than an engine answers at a time.
WINDOW = 256

PLANNED = {field.name for field in fields(Plan)} & {field.name for field in fields(Result)}

OnResult = Callable[[Result], None]


def run_local(items: Iterable[Item], engine: Engine, settings: Settings | None = None, *, on_result: OnResult) -> None:
    """Ask `engine` for each item, once, and hand every result to `on_result` as it finishes, in any order.

    An item that the plan refuses, whose video cannot be read or that the engine rejects gives a Result with
    an error. Raises EngineError where the engine itself fails; what was handed on by then stands.
    """
    settings = settings or Settings()
    checked = check_items(items, settings)
    while window := list(islice(checked, WINDOW)):
        _run_window(window, engine, settings, on_result)


def _run_window(window: list[Checked], engine: Engine, settings: Settings, on_result: OnResult) -> None:
    open_items: dict[str, Checked] = {}
    conversations = []
    for one in window:
        if not one.plan.runs:
            on_result(_refused(one, engine))
            continue
        try:
            conversations.append(_conversation(one, engine, settings))
        except BadInputError as error:
            on_result(_result(one, engine, Answer(one.item.id, error=str(error), error_kind="bad_input")))
            continue
        open_items[one.item.id] = one

    def deliver(answer: Answer) -> None:
        on_result(_result(open_items.pop(answer.id), engine, answer))

    if conversations:
        engine.answer(conversations, deliver)


def _conversation(one: Checked, engine: Engine, settings: Settings) -> Conversation:
    item, plan, model = one.item, one.plan, settings.model
    assert one.clip is not None  # an item without a clip is bad_input, and does not run
    frames, measured = [], None
    if engine.wants == "measurements":
        measured = measure(one.clip).to_dict()
    else:
        size = (plan.frame_width, plan.frame_height)
        frames = read_frames(one.clip, plan.frames, pick=settings.pick, size=size)
    temperature = item.temperature if item.temperature is not None else settings.temperature
    uses_fallback = not item.prompt and engine.wants == "frames"
    return Conversation(
        item.id,
        model.fallback_prompt if uses_fallback else item.prompt,
        tuple(frames),
        max_tokens=plan.answer_tokens,
        temperature=model.temperature if temperature is None else temperature,
        seed=item.seed if item.seed is not None else settings.seed,
        measured=measured,
    )


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
