"""Cosmos 3's transfer sample (NVIDIA/cosmos-framework 5eee9ed, inference/args.py), as it is written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from cosmos_workflow.kinds.transfer.formats import exchange, scaling
from cosmos_workflow.kinds.transfer.formats.values import Flag, Number, Preset, Text, Whole, named, number_of, shown
from cosmos_workflow.kinds.transfer.formats.written import Unknown, Written
from cosmos_workflow.kinds.transfer.spec import Control, Hint, Spec, WeightMap

__all__ = ["HINTS", "KEYS_OF_HINTS", "MODE", "TITLE", "Cosmos3Control", "Cosmos3Spec"]

TITLE = "Cosmos 3"
MODE = "video2video"
HINTS: tuple[Hint, ...] = ("edge", "vis", "depth", "seg", "wsm")  # in the order in which it stacks them
KEYS_OF_HINTS: dict[str, Hint] = {"edge": "edge", "blur": "vis", "depth": "depth", "seg": "seg", "wsm": "wsm"}
NO_MAPS = "({}) has no counterpart in Cosmos 3, which takes no weight maps: the weight is left out"
COMPUTED = ("edge", "vis")  # of the clip, where no control video is given

SAME = {
    "name": "name", "prompt": "prompt", "prompt_path": "prompt_path", "negative_prompt": "negative_prompt",
    "negative_prompt_file": "negative_prompt_path", "vision_path": "video", "seed": "seed", "num_steps": "steps",
    "guidance": "guidance", "control_guidance": "control_guidance", "shift": "shift", "fps": "fps",
    "resolution": "size", "max_frames": "frames", "num_video_frames_per_chunk": "chunk",
    "num_conditional_frames": "overlap", "num_first_chunk_conditional_frames": "first_overlap",
    "show_control_condition": "show_control", "show_input": "show_input",
}  # fmt: skip
SAME_OF_CONTROL = {"control_path": "path", "control_weight": "weight", "weight": "weight"}
PRESET_KEYS: dict[Hint, str] = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}

LACKS: exchange.Lacks = {
    "regions": ("one prompt holds for the whole picture", ()),
    "sigma_max": ("the clip itself is not taken, only controls made of it", ()),
    "style_image": ("the prompt alone gives the style", ()),
    "style_frame": ("the prompt alone gives the style", ()),
    "anchor_mask": ("", ()),
    "anchor_step": ("", ()),
    "anchor_labels": ("", ()),
    "keep_size": ("its output has one of its own sizes", (False,)),
    "distilled": ("a distilled model is a checkpoint of its own: give --checkpoint-path on its command line", ()),
    "av": ("", ()),
    **exchange.AFTERWARDS,
}
LACKS_OF_CONTROL: exchange.Lacks = {
    "mask": ("its controls act on the whole picture", ()),
    "mask_prompt": ("its controls act on the whole picture", ()),
    "prompt": ("it computes no segmentation", ()),
    "checkpoint": ("one checkpoint has all its controls", ()),
}


class Cosmos3Control(Written):
    """What the sample says of one control. `weight` is the Framework's name, `control_weight` vLLM-Omni's."""

    control_path: Text = None
    weight: Number = None
    control_weight: Number = None


class EdgeControl(Cosmos3Control):
    """An edge control: its preset counts where the edges are computed."""

    preset_edge_threshold: Preset = None


class BlurControl(Cosmos3Control):
    """A blur control: its preset counts where the blur is computed."""

    preset_blur_strength: Preset = None


class Cosmos3Spec(Written):
    """One sample with controls; all else that a sample of the Framework may have is kept."""

    OTHERS: ClassVar[frozenset[str]] = frozenset({
        "output_dir", "model", "extra", "num_outputs", "tensors_file", "pickle_file", "defaults_file", "num_frames",
        "sigma_max", "guidance_interval", "control_guidance_interval", "normalize_cfg", "video_save_quality",
        "condition_frame_indexes_vision", "condition_video_keep", "image_save_quality", "save_control_outputs",
        "share_vision_temporal_positions", "emphasize_control_in_prompt", "negative_metadata_mode",
        "negative_prompt_keep_metadata", "duration_template", "resolution_template", "inverse_duration_template",
        "inverse_resolution_template", "enable_sound", "sound_path", "prompt_upsampling", "prompt_upsampler_max_tokens",
        "prompt_upsampler_temperature", "prompt_upsampler_top_p", "prompt_upsampler_top_k", "prompt_upsampler_seed",
        "prompt_upsampler_repetition_penalty", "prompt_upsampler_presence_penalty",
    })  # fmt: skip

    name: Text = None
    model_mode: Text = None
    prompt: Text = None
    prompt_path: Text = None
    negative_prompt: Text = None
    negative_prompt_file: Text = None
    vision_path: Text = None
    resolution: Text = None
    aspect_ratio: Text = None
    fps: Whole = None
    max_frames: Whole = None
    num_video_frames_per_chunk: Whole = None
    num_conditional_frames: Whole = None
    num_first_chunk_conditional_frames: Whole = None
    seed: Whole = None
    num_steps: Whole = None
    guidance: Number = None
    control_guidance: Number = None
    shift: Number = None
    show_control_condition: Flag = None
    show_input: Flag = None
    edge: EdgeControl | None = None
    blur: BlurControl | None = None
    depth: Cosmos3Control | None = None
    seg: Cosmos3Control | None = None
    wsm: Cosmos3Control | None = None

    def controls(self) -> dict[Hint, Cosmos3Control]:
        """The controls by our names, in the order in which they are written."""
        return {KEYS_OF_HINTS[key]: self[key] for key in self.order if key in KEYS_OF_HINTS and self[key] is not None}

    def unknown(self) -> Iterator[Unknown]:
        """The keys that Cosmos 3 does not know."""
        what = "is not known to Cosmos 3, which refuses it"
        for key in self.strange:
            yield Unknown("", key, True, f"{named(key)} {what}{self.guess(key)}")
        for key, hint in KEYS_OF_HINTS.items():
            for name in self[key].strange if self[key] is not None else ():
                yield Unknown(hint, name, True, f"{key}.{named(name)} {what}{self[key].guess(name)}")

    def to_spec(self) -> tuple[Spec, list[str]]:
        """Our form of it, and what a person should know: unknown keys, and what our form takes otherwise."""
        notes = [unknown.sentence for unknown in self.unknown()]
        fields = exchange.taken(self, SAME, notes)
        if self.aspect_ratio is not None:
            fields["aspect"] = self.aspect_ratio.replace(",", ":")
        kept = [key for key in self.order if key in self.OTHERS]
        if kept:
            notes.append(f"kept beside our form, which has no counterpart: {', '.join(kept)}")
        if "num_frames" in kept:
            notes.append(
                "the Framework makes as many frames as the control has, at most max_frames, whatever num_frames is"
            )
        notes += exchange.two_prompts(self, TITLE) + exchange.empty(self, ("vision_path", "prompt_path"), TITLE)
        if self.model_mode is None:
            notes.append(f"there is no model_mode: {MODE} is meant")
        elif self.model_mode != MODE:
            notes.append(f"model_mode is {shown(self.model_mode)}, and what is made of controls is {MODE}")
        controls = {hint: _control_of(hint, control, notes) for hint, control in self.controls().items()}
        extra = self.others | ({} if self.model_mode in (None, MODE) else {"model_mode": self.model_mode})
        return Spec(model="cosmos3", controls=controls, extra=extra, **fields), notes

    @classmethod
    def from_spec(cls, spec: Spec) -> tuple[Cosmos3Spec, list[str]]:
        """Cosmos 3's form of a spec, and what has no counterpart or was changed."""
        values: dict[str, Any] = {"model_mode": MODE, **exchange.put(spec, SAME)}
        notes = exchange.lacking(spec, LACKS, TITLE) + _bounded(spec, values) + _sized(spec, values)
        back, left = exchange.restored(spec.program | spec.extra, cls.OTHERS | {"model_mode"}, TITLE)
        values |= back
        notes += left + exchange.left_out(spec.controls, HINTS, TITLE)
        keys = {hint: key for key, hint in KEYS_OF_HINTS.items()}
        for hint, control in spec.controls.items():
            if hint in keys:
                values[keys[hint]] = _control_from(hint, control, bool(spec.video), notes)
        return cls.read(values), notes


def _bounded(spec: Spec, values: dict[str, Any]) -> list[str]:
    notes = exchange.at_least_one(spec, ("steps", "frames", "chunk"), SAME, values, TITLE)
    for name, most in (("guidance", 7), ("control_guidance", 10)):
        value = getattr(spec, name)
        if value is not None:
            values[name], sentences = exchange.within(value, 0, most, name, TITLE)
            notes += sentences
    if spec.fps is not None:
        values["fps"], sentences = exchange.within(spec.fps, 1, math.inf, "fps", TITLE, whole=True)
        notes += sentences
    return notes


def _sized(spec: Spec, values: dict[str, Any]) -> list[str]:
    """Resolution and aspect ratio, which is that of the size where none is given."""
    values.pop("resolution", None)
    notes: list[str] = []
    if spec.size:
        size, notes = scaling.tier_of(spec.size, "cosmos3", TITLE)
        values |= {"resolution": size} if size else {}
    if spec.aspect in scaling.ASPECTS:
        values["aspect_ratio"] = spec.aspect.replace(":", ",")
    elif spec.aspect:
        notes.append(
            f"aspect {shown(spec.aspect)} has no counterpart in Cosmos 3, which has {', '.join(scaling.ASPECTS)}"
        )
    elif shape := scaling.shape_of(spec.size):
        aspect = min(scaling.ASPECTS, key=lambda name: abs(scaling.ASPECTS[name] - shape[0] / shape[1]))
        values["aspect_ratio"] = aspect.replace(":", ",")
    return notes


def _control_of(hint: Hint, control: Cosmos3Control, notes: list[str]) -> Control:
    key = next(key for key, name in KEYS_OF_HINTS.items() if name == hint)
    same = SAME_OF_CONTROL | ({PRESET_KEYS[hint]: "preset"} if hint in PRESET_KEYS else {})
    notes += exchange.empty(control, ("control_path",), TITLE, f"{key}.")
    if control.control_weight is not None:
        notes.append(f"{key}.control_weight is vLLM-Omni's name, which the Framework refuses: there it is weight")
        if control.weight is not None and number_of(control.weight) != number_of(control.control_weight):
            notes.append(f"{key} has both weight and control_weight: weight counts here")
    return Control(extra=control.others, **exchange.taken(control, same, notes, place=f"{key}."))


def _control_from(hint: Hint, control: Control, clip: bool, notes: list[str]) -> dict[str, Any]:
    place = f"{hint}."
    values: dict[str, Any] = {"control_path": control.path} if control.path else {}
    if not control.path and (hint not in COMPUTED or not clip):
        notes.append(
            f"{hint} has no video: Cosmos 3 computes only edge and blur, and those of the clip; give control_path"
        )
    if isinstance(control.weight, WeightMap):
        notes.append(f"{place}weight {NO_MAPS.format(shown(control.weight.path))}")
    elif control.weight is not None:
        values["weight"] = control.weight
    sentences, preset = scaling.preset_of(hint, control, PRESET_KEYS, {"vis"}, TITLE)
    notes += sentences
    if preset:
        values[PRESET_KEYS[hint]] = preset
    notes += exchange.lacking(control, LACKS_OF_CONTROL, TITLE, place)
    _, left = exchange.restored(control.extra, (), TITLE, place)
    notes += left
    return values
