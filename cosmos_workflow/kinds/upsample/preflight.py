"""The check of each Item before anything runs: its Plan, by the model's limits and its video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.upsample.item import Item
from cosmos_workflow.limits import DEFAULT_MODEL, Fit, Model, Plan, get_model, plan
from cosmos_workflow.media import Clip, Pick, probe

__all__ = ["Checked", "Settings", "bad_input", "check_items"]


@dataclass(frozen=True)
class Settings:
    """How the items of a batch are asked; an Item's own values go before these, and these before the model's defaults.

    `limits` is a model by name or by its facts; sizes in tokens.
    """

    limits: str | Model = DEFAULT_MODEL
    fit: Fit = "auto"
    frames: int | None = None
    pick: Pick = "first"
    max_tokens: int | None = None
    max_model_len: int | None = None
    temperature: float | None = None
    seed: int | None = None

    @property
    def model(self) -> Model:
        return get_model(self.limits)


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
        yield Checked(item, replace(planned, note=clip.note) if clip.note else planned, clip)


def _plan(item: Item, clip: Clip, settings: Settings, exact: bool) -> Plan:
    model = settings.model
    frames = item.frames or settings.frames or model.default_frames
    return plan(
        (clip.width, clip.height),
        item.prompt,
        model,
        # More frames than the model takes are an error; more frames than the clip has are not.
        frames=frames if frames > model.max_images else min(frames, clip.frames),
        fit=settings.fit,
        max_tokens=item.max_tokens or settings.max_tokens,
        max_model_len=settings.max_model_len,
        exact=exact,
        id=item.id,
    )


def bad_input(item: Item, settings: Settings, error: BadInputError) -> Plan:
    model = settings.model
    limit = settings.max_model_len or model.max_model_len
    answer = item.max_tokens or settings.max_tokens or model.max_tokens
    reason = f"{error.where}: {error.what}"
    return Plan(
        item.id, "bad_input", model.name, 0, 0, 0, 0, 0, 0, 0, 0, answer, limit, 0, reason, error.remedy,
        fit=settings.fit,
    )  # fmt: skip
