"""What a host's facts mean; the facts of GPUs are written down from `nvidia-smi`, as no GPU is here."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.connection import Host, host_from
from cosmos_workflow.doctor.host import judge
from cosmos_workflow.limits import get_model

FACTS = get_model("cosmos-upsampler-12b")
MODEL = {"found": True, "files": ["params.json", "tekken.json"], "weights_bytes": 25_400_000_000}
GONE = {"missing": True, "code": 127, "out": "", "err": "no nvidia-smi"}


def said(out: str) -> dict[str, Any]:
    return {"missing": False, "code": 0, "out": out, "err": ""}


def checks(host: Host, **more: Any) -> dict[str, Any]:
    found = {
        "writable": True, "root": "/w", "disk_free": 80 * 1024**3, "model": MODEL, "modules": said("vllm torch"),
        "nvidia_smi": said("NVIDIA L40S, 46068, 45559"), "runtime": said("Docker version 28"),
        "image": said("sha256:1"),
    } | more  # fmt: skip
    return {check.name: check for check in judge(host, found, FACTS)}


BARE = host_from("gpu", {"ssh": "gpu", "model_path": "/m"})


def test_a_host_that_has_everything() -> None:
    assert {check.status for check in checks(BARE).values()} == {"ok"}
    assert "fits, 30 at once" in checks(BARE)["gpu"].detail


@pytest.mark.parametrize(
    ("more", "name", "detail"),
    [
        ({"disk_free": 1024**3}, "disk", "1.0 GiB free"),
        ({"writable": False}, "disk", "cannot be written"),
        ({"modules": said("torch")}, "engine", "has no vllm"),
        ({"model": {"found": False}}, "model files", "/m is not there"),
        ({"model": {**MODEL, "files": ["a.txt"]}}, "model files", "neither params.json nor config.json"),
        ({"nvidia_smi": GONE}, "gpu", "no NVIDIA GPU"),
        ({"nvidia_smi": said("NVIDIA A10, 23028, 22515")}, "gpu", "the weights do not fit"),
        ({"nvidia_smi": {"missing": False, "code": 9, "out": "", "err": "driver"}}, "gpu", "driver"),
    ],
)
def test_what_is_missing_is_said_with_its_remedy(more: dict[str, Any], name: str, detail: str) -> None:
    found = checks(BARE, **more)
    assert [check.name for check in found.values() if check.status == "missing"] == [name]
    assert detail in found[name].detail
    assert found[name].remedy


def test_a_gpu_that_is_busy_is_said_so() -> None:
    assert checks(BARE, nvidia_smi=said("NVIDIA L40S, 46068, 12000"))["gpu"].status == "optional"


@pytest.mark.parametrize(
    ("image", "status"),
    [
        ("r/i@sha256:abc", "ok"),
        ("r/i:1.2", "ok"),
        ("r/i:latest", "optional"),
        ("r/i", "optional"),
        ("h:5000/i", "optional"),
    ],
)
def test_an_image_without_a_digest_is_warned_about(image: str, status: str) -> None:
    host = host_from("gpu", {"ssh": "gpu", "runtime": "docker", "image": image, "model_path": "/m"})
    assert checks(host)["image"].status == status
    assert checks(host, image={**GONE, "missing": False})["image"].status == "missing"
    assert checks(host, runtime=GONE)["container runtime"].status == "missing"
