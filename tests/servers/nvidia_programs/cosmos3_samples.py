"""Cosmos 3's flags and samples: tables copied from cosmos_framework/inference (args.py, common/args.py)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError
from pydantic import model_validator as checked

from .command_line import Flag

__all__ = ["FLAGS", "HINTS", "MODELS", "OVERRIDES", "Sample", "built", "read_samples"]

HINTS = ("edge", "blur", "depth", "seg", "wsm")
MODELS = ("Cosmos3-Nano", "Cosmos3-Super", "Cosmos3-Super-Image2Video", "Cosmos3-Super-Text2Image")
FLAGS = {
    "input_files": Flag(Path, must=True, many=True, short="-i"),
    "output_dir": Flag(Path, short="-o"),
    "checkpoint_path": Flag(str, must=True),
    "parallelism_preset": Flag(str, "latency", ("throughput", "latency")),
    **{name: Flag(int, 0) for name in ("dp_replicate_size", "dp_shard_size", "cp_size")},
    "cfgp_size": Flag(int, 0, (0, 1, 2)),
    "compiled_region": Flag(str, "all", ("all", "language")),
    **{name: Flag(bool, True) for name in ("use_torch_compile", "compile_dynamic", "guardrails")},
    **{
        name: Flag(bool, False)
        for name in ("use_cuda_graphs", "use_separate_pipeline_vision_decode_gpu", "offload_guardrail_models",
                     "keep_going", "skip_invalid_samples", "debug", "profile", "benchmark")
    },
    "warmup": Flag(int, 0),
    "max_model_len": Flag(int),
    "max_num_seqs": Flag(int, 1),
    "sampler": Flag(str, "unipc", ("unipc", "edm")),
}  # fmt: skip
# What a transfer gets that says nothing else (args.py:835-860 and its table of hints).
_DEFAULTS = {
    "num_video_frames_per_chunk": 93, "num_conditional_frames": 1, "max_frames": 5000, "show_control_condition": False,
    "show_input": False, "num_first_chunk_conditional_frames": 0, "share_vision_temporal_positions": True,
    "emphasize_control_in_prompt": True, "resolution": "720", "num_steps": 50, "fps": 24, "num_frames": 189,
    "guidance": 6.0, "control_guidance": 1.0,
}  # fmt: skip
_OF_HINT: dict[str, dict[str, Any]] = {
    **{hint: {"guidance": 3.0, "control_guidance": 1.5, "shift": 10.0} for hint in ("edge", "blur", "depth")},
    "seg": {"guidance": 3.0, "control_guidance": 2.0, "shift": 10.0},
    "wsm": {"guidance": 1.0, "control_guidance": 3.0, "shift": 10.0, "num_frames": 101, "fps": 10,
            "num_video_frames_per_chunk": 101},
}  # fmt: skip


def _file(value: str) -> str:
    path = Path(value).expanduser().absolute()
    if not value.startswith(("http://", "https://", "s3://")) and not path.is_file():
        raise ValueError(f"Path does not point to a file: {value}")
    return str(path)


_File = Annotated[str, AfterValidator(_file)]
_Preset = Literal["very_low", "low", "medium", "high", "very_high"]


class TransferOverrides(BaseModel):
    model_config = ConfigDict(extra="forbid")

    control_path: _File | None = None
    weight: float | None = None


class EdgeTransferOverrides(TransferOverrides):
    preset_edge_threshold: _Preset | None = None


class BlurTransferOverrides(TransferOverrides):
    preset_blur_strength: Literal["none"] | _Preset | None = None


class OmniSampleOverrides(BaseModel):
    """A sample; an unknown key is an error, in a control too."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    model: str | None = None
    model_mode: Literal["text2image", "text2video", "image2image", "image2video", "video2video"] | None = None
    prompt: str | None = None
    prompt_path: _File | None = None
    negative_prompt: str | None = None
    negative_prompt_file: str | None = None
    negative_metadata_mode: Literal["none", "same", "inverse"] | None = None
    negative_prompt_keep_metadata: bool | None = None
    vision_path: _File | None = None
    resolution: Literal["256", "480", "720", "768", "1080"] | None = None
    aspect_ratio: Literal["1,1", "4,3", "3,4", "16,9", "9,16"] | None = None
    fps: Annotated[int, Field(ge=1)] | None = None
    num_frames: PositiveInt | None = None
    num_outputs: PositiveInt | None = None
    num_steps: PositiveInt | None = None
    guidance: float | None = None
    shift: float | None = None
    sigma_max: float | None = None
    seed: int | None = None
    control_guidance: float | None = None
    control_guidance_interval: list[float] | None = None
    num_video_frames_per_chunk: PositiveInt | None = None
    num_conditional_frames: NonNegativeInt | None = None
    num_first_chunk_conditional_frames: NonNegativeInt | None = None
    max_frames: PositiveInt | None = None
    show_control_condition: bool | None = None
    show_input: bool | None = None
    share_vision_temporal_positions: bool | None = None
    emphasize_control_in_prompt: bool | None = None
    edge: EdgeTransferOverrides | None = None
    blur: BlurTransferOverrides | None = None
    depth: TransferOverrides | None = None
    seg: TransferOverrides | None = None
    wsm: TransferOverrides | None = None

    @checked(mode="after")
    def _need_a_hint(self) -> OmniSampleOverrides:
        names = [
            *("negative_prompt_file", "num_video_frames_per_chunk", "num_conditional_frames", "max_frames"),
            *("show_control_condition", "show_input", "num_first_chunk_conditional_frames"),
            *("share_vision_temporal_positions", "emphasize_control_in_prompt", "control_guidance_interval"),
        ]
        asked = any(getattr(self, name) is not None for name in names) or self.control_guidance not in (None, 1.0)
        if asked and not self.controls:
            raise ValueError(f"transfer inference requires at least one control hint ({', '.join(HINTS)})")
        return self

    @property
    def controls(self) -> dict[str, TransferOverrides]:
        return {hint: getattr(self, hint) for hint in HINTS if getattr(self, hint) is not None}


Sample = OmniSampleOverrides
OVERRIDES: dict[str, type] = {
    **dict.fromkeys(
        ("model", "model_mode", "prompt", "prompt_path", "negative_prompt", "negative_prompt_file", "vision_path",
         "resolution", "aspect_ratio"), str,
    ),
    **dict.fromkeys(
        ("seed", "fps", "num_frames", "num_steps", "num_video_frames_per_chunk", "num_conditional_frames",
         "num_first_chunk_conditional_frames", "max_frames"), int,
    ),
    **dict.fromkeys(("guidance", "shift", "sigma_max", "control_guidance"), float),
    **dict.fromkeys(
        ("show_control_condition", "show_input", "share_vision_temporal_positions", "emphasize_control_in_prompt"), bool
    ),
}  # fmt: skip


def read_samples(paths: list[Path], overrides: dict[str, Any]) -> list[Sample]:
    """The samples of all files, sorted by path, whose own paths count from the folder of their file.

    Blank lines are passed over. Raises ValueError.
    """
    samples: list[Sample] = []
    for path in sorted(set(paths)):
        if path.suffix == ".json":
            read = [json.loads(path.read_text())]
        elif path.suffix == ".jsonl":
            read = [json.loads(line) for line in path.read_text().splitlines() if line]
        else:
            raise ValueError(f"Unsupported file extension: {path}")
        before, place = Path.cwd(), path.expanduser().absolute()
        os.chdir(place.parent)
        for number, line in enumerate(read):
            data = {**line, **overrides}
            try:
                sample = Sample.model_validate(data)
            except ValidationError as error:
                where = f"'{place}' at sample {number}"
                raise ValueError(f"Error validating parameters from {where}\nParameters: {data}\n{error}") from error
            sample.name = sample.name or (f"{path.stem}_{number}" if path.suffix == ".jsonl" else path.stem)
            if sample.negative_prompt_file and sample.negative_prompt is None:
                sample.negative_prompt = Path(sample.negative_prompt_file).read_text(encoding="utf-8")
            samples.append(sample)
        os.chdir(before)
    for number, sample in enumerate(samples):
        if any(sample.name == other.name for other in samples[:number]):
            raise ValueError(f"Duplicate name: '{sample.name}'")
    return samples


def built(sample: Sample) -> dict[str, Any]:
    """The sample with all defaults. Raises ValueError where a control has nothing to come from."""
    values = sample.model_dump(mode="json")
    if sample.prompt is None:
        values["prompt"] = Path(sample.prompt_path).read_text(encoding="utf-8").strip() if sample.prompt_path else ""
    if sample.num_frames and sample.num_frames > 1 and sample.resolution == "1080":
        raise ValueError("Resolution '1080' only supports image generation (num_frames=1).")
    for hint, control in sample.controls.items():
        if sample.vision_path is None and control.control_path is None:
            raise ValueError(
                f"transfer inference requires 'vision_path' or a pre-computed 'control_path' (hint: {hint})"
            )
        preset = {"edge": "preset_edge_threshold", "blur": "preset_blur_strength"}.get(hint)
        values[hint]["weight"] = 1.0 if control.weight is None else control.weight
        if preset:
            values[hint][preset] = values[hint][preset] or "medium"
    own = _OF_HINT[next(iter(sample.controls))] if len(sample.controls) == 1 else {}
    return {**values, **{k: v for k, v in {**_DEFAULTS, **own}.items() if values.get(k) is None}}
