"""Transfer2.5's flags and samples: tables copied from cosmos_transfer2/config.py (2ff49d0)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, PositiveInt, ValidationError, model_validator

from .command_line import Flag

__all__ = ["CONTROLS", "FLAGS", "OVERRIDES", "Sample", "read_samples"]

CONTROLS = ("edge", "vis", "depth", "seg")
_NEGATIVE = (
    "The video captures a game playing, with bad crappy graphics and cartoonish frames. It represents a recording of"
    " old outdated games. The lighting looks very fake. The textures are very raw and basic. The geometries are very"
    " primitive. The images are very pixelated and of poor CG quality. There are many subtitles in the footage."
    " Overall, the video is unrealistic at all."
)
_DISTILLED = ("edge/distilled",) if os.environ.get("COSMOS_EXPERIMENTAL_CHECKPOINTS") == "1" else ()
FLAGS = {
    "input_files": Flag(Path, must=True, many=True, short="-i"),
    "output_dir": Flag(Path, must=True, short="-o"),
    "model": Flag(str, "edge", ("edge", "depth", "seg", "vis", *_DISTILLED)),
    "checkpoint_path": Flag(str),
    "experiment": Flag(str),
    "config_file": Flag(str, ""),
    "context_parallel_size": Flag(int),
    "disable_guardrails": Flag(bool, False),
    "offload_guardrail_models": Flag(bool, False),
    "keep_going": Flag(bool, True),
    "profile": Flag(bool, False),
    "benchmark": Flag(bool, False),
    "compile_tokenizer": Flag(str, "none", ("none", "moderate", "aggressive")),
    "enable_parallel_tokenizer": Flag(bool, False),
    "parallel_tokenizer_grid": Flag(int, [-1, -1], many=True),
}
_Preset = Literal["very_low", "low", "medium", "high", "very_high"]
_Resolution = Literal["1080", "1024", "720", "512", "480", "480p", "720p", "720robocasa", "256"]


class Control(BaseModel):
    """A control; unknown keys are passed over."""

    control_path: FilePath | None = None
    control_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    mask_path: FilePath | None = None
    mask_prompt: str | None = None


class Edge(Control):
    preset_edge_threshold: _Preset = "medium"


class Vis(Control):
    preset_blur_strength: _Preset = "medium"


class Seg(Control):
    control_prompt: str | None = None


class InferenceArguments(BaseModel):
    """A sample; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid")

    name: str
    prompt_path: FilePath | None = Field(None, exclude=True)
    prompt: str | None = None
    negative_prompt: str | None = _NEGATIVE
    seed: int = 2025
    guidance: Annotated[int, Field(ge=0, le=7)] = 3
    video_path: FilePath
    max_frames: PositiveInt | None = None
    context_frame_index: PositiveInt | None = None
    image_context_path: FilePath | None = None
    num_conditional_frames: Literal[0, 1, 2] = 1
    resolution: _Resolution = "720"
    sigma_max: str | None = None
    num_video_frames_per_chunk: PositiveInt = 93
    num_steps: PositiveInt = 35
    show_control_condition: bool = False
    show_input: bool = False
    keep_input_resolution: bool = True
    edge: Edge | None = None
    depth: Control | None = None
    vis: Vis | None = None
    seg: Seg | None = None
    guided_generation_mask: Path | None = None
    guided_generation_step_threshold: int = 25
    guided_generation_foreground_labels: list[int] | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_prompt(cls, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("prompt") is None and data.get("prompt_path") is not None:
            return {**data, "prompt": Path(data["prompt_path"]).read_text().strip()}
        return data

    @model_validator(mode="after")
    def _check(self) -> InferenceArguments:
        if self.prompt is None:
            raise ValueError("prompt or prompt_path is required")
        if not self.controls:
            raise ValueError("No controls provided, please provide at least one control key (edge, blur, depth, seg)")
        if self.video_path.suffix not in (".mp4", ".avi", ".mov", ".mkv", ".webm", ".png", ".jpg", ".jpeg"):
            raise ValueError(f"Invalid video extension: {self.video_path.suffix}")
        if self.vis and self.image_context_path:
            raise ValueError(
                "vis control and image_context_path are both used to transfer style, please provide only one of them"
            )
        if self.sigma_max is not None and not 0 <= float(self.sigma_max) <= 200:
            raise ValueError("sigma_max must be between 0 and 200")
        for holder in (self, *self.controls.values()):
            for name, value in holder:
                if isinstance(value, Path):
                    setattr(holder, name, value.expanduser().absolute())
        return self

    @property
    def controls(self) -> dict[str, Control]:
        return {name: getattr(self, name) for name in CONTROLS if getattr(self, name) is not None}


Sample = InferenceArguments
# The sample's fields that can be given on the command line too, where they beat the file's.
OVERRIDES: dict[str, type] = {
    **dict.fromkeys(
        ("prompt", "prompt_path", "negative_prompt", "video_path", "image_context_path", "resolution", "sigma_max",
         "guided_generation_mask"), str,
    ),
    **dict.fromkeys(
        ("seed", "guidance", "max_frames", "context_frame_index", "num_conditional_frames", "num_steps",
         "num_video_frames_per_chunk", "guided_generation_step_threshold"), int,
    ),
    **dict.fromkeys(("show_control_condition", "show_input", "keep_input_resolution"), bool),
}  # fmt: skip


def read_samples(paths: list[Path], overrides: dict[str, Any]) -> list[Sample]:
    """The samples of all files, whose paths count from the folder of their file.

    Raises SystemExit with 1 after a message, JSONDecodeError for a blank line, and ValueError for another extension.
    """
    samples: list[Sample] = []
    for path in paths:
        if path.suffix == ".json":
            read = [json.loads(path.read_text())]
        elif path.suffix == ".jsonl":
            read = [json.loads(line) for line in path.read_text().splitlines()]
        else:
            raise ValueError(f"Unsupported file extension: {path.suffix}")
        before = Path.cwd()
        os.chdir(path.parent)
        for number, data in enumerate(read):
            try:
                samples.append(Sample.model_validate(data | overrides))
            except ValidationError as error:  # noqa: PERF203
                _refuse(f"Error validating parameters from '{path}' at line {number}\n{error}")
        os.chdir(before)
    if not samples:
        _refuse("Error: No inference samples")
    names = set()
    for sample in samples:
        if sample.name in names:
            _refuse(f"Error: Inference samplename {sample.name} is not unique")
        names.add(sample.name)
    return samples


def _refuse(message: str) -> None:
    if os.environ.get("RANK", "0") == "0":
        sys.stderr.write(message + "\n")
    sys.exit(1)
