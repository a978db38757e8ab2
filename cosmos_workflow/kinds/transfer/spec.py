"""One form of a transfer that covers those of Transfer1, Transfer2.5 and Cosmos 3; `formats/` reads and writes theirs.

A field that is None or empty was not given: the model's own default counts then (`limits/video.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["HINTS", "PRESETS", "RESTORED", "Control", "Hint", "Preset", "Region", "Restored", "Spec", "WeightMap"]

Hint = Literal["edge", "vis", "depth", "seg", "keypoint", "hdmap", "lidar", "wsm", "upscale"]
HINTS: tuple[Hint, ...] = get_args(Hint)

Preset = Literal["none", "very_low", "low", "medium", "high", "very_high"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

# What a video can be given back of its clip when it is made.
Restored = Literal["size", "fps", "audio"]
RESTORED: tuple[Restored, ...] = get_args(Restored)


class Form(BaseModel):
    """Refuses values of another type; keys that it does not know stand in `extra`, as they were written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    extra: dict[str, Any] = Field(default_factory=dict)


class WeightMap(BaseModel):
    """A weight for each pixel, in a file that PyTorch wrote: [H, W] or [T, H, W] (Transfer1 alone)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: str


def _weight(value: Any) -> Any:
    """Refuses in one sentence what is neither a number nor a map of weights."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (number and abs(value) <= sys.float_info.max) or isinstance(value, WeightMap | Mapping | None):
        return value
    raise ValueError('must be a number, or {"path": FILE} with a weight for each pixel')


Weight = Annotated[float | WeightMap | None, BeforeValidator(_weight)]


class Control(Form):
    """One control of a transfer: its video, or how it is computed of the clip, and how strongly it counts.

    `path` is empty where the control is computed. `mask` is a video whose white pixels let the control act, and
    `mask_prompt` names the objects where it does, separated by " . ". `prompt` names the objects of a segmentation that
    is computed. `checkpoint` is a ControlNet of one's own.
    """

    path: str = ""
    weight: Weight = None
    preset: Preset | None = None
    mask: str = ""
    mask_prompt: str = ""
    prompt: str = ""
    checkpoint: str = ""


# JSON has lists and no tuples.
Box = Annotated[tuple[float, float, float, float], Field(strict=False)]


class Region(Form):
    """A part of the picture with a prompt of its own (Transfer1): one of `box` (left, top, right, bottom; 0 to 1),
    `mask` (a video) and `mask_prompt`.
    """

    prompt: str
    box: Box | None = None
    mask: str = ""
    mask_prompt: str = ""


class Spec(Form):
    """A transfer: what is asked of a video model.

    `prompt` is a text, or a structured caption as JSON (Cosmos 3); `prompt_path` a file with it. `video` is the clip.
    The order of `controls` is the order in which Transfer1 stacks them; other models have an order of their own.
    `model` is a name of `limits/video.py`. `size` is a tier of sizes ("720") or a size ("1280x720"), `aspect` a ratio
    such as "16:9". `fps` is the rate of the output in frames a second, `frames` how many frames of the clip are used at
    most, `chunk` the frames of one chunk, `overlap` those that a later chunk repeats, `first_overlap` those that the
    first takes from the clip. `sigma_max` is the noise on the clip: where it is not given, Transfer2.5 does not look at
    the clip. `style_image` is a picture that gives the style, `style_frame` a frame of the clip that does. `keep_size`
    brings the output to the clip's size. The fields `anchor_…` keep what a mask covers near the clip (Transfer2.5's
    guided generation). `restore` says what the video is given back of its clip; `keep_frames` writes its frames as
    images too. `program` has the keys that only a program's own form has.
    """

    name: str = ""
    model: str = ""
    prompt: str = ""
    prompt_path: str = ""
    negative_prompt: str | None = None
    negative_prompt_path: str = ""
    video: str = ""
    controls: dict[Hint, Control] = Field(default_factory=dict)
    regions: Annotated[tuple[Region, ...], Field(strict=False)] = ()
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    control_guidance: float | None = None
    shift: float | None = None
    sigma_max: float | None = None
    size: str = ""
    aspect: str = ""
    fps: float | None = None
    frames: int | None = None
    chunk: int | None = None
    overlap: int | None = None
    first_overlap: int | None = None
    style_image: str = ""
    style_frame: int | None = None
    anchor_mask: str = ""
    anchor_step: int | None = None
    anchor_labels: Annotated[tuple[int, ...], Field(strict=False)] = ()
    keep_size: bool | None = None
    show_control: bool | None = None
    show_input: bool | None = None
    restore: Annotated[tuple[Restored, ...], Field(strict=False)] = ()
    keep_frames: bool = False
    program: dict[str, Any] = Field(default_factory=dict)
    distilled: bool = False
    av: bool = False
