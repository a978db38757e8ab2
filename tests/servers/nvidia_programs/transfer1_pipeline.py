"""Transfer1's pipeline: what it loads, checks, prints and saves (world_generation_pipeline.py)."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .checkpoints import need_file, need_model
from .films import Clip, Mark, checksum, look, write
from .guardrail import Guardrail
from .logs import Bar, Log
from .orders import Orders
from .sizes import BUCKETS, chunks_of, nearest
from .transfer1_flags import Controls

__all__ = ["Pipeline", "Video"]

CHUNK, OVERLAP, MOST_FRAMES = 121, 1, 5000
_WG = "cosmos_transfer1/diffusion/inference/world_generation_pipeline.py"
_UTILS = "cosmos_transfer1/diffusion/inference/inference_utils.py"
_TOKENIZER = "nvidia/Cosmos-Tokenize1-CV8x8x8-720p"
_GUARD = "nvidia/Cosmos-Guardrail1"
_UPSAMPLER = "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer/consolidated.safetensors"
UPSAMPLED = " Every surface shows its material, and the light falls softly from one side."


@dataclass
class Video:
    """An item of a batch; `clip` and `controls` are as the preprocessor left them."""

    item: int
    prompt: str | None
    clip: str | None
    controls: Controls


class Pipeline:
    def __init__(
        self, settings: argparse.Namespace, controls: Controls, orders: Orders, log: Log, guardrail: Guardrail
    ) -> None:
        self._settings, self._controls, self._orders, self._log = settings, controls, orders, log
        self._guardrail = guardrail
        self._upscales = "upscale" in controls

    def load(self) -> None:
        """Load the models that are not loaded on use. Raises FileNotFoundError, OSError, and KeyError 'RANK'."""
        settings, folder = self._settings, self._settings.checkpoint_dir
        if settings.use_distilled:
            assert len(self._controls) == 1, "Distilled model only supports single control input"
        if not settings.offload_guardrail_models:
            self._load_guardrails()
        base = "nvidia/Cosmos-Transfer1-7B-Sample-AV" if settings.is_av_sample else "nvidia/Cosmos-Transfer1-7B"
        need_file(self._orders, f"{folder}/{base}/base_model.pt")
        if not settings.offload_diffusion_transformer:
            self._load_controls()
        for name in ("mean_std.pt", "encoder.jit", "decoder.jit"):
            need_file(self._orders, f"{folder}/{_TOKENIZER}/{name}")
        if not settings.offload_text_encoder_model:
            need_model(self._orders, f"{folder}/google-t5/t5-11b")
        self._orders.loaded(base, list(self._controls))
        if settings.upsample_prompt and int(os.environ["RANK"]) == 0:
            need_file(self._orders, f"{folder}/{_UPSAMPLER}")

    def generate(
        self, videos: list[Video], folder: Path, regions: list[dict[str, Any]]
    ) -> tuple[list[Video], list[str]] | None:
        """The videos that are safe, and their prompts; None where there is none."""
        settings, log, where = self._settings, self._log, f"{_WG}:%d:generate"
        log.line(where % 688, f"Running batch generation with batch_size={len(videos)}")
        prompts = [video.prompt for video in videos]
        if settings.upsample_prompt and self._orders.rank == 0:
            prompts = [self._upsampled(video, number, len(videos), folder) for number, video in enumerate(videos)]
        log.line(where % 730, "Running guardrail checks on all prompts")
        if settings.offload_guardrail_models:
            self._load_guardrails()
        safe: list[tuple[Video, str]] = []
        for number, (video, prompt) in enumerate(zip(videos, prompts, strict=True)):
            if self._guardrail.blocks_text(prompt, video.item):
                log.write("CRITICAL", where % 740, f"Input text prompt {number + 1} is not safe")
            else:
                safe.append((video, prompt or ""))
        if not safe:
            log.write("CRITICAL", where % 747, "All prompts failed safety checks")
            return None
        log.line(where % 752, "Running text embedding on all prompts")
        if settings.offload_text_encoder_model:
            need_model(self._orders, f"{settings.checkpoint_dir}/google-t5/t5-11b")
        for text in ("Starting T5 compute", "Completed T5 compute"):
            log.line("cosmos_transfer1/utils/base_world_generation_pipeline.py:290:_run_text_embedding", text)
        log.line(where % 758, "Finish text embedding on prompt")
        log.line(where % 761, "Run generation")
        self._run([video for video, _ in safe], regions)
        log.line(where % 771, "Finish generation")
        log.line(where % 774, "Run guardrail on generated videos")
        kept = []
        for number, (video, prompt) in enumerate(safe):
            if self._guardrail.blocks_video(video.prompt, video.item, self._shape(video)[2]):
                log.write("CRITICAL", where % 781, f"Generated video {number + 1} is not safe")
            else:
                kept.append((video, prompt))
        if not kept:
            log.write("CRITICAL", where % 787, "All generated videos failed safety checks")
            return None
        return [video for video, _ in kept], [prompt for _, prompt in kept]

    def save(self, video: Video, target: Path) -> None:
        """Write the video: its bucket's size, or three times that where it was upscaled, at --fps (Q10)."""
        source, (width, height), frames = self._shape(video)
        size = (3 * width, 3 * height) if self._upscales else (width, height)
        seed, prompt, clip = self._settings.seed, checksum(video.prompt or ""), checksum(source.path)

        def mark(frame: int) -> Mark:
            chunk = 0 if frame < CHUNK else 1 + (frame - CHUNK) // (CHUNK - OVERLAP)
            return Mark(video.item, chunk, frame, seed, prompt, clip)

        write(target, source.path, size, fps=self._settings.fps, frames=frames, mark=mark, tint=video.item + 1)

    def _load_guardrails(self) -> None:
        folder = self._settings.checkpoint_dir
        need_file(self._orders, f"{folder}/{_GUARD}/blocklist/custom/README")
        need_model(self._orders, f"{folder}/meta-llama/Llama-Guard-3-8B")
        for name in ("video_content_safety_filter/safety_filter.pt", "face_blur_filter/Resnet50_Final.pth"):
            need_file(self._orders, f"{folder}/{_GUARD}/{name}")

    def _load_controls(self) -> None:
        for config in self._controls.values():
            path = config["ckpt_path"]
            self._log.line(f"{_WG}:283:_load_network", f"Loading ctrl model from ckpt_path: {path}")
            exists = Path(path).exists()
            need_file(self._orders, path if exists else f"{self._settings.checkpoint_dir}/{path}")

    def _upsampled(self, video: Video, number: int, count: int, folder: Path) -> str:
        """The prompt made longer, by the control that the spec gives or by a short one computed here (Q13)."""
        log, prompt = self._log, video.prompt or "describe the following images"
        log.line(f"{_WG}:700:generate", f"Upsampling prompt {number + 1}/{count}: {prompt[:50]}...")
        hints = [hint for hint in ("vis", "edge") if hint in self._controls]
        others = [hint for hint in self._controls if hint in ("seg", "depth")]
        if not hints and not others:
            return prompt
        hint = "vis" if hints else others[0]
        log.line(f"{_WG}:225:_process_prompt_upsampler", f"Upsampling prompt with controlnet: {hint}")
        used = (hints or others)[0]
        if self._controls[used].get("input_control") is None:
            if not hints:
                raise TypeError("Can't convert object of type 'NoneType' to 'str' for 'filename'")
            source = look(video.clip or "")
            target = folder / f"video_{number}" / f"control_input_{used}_upsampler.mp4"
            write(target, source.path, (source.width, source.height), fps=source.fps, frames=10, grey=True)
        longer = prompt + UPSAMPLED
        log.line(f"{_WG}:703:generate", f"Upsampled prompt {number + 1}: {longer[:50]}...")
        return longer

    def _run(self, videos: list[Video], regions: list[dict[str, Any]]) -> None:
        log, where = self._log, f"{_WG}:%d:_run_model"
        if self._settings.offload_diffusion_transformer:
            self._load_controls()
        log.line(where % 455, "Starting data augmentation")
        log.line(where % 458, f"regional_prompts passed to _run_model: {[region['prompt'] for region in regions]}")
        shapes = []
        for video in videos:
            for hint, config in video.controls.items():
                if config.get("input_control"):
                    path = config["input_control"]
                    log.line(f"{_UTILS}:640:get_ctrl_batch", f"reading control input {path} for hint {hint}")
            shapes.append(self._shape(video))
            if len(video.controls) > 1:
                text = f"Making all control and input videos to be length of {shapes[-1][2]} frames."
                log.line(f"{_UTILS}:668:get_ctrl_batch", text)
        for number, (_, size, frames) in enumerate(shapes):
            if (size, frames) != shapes[0][1:]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension 0. Expected size {shapes[0][2]} but got size"
                    f" {frames} for tensor number {number} in the list."
                )
        log.line(where % 520, "Completed data augmentation")
        chunks = chunks_of(shapes[0][2], CHUNK, OVERLAP)
        if self._settings.use_distilled and self._orders.rank == 0:
            print(f"video paths: {[video.clip for video in videos]}\nN_clip: {chunks}", flush=True)  # noqa: T201
        with Bar(chunks) as bar:
            for chunk in range(chunks):
                waits = [self._orders.at_chunk(video.prompt or "", video.item, chunk) for video in videos]
                for number, text in enumerate(("latent encoding", "diffusion sampling", "VAE decode")):
                    log.line(where % (560 + 10 * number), f"Starting {text}")
                    time.sleep(max(waits) if number == 1 else 0)  # no line of its steps (Q5)
                    log.line(where % (565 + 10 * number), f"Completed {text}")
                bar.step()

    def _shape(self, video: Video) -> tuple[Clip, tuple[int, int], int]:
        """The clip that is shown, the bucket's size, and how many frames there will be.

        Raises RuntimeError where a control's aspect gives it another bucket, and FileNotFoundError.
        """
        paths = [config["input_control"] for config in video.controls.values() if config.get("input_control")]
        if any(hint in video.controls and not video.controls[hint].get("input_control") for hint in ("hdmap", "lidar")):
            raise TypeError("stat: path should be string, bytes, os.PathLike or integer, not NoneType")
        clips = [look(path) for path in ([video.clip] if video.clip else []) + paths]
        sizes = [BUCKETS["720"][nearest(clip.width, clip.height)] for clip in clips]
        for size in sizes[1:]:
            if size != sizes[0]:
                side = 0 if size[0] != sizes[0][0] else 1
                raise RuntimeError(
                    f"The size of tensor a ({sizes[0][side] // 8}) must match the size of tensor b ({size[side] // 8})"
                    f" at non-singleton dimension {4 - side}"
                )
        return clips[0], sizes[0], min(MOST_FRAMES, *(clip.frames for clip in clips))
