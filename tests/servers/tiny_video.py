"""Real pipelines of diffusers with tiny random weights, in the folders in which the engine looks for models."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu.video_models import build

__all__ = ["CONTROLNETS", "write_models"]

CONTROLNETS = ("edge", "vis")


def write_models(folder: Path) -> Path:
    """Write `transfer2.5-2b`, with a ControlNet for each of CONTROLNETS, and `cosmos3-nano` into a folder."""
    import torch

    torch.manual_seed(0)
    base = build("transfer2.5-2b", "cpu", tiny=True)
    for module in base.modules.values():
        module.float()
    whole = folder / "transfer2.5-2b"
    base.pipeline.register_modules(safety_checker=None)
    base.pipeline.save_pretrained(whole)
    for number, hint in enumerate(CONTROLNETS):
        torch.manual_seed(100 + number)
        other = build("transfer2.5-2b", "cpu", tiny=True)
        other.modules["controlnet"].float().save_pretrained(whole / "controlnets" / hint)
    torch.manual_seed(1)
    cosmos3 = build("cosmos3-nano", "cpu", tiny=True)
    for module in cosmos3.modules.values():
        module.float()
    cosmos3.pipeline.save_pretrained(str(folder / "cosmos3-nano"))
    return folder
