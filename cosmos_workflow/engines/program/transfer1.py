"""Transfer1's `transfer.py`: its spec, its batch, its command line, its lines and files.

Facts: cosmos-transfer1 5005e82, transfer.py, inference_utils.py, world_generation_pipeline.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from cosmos_workflow.engines.films import control_frames, write_film
from cosmos_workflow.engines.outputs import OnStep
from cosmos_workflow.engines.program.programs import Given, Made, Setup, guidance_of, path_of, torchrun, without_empty
from cosmos_workflow.engines.program.running import Start
from cosmos_workflow.engines.program.watching import Watch
from cosmos_workflow.kinds.transfer.work import Applied, Area, Work
from cosmos_workflow.limits.folder import PROGRAMS
from cosmos_workflow.media.encoding import LOSS

__all__ = ["TRANSFER1"]

UPSCALE = "upscale"
# Arguments that a spec can have and that would change where the results are, how many, and whose prompt they have.
NOT_FROM_SPECS = {
    "batch_input_path", "batch_size", "benchmark", "checkpoint_dir", "num_gpus", "offload_prompt_upsampler",
    "upsample_prompt", "video_save_folder", "video_save_name",
}  # fmt: skip


class Transfer1:
    """Transfer1, its distilled and AV models, and its upscaler."""

    title = "Cosmos-Transfer1"
    repository = "cosmos-transfer1"
    entry = PROGRAMS[repository]

    def together(self, work: Work) -> Hashable:
        """A batch has one spec: its lines change only the clip, the prompt and the controls. One without a control's
        prompts would inherit those of the spec.
        """
        upscales = work.controls and work.controls[0].hint == UPSCALE  # one piece a process: a second one's chunk fails
        if upscales or any(area.mask for area in work.regions):  # a mask is a file, and the spec has one for all
            return object()
        spec = json.dumps([_scalars(work), [_region(area, "") for area in work.regions]], sort_keys=True)
        controls = [(each.hint, each.checkpoint, each.prompt, each.mask_prompt) for each in work.controls]
        return work.model, tuple(controls), spec

    def prepare(self, given: Given, out: Path) -> None:
        """Compute its edge and its blur."""
        _hints(given, out)

    def start(self, given: Sequence[Given], out: Path, setup: Setup) -> Start:
        first = given[0]
        spec: dict[str, Any] = {**_scalars(first.work), **_hints(first, out)}
        regions = [_region(area, path_of(first, area.mask)) for area in first.work.regions]
        spec |= without_empty(
            {
                "input_video_path": path_of(first, "video"), "prompt": first.work.prompt,
                "regional_prompts": regions or None,
            }
        )  # fmt: skip
        (out / "spec.json").write_text(json.dumps(spec, indent=4), encoding="utf-8")
        words = [
            *torchrun(setup), "--nnodes=1", "--node_rank=0", self.entry,
            "--checkpoint_dir", str(setup.checkpoints), "--video_save_folder", str(out / "made"),
            "--controlnet_specs", str(out / "spec.json"), "--num_gpus", str(setup.gpus),
        ]  # fmt: skip
        if setup.offload:
            words += ["--offload_text_encoder_model", "--offload_guardrail_models"]
        if first.work.model.endswith("-av"):
            words.append("--is_av_sample")
        if first.work.model.endswith("-distilled"):
            words.append("--use_distilled")
        if len(given) > 1:
            lines = [_line(each, out) for each in given]
            (out / "batch.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
            words += ["--batch_input_path", str(out / "batch.jsonl")]
        return Start(tuple(words), setup.repository, {"PYTHONPATH": str(setup.repository), "LOGURU_LEVEL": "DEBUG"})

    def watch(self, given: Sequence[Given], on_step: OnStep) -> Watch:
        return _Watch(given, on_step)

    def read_more(self, watch: Watch, out: Path) -> None:
        """All is on the console."""

    def made(self, given: Sequence[Given], out: Path) -> dict[str, Made]:
        """In a batch, folders have the numbers of the lines, unless blocked ones were left out of the count.

        So the prompt beside a video must be that of its line; else it is of the only line behind with that prompt, and
        nobody gets what may be of several.
        """
        folder = out / "made"
        if len(given) == 1:
            made = _made(folder, "output", given[0], out)
            return {given[0].name: made} if made else {}
        results: dict[str, Made] = {}
        for number in range(len(given)):
            place = folder / f"video_{number}"
            prompt = _text(place / "prompt.txt")
            left = [each for each in given[number:] if each.name not in results and each.work.prompt.strip() == prompt]
            if left and (left[0] is given[number] or len(left) == 1):
                made = _made(place, "prompt", left[0], out, "output")
                results |= {left[0].name: made} if made else {}
        return results


class _Watch(Watch):
    """Transfer1 has one bar for the chunks of an item, and says nothing of steps."""

    label = ""

    def message(self, text: str) -> None:
        if text.startswith("running preprocessor"):
            self.begin(self.at + 1)
        elif text.startswith(("Starting ", "Completed ")) and self.at >= 0:
            work = self.given[self.at].work
            self.say(self._chunk, work.chunks, f"chunk {self._chunk + 1} of {work.chunks}: {text[0].lower()}{text[1:]}")

    def bar(self, done: int, total: int) -> None:
        if self.at >= 0 and total > 0:
            self._chunk = min(done, total - 1)
            self.say(done, total, f"chunk {self._chunk + 1} of {total}")


def _scalars(work: Work) -> dict[str, Any]:
    """What counts for all lines of a batch. In the spec it wins over the command line's --key=value."""
    presets = {control.hint: control.preset for control in work.controls if control.preset}
    return without_empty(
        {
            **{key: value for key, value in work.program.items() if key not in NOT_FROM_SPECS},
            "negative_prompt": work.negative_prompt, "seed": work.seed, "num_steps": work.steps,
            "guidance": guidance_of(work), "sigma_max": work.sigma_max, "fps": round(work.fps),
            "canny_threshold": presets.get("edge"), "blur_strength": presets.get("vis"),
        }
    )  # fmt: skip


def _region(area: Area, mask: str) -> dict[str, Any]:
    return without_empty(
        {
            "prompt": area.prompt, "region_definitions_path": list(area.box) or mask, "mask_prompt": area.mask_prompt
        }
    )  # fmt: skip


def _hints(given: Given, out: Path) -> dict[str, dict[str, Any]]:
    """The controls in the order of the spec, which is the order in which Transfer1 stacks them."""
    return {control.hint: _hint(control, given, out) for control in given.work.controls}


def _hint(control: Applied, given: Given, out: Path) -> dict[str, Any]:
    weights = path_of(given, f"{control.hint}_weights")
    return {
        "control_weight": weights or control.weight,
        **without_empty(
            {
                "input_control": _control(control, given, out),
                "input_control_prompt": control.prompt, "control_weight_prompt": control.mask_prompt,
                "ckpt_path": control.checkpoint,
            }
        ),
    }  # fmt: skip


def _control(control: Applied, given: Given, out: Path) -> str:
    """The control's video: edge and blur are computed here, as today's Transfer1 draws their presets by chance."""
    if not control.computed or control.hint not in ("edge", "vis"):
        return path_of(given, control.hint)
    path = _computed(given, control, out)
    if not path.exists():
        work = given.work
        frames = control_frames(work, control, given.inputs)
        write_film(frames, (work.width, work.height), work.fps, path, LOSS.get(control.hint, 1))
    return str(path)


def _line(given: Given, out: Path) -> dict[str, Any]:
    overrides = {
        hint: {"input_control": None, **values} if hint != UPSCALE else values
        for hint, values in _hints(given, out).items()
    }
    return {
        "visual_input": path_of(given, "video"), "prompt": given.work.prompt, "control_overrides": overrides
    }  # fmt: skip


def _computed(given: Given, control: Applied, out: Path) -> Path:
    """Where a control is that is computed here: beside all starts, as other prompts and later starts want it too."""
    work = given.work
    of = [path_of(given, "video"), control.hint, control.preset, work.width, work.height, work.frames, work.fps]
    return out.parent / f"{hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]}_{control.hint}.mp4"


def _text(path: Path) -> str | None:
    """A prompt that the program wrote, as it is, line ends too; None where there is none."""
    return path.read_bytes().decode("utf-8", "replace").strip() if path.is_file() else None


def _made(folder: Path, prompt: str, given: Given, out: Path, video: str = "") -> Made | None:
    """The prompt is written after the video, so that one without it is not whole."""
    path, words = folder / f"{video or prompt}.mp4", _text(folder / f"{prompt}.txt")
    if words is None or not path.is_file():
        return None
    controls = {}
    for control in given.work.controls:
        names = [folder / f"{control.hint}_input_control{number}.mp4" for number in ("_0", "")]
        if written := [file for file in (*names, _computed(given, control, out)) if file.is_file()]:
            controls[control.hint] = written[0]
    return Made(path, controls, words)


TRANSFER1 = Transfer1()
