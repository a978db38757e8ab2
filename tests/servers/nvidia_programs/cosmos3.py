"""Stands in for cosmos_framework.scripts.inference of github.com/NVIDIA/cosmos-framework, for transfers.

As at 5eee9ed, by the fact sheet and by the sources that are public. How a guardrail's block ends is in neither for
transfers: here it is an error of the sample, as with the program's other modes. No model is run.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from .checkpoints import need_cached
from .command_line import parse
from .cosmos3_samples import FLAGS, HINTS, MODELS, OVERRIDES, built, read_samples
from .films import Mark, checksum, look, write
from .guardrail import Guardrail
from .logs import Bar, Log
from .orders import Orders
from .sizes import COSMOS3_BUCKETS, chunks_of, nearest

__all__ = ["main"]

_SCRIPT = "cosmos_framework/scripts/inference.py:%d:inference"
_INF = "cosmos_framework/inference/inference.py:%d:_generate_transfer_batch"
_TRANSFER = "cosmos_framework/inference/transfer.py:%d:%s"


class _Blocked(Exception):
    """The guardrail refused a prompt or a video."""


def main() -> None:
    orders = Orders("cosmos3")
    orders.started(sys.argv[1:])
    asked = parse("inference.py", FLAGS, OVERRIDES, sys.argv[1:])
    if asked["output_dir"] is None:
        raise ValueError("'output_dir' is required")
    _check_setup(asked)
    folder = asked["output_dir"].expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    log = Log()
    samples = read_samples(asked["input_files"], {name: asked[name] for name in OVERRIDES if name in asked})
    log.line(_SCRIPT % 46, f"Loaded {len(samples)} samples")
    _load(asked, orders)
    ready = []
    for sample in samples:
        place = folder / str(sample.name)
        try:
            ready.append((built(sample), place))
        except ValueError as error:
            if not asked["skip_invalid_samples"]:
                raise
            message = f"Skipping sample '{sample.name}': {error}"
            log.write("WARNING", _SCRIPT % 68, message)
            _write_outputs(place, {"name": sample.name}, "skip", message=message)
    for number, (values, place) in enumerate(ready):
        _generate(values, place, number, asked, orders, log)


def _check_setup(asked: dict[str, Any]) -> None:
    """Raises ValueError for a checkpoint that there is not, or parts that do not fit the number of processes."""
    path = Path(asked["checkpoint_path"]).expanduser().absolute()
    if asked["checkpoint_path"] not in MODELS:
        if not path.is_dir():
            raise ValueError(f"Checkpoint directory does not exist: {path}")
        if not list(path.glob("*.safetensors*")):
            raise ValueError(f"Unknown checkpoint type: {path}")
    world = int(os.environ.get("WORLD_SIZE", "0"))
    for first, second in (("dp_shard_size", "dp_replicate_size"), ("cp_size", "cfgp_size")):
        one, two = asked[first] or 1, asked[second] or 1
        if world and one * two > world:
            raise ValueError(f"{first}({one}) * {second}({two}) must be <= WORLD_SIZE({world})")
        if world and world % (one * two):
            raise ValueError(f"{first}({one}) * {second}({two}) must divide WORLD_SIZE({world})")


def _load(asked: dict[str, Any], orders: Orders) -> None:
    name = asked["checkpoint_path"]
    if name in MODELS:
        need_cached(orders, f"nvidia/{name}")
    need_cached(orders, "Wan-AI/Wan2.2-TI2V-5B", "Wan2.2_VAE.pth")
    if asked["guardrails"]:
        need_cached(orders, "nvidia/Cosmos-Guardrail1", "face_blur_filter/Resnet50_Final.pth")
    orders.loaded(name, [])


def _generate(
    values: dict[str, Any], place: Path, item: int, asked: dict[str, Any], orders: Orders, log: Log
) -> None:  # fmt: skip
    guardrail = Guardrail(orders, log, "cosmos_framework/auxiliary/guardrail", "QWEN3GUARD")
    if orders.rank == 0:
        place.mkdir(parents=True, exist_ok=True)
        (place / "sample_args.json").write_text(json.dumps(values), encoding="utf-8")
    log.line(_INF % 1560, f"Saved sample args to '{place / 'sample_args.json'}'")
    try:
        if asked["guardrails"] and guardrail.blocks_text(values["prompt"], item):
            raise _Blocked(f"Guardrail blocked generation. Prompt: {values['prompt']}")
        controls = {hint: values[hint] for hint in HINTS if values[hint]}
        weights = {hint: control["weight"] for hint, control in controls.items()}
        assert all(weight >= 0 for weight in weights.values()), (
            f"control_weights must all be non-negative, got {list(weights.values())}"
        )
        total = sum(weights.values())
        assert total > 0, f"control_weights must have a positive sum, got {list(weights.values())}"
        shares = {hint: weight / total for hint, weight in weights.items()}
        orders.record("item", item=item, sample=values, weights=shares)
        vision, frames = _make(values, controls, place, item, orders, log)
        if asked["guardrails"] and guardrail.blocks_video(values["prompt"], item, frames):
            vision.unlink(missing_ok=True)
            raise _Blocked("Guardrail blocked video2world generation.")
    except _Blocked as error:
        if not asked["keep_going"]:
            raise
        log.write("ERROR", _INF % 1600, f"Error generating sample '{values['name']}': {error}")
        _write_outputs(place, values, "error", message=str(error), stack_trace=traceback.format_exc())
        return
    if orders.rank == 0:
        _write_outputs(place, values, "success", files=[str(vision)])
    log.write("SUCCESS", _INF % 1612, f"Saved transfer outputs to '{place / 'sample_outputs.json'}'")


def _make(
    values: dict[str, Any], controls: dict[str, dict[str, Any]], place: Path, item: int, orders: Orders, log: Log
) -> tuple[Path, int]:
    """Make the video of one sample: its path, and how many frames it has. Raises what the program would."""
    sources = {hint: look(c["control_path"] or values["vision_path"]) for hint, c in controls.items()}
    for hint, control in controls.items():
        if control["control_path"]:
            text = f"Loaded pre-computed {hint} control from {control['control_path']}"
        elif hint in ("edge", "blur"):
            text = f"Computing {hint} control input on the fly"
        else:
            raise FileNotFoundError(
                f"Missing pre-computed control input for '{hint}'. Provide a control_path in the transfer config."
            )
        log.line(_TRANSFER % (100, "load_transfer_control_frames"), text)
    if values["num_first_chunk_conditional_frames"] > 0 and not values["vision_path"]:
        raise ValueError("num_first_chunk_conditional_frames > 0 requires 'vision_path' for first-chunk conditioning")
    clip = look(values["vision_path"]) if values["vision_path"] else next(iter(sources.values()))
    frames = min(values["max_frames"], next(iter(sources.values())).frames)
    fps = clip.fps if values["vision_path"] else values["fps"]
    aspect = values["aspect_ratio"] or nearest(clip.width, clip.height)
    width, height = COSMOS3_BUCKETS[values["resolution"]][aspect]
    chunk = 1 if frames == 1 else -(-(values["num_video_frames_per_chunk"] - 1) // 4) * 4 + 1
    overlap = values["num_conditional_frames"]
    if chunk <= overlap < frames:
        raise ValueError("num_conditional_frames must be smaller than num_video_frames_per_chunk")
    prompt = values["prompt"]
    if values["emphasize_control_in_prompt"]:
        names = ", ".join(controls)
        prompt += (
            f" Follow the {names} control video precisely: shape, contour, silhouette, position, and motion of every"
            f" visible structure must align with the {names} signal at every frame."
        )
    log.line(_TRANSFER % (430, "generate_transfer_sample"), f"[transfer] final user prompt: {prompt}")
    for number in range(chunks_of(frames, chunk, overlap)):
        wait, steps = orders.at_chunk(values["prompt"], item, number), values["num_steps"]
        with Bar(steps, "Generating samples") as bar:
            for _ in range(steps):
                time.sleep(wait / steps)
                bar.step()
    seed, text, source = values["seed"] or 0, checksum(values["prompt"]), checksum(clip.path)

    def mark(frame: int) -> Mark:
        return Mark(item, 0 if frame < chunk else 1 + (frame - chunk) // (chunk - overlap), frame, seed, text, source)

    beside = len(controls) * values["show_control_condition"] + (values["show_input"] and bool(values["vision_path"]))
    vision = place / ("vision.jpg" if values["num_frames"] == 1 else "vision.mp4")
    if orders.rank == 0:
        size = (width * (1 + beside), height)
        write(vision, clip.path, size, fps=fps, frames=frames, mark=mark, tint=item + 1)
    return vision, frames


def _write_outputs(
    place: Path, values: dict[str, Any], status: str, *, message: str | None = None, stack_trace: str | None = None,
    files: list[str] | None = None,
) -> None:  # fmt: skip
    place.mkdir(parents=True, exist_ok=True)
    outputs = [{"content": {}, "files": files}] if files else []
    written = {"args": values, "status": status, "message": message, "stack_trace": stack_trace, "outputs": outputs}
    (place / "sample_outputs.json").write_text(json.dumps(written), encoding="utf-8")
