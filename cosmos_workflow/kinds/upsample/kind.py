"""Prompt upsampling as a kind of work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.kind import Kind, Outcome, Packed, Task
from cosmos_workflow.kinds.reading import Keys
from cosmos_workflow.kinds.upsample.captioning import decided_by
from cosmos_workflow.kinds.upsample.conversation import Answer
from cosmos_workflow.kinds.upsample.item import FIELDS, Item, Result
from cosmos_workflow.kinds.upsample.preflight import Checked, Settings, bad_input, check_items, plan_of
from cosmos_workflow.kinds.upsample.preparing import PLANNED, Preparer, finished, first, pending
from cosmos_workflow.kinds.upsample.tasks import answer_of, outcome_of, task_of
from cosmos_workflow.limits import DEFAULT_MODEL, Plan, model_at
from cosmos_workflow.limits.verdicts import Verdict
from cosmos_workflow.media import Clip, probe, version

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.shapes import ItemIn, PlanOut, SettingsIn, SizeIn

__all__ = ["UPSAMPLE", "Upsample"]


class Upsample(Kind):
    """Short prompts and their clips become long prompts."""

    name = "upsample"
    engines = ("server", "vllm", "transformers", "describe")
    hopeless = ("bad_input", "changed", "too_long", "cut_short", "too_many_images")
    fields = FIELDS
    inputs = ("video",)
    key_fields = ("prompt", "video")
    verdicts = get_args(Verdict)
    later_fields = frozenset(
        {"text_tokens", "image_tokens", "max_model_len", "room", "reason", "remedy", "engine_model"}
    )
    old_after_verdict = ("upsampled_prompt",)
    columns = (
        *("id", "prompt", "upsampled_prompt", "verdict", "finish_reason", "prompt_tokens", "completion_tokens"),
        *("frame_width", "frame_height", "seconds", "engine", "engine_model", "place", "note", "error"),
    )
    item, settings, result = Item, Settings, Result

    def entry(self, values: Mapping[str, Any], where: str, keys: Keys | None = None) -> tuple[Item, tuple[str, ...]]:
        named, extra = FIELDS.split(values, where, keys)
        return Item.from_fields(named, extra, where=where), (named["video"],)

    def damaged(self, values: Any, id: str) -> Item:
        named = {FIELDS.meaning(key): value for key, value in values.items()} if isinstance(values, dict) else {}
        return Item(str(named.get("id") or id), str(named.get("prompt") or ""), Path())

    def check(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        return check_items(items, settings)

    def limited(self, settings: Settings, max_model_len: int) -> Settings:
        asked = settings.max_model_len or max_model_len
        return replace(settings, max_model_len=min(asked, max_model_len))

    def for_engine(self, settings: Settings, engine: str) -> Settings:
        """Rules take no context, and look at no video."""
        if engine != "describe":
            return settings
        return replace(settings, by_rules=True, pick="first" if settings.pick == "video" else settings.pick)

    def unusable(self, item: Item, error: BadInputError, settings: Settings) -> Checked:
        return Checked(item, bad_input(item, settings, error))

    def asks(self, checked: Checked, settings: Settings) -> Mapping[str, Any]:
        """As the model gets it: the plan decides the frames, so limits that lead to the same plan are the same work."""
        item, plan = checked.item, checked.plan
        return {
            "prompt": item.prompt,
            "frames": plan.frames,
            "size": [plan.frame_width, plan.frame_height],
            "pick": settings.pick,
            "max_tokens": plan.answer_tokens,
            "temperature": first(item.temperature, settings.temperature, settings.model.temperature),
            "seed": first(item.seed, settings.seed),
            **(
                {"sampling": dict(settings.model.sampling)} if settings.model.sampling and not settings.by_rules else {}
            ),
            **decided_by(item.prompt, settings.of(item)),
        }

    def facts(self, checked: Checked) -> Mapping[str, Mapping[str, Any]]:
        clip = checked.clip
        if clip is None:
            return {}
        names = ("width", "height", "frames", "duration")
        return {"video": {name: getattr(clip, name) for name in names}}

    def pack(self, checked: Checked, settings: Settings, wants: str) -> Packed:
        return task_of(_preparer(wants, settings).prepare(checked))

    def begin(self, checked: Checked, engine: Any, place: str) -> Result:
        return pending(checked, engine, place)

    def finish(self, result: Result, outcome: Outcome) -> Result:
        return finished(result, answer_of(outcome))

    def dump_item(self, item: Item) -> dict[str, Any]:
        return {**super().dump_item(item), "extra": dict(item.extra)}

    def dump_settings(self, settings: Settings) -> dict[str, Any]:
        return asdict(replace(settings, limits=settings.model.name))

    def checked_again(self, item: Item, result: Result, settings: Settings) -> Checked:
        plan = Plan(**{name: getattr(result, name) for name in PLANNED}, fit=settings.fit)
        try:
            return Checked(item, plan, probe(item.video))
        except BadInputError as error:
            reason = f"{error.where}: {error.what}"
            return Checked(item, replace(plan, verdict="bad_input", reason=reason, remedy=error.remedy))

    def window(self, wants: str) -> int:
        """Measuring takes longer than writing about it, so there each item is answered as soon as it is measured."""
        return 256 if wants == "frames" else 1

    def piece(self, wants: str, settings: Settings) -> int:
        if wants == "frames" and settings.pick == "video":
            return 4  # with up to hundreds of frames each
        return 128 if wants == "frames" else 512

    def old_task(self, values: Mapping[str, Any]) -> Task:
        frames = [dict(frame) for frame in values["frames"]]
        inputs = {f"frame-{number}": frame.pop("sha256") for number, frame in enumerate(frames)}
        asks = {**values, "frames": frames}
        return Task(asks.pop("id"), self.name, asks, inputs)

    def old_outcome(self, values: Mapping[str, Any]) -> Outcome:
        return outcome_of(Answer(**values))

    def texts(self, result: Result) -> tuple[str, str]:
        return result.prompt, result.upsampled_prompt

    def item_shape(self) -> type[ItemIn]:
        from cosmos_workflow.kinds.upsample.shapes import ItemIn

        return ItemIn

    def settings_shape(self) -> type[SettingsIn]:
        from cosmos_workflow.kinds.upsample.shapes import SettingsIn

        return SettingsIn

    def check_shape(self) -> type[SizeIn]:
        from cosmos_workflow.kinds.upsample.shapes import SizeIn

        return SizeIn

    def plan_shape(self) -> type[PlanOut]:
        from cosmos_workflow.kinds.upsample.shapes import PlanOut

        return PlanOut

    def settings_from(self, values: Mapping[str, Any], model_path: str, model: str) -> Settings:
        named = values["model"]
        rest = {name: value for name, value in values.items() if name != "model"}
        return Settings(model_at("" if named else model_path, named or model or DEFAULT_MODEL), **rest)

    def check_exactly(self, items: Iterable[Item], settings: Settings) -> Iterator[Checked]:
        return check_items(items, settings, exact=True, probed=lambda path: _clip(path, version(path)))

    def check_more(self, request: SizeIn, settings: Settings) -> Iterator[Checked]:
        if request.width and request.height:
            planned = plan_of((request.width, request.height), request.prompt, settings)
            yield Checked(Item("", request.prompt, Path()), planned)

    def plan(self, checked: Checked, identity: str) -> PlanOut:
        return self.plan_shape()(**vars(checked.plan), identity=identity)

    def video_prompt(self, result: Result) -> str:
        return result.upsampled_prompt or result.prompt


@lru_cache(1)
def _preparer(wants: str, settings: Settings) -> Preparer:
    """One a process, as it keeps the frames of clips that many prompts share."""
    return Preparer(wants, settings)


@lru_cache(4096)
def _clip(path: Path, version: tuple[int, int]) -> Clip:
    """A clip that is checked again and again is opened once."""
    return probe(path)


UPSAMPLE = Upsample()
