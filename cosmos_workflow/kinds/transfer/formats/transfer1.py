"""Transfer1's controlnet spec (cosmos-transfer1 5005e82, transfer.py and inference_utils.py), as it is written.

Its keys that are no controls are arguments of `transfer.py`: whatever they are called, they are set without a check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from cosmos_workflow.kinds.transfer.formats import exchange
from cosmos_workflow.kinds.transfer.formats.regions import Transfer1Region, region_from, region_of
from cosmos_workflow.kinds.transfer.formats.values import (
    Flag,
    Number,
    Preset,
    Text,
    Weight,
    Whole,
    is_map,
    named,
    shown,
)
from cosmos_workflow.kinds.transfer.formats.written import Unknown, Written
from cosmos_workflow.kinds.transfer.spec import Control, Hint, Spec, WeightMap

__all__ = ["HINTS", "TITLE", "Transfer1Control", "Transfer1Spec"]

TITLE = "Transfer1"
HINTS: tuple[Hint, ...] = ("vis", "seg", "edge", "depth", "keypoint", "upscale", "hdmap", "lidar")
IGNORED = "is not known to Transfer1, which ignores it silently"
DRIVING = ("hdmap", "lidar")

SAME = {
    "video_save_name": "name", "prompt": "prompt", "negative_prompt": "negative_prompt", "input_video_path": "video",
    "seed": "seed", "num_steps": "steps", "guidance": "guidance", "sigma_max": "sigma_max", "fps": "fps",
    "num_input_frames": "overlap", "use_distilled": "distilled", "is_av_sample": "av",
}  # fmt: skip
SAME_OF_CONTROL = {
    "input_control": "path", "input_control_prompt": "prompt", "control_weight_prompt": "mask_prompt",
    "ckpt_path": "checkpoint",
}  # fmt: skip
# Where the presets stand: beside the controls, not in them.
PRESET_KEYS: dict[Hint, str] = {"edge": "canny_threshold", "vis": "blur_strength"}

LACKS: exchange.Lacks = {
    "prompt_path": ("put the file's text into prompt", ()),
    "negative_prompt_path": ("put the file's text into negative_prompt", ()),
    "size": ("it has one set of sizes, 1280x704 and the like", ("720",)),
    "aspect": ("it takes the shape of the clip", ()),
    "frames": ("it takes all frames of the clip", ()),
    "chunk": ("its chunks have 121 frames", (121,)),
    "first_overlap": ("its first chunk takes no frames of the clip", (0,)),
    "control_guidance": ("", ()),
    "shift": ("", ()),
    "style_image": ("the prompt alone gives the style", ()),
    "style_frame": ("the prompt alone gives the style", ()),
    "anchor_mask": ("", ()),
    "anchor_step": ("", ()),
    "anchor_labels": ("", ()),
    "keep_size": ("its output has one of its own sizes", (False,)),
    "show_control": ("it writes the controls into files of their own", (False,)),
    "show_input": ("", (False,)),
    **exchange.AFTERWARDS,
}
LACKS_OF_CONTROL: exchange.Lacks = {
    "mask": ("a weight map (.pt) or control_weight_prompt says where a control acts", ()),
}


class Transfer1Control(Written):
    """What the spec says of one control. A weight is a number, a number as text, or a .pt file with one a pixel."""

    control_weight: Weight = None
    input_control: Text = None
    input_control_prompt: Text = None
    control_weight_prompt: Text = None
    ckpt_path: Text = None


class Transfer1Spec(Written):
    """A controlnet spec: controls, in the order in which they are stacked, and arguments of `transfer.py`."""

    OTHERS: ClassVar[frozenset[str]] = frozenset({
        "checkpoint_dir", "tokenizer_dir", "video_save_folder", "batch_input_path", "batch_size", "num_gpus",
        "offload_diffusion_transformer", "offload_text_encoder_model", "offload_guardrail_models", "upsample_prompt",
        "offload_prompt_upsampler", "save_input_noise", "benchmark",
    })  # fmt: skip

    prompt: Text = None
    negative_prompt: Text = None
    input_video_path: Text = None
    video_save_name: Text = None
    seed: Whole = None
    num_steps: Whole = None
    guidance: Number = None
    sigma_max: Number = None
    fps: Number = None
    num_input_frames: Whole = None
    blur_strength: Preset = None
    canny_threshold: Preset = None
    use_distilled: Flag = None
    is_av_sample: Flag = None
    regional_prompts: list[Transfer1Region] | None = None
    vis: Transfer1Control | None = None
    seg: Transfer1Control | None = None
    edge: Transfer1Control | None = None
    depth: Transfer1Control | None = None
    keypoint: Transfer1Control | None = None
    upscale: Transfer1Control | None = None
    hdmap: Transfer1Control | None = None
    lidar: Transfer1Control | None = None

    def controls(self) -> dict[Hint, Transfer1Control]:
        """The controls, in their order."""
        return {hint: self[hint] for key in self.order for hint in HINTS if hint == key and self[hint] is not None}

    def unknown(self) -> Iterator[Unknown]:
        """The keys that Transfer1 does not know."""
        for key in self.strange:
            if isinstance(self[key], dict):
                what = "is no control of Transfer1, which stops at it"
                yield Unknown("", key, True, f"{named(key)} {what}{self.guess(key)}")
            else:
                yield Unknown("", key, False, f"{named(key)} {IGNORED}{self.guess(key)}")
        for hint, control in self.controls().items():
            for key in control.strange:
                yield Unknown(hint, key, False, f"{hint}.{named(key)} {IGNORED}{control.guess(key)}")
        for number, region in enumerate(self.regional_prompts or (), 1):
            for key in region.strange:
                sentence = f"{named(key)} of region {number} {IGNORED}{region.guess(key)}"
                yield Unknown("regional_prompts", key, False, sentence)

    def to_spec(self) -> tuple[Spec, list[str]]:
        """Our form of it, and what a person should know: unknown keys, and what our form takes otherwise."""
        notes = [unknown.sentence for unknown in self.unknown()]
        fields = exchange.taken(self, SAME, notes)
        extra = self.others
        controls = {hint: _control_of(hint, control, notes) for hint, control in self.controls().items()}
        for hint, key in PRESET_KEYS.items():
            preset: Any = self[key]
            if preset is not None and hint in controls:
                controls[hint] = controls[hint].model_copy(update={"preset": preset})
            elif preset is not None:
                extra[key] = preset
                notes.append(f"{key} has no effect without {hint}")
        if self.prompt == "":
            notes.append("the prompt is empty, which counts as none: Transfer1 itself refuses an empty prompt")
        notes += [
            f"{key} is null, which counts as not given; Transfer1 takes null itself for the value"
            for key in self.order
            if self[key] is None and key in SAME
        ]
        notes += _kept(self)
        regions = tuple(region_of(region) for region in self.regional_prompts or ())
        return Spec(model="transfer1", controls=controls, regions=regions, extra=extra, **fields), notes

    @classmethod
    def from_spec(cls, spec: Spec) -> tuple[Transfer1Spec, list[str]]:
        """Transfer1's form of a spec, and what has no counterpart or was changed."""
        values = exchange.put(spec, SAME)
        spec, notes = exchange.without_files(spec)
        notes += exchange.lacking(spec, LACKS, TITLE)
        if exchange.is_caption(spec.prompt):
            notes.append("the prompt is a structured caption, which Transfer1 takes as plain text, braces and all")
        if spec.overlap not in (None, 1):
            values["num_input_frames"] = 1
            notes.append(f"overlap {spec.overlap} became 1: Transfer1 takes no other")
        if spec.fps is not None:
            values["fps"] = int(spec.fps) if spec.fps % 1 == 0 else spec.fps
            if spec.fps % 1:
                notes.append(f"fps {spec.fps:g} is no whole number, which Transfer1's own flag would refuse")
        if spec.regions:
            values["regional_prompts"] = [
                region_from(number, region, notes) for number, region in enumerate(spec.regions, 1)
            ]
        for hint, key in PRESET_KEYS.items():
            if hint in spec.controls and spec.controls[hint].preset is not None:
                values[key] = spec.controls[hint].preset
        back, left = exchange.restored(spec.program | spec.extra, cls.OTHERS | set(PRESET_KEYS.values()), TITLE)
        values |= back
        notes += left + exchange.left_out(spec.controls, HINTS, TITLE)
        for hint, control in spec.controls.items():
            if hint in HINTS:
                values[hint] = _control_from(hint, control, notes)
        if not spec.av and any(hint in spec.controls for hint in DRIVING):
            notes.append("hdmap and lidar need Transfer1's driving model: give --is_av_sample on its command line")
        return cls.read(values), notes


def _kept(written: Transfer1Spec) -> list[str]:
    kept = [key for key in written.order if key in written.OTHERS]
    return [f"kept beside our form, as they say how Transfer1 runs: {', '.join(kept)}"] if kept else []


def _control_of(hint: Hint, control: Transfer1Control, notes: list[str]) -> Control:
    fields = exchange.taken(control, SAME_OF_CONTROL, notes)
    weight: Any = control.control_weight
    if is_map(weight):
        fields["weight"] = WeightMap(path=weight)
    elif weight is not None:
        fields |= exchange.taken(control, {"control_weight": "weight"}, notes, place=f"{hint}.")
    return Control(extra=control.others, **fields)


def _control_from(hint: Hint, control: Control, notes: list[str]) -> dict[str, Any]:
    place = f"{hint}."
    values = exchange.put(control, SAME_OF_CONTROL)
    if isinstance(control.weight, WeightMap):
        values["control_weight"] = control.weight.path
    elif control.weight is not None:
        values["control_weight"] = control.weight
    notes += exchange.lacking(control, LACKS_OF_CONTROL, TITLE, place)
    if control.preset is not None and hint not in PRESET_KEYS:
        notes.append(
            f"{place}preset ({control.preset}) has no counterpart in Transfer1, which has presets of edge and vis"
        )
    for name in ("prompt", "mask_prompt"):
        if getattr(control, name) and hint != "seg":
            notes.append(
                f"{place}{name} ({shown(getattr(control, name))}) is written, but Transfer1 looks at it for seg alone"
            )
    _, left = exchange.restored(control.extra, (), TITLE, place)
    notes += left
    return values
