"""Transfer1's controls: what preprocessors.py computes of a clip, the side files it leaves, and its lines."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from .checkpoints import need_cached
from .films import Clip, look, write
from .logs import Log
from .orders import Orders
from .weight_maps import shape_of, write_map

__all__ = ["prepare", "region_lines"]

_FILE = "cosmos_transfer1/diffusion/inference/preprocessors.py"
_AUX = "cosmos_transfer1/auxiliary"
_VIDEOS = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".flv", ".wmv")
_MAKERS = {
    "edge": "EdgeControlModel", "vis": "VisControlModel", "depth": "DepthAnythingModel", "keypoint": "Openpose",
}  # fmt: skip
_RATES = {"edge": 30, "vis": 30}  # of the side files; the others keep the clip's


def prepare(
    orders: Orders, log: Log, clip: str, prompt: str | None, controls: dict[str, dict[str, Any]], folder: Path,
    item: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Compute the controls that no file was given for, and put their files into `controls`.

    Returns what was drawn by lot, as the presets are not used (Q2). Raises AssertionError for a missing video.
    """
    lot = random.Random(seed)
    drawn: dict[str, Any] = {}
    rank = os.environ.get("LOCAL_RANK", "0")
    for hint, config in controls.items():
        if hint in ("edge", "vis", "depth", "seg", "keypoint") and config.get("input_control") is None:
            target = folder / f"{hint}_input_control_{rank}.mp4"
            config["input_control"] = str(target)
            if hint == "seg":
                words = " ".join(config.get("input_control_prompt", prompt).split()[:128])
                text = "no input_control provided for seg. generating input control video with SAM using prompt="
                log.line(f"{_FILE}:150:gen_input_control", f"{text}{words!r}")
                _segment(orders, words, clip, item)
            else:
                log.line(
                    f"{_FILE}:161:gen_input_control",
                    f"no input_control provided for {hint}. generating input control video with {_MAKERS[hint]}",
                )
                assert os.path.exists(clip)  # noqa: PTH110
                if hint == "depth":
                    need_cached(orders, "depth-anything/Depth-Anything-V2-Small-hf")
            if hint == "edge":
                low = lot.randint(20, 100)
                drawn["edge"] = [low, min(255, low + lot.randint(50, 150))]
            elif hint == "vis":
                drawn["vis"] = lot.randint(4, 17)
            source = look(clip)
            if hint in ("edge", "vis"):
                where = f"{_AUX}/{hint}_control/{hint}_control.py:%d:__call__"
                log.line(where % 60, f"Processing video: {clip} for {hint} control")
            # imageio makes sides multiples of 8 there (macro_block_size).
            size = [-(-side // 8) * 8 for side in (source.width, source.height)]
            _write(target, source, (size[0], size[1]), _RATES.get(hint, source.fps))
            if hint in ("edge", "vis"):
                log.line(where % 88, f"Successfully saved {hint} control video to: {target}")
        if hint == "seg" and config.get("control_weight_prompt") is not None:
            # The prompt of any other control is passed over without a word (Q3).
            _mask(orders, log, clip, config, folder, rank, item)
        if str(config.get("control_weight")).endswith(".pt") and len(shape_of(config["control_weight"])) not in (2, 3):
            raise ValueError("Weight map must be 2D or 3D")
    return drawn


def _write(target: Path, source: Clip, size: tuple[int, int], fps: int) -> None:
    write(target, source.path, size, fps=fps, frames=source.frames, grey=True)


def _segment(orders: Orders, words: str, clip: str, item: int) -> None:
    """What the SAM2 code prints, without a prefix."""
    need_cached(orders, "IDEA-Research/grounding-dino-tiny")
    need_cached(orders, "facebook/sam2-hiera-large", "sam2_hiera_large.pt")
    assert os.path.exists(clip)  # noqa: PTH110
    shows = orders.rank == 0
    if orders.order("no-boxes", prompt=words, item=item):
        if shows:
            lines = f"No boxes detected for prompt: '{words}'. Trying with lower thresholds...\n"
            print(f"{lines}Still no boxes detected.\nNo boxes detected. Exiting.", flush=True)  # noqa: T201
        raise IndexError("list index out of range")
    if shows:
        lines = f"Number of frames: {look(clip).frames}\nConverting video..\nDone extracting frames."
        print(f"{lines}\nFound 1 boxes with scores: [0.61]", flush=True)  # noqa: T201


def _mask(orders: Orders, log: Log, clip: str, config: dict[str, Any], folder: Path, rank: str, item: int) -> None:
    words = config["control_weight_prompt"]
    log.line(f"{_FILE}:76:__call__", f"seg: generating control weight tensor with SAM using prompt={words!r}")
    _segment(orders, words, clip, item)
    source = look(clip)
    weight = config["control_weight"] if isinstance(config["control_weight"], float) else 1.0
    write_map(folder / f"seg_control_weight_{rank}.pt", (1, 88, 160), weight)
    _write(folder / f"seg_control_weight_{rank}.mp4", source, (source.width, source.height), source.fps)
    config["control_weight"] = str(folder / f"seg_control_weight_{rank}.pt")


def region_lines(orders: Orders, regions: list[dict[str, Any]], clip: str, folder: Path, item: int) -> None:
    """Make the regions' maps. Raises ValueError for what is neither a box nor a video."""
    for number, region in enumerate(regions):
        place = region.get("region_definitions_path")
        if isinstance(place, str):
            if Path(place).suffix.lower() not in _VIDEOS or not Path(place).is_file():
                raise ValueError(f"Invalid video file: {place}")
        elif "mask_prompt" in region and place is None:
            _segment(orders, region["mask_prompt"], clip, item)
        elif not isinstance(place, list):
            raise ValueError("The number of regional prompts must equal the number of region definitions")
        if isinstance(place, list):
            continue
        name = f"regional_context_r{os.environ.get('LOCAL_RANK', '0')}_{number}"
        write_map(folder / f"{name}.pt", (1, 88, 160), 1.0)
        region["region_definitions_path"] = str(folder / f"{name}.pt")
