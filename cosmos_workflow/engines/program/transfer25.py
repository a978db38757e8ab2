"""Transfer2.5's `examples/inference.py`: its samples, its command line, its lines and files.

Facts: cosmos-transfer2.5 2ff49d0, config.py, inference.py.
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

__all__ = ["TRANSFER25"]

PROCESSING = re.compile(r"\[\d+/\d+\] Processing sample (\S+)")


class Transfer25:
    """Transfer2.5, several samples in one start."""

    title = "Cosmos-Transfer2.5"
    repository = "cosmos-transfer2.5"
    entry = PROGRAMS[repository]

    def together(self, work: Work) -> Hashable:
        """One control in all samples loads its own checkpoint; two, even in different samples, load all four."""
        hints = tuple(sorted(control.hint for control in work.controls))
        return work.model, hints if len(hints) == 1 else "several"

    def prepare(self, given: Given, out: Path) -> None:
        """It computes its controls itself."""

    def start(self, given: Sequence[Given], out: Path, setup: Setup) -> Start:
        samples = out / "samples.jsonl"
        samples.write_text("\n".join(json.dumps(_sample(each)) for each in given), encoding="utf-8")
        launch: tuple[str, ...] = (setup.python, self.entry)
        if setup.gpus > 1:
            launch = (*torchrun(setup), self.entry)
        words = [*launch, "-i", str(samples), "-o", str(out / "made")]
        environment = {"PYTHONPATH": str(setup.repository)}
        if given[0].work.model.endswith("-distilled"):
            words += ["--model", "edge/distilled"]
            environment["COSMOS_EXPERIMENTAL_CHECKPOINTS"] = "1"
        if setup.offload:
            words.append("--offload-guardrail-models")
        return Start(tuple(words), setup.repository, environment)

    def watch(self, given: Sequence[Given], on_step: OnStep) -> Watch:
        return _Watch(given, on_step)

    def read_more(self, watch: Watch, out: Path) -> None:
        """The console does not say what blocked an item: `debug.log` does."""
        path = out / "made" / "debug.log"
        if path.is_file():
            again = _Watch(watch.given, lambda step: None)
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                again.line(line)
            watch.why_blocked |= again.why_blocked

    def made(self, given: Sequence[Given], out: Path) -> dict[str, Made]:
        results = {}
        for each in given:
            names = [out / "made" / f"{each.name}{ending}" for ending in (".mp4", ".jpg")]
            video = next((path for path in names if path.is_file()), None)
            if video:
                controls = {
                    control.hint: path
                    for control in each.work.controls
                    if (path := out / "made" / f"{each.name}_control_{control.hint}.mp4").is_file()
                }
                results[each.name] = Made(video, controls, each.work.prompt)
        return results


class _Watch(Watch):
    """Each sample is named when it begins; a block goes on to the next."""

    def message(self, text: str) -> None:
        if match := PROCESSING.search(text):
            names = [each.name for each in self.given]
            self.begin(names.index(match[1]) if match[1] in names else self.at + 1)


def _sample(given: Given) -> dict[str, Any]:
    """A sample with every key that counts; what is None or empty means the program's own default."""
    work, guidance = given.work, guidance_of(given.work)
    sample = without_empty(
        {
            "name": given.name, "prompt": work.prompt, "negative_prompt": work.negative_prompt, "seed": work.seed,
            "guidance": None if guidance is None else round(guidance), "video_path": path_of(given, "video"),
            "max_frames": work.frames,
            "num_conditional_frames": work.overlap, "resolution": tier_of(work),
            "sigma_max": None if work.sigma_max is None else f"{work.sigma_max:g}",
            "num_video_frames_per_chunk": work.chunk, "num_steps": work.steps,
            "image_context_path": path_of(given, "style_image"), "context_frame_index": work.style_frame,
            "guided_generation_mask": path_of(given, "anchor_mask"),
            "guided_generation_step_threshold": work.anchor_step,
            "guided_generation_foreground_labels": list(work.anchor_labels) or None,
            "keep_input_resolution": work.keep_size, "show_control_condition": work.show_control or None,
            "show_input": work.show_input or None,
        }
    )  # fmt: skip
    for control in work.controls:
        preset = {"edge": "preset_edge_threshold", "vis": "preset_blur_strength"}.get(control.hint, "")
        sample[control.hint] = {
            "control_weight": control.weight,
            **without_empty(
                {
                    "control_path": path_of(given, control.hint), preset: control.preset,
                    "mask_path": path_of(given, f"{control.hint}_mask"), "mask_prompt": control.mask_prompt,
                    "control_prompt": control.prompt,
                }
            ),
        }  # fmt: skip
    return sample


TRANSFER25 = Transfer25()
