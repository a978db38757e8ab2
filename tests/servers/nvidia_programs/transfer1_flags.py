"""Transfer1's flags and spec: the table of transfer.py:52-172, and what inference_utils.py:1194-1278 checks."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .logs import Log

__all__ = ["DEFAULT_MODELS", "FLAGS", "HINTS", "SWITCHES", "parse", "share", "validate"]

_SCRIPT = "cosmos_transfer1/diffusion/inference/transfer.py"
_UTILS = "cosmos_transfer1/diffusion/inference/inference_utils.py"
_PROMPT = (
    "The video captures a stunning, photorealistic scene with remarkable attention to detail, giving it a lifelike"
    " appearance that is almost indistinguishable from reality. It appears to be from a high-budget 4K movie,"
    " showcasing ultra-high-definition quality with impeccable resolution."
)
_NEGATIVE = (
    "The video captures a game playing, with bad crappy graphics and cartoonish frames. It represents a recording of"
    " old outdated games. The lighting looks very fake. The textures are very raw and basic. The geometries are very"
    " primitive. The images are very pixelated and of poor CG quality. There are many subtitles in the footage."
    " Overall, the video is unrealistic at all."
)
_PRESETS = ["very_low", "low", "medium", "high", "very_high"]
# flag: type, default, choices
FLAGS: dict[str, tuple[type, Any, list[Any] | None]] = {
    "prompt": (str, _PROMPT, None),
    "negative_prompt": (str, _NEGATIVE, None),
    "input_video_path": (str, "", None),
    "num_input_frames": (int, 1, [1]),
    "sigma_max": (float, 70.0, None),
    "blur_strength": (str, "medium", _PRESETS),
    "canny_threshold": (str, "medium", _PRESETS),
    "checkpoint_dir": (str, "checkpoints", None),
    "tokenizer_dir": (str, "Cosmos-Tokenize1-CV8x8x8-720p", None),
    "video_save_name": (str, "output", None),
    "video_save_folder": (str, "outputs/", None),
    "batch_input_path": (str, None, None),
    "batch_size": (int, 1, None),
    "num_steps": (int, 35, None),
    "guidance": (float, 5, None),
    "fps": (int, 24, None),
    "seed": (int, 1, None),
    "num_gpus": (int, 1, None),
}
SWITCHES = (
    "is_av_sample", "offload_diffusion_transformer", "offload_text_encoder_model", "offload_guardrail_models",
    "upsample_prompt", "offload_prompt_upsampler", "use_distilled", "save_input_noise", "benchmark",
)  # fmt: skip
HINTS = ("vis", "seg", "edge", "depth", "keypoint", "upscale", "hdmap", "lidar")
_SEVEN = "nvidia/Cosmos-Transfer1-7B"
DEFAULT_MODELS = {
    **{hint: f"{_SEVEN}/{hint}_control.pt" for hint in ("vis", "seg", "edge", "depth", "keypoint")},
    "upscale": f"{_SEVEN}/4kupscaler_control.pt",
    **{hint: f"{_SEVEN}-Sample-AV/{hint}_control.pt" for hint in ("hdmap", "lidar")},
}
Controls = dict[str, dict[str, Any]]


def parse(arguments: list[str], log: Log) -> tuple[argparse.Namespace, Controls]:
    """The settings and the controls. A value of the spec wins over `--key=value`, but not over `--key value` (Q4).

    Raises SystemExit with 2 for an unknown flag or a wrong value, OSError, JSONDecodeError, and ValueError for a hint
    that there is not.
    """
    parser = argparse.ArgumentParser("transfer.py", description="Control to world generation demo script")
    for name, (kind, default, choices) in FLAGS.items():
        parser.add_argument(f"--{name}", type=kind, default=default, choices=choices)
    parser.add_argument("--controlnet_specs", type=str, required=True)
    for name in SWITCHES:
        parser.add_argument(f"--{name}", action="store_true")
    settings = parser.parse_args(arguments)
    with open(settings.controlnet_specs) as file:  # noqa: PTH123 -- in the machine's encoding, as there
        spec = json.load(file)
    controls: Controls = {}
    others: dict[str, Any] = {}
    for key, value in spec.items():
        if key in HINTS:
            controls[key] = value
        elif isinstance(value, dict):
            raise ValueError(f"Invalid hint_key: {key}. Must be one of {set(HINTS)}")
        else:
            others[key] = value
    where = f"{_SCRIPT}:%d:parse_arguments"
    log.line(where % 179, f"control_inputs: {json.dumps(controls, indent=4)}")
    log.line(where % 180, f"args in json: {json.dumps(others, indent=4)}")
    for key, value in others.items():
        if f"--{key}" not in sys.argv:
            setattr(settings, key, value)
    log.line(where % 187, f"final args: {json.dumps(vars(settings), indent=4)}")
    return settings, controls


def validate(settings: argparse.Namespace, controls: Controls, log: Log) -> None:
    """Check each control, and fill in its checkpoint and weight. Raises ValueError in NVIDIA's words and order."""
    where = f"{_UTILS}:%d:validate_controlnet_specs"
    video = settings.input_video_path
    for hint, config in controls.items():
        if not video and settings.sigma_max < 80:
            raise ValueError("Must have 'input_video' specified if sigma_max < 80")
        if not video and "input_control" not in config:
            raise ValueError(
                f"{hint} controlnet must have 'input_control' video specified if no 'input_video' specified."
            )
        if "ckpt_path" not in config:
            log.line(where % 1236, f"No checkpoint path specified for {hint}. Using default.")
            name = DEFAULT_MODELS[hint]
            if settings.use_distilled:
                if hint != "edge":
                    raise ValueError(f"Distilled model is only supported for edge, not {hint}")
                name = f"{_SEVEN}/edge_control_distilled.pt"
            config["ckpt_path"] = f"{settings.checkpoint_dir}/{name}"
            log.line(where % 1248, f"Using default checkpoint path: {config['ckpt_path']}")
        if "control_weight" not in config:
            log.write("WARNING", where % 1254, f"No control weight specified for {hint}. Setting to 0.5.")
            config["control_weight"] = "0.5"
        elif not _is_weight(config["control_weight"]):
            raise ValueError(f"Control weight for {hint} must be a valid non-negative float or a path to a .pt file.")


def _is_weight(weight: object) -> bool:
    if isinstance(weight, str) and weight.endswith(".pt"):
        return True
    try:
        return float(weight) >= 0  # type: ignore[arg-type]
    except ValueError:
        return False


def share(weights: dict[str, object]) -> dict[str, float]:
    """What each weight comes to (inference_utils.py:1050-1115); of a .pt map, as if it were 1 everywhere.

    Numbers are scaled down only if they sum to more than 1. Beside a map, 0 becomes 1 (Q6).

    >>> share({"edge": 0.5, "vis": 1.5}), share({"edge": 0, "vis": "map.pt"})
    ({'edge': 0.25, 'vis': 0.75}, {'edge': 0.5, 'vis': 0.5})
    """
    maps = {hint for hint, weight in weights.items() if str(weight).endswith(".pt")}
    values = {hint: 1.0 if hint in maps else float(str(weight)) for hint, weight in weights.items()}
    if maps:
        values = {hint: value or 1.0 for hint, value in values.items()}
    total = max(1.0, sum(values.values()))
    return {hint: value / total for hint, value in values.items()}
