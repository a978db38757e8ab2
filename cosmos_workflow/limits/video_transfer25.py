"""Transfer2.5's models.

The sources are those of github.com/nvidia-cosmos/cosmos-transfer2.5 at 2ff49d0; #23 is an issue of it.
"""

from __future__ import annotations

from dataclasses import replace

from cosmos_workflow.limits.video import TRANSFER25
from cosmos_workflow.limits.video_facts import PromptLimit, Setting, TransferModel

__all__ = ["DISTILLED25", "TRANSFER25_2B"]

TRANSFER25_2B = TransferModel(
    name="transfer2.5-2b",
    title="Cosmos-Transfer2.5-2B",
    family=TRANSFER25,
    repository="nvidia/Cosmos-Transfer2.5-2B",
    hints=("edge", "vis", "depth", "seg"),
    computes=("edge", "vis", "depth", "seg"),
    steps=Setting(35, least=1, whole=True),
    guidance=Setting(3, 0, 7, whole=True),
    control_guidance=None,
    sigma_max=Setting(None, 0, 200),
    sigma_without_video=None,
    seed=2025,
    chunk=Setting(93, least=1, whole=True),
    overlaps=(0, 1, 2),
    first_overlaps=(0,),
    advised_frames={},
    longest=None,
    service_frames=(93, 480),
    fps="that of the clip, without its fraction",
    prompt=PromptLimit(512, "nvidia/Cosmos-Reason1-7B"),
    weight=Setting(1.0, 0, 1),
    weights="scaled",
    output="input",
    licence="weights: NVIDIA Open Model License; code: Apache 2.0",
    guardrails="on, unless switched off; faces are pixelated; rights to the weights end where they are bypassed",
    platforms="Linux, Ampere or newer, driver 570.124, glibc 2.35; wheels for CUDA 12.8 and 13.0, Python 3.10",
    aarch64="with CUDA 13 alone (DGX Spark, Jetson AGX)",
    sources={
        "repository": "cosmos-transfer2.5 checkpoints_transfer2.py",
        "hints": "cosmos-transfer2.5 config.py:312-590",
        "computes": "cosmos-transfer2.5 config.py:312-590",
        "steps": "cosmos-transfer2.5 config.py:312-590",
        "guidance": "cosmos-transfer2.5 config.py:312-590",
        "control_guidance": "cosmos-transfer2.5 config.py:312-590: there is none",
        "sigma_max": "cosmos-transfer2.5 config.py:312-590; without it the clip's picture is not used",
        "sigma_without_video": "cosmos-transfer2.5 config.py:312-590: a clip is always required",
        "seed": "cosmos-transfer2.5 config.py:312-590",
        "chunk": "cosmos-transfer2.5 config.py:312-590",
        "overlaps": "cosmos-transfer2.5 config.py:312-590; 0 and 2 are said to drift (cosmos-transfer2.5 #76)",
        "first_overlaps": "cosmos-transfer2.5 config.py:312-590",
        "advised_frames": "cosmos-transfer2.5: not stated",
        "longest": "cosmos-transfer2.5 config.py: no limit below 5,000 frames",
        "service_frames": "a user's dump of the schema of NIM 1.0.0, not NVIDIA's words",
        "fps": "cosmos-transfer2.5 inference_pipeline.py",
        "prompt": "cosmos-transfer2.5 text_encoder.py:34 and 179",
        "weight": "cosmos-transfer2.5 config.py:312-590",
        "weights": "cosmos-transfer2.5 config.py: normalised to a sum of 1 at most",
        "output": "cosmos-transfer2.5 config.py: keep_input_resolution; inference/utils.py makes it even",
        "licence": "cosmos-transfer2.5 README.md",
        "guardrails": "cosmos-transfer2.5 config.py; docs.api.nvidia.com, model card",
        "platforms": "cosmos-transfer2.5 docs/setup.md",
        "aarch64": "cosmos-transfer2.5 docs/setup.md, #23",
    },
    notes=(
        "two controls or more load all four of them (cosmos-transfer2.5 inference.py)",
        "made at 16 frames a second (cosmos-transfer2.5 docs/inference.md)",
    ),
)

DISTILLED25 = replace(
    TRANSFER25_2B,
    name="transfer2.5-2b-distilled",
    title="Cosmos-Transfer2.5-2B, distilled edge",
    hints=("edge",),
    computes=("edge",),
    steps=Setting(4, least=1, whole=True),
    longest=93,
    sources={
        **TRANSFER25_2B.sources,
        "hints": "cosmos-transfer2.5 docs/inference.md: --model=edge/distilled",
        "steps": "cosmos-transfer2.5 docs/inference.md: made for 4, which have to be asked for, else 35 are taken",
        "longest": "cosmos-transfer2.5 docs/inference.md: 93 frames, strictly",
        "service_frames": "cosmos-transfer2.5: not stated",
    },
    service_frames=None,
    notes=("needs COSMOS_EXPERIMENTAL_CHECKPOINTS=1 (cosmos-transfer2.5 config.py)",),
)
