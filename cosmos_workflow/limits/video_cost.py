"""What the video models took of a card, as measured by this project or published by NVIDIA; nothing else is known.

Measured figures are those of docs/GPU_VIDEO.json, one whole chunk each; published ones have their page. A model or a
card that has none here has none: no figure is carried over to another card or to a larger picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cosmos_workflow.limits.video import Size

__all__ = ["CAPABILITY", "CUDA_GIB", "TEXT_TO_VIDEO", "WAYS", "Memory", "Time", "Way"]

# What CUDA itself takes of a card beside PyTorch's memory: measured on an H100 and an H200 (docs/GPU_VIDEO.json).
CUDA_GIB = 0.8

# Compute capabilities (developer.nvidia.com/cuda-gpus).
CAPABILITY = {
    "L4": 8.9, "A10": 8.6, "RTX 4090": 8.9, "RTX 5090": 12.0, "A100 40GB": 8.0, "L40S": 8.9, "RTX 6000 Ada": 8.9,
    "A100 80GB": 8.0, "H100": 9.0, "H100 PCIe": 9.0, "H100 NVL": 9.0, "GH200": 9.0, "H20": 9.0, "RTX PRO 6000": 12.0,
    "H200": 9.0, "H200 NVL": 9.0, "B200": 10.0, "B300": 10.3,
}  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """The GiB that a card must have for pictures of `size` or smaller, and `controls` controls or fewer.

    `size` and `controls` are None where the figure is for any.
    """

    gib: float
    size: Size | None = None
    controls: int | None = None


@dataclass(frozen=True)
class Time:
    """What one chunk of `size` took on a card, in seconds: `step` for each step, `once` for all the rest.

    `about` says what a published figure was for.
    """

    gpu: str
    size: Size
    controls: int
    step: float
    once: float = 0.0
    about: str = ""


@dataclass(frozen=True)
class Way:
    """One way of running a model, and what is known of it. Where nothing is known, `memory` and `times` are empty.

    `most_controls` is None where it takes as many as the model. `at_least` says that the memory is the least that may
    do, so that it only shows which cards are too small. `capability` is the least compute capability.
    """

    name: str
    basis: Literal["measured", "published"]
    source: str
    memory: tuple[Memory, ...] = ()
    times: tuple[Time, ...] = ()
    most_controls: int | None = None
    at_least: bool = False
    capability: float = 0.0
    note: str = ""


# The published unit is GB; which one is not said, so it counts as GiB, which promises less.
SCRIPT1 = Way(
    "NVIDIA's script, all offloaded",
    "published",
    "cosmos-transfer1 #192",
    memory=(Memory(28.0),),
    at_least=True,
    note="28 GB is the least that a maintainer names; nothing more is published",
)

_720 = (1280, 704)
_480P = (832, 480)
_720P = (1280, 720)
_LARGEST_720 = (960, 960)
_NO_CHECKER = "the figures of diffusers are without the safety checker, which is not measured"


def _published(gpu: str, seconds: float, steps: int, about: str) -> Time:
    return Time(gpu, _720, 1, seconds / steps, about=about)


_SEG = "seg, a whole chunk, without guardrails"
_EDGE = "edge, diffusion alone, of a length that is not named"

# Published for 35 steps, or 4 of the distilled model; other numbers of steps are scaled from the whole time. In a copy
# of the page the rows of the two models are swapped: the longer times are those of the one that is not distilled.
SCRIPT25 = Way(
    "NVIDIA's script",
    "published",
    "cosmos-transfer2.5 docs/inference.md",
    memory=(Memory(65.4, _LARGEST_720),),
    times=(
        *(
            _published(gpu, seconds, 35, _SEG)
            for gpu, seconds in {"B200": 92.25, "H100 NVL": 445.52, "H100 PCIe": 264.13, "H20": 683.65}.items()
        ),
        *(
            _published(gpu, seconds, 35, _EDGE)
            for gpu, seconds in {
                "RTX PRO 6000": 605.7, "H20": 1374.6, "H100 NVL": 502.6, "H200 NVL": 374.4, "B200": 179.7,
                "B300": 415.5,
            }.items()
        ),
    ),
)  # fmt: skip

SCRIPT25_DISTILLED = Way(
    "NVIDIA's script",
    "published",
    "cosmos-transfer2.5 docs/inference.md",
    times=tuple(
        _published(gpu, seconds, 4, _EDGE)
        for gpu, seconds in {
            "RTX PRO 6000": 78.5, "H20": 176.4, "H100 NVL": 64.5, "H200 NVL": 49.8, "B200": 24.2, "B300": 53.2,
        }.items()
    ),
)  # fmt: skip


def _measured(
    name: str, gpu: str, *cases: tuple[Size, int, float, float, float], most_controls: int | None = None
) -> Way:
    """Cases are (size, controls, peak in GiB, seconds a step, seconds of a chunk's text, encoding and decoding)."""
    return Way(
        name, "measured", "docs/GPU_VIDEO.md",
        memory=tuple(Memory(peak + CUDA_GIB, size, controls) for size, controls, peak, _, _ in cases),
        times=tuple(Time(gpu, size, controls, step, once) for size, controls, _, step, once in cases),
        most_controls=most_controls, note=_NO_CHECKER,
    )  # fmt: skip


def _services(*rows: tuple[str, str, float], note: str = "") -> tuple[Way, ...]:
    """Rows are (precision, what is kept off the card, the GiB that a card must have for transfers)."""
    return tuple(
        Way(
            f"NVIDIA's service (NIM), {precision}{f', {offloaded} offloaded' if offloaded else ''}", "published",
            "NVIDIA/cosmos 291ea08, cookbooks/cosmos3/nim/support-matrix.md (semi-final)",
            memory=(Memory(gib),), capability=8.9 if precision == "FP8" else 8.7,
            note=note if offloaded and precision == "BF16" else "",
        )
        for precision, offloaded, gib in rows
    )  # fmt: skip


WAYS: dict[str, tuple[Way, ...]] = {
    "transfer1-7b": (SCRIPT1,),
    "transfer1-7b-distilled": (SCRIPT1,),
    "transfer2.5-2b": (
        SCRIPT25,
        _measured("diffusers", "H100", (_480P, 1, 26.91, 2.758, 5.38), (_720, 1, 33.80, 9.396, 12.09), most_controls=1),
        # The text encoder must be on the card once, alone: 15.89 GiB, measured with the offloading below.
        _measured(
            "diffusers, text encoder off the card first", "H100",
            (_480P, 1, 15.89, 2.744, 5.34), (_720, 1, 18.30, 9.356, 12.00), most_controls=1,
        ),
        _measured(
            "diffusers, model offload", "H100",
            (_480P, 1, 20.76, 6.643, 14.99), (_720, 1, 25.68, 13.898, 27.00), most_controls=1,
        ),
    ),
    "transfer2.5-2b-distilled": (SCRIPT25_DISTILLED,),
    "cosmos3-nano": (
        _measured(
            "diffusers", "H100", (_480P, 1, 34.69, 3.379, 4.80), (_720P, 1, 41.25, 12.240, 10.47),
            (_480P, 2, 34.98, 5.620, 5.66), (_720P, 2, 41.90, 22.364, 12.41),
        ),
        *_services(
            ("BF16", "", 64), ("BF16", "layers and guardrails", 35), ("FP8", "", 50), ("FP8", "model", 44),
            ("FP8", "layers", 38), ("FP8", "layers and guardrails", 35),
        ),
    ),
    "cosmos3-super": (
        _measured("diffusers", "H200", (_480P, 1, 126.26, 12.263, 4.43), (_720P, 1, 133.81, 43.413, 9.70)),
        *_services(
            ("BF16", "", 160), ("BF16", "model", 100), ("BF16", "layers", 50), ("FP8", "", 104), ("FP8", "model", 76),
            ("FP8", "layers", 50), note="it also needs 150 GiB of the machine's memory",
        ),
    ),
}  # fmt: skip

# Seconds of Cosmos3-Nano for 189 frames at 720 from text alone, by PyTorch and by vLLM-Omni (NVIDIA/cosmos
# inference_benchmarks.md): no transfer was timed there, so they are only told.
TEXT_TO_VIDEO = {
    "RTX PRO 6000": (786, 370), "H20": (931, 930), "H100 NVL": (297, 311), "H200 NVL": (244, 240), "H100": (208, 202),
    "H200": (214, 208), "B200": (115, 108),
}  # fmt: skip
