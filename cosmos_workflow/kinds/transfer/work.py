"""What an engine is asked to make: a Spec in which nothing is left open, as it travels in a task."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any

__all__ = ["Applied", "Area", "Work"]


@dataclass(frozen=True)
class Applied:
    """A control as it is applied: `computed` of the clip by `preset`, or a video of its own; `masked` by another one.

    `weight` is what was asked, 0 where a file has a weight for each pixel; `share` is what the model makes of it, as it
    may scale all weights. `mask_prompt`, `prompt` and `checkpoint` are those of a `Control` of a Spec.
    """

    hint: str
    weight: float
    share: float
    preset: str = ""
    computed: bool = False
    masked: bool = False
    mask_prompt: str = ""
    prompt: str = ""
    checkpoint: str = ""


@dataclass(frozen=True)
class Area:
    """A part of the picture with a prompt of its own, a `Region` of a Spec; `mask` is the role of its file."""

    prompt: str
    box: tuple[float, ...] = ()
    mask: str = ""
    mask_prompt: str = ""


@dataclass(frozen=True)
class Work:
    """One video, as a model is asked for it. Its files are not in it: they travel beside it, by their roles.

    `width` and `height` are the size in which the model works, in pixels, `out_width` and `out_height` those of the
    video, `out_fps` its rate. `frames` are made at `fps` frames a second, in chunks of `chunk` frames of which those
    after the first repeat `overlap`; `first_overlap` frames of the first are taken from the clip. `negative_prompt` is
    None where the model's own counts, and `shift` 0. `restore` says what the video is given back of its clip (size,
    fps, audio); `keep_frames` asks for its frames as images too. `keep_size` is False where the output stays in the
    model's size although the model would bring it to the clip's. All else has the names and the meaning of a Spec.
    """

    model: str
    family: str
    prompt: str
    negative_prompt: str | None
    controls: tuple[Applied, ...]
    width: int
    height: int
    out_width: int
    out_height: int
    frames: int
    fps: float
    chunk: int
    overlap: int
    first_overlap: int
    chunks: int
    steps: int
    guidance: float
    seed: int
    control_guidance: float = 1.0
    shift: float = 0.0
    sigma_max: float | None = None
    out_fps: float = 0.0
    restore: tuple[str, ...] = ()
    keep_frames: bool = False
    regions: tuple[Area, ...] = ()
    style_frame: int | None = None
    anchor_step: int | None = None
    anchor_labels: tuple[int, ...] = ()
    keep_size: bool = True
    show_control: bool = False
    show_input: bool = False
    program: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def asks(self) -> dict[str, Any]:
        """As JSON, from which `of` makes it again.

        What is a default is left out, so that a field of a later version does not make earlier work another one.
        """
        return _given(self)

    def as_spec(self, name: str, inputs: Collection[str]) -> dict[str, Any]:
        """The transfer in our own form, nothing left open; the `inputs`, its files, stand there by their roles."""
        from cosmos_workflow.limits.video_models import get_transfer_model

        controls: dict[str, dict[str, Any]] = {}
        for control in self.controls:
            hint, weights, mask = control.hint, f"{control.hint}_weights", f"{control.hint}_mask"
            values: dict[str, Any] = {
                "path": hint if hint in inputs else "",
                "weight": {"path": weights} if weights in inputs else control.weight,
                "mask": mask if mask in inputs else "",
                **{key: getattr(control, key) for key in ("preset", "mask_prompt", "prompt", "checkpoint")},
            }
            controls[hint] = {key: value for key, value in values.items() if value != ""}
        guided = get_transfer_model(self.model).guidance is not None
        asked: dict[str, Any] = {
            "name": name, "model": self.model, "prompt": self.prompt,
            **{role: role for role in ("video", "style_image", "anchor_mask") if role in inputs}, "controls": controls,
            "regions": [_given(area) for area in self.regions] or None,
            "seed": self.seed, "steps": self.steps, "guidance": self.guidance if guided else None,
            "control_guidance": self.control_guidance if self.family == "cosmos3" else None,
            "shift": self.shift or None, "sigma_max": self.sigma_max, "size": f"{self.width}x{self.height}",
            "fps": None if self.family == "transfer2.5" else self.fps, "frames": self.frames, "chunk": self.chunk,
            "overlap": self.overlap, "first_overlap": self.first_overlap or None,
            "style_frame": self.style_frame, "anchor_step": self.anchor_step,
            "anchor_labels": list(self.anchor_labels) or None, "keep_size": None if self.keep_size else False,
            "show_control": self.show_control or None, "show_input": self.show_input or None,
            "restore": list(self.restore) or None, "keep_frames": self.keep_frames or None,
            "program": dict(self.program) or None,
        }  # fmt: skip
        spec = {key: value for key, value in asked.items() if value not in (None, "")}
        return spec if self.negative_prompt is None else {**spec, "negative_prompt": self.negative_prompt}

    @classmethod
    def of(cls, asks: Mapping[str, Any]) -> Work:
        """What `asks` wrote; what only a later version knows is left out."""
        values = {"out_fps": asks["fps"], **_known(cls, asks)}  # an early version wrote no out_fps
        values["controls"] = tuple(Applied(**_known(Applied, control)) for control in asks["controls"])
        values["regions"] = tuple(
            Area(**{**_known(Area, area), "box": tuple(area.get("box", ()))}) for area in asks.get("regions", ())
        )
        if asks.get("shift") == 0 and not asks["negative_prompt"]:
            values["negative_prompt"] = None  # an early version wrote defaults too, and "" for what was not given
        for name in ("restore", "anchor_labels"):
            values[name] = tuple(asks.get(name, ()))
        return cls(**values)


def _given(value: Any) -> dict[str, Any]:
    """A dataclass as JSON has it, without what is its default."""
    given = {}
    for each in fields(value):
        part = getattr(value, each.name)
        if part != (each.default if each.default_factory is MISSING else each.default_factory()):
            several = isinstance(part, tuple)
            given[each.name] = [_given(entry) if is_dataclass(entry) else entry for entry in part] if several else part
    return given


def _known(form: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in form.__dataclass_fields__}
