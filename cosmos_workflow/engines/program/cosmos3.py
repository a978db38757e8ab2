"""Cosmos 3's framework: its samples, its command line, its files.

Facts: cosmos-framework 5eee9ed, scripts/inference.py, inference/args.py, inference/transfer.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.engines.outputs import OnStep
from cosmos_workflow.engines.program.programs import (
    Given,
    Made,
    Setup,
    guidance_of,
    path_of,
    tier_of,
    torchrun,
    without_empty,
)
from cosmos_workflow.engines.program.running import Start
from cosmos_workflow.engines.program.watching import Watch
from cosmos_workflow.kinds.transfer.work import Work
from cosmos_workflow.limits.folder import PROGRAMS

__all__ = ["COSMOS3"]

MODULE = "cosmos_framework.scripts.inference"
NAMES = {"vis": "blur"}
ASPECTS = ("1,1", "4,3", "3,4", "16,9", "9,16")
# Keys that a sample can have and that would change where the results are, how many, and whose prompt they have.
NOT_FROM_SPECS = {"output_dir", "num_outputs", "model", "defaults_file", "prompt_upsampling"}
CHECKPOINTS = {"cosmos3-nano": "Cosmos3-Nano", "cosmos3-super": "Cosmos3-Super"}


class Cosmos3:
    """Cosmos 3's models that transfer; one sample at a time, several in one start."""

    title = "Cosmos 3"
    repository = "cosmos-framework"
    entry = PROGRAMS[repository]

    def together(self, work: Work) -> Hashable:
        return work.model

    def prepare(self, given: Given, out: Path) -> None:
        """It computes its controls itself."""

    def start(self, given: Sequence[Given], out: Path, setup: Setup) -> Start:
        samples = out / "samples.jsonl"
        samples.write_text("\n".join(json.dumps(_sample(each)) for each in given), encoding="utf-8")
        launch: tuple[str, ...] = (setup.python, "-m", MODULE)
        if setup.gpus > 1:
            launch = (*torchrun(setup), "-m", MODULE)
        local = setup.checkpoints / CHECKPOINTS[given[0].work.model]
        words = [
            *launch, "--parallelism-preset=latency", "-i", str(samples), "-o", str(out / "made"), "--checkpoint-path",
            str(local) if local.is_dir() else local.name,
        ]  # fmt: skip
        if setup.offload:
            words.append("--offload-guardrail-models")
        return Start(tuple(words), setup.repository, {"PYTHONPATH": str(setup.repository)})

    def watch(self, given: Sequence[Given], on_step: OnStep) -> Watch:
        return _Watch(given, on_step)

    def read_more(self, watch: Watch, out: Path) -> None:
        """All is on the console."""

    def made(self, given: Sequence[Given], out: Path) -> dict[str, Made]:
        videos = {each.name: out / "made" / each.name / "vision.mp4" for each in given}
        return {
            each.name: Made(videos[each.name], {}, each.work.prompt)
            for each in given
            if videos[each.name].is_file() and _status(videos[each.name].with_name("sample_outputs.json")) == "success"
        }


class _Watch(Watch):
    """A line that names a sample is about it from then on; one that names several is about none."""

    def message(self, text: str) -> None:
        names = [each.name for each in self.given if re.search(rf"\b{re.escape(each.name)}\b", text)]
        number = next((at for at, each in enumerate(self.given) if [each.name] == names), -1)
        if number > self.at:
            self.begin(number)


def _status(path: Path) -> str:
    """How a sample ended, which is written after its video."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError):
        return ""


def _sample(given: Given) -> dict[str, Any]:
    work = given.work
    sample = without_empty(
        {
            **{key: value for key, value in work.program.items() if key not in NOT_FROM_SPECS},
            "name": given.name, "model_mode": "video2video", "prompt": work.prompt,
            "negative_prompt": work.negative_prompt, "vision_path": path_of(given, "video"),
            "resolution": tier_of(work), "aspect_ratio": _aspect(work.width / work.height),
            "fps": round(work.fps), "max_frames": work.frames, "num_video_frames_per_chunk": work.chunk,
            "num_conditional_frames": work.overlap, "num_first_chunk_conditional_frames": work.first_overlap or None,
            "seed": work.seed, "num_steps": work.steps, "guidance": guidance_of(work),
            "control_guidance": work.control_guidance, "shift": work.shift or None,
            "show_control_condition": work.show_control or None, "show_input": work.show_input or None,
        }
    )  # fmt: skip
    for control in work.controls:
        preset = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}.get(control.hint, "")
        sample[NAMES.get(control.hint, control.hint)] = {
            "weight": control.weight,
            **without_empty({"control_path": path_of(given, control.hint), preset: control.preset}),
        }
    return sample


def _aspect(ratio: float) -> str:
    def away(aspect: str) -> float:
        wide, high = map(int, aspect.split(","))
        return abs(wide / high - ratio)

    return min(ASPECTS, key=away)


COSMOS3 = Cosmos3()
