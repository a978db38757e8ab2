"""The case of one item: all that is known of it before it runs, from which preflight and plan are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.transfer.item import CONTROLS, Item, Settings
from cosmos_workflow.kinds.transfer.spec import Control, Spec
from cosmos_workflow.limits.video_models import OF_FAMILY, TRANSFER_MODELS, get_transfer_model
from cosmos_workflow.media.framing import even
from cosmos_workflow.media.pieces import pieces_of
from cosmos_workflow.media.video import Clip, probe

if TYPE_CHECKING:
    from cosmos_workflow.limits.video_facts import TransferModel

__all__ = ["Case", "case_of", "shape_of_aspect"]


@dataclass(frozen=True)
class Case:
    """An item, its Spec, the facts of its model, and what its files hold; `broken` says why a file cannot be read."""

    item: Item
    spec: Spec
    model: TransferModel
    settings: Settings
    clips: Mapping[str, Clip] = field(default_factory=dict)
    broken: Mapping[str, BadInputError] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """transfer1, transfer2.5 or cosmos3."""
        return self.model.family.name

    @property
    def video(self) -> Clip | None:
        return self.clips.get("video")

    @property
    def hints(self) -> list[str]:
        return list(self.spec.controls)

    @property
    def controls(self) -> dict[str, Control]:
        return {str(hint): control for hint, control in self.spec.controls.items()}

    @cached_property
    def first(self) -> Clip | None:
        """The clip, or the first control: what the size and the rate come from."""
        given = [self.clips[name] for name in ("video", *CONTROLS) if name in self.clips]
        return given[0] if given else None

    @cached_property
    def weights(self) -> dict[str, float]:
        """The weight of each control; the model's own where none is given, or a file has one for each pixel."""
        return {
            hint: weight if isinstance(weight := control.weight, float) else self.model.weight.default or 1.0
            for hint, control in self.controls.items()
        }

    @cached_property
    def shares(self) -> dict[str, float]:
        """What the model makes of the weights."""
        total = sum(self.weights.values())
        return self.model.weights_used(self.weights) if total > 0 else self.weights

    @cached_property
    def size_asked(self) -> tuple[str, tuple[int, int] | None]:
        """The tier that the spec's size stands for, or of which it is one; and the size, where it names one."""
        family, asked = self.model.family, self.spec.size
        if asked not in family.sizes:
            for tier, sizes in family.sizes.items():
                for size in sizes:
                    if asked == f"{size[0]}x{size[1]}":
                        return tier, size
        return asked if asked in family.sizes else family.tier, None

    @property
    def tier(self) -> str:
        """The tier of sizes, as far as the model has it."""
        return self.size_asked[0]

    @cached_property
    def bucket(self) -> tuple[int, int]:
        """The size in which the model works, width and height; (0, 0) where nothing says which."""
        tier, size = self.size_asked
        shape = shape_of_aspect(self.spec.aspect) or (self.first and (self.first.width, self.first.height))
        return size or (self.model.family.size_for(*shape, tier) if shape else (0, 0))

    @cached_property
    def out_size(self) -> tuple[int, int]:
        """The size of the video that comes out, width and height."""
        if "size" in self.spec.restore and self.video:
            return even((self.video.width, self.video.height))
        if self.model.output == "input" and self.spec.keep_size is not False and self.first:
            return self.model.output_size(self.first.width, self.first.height, self.tier)
        return (self.bucket[0] * 3, self.bucket[1] * 3) if self.model.output == "3x" else self.bucket

    @cached_property
    def lengths(self) -> dict[str, int]:
        """The frames of the clip and of each control that has a video; one picture stands for any number."""
        return {name: clip.frames for name, clip in self.clips.items() if name in ("video", *CONTROLS)}

    @cached_property
    def frames(self) -> int:
        """The frames of the video that comes out."""
        moving = [count for count in self.lengths.values() if count > 1]
        if self.family == "transfer2.5" and "video" in self.lengths:
            moving = [self.lengths["video"]]
        asked = self.spec.frames or self.model.family.most_frames
        return max(1, min(min(moving, default=1), asked, self.model.family.most_frames))

    @cached_property
    def fps(self) -> float:
        """The rate at which the model makes the video, in frames a second."""
        family = self.model.family
        own = self.first.fps if self.first and self.first.fps else 24.0
        if self.spec.fps and self.family != "transfer2.5":
            return self.spec.fps
        return family.fps or own

    @cached_property
    def out_fps(self) -> float:
        """The rate that is written, in frames a second: the clip's again, where that is restored."""
        restored = "fps" in self.spec.restore and self.video and not self.video.is_image
        return (self.video.fps if restored and self.video else 0.0) or self.fps

    @cached_property
    def chunk(self) -> int:
        return self.spec.chunk or round(self.model.chunk.default_for(self.hints) or self.model.family.chunk)

    @cached_property
    def overlap(self) -> int:
        """The frames that a later chunk repeats."""
        return self.model.family.overlap if self.spec.overlap is None else self.spec.overlap

    @cached_property
    def chunks(self) -> int:
        """How many there are; an upscaling's are pieces, each made by itself."""
        if "upscale" in self.hints:
            return len(pieces_of(self.frames))
        stride = max(1, self.chunk - self.overlap)
        return 1 + max(0, -(-(self.frames - self.chunk) // stride))


def case_of(item: Item, settings: Settings) -> Case:
    """Look at all files of an item. Raises BadInputError for a Spec that is none, UsageError for an unknown model."""
    spec = item.spec
    model = get_transfer_model(_model_name(spec, settings))
    clips: dict[str, Clip] = {}
    broken: dict[str, BadInputError] = {}
    for name, path in item.files.items():
        content = _seen(name, path)
        if isinstance(content, BadInputError):
            broken[name] = content
        elif content:
            clips[name] = content
    return Case(item, spec, model, settings, clips, broken)


def _model_name(spec: Spec, settings: Settings) -> str:
    """The model that is asked for: a family's usual one, but for what the spec says beside it."""
    name = spec.model or settings.model or "transfer2.5"
    name = OF_FAMILY.get(name, name)
    if name == "transfer1-7b":
        if "upscale" in spec.controls:
            return "transfer1-7b-4k"
        if spec.av:
            return "transfer1-7b-av"
    return f"{name}-distilled" if spec.distilled and f"{name}-distilled" in TRANSFER_MODELS else name


def _seen(role: str, path: Path) -> Clip | BadInputError | None:
    """What a file holds, or why it cannot be read; None for arrays, which only NVIDIA's programs open."""
    try:
        if not (role.endswith("_weights") or (role == "anchor_mask" and path.suffix.lower() == ".npz")):
            return probe(path)
        if not path.is_file():
            raise BadInputError("there is no such file", where=str(path), remedy="correct the path")
    except BadInputError as error:
        return error
    return None


def shape_of_aspect(text: str) -> tuple[int, int] | None:
    """The two numbers of a ratio such as "16:9" or "16,9"; None for another text."""
    match = re.fullmatch(r"([1-9][0-9]{0,3})[:,]([1-9][0-9]{0,3})", text)
    return (int(match[1]), int(match[2])) if match else None
