"""Transfer2.5's sample (cosmos-transfer2.5 2ff49d0, config.py 312-590), as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar

from cosmos_workflow.kinds.transfer.formats import exchange, scaling
from cosmos_workflow.kinds.transfer.formats.values import (
    Flag,
    Labels,
    Number,
    NumberAsText,
    Preset,
    Text,
    Whole,
    named,
    shown,
    text_of,
    whole_of,
)
from cosmos_workflow.kinds.transfer.formats.written import Unknown, Written
from cosmos_workflow.kinds.transfer.spec import Control, Hint, Spec, WeightMap

__all__ = ["HINTS", "TITLE", "Transfer25Control", "Transfer25Spec"]

TITLE = "Transfer2.5"
HINTS: tuple[Hint, ...] = ("edge", "vis", "depth", "seg")  # in the order in which it stacks them
NO_MAPS = (
    "({}) has no counterpart in Transfer2.5, which takes no weight maps: the weight is left out;"
    " a video as mask_path says where a control acts"
)
DEFAULT_NAME = "transfer"

SAME = {
    "name": "name", "prompt": "prompt", "prompt_path": "prompt_path", "negative_prompt": "negative_prompt",
    "video_path": "video", "seed": "seed", "guidance": "guidance", "sigma_max": "sigma_max", "num_steps": "steps",
    "resolution": "size", "max_frames": "frames", "num_video_frames_per_chunk": "chunk",
    "num_conditional_frames": "overlap", "context_frame_index": "style_frame", "image_context_path": "style_image",
    "guided_generation_mask": "anchor_mask", "guided_generation_step_threshold": "anchor_step",
    "keep_input_resolution": "keep_size", "show_control_condition": "show_control", "show_input": "show_input",
}  # fmt: skip
SAME_OF_CONTROL = {
    "control_path": "path", "control_weight": "weight", "mask_path": "mask", "mask_prompt": "mask_prompt",
}  # fmt: skip
SAME_OF_SEG = {"control_prompt": "prompt"}
PRESET_KEYS: dict[Hint, str] = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}
PATHS = ("video_path", "prompt_path", "image_context_path", "guided_generation_mask")
# Keys that it refuses to be null.
NOT_NULL = {
    "name", "negative_prompt", "seed", "guidance", "video_path", "num_conditional_frames", "resolution", "num_steps",
    "num_video_frames_per_chunk", "show_control_condition", "show_input", "keep_input_resolution",
}  # fmt: skip
# Keys of earlier versions, and what to do about them.
EARLIER = {
    "output_dir": "earlier versions had it; give -o on its command line",
    "control_weight": "earlier versions had it; it belongs into each control",
}

LACKS: exchange.Lacks = {
    "negative_prompt_path": ("put the file's text into negative_prompt", ()),
    "aspect": ("it takes the shape of the clip", ()),
    "regions": ("one prompt holds for the whole picture; a control can have a mask", ()),
    "fps": ("its output has the clip's rate", ()),
    "first_overlap": ("its first chunk takes no frames of the clip", (0,)),
    "control_guidance": ("", ()),
    "shift": ("", ()),
    "distilled": ("give --model edge/distilled on its command line", ()),
    "av": ("", ()),
    **exchange.AFTERWARDS,
}
LACKS_OF_CONTROL: exchange.Lacks = {"checkpoint": ("give --checkpoint-path on its command line", ())}


class Transfer25Control(Written):
    """What the sample says of one control."""

    control_path: Text = None
    control_weight: Number = None
    mask_path: Text = None
    mask_prompt: Text = None


class EdgeControl(Transfer25Control):
    """An edge control: its preset counts where the edges are computed."""

    preset_edge_threshold: Preset = None


class VisControl(Transfer25Control):
    """A blur control: its preset counts where the blur is computed."""

    preset_blur_strength: Preset = None


class SegControl(Transfer25Control):
    """A segmentation control: its prompt names the objects where it is computed."""

    control_prompt: Text = None


class Transfer25Spec(Written):
    """One sample: the object of a .json file, or of one line of a .jsonl file."""

    name: Text = None
    prompt: Text = None
    prompt_path: Text = None
    negative_prompt: Text = None
    video_path: Text = None
    seed: Whole = None
    guidance: Whole = None
    sigma_max: NumberAsText = None
    num_steps: Whole = None
    resolution: Text = None
    max_frames: Whole = None
    num_video_frames_per_chunk: Whole = None
    num_conditional_frames: Whole = None
    context_frame_index: Whole = None
    image_context_path: Text = None
    guided_generation_mask: Text = None
    guided_generation_step_threshold: Whole = None
    guided_generation_foreground_labels: Labels = None
    keep_input_resolution: Flag = None
    show_control_condition: Flag = None
    show_input: Flag = None
    edge: EdgeControl | None = None
    depth: Transfer25Control | None = None
    vis: VisControl | None = None
    seg: SegControl | None = None

    AS_TEXT: ClassVar[frozenset[str]] = frozenset({"sigma_max"})

    def controls(self) -> dict[Hint, Transfer25Control]:
        """The controls, in the order in which they are written."""
        return {hint: self[hint] for key in self.order for hint in HINTS if hint == key and self[hint] is not None}

    def unknown(self) -> Iterator[Unknown]:
        """The keys that Transfer2.5 does not know."""
        for key in self.strange:
            why = f": {EARLIER[key]}" if key in EARLIER else self.guess(key)
            yield Unknown("", key, True, f"{named(key)} is not known to Transfer2.5, which refuses it{why}")
        for hint, control in self.controls().items():
            for key in control.strange:
                what = "is not known to Transfer2.5, which ignores it silently inside a control"
                yield Unknown(hint, key, False, f"{hint}.{named(key)} {what}{control.guess(key)}")

    def to_spec(self) -> tuple[Spec, list[str]]:
        """Our form of it, and what a person should know: unknown keys, and what our form takes otherwise."""
        notes = [unknown.sentence for unknown in self.unknown()]
        fields = exchange.taken(self, SAME, notes, texts=self.AS_TEXT)
        if labels := self.guided_generation_foreground_labels:
            fields["anchor_labels"] = tuple(map(whole_of, labels))
            if any(isinstance(label, str) for label in labels):
                notes.append("guided_generation_foreground_labels has numbers as text: taken as numbers")
        if not self.name:
            notes.append("there is no name, which Transfer2.5 demands")
        notes += exchange.two_prompts(self, TITLE) + exchange.empty(self, PATHS, TITLE)
        notes += [
            f"{key} is null, which Transfer2.5 refuses" for key in self.order if self[key] is None and key in NOT_NULL
        ]
        controls = {hint: _control_of(hint, control, notes) for hint, control in self.controls().items()}
        return Spec(model="transfer2.5", controls=controls, extra=self.others, **fields), notes

    @classmethod
    def from_spec(cls, spec: Spec) -> tuple[Transfer25Spec, list[str]]:
        """Transfer2.5's form of a spec, and what has no counterpart or was changed."""
        values = exchange.put(spec, SAME)
        spec, notes = exchange.without_files(spec, "negative_prompt")
        notes += exchange.lacking(spec, LACKS, TITLE) + _prompts(spec) + _bounded(spec, values)
        if not spec.name:
            values = {"name": PurePosixPath(spec.video.replace("\\", "/")).stem or DEFAULT_NAME, **values}
            notes.append(f"there is no name, which Transfer2.5 demands: {shown(values['name'])} is written")
        if not spec.prompt and not spec.prompt_path:
            notes.append("there is no prompt, and Transfer2.5 demands one")
        if not spec.video:
            notes.append("there is no clip, and Transfer2.5 demands video_path")
        if spec.size:
            size, sentences = scaling.tier_of(spec.size, "transfer2.5", TITLE)
            values.pop("resolution")
            values |= {"resolution": size} if size else {}
            notes += sentences
        if spec.anchor_labels:
            values["guided_generation_foreground_labels"] = list(spec.anchor_labels)
        _, left = exchange.restored(spec.program | spec.extra, (), TITLE)
        notes += left + exchange.left_out(spec.controls, HINTS, TITLE)
        weights, sentences = scaling.weights_up_to_one(spec.controls, HINTS, TITLE)
        notes += sentences
        for hint, control in spec.controls.items():
            if hint in HINTS:
                values[hint] = _control_from(hint, control, weights[hint], notes)
        return cls.read(values), notes


def _prompts(spec: Spec) -> list[str]:
    notes = []
    if exchange.is_caption(spec.prompt):
        notes.append("the prompt is a structured caption, which Transfer2.5 takes as plain text, braces and all")
    if not spec.prompt and spec.prompt_path.lower().endswith(".json"):
        notes.append("the prompt file is JSON, which Transfer2.5 takes as plain text, braces and all")
    if spec.style_image and "vis" in spec.controls:
        notes.append("vis and image_context_path both give the style: Transfer2.5 refuses them together")
    return notes


def _bounded(spec: Spec, values: dict[str, Any]) -> list[str]:
    notes = exchange.at_least_one(spec, ("steps", "frames", "chunk", "style_frame"), SAME, values, TITLE)
    if spec.guidance is not None:
        values["guidance"], sentences = exchange.within(spec.guidance, 0, 7, "guidance", TITLE, whole=True)
        notes += sentences
    if spec.sigma_max is not None:
        value, sentences = exchange.within(spec.sigma_max, 0, 200, "sigma_max", TITLE)
        values["sigma_max"] = text_of(value)  # a number is refused
        notes += sentences
    if spec.overlap is not None:
        values["num_conditional_frames"], sentences = exchange.within(spec.overlap, 0, 2, "overlap", TITLE, whole=True)
        notes += sentences
    return notes


def _control_of(hint: Hint, control: Transfer25Control, notes: list[str]) -> Control:
    same = SAME_OF_CONTROL | (SAME_OF_SEG if hint == "seg" else {})
    same |= {PRESET_KEYS[hint]: "preset"} if hint in PRESET_KEYS else {}
    notes += exchange.empty(control, ("control_path", "mask_path"), TITLE, f"{hint}.")
    return Control(extra=control.others, **exchange.taken(control, same, notes, place=f"{hint}."))


def _control_from(hint: Hint, control: Control, weight: float | None, notes: list[str]) -> dict[str, Any]:
    place = f"{hint}."
    values = exchange.put(control, {key: name for key, name in SAME_OF_CONTROL.items() if name != "weight"})
    if weight is not None:
        values["control_weight"] = weight
    if isinstance(control.weight, WeightMap):
        notes.append(f"{place}weight {NO_MAPS.format(shown(control.weight.path))}")
    notes += exchange.lacking(control, LACKS_OF_CONTROL, TITLE, place)
    sentences, preset = scaling.preset_of(hint, control, PRESET_KEYS, set(), TITLE)
    notes += sentences
    if preset:
        values[PRESET_KEYS[hint]] = preset
    if control.prompt and hint == "seg":
        values["control_prompt"] = control.prompt
    elif control.prompt:
        notes.append(f"{place}prompt has no counterpart in Transfer2.5, which has one for seg alone")
    if control.mask and control.mask_prompt:
        notes.append(f"{place}mask_prompt is ignored by Transfer2.5, as there is a mask")
    _, left = exchange.restored(control.extra, (), TITLE, place)
    notes += left
    return values
