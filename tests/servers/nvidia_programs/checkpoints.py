"""The files of the checkpoints that the programs load, and what they print where one is missing."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from .orders import Orders

__all__ = [
    "CACHED",
    "CHECKPOINTS",
    "GatedRepoError",
    "need_cached",
    "need_file",
    "need_model",
    "write_cache",
    "write_files",
]

_SEVEN = "nvidia/Cosmos-Transfer1-7B"
_CONTROLS = ("vis", "edge", "edge_distilled", "seg", "depth", "keypoint")
# cosmos-transfer1 checkpoints.py, below <checkpoint_dir>.
CHECKPOINTS = (
    f"{_SEVEN}/base_model.pt", f"{_SEVEN}/config.json", f"{_SEVEN}/4kupscaler_control.pt",
    *(f"{_SEVEN}/{hint}_control.pt" for hint in _CONTROLS if hint != "edge_distilled"),
    f"{_SEVEN}/edge_control_distilled.pt",
    *(f"{_SEVEN}-Sample-AV/{name}.pt" for name in ("base_model", "hdmap_control", "lidar_control")),
    *(f"nvidia/Cosmos-Tokenize1-CV8x8x8-720p/{name}" for name in
      ("autoencoder.jit", "encoder.jit", "decoder.jit", "mean_std.pt")),
    "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer/consolidated.safetensors",
    "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer/params.json",
    "nvidia/Cosmos-UpsamplePrompt1-12B-Transfer/tekken.json",
    *(f"nvidia/Cosmos-Guardrail1/blocklist/{name}/README" for name in
      ("custom", "exact_match", "whitelist", "nltk_data")),
    "nvidia/Cosmos-Guardrail1/face_blur_filter/Resnet50_Final.pth",
    "nvidia/Cosmos-Guardrail1/video_content_safety_filter/safety_filter.pt",
    "meta-llama/Llama-Guard-3-8B/config.json", "meta-llama/Llama-Guard-3-8B/model-00001-of-00001.safetensors",
    "google-t5/t5-11b/config.json", "google-t5/t5-11b/pytorch_model.bin",
    "facebook/sam2-hiera-large/sam2_hiera_large.pt",
    "IDEA-Research/grounding-dino-tiny/config.json", "IDEA-Research/grounding-dino-tiny/model.safetensors",
    "depth-anything/Depth-Anything-V2-Small-hf/config.json",
    "depth-anything/Depth-Anything-V2-Small-hf/model.safetensors",
)  # fmt: skip
_TRANSFER25 = "nvidia/Cosmos-Transfer2.5-2B"
GATED = ("nvidia/Cosmos-Guardrail1", "nvidia/Cosmos-Predict2.5-2B")
# What the programs download into HF_HOME (checkpoints_transfer2.py; cosmos-framework docs/faq.md).
CACHED: dict[str, tuple[str, ...]] = {
    _TRANSFER25: (
        "general/edge/61f5694b-0ad5-4ecd-8ad7-c8545627d125_ema_bf16.pt",
        "general/depth/626e6618-bfcd-4d9a-a077-1409e2ce353f_ema_bf16.pt",
        "general/blur/ba2f44f2-c726-4fe7-949f-597069d9b91c_ema_bf16.pt",
        "general/seg/5136ef49-6d8d-42e8-8abf-7dac722a304a_ema_bf16.pt",
        "distilled/general/edge/41f07f13-f2e4-4e34-ba4c-86f595acbc20_ema_bf16.pt",
    ),
    "nvidia/Cosmos-Reason1-7B": ("config.json", "model.safetensors"),
    "nvidia/Cosmos-Predict2.5-2B": ("tokenizer.pth",),
    "nvidia/Cosmos-Guardrail1": ("blocklist/custom/README", "face_blur_filter/Resnet50_Final.pth",
                                 "video_content_safety_filter/safety_filter.pt"),
    "Qwen/Qwen3Guard-Gen-0.6B": ("config.json", "model.safetensors"),
    "nvidia/Cosmos3-Nano": ("config.json", "model.safetensors"),
    "nvidia/Cosmos3-Super": ("config.json", "model.safetensors"),
    "Wan-AI/Wan2.2-TI2V-5B": ("Wan2.2_VAE.pth",),
    # Transfer1 loads these by their names, not from its checkpoint_dir.
    "facebook/sam2-hiera-large": ("sam2_hiera_large.pt",),
    "IDEA-Research/grounding-dino-tiny": ("config.json", "model.safetensors"),
    "depth-anything/Depth-Anything-V2-Small-hf": ("config.json", "model.safetensors"),
}  # fmt: skip


class GatedRepoError(OSError):
    """Looks like Hugging Face's own in a traceback."""


GatedRepoError.__module__ = "huggingface_hub.errors"


def write_files(folder: Path, leave_out: Collection[str] = ()) -> Path:
    """Write what lies below Transfer1's --checkpoint_dir, a few bytes a file; `leave_out` names parts of paths."""
    for name in CHECKPOINTS:
        if not any(part in name for part in leave_out):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}" if path.suffix == ".json" else b"stand-in")
    return folder


def write_cache(folder: Path, leave_out: Collection[str] = ()) -> Path:
    """Write a folder for HF_HOME in which all is downloaded, a few bytes each."""
    for repository, names in CACHED.items():
        place = _cached(folder, repository)
        for name in names:
            if not any(part in f"{repository}/{name}" for part in leave_out):
                path = place / "snapshots" / ("0" * 40) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"{}" if path.suffix == ".json" else b"stand-in")
                (place / "refs").mkdir(exist_ok=True)
                (place / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    return folder


def need_file(orders: Orders, path: str) -> None:
    """Load a file as torch.load does. Raises FileNotFoundError."""
    if orders.missing(path):
        raise FileNotFoundError(2, "No such file or directory", path)
    with Path(path).open("rb"):
        pass


def need_model(orders: Orders, folder: str) -> None:
    """Load a folder as transformers does. Raises OSError."""
    if orders.missing(folder) or not (Path(folder) / "config.json").is_file():
        raise OSError(
            f"Incorrect path_or_model_id: '{folder}'. Please provide either the path to a local folder or the repo_id"
            " of a model on the Hub."
        )


def need_cached(orders: Orders, repository: str, file: str = "config.json") -> None:
    """Get a file from Hugging Face, or from what HF_HOME holds. Raises GatedRepoError, as without a token, or OSError.

    Without HF_HOME, or where nothing was downloaded into it, all is taken to be at hand unless ordered otherwise.
    """
    home = os.environ.get("HF_HOME")
    place = _cached(Path(home), repository) if home and (Path(home) / "hub").is_dir() else None
    if orders.missing(f"{repository}/{file}") or (place and not list(place.glob(f"snapshots/*/{file}"))):
        if repository not in GATED:
            raise OSError(
                "We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the"
                f" cached files ({repository}/{file}).\nCheck your internet connection or see how to run the library in"
                " offline mode at 'https://huggingface.co/docs/transformers/installation#offline-mode'."
            )
        raise GatedRepoError(
            "401 Client Error. (Request ID: Root=1-68f0a1b2-0123456789abcdef01234567;8a1b2c3d)\n\nCannot access gated"
            f" repo for url https://huggingface.co/{repository}/resolve/main/{file}.\nAccess to model {repository} is"
            " restricted. You must have access to it and be authenticated to access it. Please log in."
        )


def _cached(home: Path, repository: str) -> Path:
    return home / "hub" / f"models--{repository.replace('/', '--')}"
