"""Stands in for Transfer1's scripts/download_checkpoints.py and scripts/test_environment.py."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from .checkpoints import CHECKPOINTS
from .orders import Orders

__all__ = ["check", "main"]

_SEVEN = "nvidia/Cosmos-Transfer1-7B"


def main() -> None:
    """Download all repositories, each verified; a failure is printed, and the exit code is 0 all the same (Q11)."""
    orders = Orders("download")
    orders.started(sys.argv[1:])
    parser = argparse.ArgumentParser("download_checkpoints.py", description="Download models from Hugging Face")
    parser.add_argument("--hf_token", type=str, default=None)
    parser.add_argument("--output_dir", type=str, default="./checkpoints")
    parser.add_argument("--model", type=str, choices=["all", "7b", "7b_av"], default="all")
    asked = parser.parse_args()
    other = {"7b": f"{_SEVEN}-Sample-AV/", "7b_av": f"{_SEVEN}/"}.get(asked.model, "-")
    files = [name for name in CHECKPOINTS if not name.startswith(other)]
    for repository in dict.fromkeys("/".join(name.split("/")[:2]) for name in files):
        if orders.missing(repository):
            url = f"https://huggingface.co/{repository}/resolve/main/config.json"
            _print(f"Error downloading {repository}: 401 Client Error. Cannot access gated repo for url {url}.")
            continue
        _print(f"Downloading {repository}...")
        for name in (name for name in files if name.startswith(f"{repository}/")):
            path = Path(asked.output_dir) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}" if path.suffix == ".json" else b"stand-in")
        orders.record("download", repository=repository, sum=hashlib.md5(repository.encode()).hexdigest())


def check() -> None:
    """Say which parts of the environment are there."""
    Orders("environment").started(sys.argv[1:])
    parser = argparse.ArgumentParser("test_environment.py")
    parser.add_argument("--training", action="store_true")
    training = parser.parse_args().training
    for name in ("torch", "torchvision", "diffusers", "transformers", "megatron.core", "transformer_engine"):
        _print(f"\033[92m[SUCCESS]\033[0m {name} found")
    if training:
        _print("\033[92m[SUCCESS]\033[0m apex.multi_tensor_apply found")
    _print("-----------------------------------------------------------")
    _print("\033[92m[SUCCESS]\033[0m Cosmos environment setup is successful!")


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201
