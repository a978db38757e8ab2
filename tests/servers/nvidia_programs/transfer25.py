"""Stands in for examples/inference.py of github.com/nvidia-cosmos/cosmos-transfer2.5.

As at 2ff49d0: its order of events, lines, files and exit codes. No model is run.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from .checkpoints import CACHED, need_cached
from .command_line import parse
from .films import Clip, Mark, checksum, look, write
from .guardrail import Guardrail
from .logs import Bar, Log
from .orders import Orders
from .sizes import BUCKETS, chunks_of, nearest
from .transfer25_samples import CONTROLS, FLAGS, OVERRIDES, Sample, read_samples

__all__ = ["main"]

_INF = "cosmos_transfer2/inference.py:%d:%s"
_PIPE = "cosmos_transfer2/_src/transfer2/inference/inference_pipeline.py:%d:generate_img2world"
_GUARD = "cosmos_transfer2/_src/imaginaire/auxiliary/guardrail"
_MOST_FRAMES = 5000


def main() -> None:
    orders = Orders("transfer25")
    orders.started(sys.argv[1:])
    asked = parse("inference.py", FLAGS, OVERRIDES, sys.argv[1:])
    samples = read_samples(asked["input_files"], {name: asked[name] for name in OVERRIDES if name in asked})
    folder = asked["output_dir"]
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder)
    log.line("packages/cosmos-oss/cosmos_oss/init.py:117:init_output_dir", f"Log saved to {folder / 'console.log'}")
    if asked["benchmark"] and len(samples) == 1:
        samples *= 4
    if os.environ.get("COSMOS_SMOKE") == "1":
        samples, asked["disable_guardrails"] = samples[:1], True
    program = _Program(asked, orders, log, folder)
    program.load(samples)
    program.run(samples)
    if asked["profile"]:
        (folder / "profile.pyisession").write_text("{}", encoding="utf-8")


class _Program:
    def __init__(self, asked: dict[str, Any], orders: Orders, log: Log, folder: Path) -> None:
        self._asked, self._orders, self._log, self._folder = asked, orders, log, folder
        self._guardrail = Guardrail(orders, log, _GUARD, "QWEN3GUARD", hidden=True)
        self._guards = not asked["disable_guardrails"]

    def load(self, samples: list[Sample]) -> None:
        """Load one branch where all samples have one and the same control, and else all four. Raises GatedRepoError."""
        hints = [hint for hint in CONTROLS if any(hint in sample.controls for sample in samples)]
        if self._guards:
            need_cached(self._orders, "nvidia/Cosmos-Guardrail1", "face_blur_filter/Resnet50_Final.pth")
            need_cached(self._orders, "Qwen/Qwen3Guard-Gen-0.6B")
        branches = hints if len(hints) == 1 else list(CONTROLS)
        for hint in branches:
            part = "distilled/general/edge" if "distilled" in self._asked["model"] else f"general/{hint}"
            part = part.replace("vis", "blur")
            (name,) = [name for name in CACHED["nvidia/Cosmos-Transfer2.5-2B"] if name.startswith(part)]
            need_cached(self._orders, "nvidia/Cosmos-Transfer2.5-2B", name)
        need_cached(self._orders, "nvidia/Cosmos-Predict2.5-2B", "tokenizer.pth")
        need_cached(self._orders, "nvidia/Cosmos-Reason1-7B")
        self._orders.loaded("nvidia/Cosmos-Transfer2.5-2B", branches)
        where = "__init__"
        self._log.line(_INF % (139, where), f"Found {len(hints)} hint keys across all samples")
        if len(hints) > 1:
            text = "Loading the multicontrol model. Multicontrol inference is not strictly equal to single control"
            self._log.write("WARNING", _INF % (141, where), text)
        if self._orders.rank == 0:
            (self._folder / "config.yaml").write_text("model: {}\n", encoding="utf-8")
        self._log.line(_INF % (149, where), f"Saved config to {self._folder / 'config.yaml'}")

    def run(self, samples: list[Sample]) -> None:
        log, where, times = self._log, "generate", []
        log.line(_INF % (156, where), f"Generating {len(samples)} samples: {[sample.name for sample in samples]}")
        for number, sample in enumerate(samples):
            log.line(_INF % (160, where), f"[{number + 1}/{len(samples)}] Processing sample {sample.name}")
            begun = time.monotonic()
            self._generate(sample, number)
            times.append(time.monotonic() - begun)
        if self._asked["benchmark"]:
            mean = sum(times[1:]) / max(1, len(times) - 1)
            lines = [
                "=" * 50,
                "BENCHMARK RESULTS",
                "=" * 50,
                "Average times:",
                f"generate_img2world: {mean:.2f} seconds",
            ]
            for line in [*lines, "=" * 50]:
                log.line(_INF % (170, where), line)

    def _generate(self, sample: Sample, item: int) -> None:
        log, where, output = self._log, "_generate_sample", self._folder / sample.name
        if self._orders.rank == 0:
            Path(f"{output}.json").write_text(sample.model_dump_json(), encoding="utf-8")
        log.line(_INF % (196, where), f"Saved arguments to {output}.json")
        if not self._passes_text(sample, item):
            return
        paths = {hint: control.control_path for hint, control in sample.controls.items()}
        log.line(
            _INF % (234, where), f"Processing the following paths: { {k: v and str(v) for k, v in paths.items()} }"
        )
        weights = [control.control_weight for control in sample.controls.values()]
        shares = {hint: weight / max(1, sum(weights)) for hint, weight in zip(paths, weights, strict=True)}
        self._orders.record("item", item=item, sample=sample.model_dump(mode="json"), weights=shares)
        clip = look(sample.video_path)
        frames = min(clip.frames, sample.max_frames or _MOST_FRAMES, _MOST_FRAMES)
        size = BUCKETS[sample.resolution][nearest(clip.width, clip.height)]
        self._make_chunks(sample, item, frames)
        if self._orders.rank != 0:
            return
        ending = "jpg" if frames == 1 else "mp4"
        for hint, control in sample.controls.items():
            given, target = control.control_path, Path(f"{output}_control_{hint}.{ending}")
            write(target, given or clip.path, size, fps=clip.fps, frames=frames, grey=not given)
            log.line(_INF % (285, where), f"{hint} control video saved to {target}")
        masks = [hint for hint, control in sample.controls.items() if control.mask_prompt and not control.mask_path]
        for hint in [*masks, *(["guided_generation"] if sample.guided_generation_mask else [])]:
            target = Path(f"{output}_mask_{hint}.{ending}")
            write(target, clip.path, size, fps=clip.fps, frames=frames, grey=True)
            log.line(_INF % (290, where), f"Mask for {hint} saved to {target}")
        if self._guards:
            log.line(_INF % (294, where), "Running guardrail check on video...")
            if self._guardrail.blocks_video(sample.prompt, item, frames):
                if not self._asked["keep_going"]:
                    raise Exception("Guardrail blocked video2world generation.")
                return
            log.write("SUCCESS", _INF % (305, where), "Passed guardrail on generated video")
        else:
            log.write("WARNING", _INF % (311, where), "Guardrail checks on video are disabled")
        self._save(sample, item, clip, size, frames, Path(f"{output}.{ending}"))
        Path(f"{output}.txt").write_text(sample.prompt or "", encoding="utf-8")
        log.write("SUCCESS", _INF % (319, where), f"Generated video saved to {output}.{ending}")

    def _passes_text(self, sample: Sample, item: int) -> bool:
        log, where = self._log, "_generate_sample"
        if not self._guards:
            log.write("WARNING", _INF % (231, where), "Guardrail checks on prompt are disabled")
            return True
        log.line(_INF % (201, where), "Running guardrail check on prompt...")
        for negative, text in ((False, sample.prompt), (True, sample.negative_prompt)):
            name = "negative prompt" if negative else "prompt"
            if self._guardrail.blocks_text(text, item, negative=negative):
                message = f"Guardrail blocked generation. {name.capitalize()}: {text}"
                log.write("CRITICAL", _INF % (205, where), message)
                if not self._asked["keep_going"]:
                    raise Exception(message)
                return False
            log.write("SUCCESS", _INF % (211, where), f"Passed guardrail on {name}")
        return True

    def _make_chunks(self, sample: Sample, item: int, frames: int) -> None:
        log, chunk = self._log, sample.num_video_frames_per_chunk
        log.line(_PIPE % 300, "Loading input video...", hidden=True)
        log.line(_PIPE % 330, "Computing prompt text embeddings...", hidden=True)
        log.line(_PIPE % 345, "Loading control inputs...", hidden=True)
        chunks = chunks_of(frames, chunk, sample.num_conditional_frames)
        given = [look(control.control_path).frames for control in sample.controls.values() if control.control_path]
        steps, times = sample.num_steps, []
        if "distilled" in self._asked["model"] and "num_steps" not in sample.model_fields_set:
            steps = 4
        if os.environ.get("COSMOS_SMOKE") == "1":
            steps = 1
        seed = sample.seed
        for number in range(chunks):
            if given and min(given) <= number * (chunk - sample.num_conditional_frames):
                raise ValueError(f"No input frames; cannot pad to {chunk} frames")
            begun = time.monotonic()
            log.line(_PIPE % 410, f"Generating chunk {number + 1}/{chunks}", hidden=True)
            seed = random.Random(seed).randint(0, 1000000)
            log.line(_PIPE % 415, f"Seed: {seed}", hidden=True)
            wait = self._orders.at_chunk(sample.prompt or "", item, number)
            with Bar(steps, "Generating samples") as bar:
                for _ in range(steps):
                    time.sleep(wait / steps)
                    bar.step()
            times.append(time.monotonic() - begun)
        log.line(_PIPE % 470, f"Average time per chunk: {sum(times) / chunks}", hidden=True)

    def _save(self, sample: Sample, item: int, clip: Clip, size: tuple[int, int], frames: int, target: Path) -> None:
        """Write the video in the clip's size, made even, or the bucket's, at the clip's rate without its fraction."""
        width, height = (clip.width // 2 * 2, clip.height // 2 * 2) if sample.keep_input_resolution else size
        beside = len(sample.controls) * sample.show_control_condition + sample.show_input
        chunk, overlap = sample.num_video_frames_per_chunk, sample.num_conditional_frames
        prompt, source = checksum(sample.prompt or ""), checksum(clip.path)

        def mark(frame: int) -> Mark:
            number = 0 if frame < chunk else 1 + (frame - chunk) // (chunk - overlap)
            return Mark(item, number, frame, sample.seed, prompt, source)

        size = (width * (1 + beside), height)
        write(target, clip.path, size, fps=clip.fps, frames=frames, mark=mark, tint=item + 1)
