"""What is exchanged of prompt upsampling as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from cosmos_workflow.kinds.shapes import Count, FileName, Name, Shape, Text, Whole, whole
from cosmos_workflow.kinds.upsample.item import LONGEST_SIDE, Format
from cosmos_workflow.kinds.upsample.picking import Pick
from cosmos_workflow.limits import MODELS, Fit, Plan

__all__ = ["ItemIn", "PlanOut", "SettingsIn", "Size", "SizeIn"]

Frames = Annotated[int, Field(ge=1, le=1000), whole]
Size = Annotated[int, Field(ge=1, le=LONGEST_SIDE, description="pixels"), whole]
SizeOf = Annotated[
    list[Size],
    Field(min_length=2, max_length=2, description="width and height of the video that is made"),
    BeforeValidator(lambda value: list(value) if isinstance(value, tuple) else value),  # as `Settings` has it
]
Temperature = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class ItemIn(Shape):
    """One prompt with its video: the id of an uploaded clip, or a path inside the server's media folder.

    The rest goes before the run's settings.
    """

    video: FileName
    prompt: Text = ""
    id: Name = ""
    frames: Frames | None = None
    seed: Whole | None = None
    temperature: Temperature | None = None
    max_tokens: Count | None = None
    format: Format | None = None
    for_size: SizeOf | None = None
    for_fps: Rate | None = None
    for_seconds: Seconds | None = None


class SettingsIn(Shape):
    """How items are asked; an item's own values go before these, the model's defaults behind. Sizes in tokens.

    `format` is what an answer is: a paragraph, or a structured caption of a video with the size, rate and length of
    `for_size`, `for_fps` and `for_seconds` (by default the clip's).
    """

    model: Literal[tuple(MODELS)] | None = None  # type: ignore[valid-type]
    fit: Fit = "auto"
    frames: Frames | None = None
    pick: Pick = "first"
    max_tokens: Count | None = None
    max_model_len: Count | None = None
    temperature: Temperature | None = None
    seed: Whole | None = None
    format: Format = "text"
    for_size: SizeOf | None = None
    for_fps: Rate | None = None
    for_seconds: Seconds | None = None


class SizeIn(Shape):
    """A frame size that has no video, with `prompt`: it is checked where both sides are given."""

    width: Size | None = None
    height: Size | None = None
    prompt: Text = ""


@dataclass(frozen=True)
class PlanOut(Plan):
    """A plan with the identity that the item's work would have; an item that does not run has none."""

    identity: str = ""
