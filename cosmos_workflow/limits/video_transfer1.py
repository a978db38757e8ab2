"""Transfer1's models.

The sources are those of github.com/nvidia-cosmos/cosmos-transfer1 at 5005e82; #192 is an issue of it.
"""

from __future__ import annotations

from dataclasses import replace

from cosmos_workflow.limits.video import TRANSFER1
from cosmos_workflow.limits.video_facts import PromptLimit, Setting, TransferModel

__all__ = ["DISTILLED1", "TRANSFER1_7B", "TRANSFER1_AV", "UPSCALER"]

TRANSFER1_7B = TransferModel(
    name="transfer1-7b",
    title="Cosmos-Transfer1-7B",
    family=TRANSFER1,
    repository="nvidia/Cosmos-Transfer1-7B",
    hints=("vis", "seg", "edge", "depth", "keypoint"),
    computes=("vis", "seg", "edge", "depth", "keypoint"),
    steps=Setting(35, least=1, whole=True),
    guidance=Setting(5.0),
    control_guidance=None,
    sigma_max=Setting(70.0),
    sigma_without_video=80.0,
    seed=1,
    chunk=Setting(121, 121, 121, whole=True),
    overlaps=(1,),
    first_overlaps=(0,),
    advised_frames={"720": (121, 121)},
    longest=None,
    service_frames=None,
    fps="24 frames a second unless --fps says otherwise; no frame is left out, so a clip at 30 plays slower",
    prompt=PromptLimit(512, "google-t5/t5-11b"),
    weight=Setting(0.5, least=0),
    weights="scaled",
    output="bucket",
    licence="weights: NVIDIA Open Model License; code: Apache 2.0; its text guardrail, Llama Guard 3, has its own",
    guardrails="always on; faces are pixelated; rights to the weights end where they are bypassed",
    platforms="Linux; wheels for PyTorch 2.7.1 with CUDA 12.8",
    aarch64="no wheels",
    sources={
        "repository": "cosmos-transfer1 checkpoints.py",
        "hints": "cosmos-transfer1 inference_utils.py:1194",
        "computes": "cosmos-transfer1 inference_utils.py:1216-1278, preprocessors.py",
        "steps": "cosmos-transfer1 transfer.py:52-172",
        "guidance": "cosmos-transfer1 transfer.py:52-172 (5; its documents say 7)",
        "control_guidance": "cosmos-transfer1 transfer.py:52-172: there is none",
        "sigma_max": "cosmos-transfer1 transfer.py:52-172",
        "sigma_without_video": "cosmos-transfer1 inference_utils.py:1216-1278",
        "seed": "cosmos-transfer1 transfer.py:52-172; chunk i uses seed + i",
        "chunk": "cosmos-transfer1 world_generation_pipeline.py:133-136",
        "overlaps": "cosmos-transfer1 transfer.py:52-172",
        "first_overlaps": "cosmos-transfer1 world_generation_pipeline.py:533-556",
        "advised_frames": "cosmos-transfer1 #211",
        "longest": "cosmos-transfer1: no limit below the 5,000 frames of inference_utils.py:66",
        "service_frames": "docs.nvidia.com/nim/cosmos: there is none for it",
        "fps": "cosmos-transfer1 transfer.py:52-172, utils/io.py:41-61",
        "prompt": "cosmos-transfer1 utils/t5_text_encoder.py:46-95",
        "weight": "cosmos-transfer1 inference_utils.py:1216-1278",
        "weights": "cosmos-transfer1 inference_utils.py:1050-1115",
        "output": "cosmos-transfer1 inference_utils.py:67 and 595",
        "licence": "cosmos-transfer1 README.md",
        "guardrails": "cosmos-transfer1 world_generation_pipeline.py, #37, #170",
        "platforms": "cosmos-transfer1 INSTALL.md, Dockerfile",
        "aarch64": "cosmos-transfer1 #104",
    },
    notes=(
        "a control with weight 0 still takes memory (cosmos-transfer1 transfer_pipeline.py:266)",
        "several small GPUs do not help: each holds the whole model (cosmos-transfer1 #201, #213)",
        "maintainers call an A100 enough and an RTX 4090 too small (cosmos-transfer1 #7, #61)",
    ),
)

DISTILLED1 = replace(
    TRANSFER1_7B,
    name="transfer1-7b-distilled",
    title="Cosmos-Transfer1-7B, distilled edge",
    hints=("edge",),
    computes=("edge",),
    steps=Setting(1, 1, 1, whole=True),
    guidance=None,
    sigma_max=None,
    sigma_without_video=None,
    sources={
        **TRANSFER1_7B.sources,
        "hints": "cosmos-transfer1 transfer.py: --use_distilled takes edge alone",
        "steps": "cosmos-transfer1 examples/inference_cosmos_transfer1_7b.md: a single step",
        "guidance": "cosmos-transfer1 transfer.py: not used with --use_distilled",
        "sigma_max": "cosmos-transfer1 transfer.py: not used with --use_distilled",
        "sigma_without_video": "cosmos-transfer1: not stated, so it counts as required",
    },
    notes=(
        "regional prompts are dropped (cosmos-transfer1 transfer.py)",
        "a weight of 1 is advised (cosmos-transfer1 examples/inference_cosmos_transfer1_7b.md)",
    ),
)

TRANSFER1_AV = replace(
    TRANSFER1_7B,
    name="transfer1-7b-av",
    title="Cosmos-Transfer1-7B-Sample-AV",
    repository="nvidia/Cosmos-Transfer1-7B-Sample-AV",
    hints=("hdmap", "lidar"),
    computes=(),
    sources={
        **TRANSFER1_7B.sources,
        "hints": "cosmos-transfer1 checkpoints.py: hdmap_control.pt, lidar_control.pt",
        "computes": "cosmos-transfer1 preprocessors.py: neither is computed",
    },
)

UPSCALER = replace(
    TRANSFER1_7B,
    name="transfer1-7b-4k",
    title="Cosmos-Transfer1-7B, 4K upscaler",
    hints=("upscale",),
    computes=("upscale",),
    sigma_without_video=None,
    longest=121,
    output="3x",
    sources={
        **TRANSFER1_7B.sources,
        "computes": "cosmos-transfer1 world_generation_pipeline.py:374-408: the clip itself is the control",
        "sigma_without_video": "cosmos-transfer1 world_generation_pipeline.py:374-408",
        "longest": "cosmos-transfer1 #131, #134: the second chunk fails (32-bit index); longer clips go in pieces",
        "output": "cosmos-transfer1 inference_utils.py:350 and 1144-1190",
    },
    notes=(
        "the clip is first brought to its bucket, even where that is smaller (world_generation_pipeline.py:374-408)",
        "the documents advise --num_steps 10 (cosmos-transfer1 examples/inference_cosmos_transfer1_7b_4kupscaler.md)",
        "one chunk took 3 h 14 min in a user's log, on a card that is not named (cosmos-transfer1 #131)",
    ),
)
