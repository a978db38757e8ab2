"""Stands in for cosmos_transfer1/diffusion/inference/transfer.py of github.com/nvidia-cosmos/cosmos-transfer1.

As at 5005e82: its order of events, lines, files, exit codes and quirks. No model is run.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from .guardrail import Guardrail
from .logs import Log
from .orders import Orders
from .transfer1_controls import prepare, region_lines
from .transfer1_flags import Controls, parse, share, validate
from .transfer1_pipeline import Pipeline, Video

__all__ = ["main"]

_SCRIPT = "cosmos_transfer1/diffusion/inference/transfer.py"
_DEMO = f"{_SCRIPT}:%d:demo"


def main() -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    orders, log = Orders("transfer1"), Log()
    orders.started(sys.argv[1:])
    settings, controls = parse(sys.argv[1:], log)
    _demo(settings, controls, orders, log)


def _demo(settings: argparse.Namespace, controls: Controls, orders: Orders, log: Log) -> None:
    validate(settings, controls, log)
    log.line("cosmos_transfer1/utils/misc.py:46:set_random_seed", f"Using random seed {settings.seed}.")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.num_gpus > 1 and world % settings.num_gpus:
        raise RuntimeError(f"world_size ({world}) is not divisible by {settings.num_gpus}")
    if settings.use_distilled:
        assert not settings.is_av_sample
        assert not settings.save_input_noise
    guardrail = Guardrail(orders, log, "cosmos_transfer1/auxiliary/guardrail", "LLAMAGUARD3")
    pipeline = Pipeline(settings, controls, orders, log, guardrail)
    pipeline.load()
    prompts = _prompts(settings, log)
    size = settings.batch_size
    if any("upscale" in name for name in controls) and size > 1:  # in the names, as there (Q7)
        size = 1
        log.line(_DEMO % 293, "Setting batch_size=1 as upscale does not support batch generation")
    folder = Path(settings.video_save_folder)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103 -- its error is printed as there
    for start in range(0, len(prompts), size):
        _batch(settings, controls, prompts[start : start + size], start, pipeline, orders, log)


def _prompts(settings: argparse.Namespace, log: Log) -> list[dict[str, Any]]:
    """The items: the lines of the batch, of which a blank one is no JSON (Q9), or the settings' own."""
    if not settings.batch_input_path:
        return [{"prompt": settings.prompt, "visual_input": settings.input_video_path}]
    log.line(_DEMO % 280, f"Reading batch inputs from path: {settings.batch_input_path}")
    with open(settings.batch_input_path) as file:  # noqa: PTH123
        return [json.loads(line.strip()) for line in file]


def _batch(
    settings: argparse.Namespace, controls: Controls, lines: list[dict[str, Any]], start: int, pipeline: Pipeline,
    orders: Orders, log: Log,
) -> None:  # fmt: skip
    videos: list[Video] = []
    base = Path(settings.video_save_folder)
    regions: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        folder = base / f"video_{start + number}" if settings.batch_input_path else base
        folder.mkdir(parents=True, exist_ok=True)
        own = copy.deepcopy(controls)
        for hint, override in line.get("control_overrides", {}).items():
            if hint in own:
                own[hint].update(override)
            else:
                log.write("WARNING", _DEMO % 325, f"Ignoring unknown control key in override: {hint}")
        log.line(_DEMO % 328, "running preprocessor")
        clip, prompt = line.get("visual_input"), line.get("prompt")
        item = start + number
        drawn = prepare(orders, log, clip, prompt, own, folder, item, settings.seed)
        regions = copy.deepcopy(getattr(settings, "regional_prompts", None) or [])
        region_lines(orders, regions, clip, folder, item)
        weights = share({hint: config["control_weight"] for hint, config in own.items()})
        orders.record(
            "item", item=item, prompt=prompt, clip=clip, controls=own, weights=weights, drawn=drawn,
            settings={name: getattr(settings, name) for name in ("num_steps", "guidance", "sigma_max", "fps", "seed")},
            regions=regions,
        )  # fmt: skip
        videos.append(Video(item, prompt, clip, own))
    if regions:
        log.line(_DEMO % 340, f"regional_prompts: {regions}")
    repeats = 4 if settings.benchmark else 1
    times: list[float] = []
    for repeat in range(repeats):
        begun = time.monotonic()
        outputs = pipeline.generate(videos, folder, regions)
        if outputs is None:
            log.write("CRITICAL", _DEMO % 382, "Guardrail blocked generation for entire batch.")
            continue  # of the repeats alone, so that the next line breaks (Q1)
        if settings.benchmark:
            times.append(time.monotonic() - begun)
            log.line(_DEMO % 379, f"[iter {repeat} / {repeats - 1}] Generation time: {times[-1]} seconds.")
    if len(times) > 1:
        mean = sum(times[1:]) / len(times[1:])
        text = f"The benchmarked generation time for Cosmos-Transfer1 is {mean} seconds."
        log.write("CRITICAL", _DEMO % 385, text)
    made, final_prompts = outputs
    for number, (video, prompt) in enumerate(zip(made, final_prompts, strict=True)):
        # Counted anew, so after one that was blocked they have the numbers before (Q8).
        batch = settings.batch_input_path
        folder = base / f"video_{start + number}" if batch else base
        target = folder / "output.mp4" if batch else base / f"{settings.video_save_name}.mp4"
        text_file = folder / "prompt.txt" if batch else base / f"{settings.video_save_name}.txt"
        if orders.rank == 0:
            pipeline.save(video, target)
            text_file.write_text(prompt, encoding="utf-8")
            log.line(_DEMO % 405, f"Saved video to {target}")
            log.line(_DEMO % 406, f"Saved prompt to {text_file}")
            if settings.save_input_noise:
                (folder / "noise.pickle").write_bytes(b"\x80\x04N.")
                log.line(_DEMO % 410, f"Saved input noise to {folder / 'noise.pickle'}")
