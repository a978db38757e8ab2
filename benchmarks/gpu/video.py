"""Measure the full-size video models on this machine's GPU, and write docs/GPU_VIDEO.md and its figures.

    python -m benchmarks.gpu.video [--models transfer2.5-2b,cosmos3-nano,cosmos3-super] [--minutes 9] [--out FILE.md]
                                   [--mode plain|offload|text-first]

One chunk of each size, three steps of it: that is enough, as each step does the same work. Two modes are for
Transfer2.5 only: `offload` (diffusers' model offload, the VAE in tiles) and `text-first` (the prompt is encoded, then
the text encoder is taken off the card). Models measured before stay in the figures file beside `--out`. With `--tiny`
the same calls run on any processor with tiny models, to check that they work; nothing is written unless `--out` is
given.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import gc
import json
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.video_models import MODELS, Built, build, call, count
from benchmarks.gpu.video_page import page

STEPS, MINUTES = 3, 9.0
PROMPT = ("A city street at dusk after rain, cars with their lights on, wet asphalt, neon signs. " * 6)[:480]
DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Size:
    name: str
    width: int
    height: int
    frames: int
    controls: int = 1


# 93 frames are Transfer2.5's chunk, 121 that of NVIDIA's Cosmos 3 specs; sizes are NVIDIA's for 16:9.
SIZES = {
    "transfer2.5-2b": (Size("480p", 832, 480, 93), Size("720", 1280, 704, 93)),
    "cosmos3-nano": (
        Size("480", 832, 480, 121), Size("720", 1280, 720, 121), Size("480", 832, 480, 121, 2),
        Size("720", 1280, 720, 121, 2),
    ),
    "cosmos3-super": (Size("480", 832, 480, 121), Size("720", 1280, 720, 121)),
}  # fmt: skip


@dataclass
class Spans:
    """When the parts of a pipeline ran, and the peak memory meanwhile, in bytes as PyTorch allocates them."""

    cuda: bool
    times: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    peaks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    whole: int = 0
    reserved: int = 0
    beside: int = 0

    def end(self) -> None:
        """Note the memory in use on the card: by PyTorch's allocator, and beside it (CUDA's context and libraries)."""
        self._peak()
        if self.cuda:
            import torch

            free, total = torch.cuda.mem_get_info()
            self.reserved = torch.cuda.memory_reserved()
            self.beside = total - free - self.reserved

    def _peak(self) -> int:
        import torch

        peak = torch.cuda.max_memory_allocated() if self.cuda else 0
        self.whole = max(self.whole, peak)
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        return peak

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        import torch

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._peak()
            if self.cuda:
                torch.cuda.synchronize()
            started = time.perf_counter()
            result = call(*args, **kwargs)
            if self.cuda:
                torch.cuda.synchronize()
            self.times[name].append((started, time.perf_counter()))
            self.peaks[name] = max(self.peaks[name], self._peak())
            return result

        return timed

    def seconds(self, name: str) -> list[float]:
        return [end - start for start, end in self.times[name]]

    def step(self, steps: int) -> float:
        """Seconds a step: from the first pass of the second step to the end of the last (the first warms up)."""
        passes = sorted(self.times["transformer"] + self.times["controlnet"])
        first = len(passes) // steps
        return (passes[-1][1] - passes[first][0]) / (steps - 1)


@contextlib.contextmanager
def watching(built: Built, cuda: bool) -> Iterator[Spans]:
    """Time the transformer, ControlNet and text encoder, and the VAE's encoding and decoding."""
    spans = Spans(cuda)
    wrapped = []
    for name, module in built.modules.items():
        for method in ("encode", "decode") if name == "vae" else ("forward",):
            label = f"vae {method}" if name == "vae" else name
            replaced = vars(module).get(method)  # offloading has put its own method there
            setattr(module, method, spans.around(label, getattr(module, method)))
            wrapped.append((module, method, replaced))
    try:
        yield spans
    finally:
        for module, method, replaced in wrapped:
            setattr(module, method, replaced) if replaced else delattr(module, method)


def measure(
    model: str, built: Built, size: Size, text: dict[str, Any], cuda: bool, *, steps: int = STEPS, tiled: bool = False
) -> dict[str, Any]:
    """Measure one chunk of a size. A case that the card cannot hold is marked `failed`."""
    import numpy as np
    import torch

    noise = np.random.default_rng(0)
    shape = (size.frames, size.height, size.width, 3)
    controls = [list(_images(noise.integers(0, 255, shape, dtype=np.uint8))) for _ in range(size.controls)]
    vae = built.modules["vae"]
    vae.enable_tiling() if tiled else vae.disable_tiling()
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    case: dict[str, Any] = {**asdict(size), "steps": steps, "vae_tiled": tiled}
    started = time.perf_counter()
    try:
        with watching(built, cuda) as spans:
            video = call(model, built.pipeline, controls, (size.width, size.height), steps, text)
            spans.end()
    except torch.OutOfMemoryError as error:
        reached = {name: peak for name, peak in spans.peaks.items() if peak}
        return {**case, "failed": "out of memory", "peaks": reached, "detail": str(error).splitlines()[0]}
    return {
        **case,
        "failed": "",
        "seconds": time.perf_counter() - started,
        "step_seconds": spans.step(steps),
        "passes_a_step": len(spans.times["transformer"]) // steps,
        "encode_seconds": spans.seconds("vae encode"),
        "decode_seconds": spans.seconds("vae decode"),
        "text_seconds": spans.seconds("text_encoder"),
        "peaks": dict(spans.peaks),
        "peak": spans.whole,
        "reserved": spans.reserved,
        "beside": spans.beside,
        "output": list(video.shape),
        "finite": bool(np.isfinite(video).all()),
    }


def _images(frames: Any) -> Iterator[Any]:
    from PIL import Image

    return (Image.fromarray(frame) for frame in frames)


def measure_model(model: str, device: str, deadline: float, tiny: bool, mode: str) -> dict[str, Any]:
    """Measure a model's parts and its sizes; a size for which no time is left is marked as not measured."""
    import torch

    cuda = device == "cuda"
    if cuda:
        needed, held = 2 * count(model), torch.cuda.get_device_properties(0).total_memory
        if needed > held:
            gib = 1024**3
            return {"failed": f"the weights alone ({needed / gib:.1f} GiB) exceed the card ({held / gib:.1f})"}
    built = build(model, device, tiny=tiny)
    parts = [asdict(part) for part in built.parts]
    print(model, *(f"{part['name']} {part['bytes'] / 1024**3:.2f} GiB" for part in parts), flush=True)
    text: dict[str, Any] = {"prompt": PROMPT}
    if mode == "offload":
        built.pipeline.enable_model_cpu_offload(device=device)
    elif mode == "text-first":
        with torch.no_grad():
            embeds = built.pipeline.encode_prompt(PROMPT)
        text = dict(zip(("prompt_embeds", "negative_prompt_embeds"), embeds, strict=True))
        built.pipeline.text_encoder = None
        built.modules.pop("text_encoder").to("cpu")
    measure(model, built, Size("warm-up", 256, 160, 9), text, cuda, steps=2)  # warm-up
    cases: list[dict[str, Any]] = []
    sizes = (Size("tiny", 96, 64, 13), Size("tiny", 96, 64, 13, 2)) if tiny else SIZES[model]
    for size in sizes[:1] if tiny and model == "transfer2.5-2b" else sizes:
        for tiled in (True,) if mode == "offload" else (False, True):
            if time.monotonic() > deadline:
                cases.append({**asdict(size), "failed": "not measured: no time left"})
                break
            cases.append(measure(model, built, size, text, cuda, tiled=tiled))
            print(json.dumps(cases[-1]), flush=True)
            if not cases[-1]["failed"]:
                break
    return {"failed": "", "parts": parts, "cases": cases}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tiny", action="store_true")
    options.add_argument("--models", default=",".join(MODELS))
    options.add_argument("--minutes", type=float, default=MINUTES)
    options.add_argument("--mode", choices=("plain", "offload", "text-first"), default="plain")
    options.add_argument("--out", type=Path)
    arguments = options.parse_args()
    import diffusers
    import torch
    import transformers

    if not arguments.tiny and not torch.cuda.is_available():
        print("not measured: no CUDA GPU on this machine")
        return 0
    device = "cpu" if arguments.tiny else "cuda"
    deadline = time.monotonic() + 60 * arguments.minutes
    origin = {
        "card": "no GPU (tiny models)" if arguments.tiny else torch.cuda.get_device_name(),
        "date": str(datetime.datetime.now(datetime.timezone.utc).date()),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }
    out = arguments.out or (None if arguments.tiny else DOCS / "GPU_VIDEO.md")
    kept = out.with_suffix(".json") if out else None
    figures = json.loads(kept.read_text(encoding="utf-8")) if kept and kept.exists() else {}
    failed = False
    for model in arguments.models.split(","):
        try:
            measured = measure_model(model, device, deadline, arguments.tiny, arguments.mode)
        except Exception as error:  # the next model is still worth its time
            traceback.print_exc()
            failed, measured = True, {"failed": f"{type(error).__name__}: {error}"[:300]}
        figures[model if arguments.mode == "plain" else f"{model}, {arguments.mode}"] = {**origin, **measured}
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
        if out and kept:
            out.write_text(page(figures).rstrip("\n") + "\n", encoding="utf-8")
            kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(page(figures))
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
