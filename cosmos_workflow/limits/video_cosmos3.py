"""Cosmos 3's models, as they transfer.

The sources are those of github.com/NVIDIA/cosmos-framework (its folder cosmos_framework, at 0ab1b54) and of
github.com/NVIDIA/cosmos at aca7057 (its folder cookbooks/cosmos3).
"""

from __future__ import annotations

from dataclasses import replace

from cosmos_workflow.limits.video import COSMOS3
from cosmos_workflow.limits.video_facts import PromptLimit, Setting, TransferModel

__all__ = ["NANO", "SUPER"]

NANO = TransferModel(
    name="cosmos3-nano",
    title="Cosmos3-Nano",
    family=COSMOS3,
    repository="nvidia/Cosmos3-Nano",
    hints=("edge", "vis", "depth", "seg", "wsm"),
    computes=("edge", "vis"),
    steps=Setting(50, 1, 100, whole=True),
    guidance=Setting(3.0, 0, 7, by_hint={"wsm": 1.0}),
    control_guidance=Setting(1.5, 0, 10, by_hint={"seg": 2.0, "wsm": 3.0}),
    sigma_max=None,
    sigma_without_video=0,
    seed=None,
    chunk=Setting(93, least=1, whole=True, by_hint={"wsm": 101}),
    overlaps=None,
    first_overlaps=None,
    advised_frames={"256": (24, 400), "480": (24, 300), "720": (24, 200), "768": (24, 200)},
    longest=None,
    service_frames=None,
    fps="that of the clip; without a clip, the one that is asked for",
    prompt=PromptLimit(4096, "nvidia/Cosmos3-Nano", early=512),
    weight=Setting(1.0, least=0),
    weights="to_one",
    output="bucket",
    licence="code and weights: OpenMDW 1.1",
    guardrails="on, unless --no-guardrails; faces are pixelated",
    platforms="Linux; Ampere, Hopper, Blackwell; CUDA 12.8 or newer, glibc 2.35 or newer, Python 3.10 or newer",
    aarch64="as x86-64",
    sources={
        "repository": "cosmos-framework inference/args.py",
        "hints": "cosmos-framework inference/args.py: TransferHintKey (vis is called blur there)",
        "computes": "cosmos-framework inference/transfer.py: load_transfer_control_frames",
        "steps": "NVIDIA/cosmos transfer specs; the range is that of the service (NIM)",
        "guidance": "cosmos-framework inference/args.py: _TRANSFER_DEFAULTS; the service (NIM) takes 1 at least",
        "control_guidance": "cosmos-framework inference/args.py: _TRANSFER_DEFAULTS, ControlGuidance",
        "sigma_max": "cosmos-framework inference/args.py: ignored by its sampler",
        "sigma_without_video": "cosmos-framework inference/transfer.py: the controls are enough",
        "seed": "cosmos-framework inference/transfer.py (0 to 10000); chunk i uses seed + i; NVIDIA's specs give 2026",
        "chunk": "cosmos-framework inference/args.py: _TRANSFER_SAMPLE_DEFAULTS; NVIDIA's specs give 121; made 4k + 1",
        "overlaps": "cosmos-framework inference/transfer.py: _get_num_chunks",
        "first_overlaps": "cosmos-framework inference/transfer.py; above 0 it needs the clip",
        "advised_frames": "cosmos-framework inference/args.py: MIN_NUM_FRAMES, MAX_NUM_FRAMES",
        "longest": "cosmos-framework inference/args.py: max_frames 5000",
        "service_frames": "NVIDIA/cosmos nim/transfer.md: not stated",
        "fps": "cosmos-framework inference/transfer.py: output_fps",
        "prompt": "vllm-omni 0.30 pipeline_cosmos3.py; early versions kept 512",
        "weight": "cosmos-framework inference/args.py: TransferArgs",
        "weights": "cosmos-framework inference/transfer.py: build_transfer_batch",
        "output": "cosmos-framework inference/transfer.py",
        "licence": "NVIDIA/cosmos README.md",
        "guardrails": "cosmos-framework docs/inference.md",
        "platforms": "NVIDIA/cosmos README.md; cosmos-framework docs/setup.md",
        "aarch64": "cosmos-framework docs/setup.md: Linux x86-64/aarch64",
    },
    notes=(
        "one video at a time: a batch of transfers is refused (NVIDIA/cosmos transfer)",
        "with several controls and no guidance, vLLM-Omni takes 6.0 (vllm-omni 0.30)",
    ),
)

SUPER = replace(
    NANO,
    name="cosmos3-super",
    title="Cosmos3-Super",
    repository="nvidia/Cosmos3-Super",
    prompt=PromptLimit(4096, "nvidia/Cosmos3-Super", early=512),
    notes=(
        *NANO.notes,
        "its script spreads it over 4 cards of 80 GB, without naming transfers (cosmos-framework docs/inference.md)",
    ),
)
