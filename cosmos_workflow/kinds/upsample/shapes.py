"""What is exchanged of prompt upsampling as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from cosmos_workflow.kinds.shapes import Count, FileName, Name, Shape, Text, Whole, whole
from cosmos_workflow.limits import MODELS, Fit, Plan

__all__ = ["ItemIn", "PlanOut", "SettingsIn", "Size", "SizeIn"]

Frames = Annotated[int, Field(ge=1, le=1000), whole]
Size = Annotated[int, Field(ge=1, le=100_000, description="pixels"), whole]
Temperature = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class ItemIn(Shape):
    """One prompt with its video: the id of an uploaded clip, or a path inside the server's media folder."""

    video: FileName
    prompt: Text = ""
    id: Name = ""
    frames: Frames | None = None
    seed: Whole | None = None
    temperature: Temperature | None = None
    max_tokens: Count | None = None


class SettingsIn(Shape):
    """How items are asked; an item's own values go before these, the model's defaults behind. Sizes in tokens."""

    model: Literal[tuple(MODELS)] | None = None  # type: ignore[valid-type]
    fit: Fit = "auto"
    frames: Frames | None = None
    pick: Literal["first", "spread"] = "first"
    max_tokens: Count | None = None
    max_model_len: Count | None = None
    temperature: Temperature | None = None
    seed: Whole | None = None


class SizeIn(Shape):
    """A frame size that has no video, with `prompt`: it is checked where both sides are given."""

    width: Size | None = None
    height: Size | None = None
    prompt: Text = ""


@dataclass(frozen=True)
class PlanOut(Plan):
    """A plan with the identity that the item's work would have; an item that does not run has none."""

    identity: str = ""
