"""What a machine's driver, cards and system mean for a video model; what nvidia-smi prints is written down here."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos_workflow.doctor import Finding
from cosmos_workflow.doctor.model_machine import judge_cards, judge_libraries, judge_shared, judge_system
from cosmos_workflow.engines.gpus import gpus_in
from cosmos_workflow.limits import get_transfer_model

T1, T25, NANO, SUPER = map(get_transfer_model, ("transfer1-7b", "transfer2.5-2b", "cosmos3-nano", "cosmos3-super"))
HEADER = "| NVIDIA-SMI {0}             Driver Version: {0}     CUDA Version: {1}     |"
NEWER = "| NVIDIA-SMI 595.1   KMD Version: 595.1   CUDA UMD Version: 13.2 |"


def answer(out: str) -> dict[str, Any]:
    return {"missing": False, "code": 0, "out": out, "err": ""}


def facts(smi: str = HEADER.format("570.124.06", "12.8"), capability: str = "0, 570.124.06, 9.0", **more: Any) -> Any:
    return {
        "system": "Linux", "machine": "x86_64", "glibc": "2.39", "smi": answer(smi), "capability": answer(capability),
    } | more  # fmt: skip


def system(model: Any, survey: Any, form: Any = "cache") -> dict[str, Finding]:
    return {finding.name: finding for finding in judge_system(model, survey, form)}


@pytest.mark.parametrize(
    ("model", "driver", "cuda", "status"),
    [
        (T25, "570.124.06", "12.8", "ok"), (T25, "580.65.06", "13.0", "ok"), (T25, "570.86.15", "12.8", "missing"),
        (T25, "535.183.01", "12.2", "missing"), (T1, "535.183.01", "12.2", "optional"), (T1, "570.86.15", "12.8", "ok"),
        (T1, "470.57", "11.4", "missing"), (NANO, "580.65.06", "13.0", "ok"), (NANO, "550.1", "12.4", "optional"),
    ],
)  # fmt: skip
def test_driver(model: Any, driver: str, cuda: str, status: str) -> None:
    finding = system(model, facts(HEADER.format(driver, cuda)))["driver"]
    assert (finding.status, driver in finding.detail, cuda in finding.detail) == (status, True, True)
    assert finding.status == "ok" or finding.remedy


def test_a_driver_that_says_its_versions_in_two_parts_or_none() -> None:
    assert system(T25, facts(NEWER))["driver"].detail == "driver 595.1, CUDA 13.2"
    finding = system(T25, facts("No devices were found"))["driver"]
    assert (finding.status, "570.124.06" in finding.detail) == ("unknown", True)


@pytest.mark.parametrize(
    ("model", "more", "status", "words"),
    [
        (T1, {}, "ok", "glibc 2.39"),
        (T1, {"machine": "aarch64"}, "missing", "no wheels"),
        (T25, {"machine": "aarch64"}, "missing", "CUDA 13.0 is needed"),
        (T25, {"machine": "aarch64", "smi": NEWER}, "ok", "aarch64"),
        (NANO, {"machine": "aarch64"}, "ok", "aarch64"),
        (NANO, {"system": "Darwin"}, "missing", "Linux alone"),
        (T25, {"glibc": "2.31"}, "missing", "glibc 2.35"),
        (T1, {"glibc": "2.31"}, "ok", "2.31"),
    ],
)
def test_system(model: Any, more: Any, status: str, words: str) -> None:
    finding = system(model, facts(**more))["system"]
    assert (finding.status, words in finding.detail) == (status, True)


def test_the_pipelines_of_diffusers_do_with_an_older_glibc() -> None:
    assert system(T25, facts(glibc="2.31"), "diffusers")["system"].status == "ok"


def cards(model: Any, gpus: str, capability: str) -> list[Finding]:
    asked = answer(gpus)
    return list(judge_cards(model, facts(capability=capability), gpus_in(asked), asked))


@pytest.mark.parametrize(
    ("model", "gpu", "capability", "architecture", "memory"),
    [
        (T25, "NVIDIA H100 80GB HBM3, 81559, 81079", "9.0", "ok", "ok"),
        (T25, "Tesla V100-SXM2-32GB, 32768, 32000", "7.0", "missing", "ok"),
        (T25, "NVIDIA A10, 23028, 22515", "8.6", "ok", "ok"),  # with the text encoder off the card
        (T25, "NVIDIA RTX 2000, 8188, 8000", "8.9", "ok", "missing"),
        (T25, "NVIDIA B200, 183359, 182000", "10.0", "optional", "ok"),
        (T1, "NVIDIA B200, 183359, 182000", "10.0", "optional", "unknown"),
        (T1, "NVIDIA GeForce RTX 4090, 24564, 24000", "8.9", "ok", "missing"),
        (NANO, "NVIDIA B200, 183359, 182000", "10.0", "ok", "ok"),
        (SUPER, "NVIDIA A10, 23028, 22515", "8.6", "ok", "missing"),
        (T25, "NVIDIA GB10, [N/A], [N/A]", "12.1", "optional", "unknown"),
    ],
)
def test_cards(model: Any, gpu: str, capability: str, architecture: str, memory: str) -> None:
    first, second = cards(model, f"0, {gpu}", f"0, 570.124.06, {capability}")
    assert (first.name, first.status, second.name, second.status) == (
        "gpu architecture", architecture, "gpu memory", memory,
    )  # fmt: skip
    assert all(finding.status == "ok" or finding.remedy for finding in (first, second))


def test_memory_of_which_nothing_is_published_is_not_known() -> None:
    for name in ("transfer1-7b-av", "transfer1-7b-4k"):
        finding = cards(get_transfer_model(name), "0, NVIDIA L40S, 46068, 45559", "")[0]
        assert (finding.status, "not published" in finding.detail) == ("unknown", True)


def test_the_first_card_is_the_one_that_counts() -> None:
    two = "0, NVIDIA H100 80GB HBM3, 81559, 81079\n1, NVIDIA RTX 2000, 8188, 8000"
    assert [finding.status for finding in cards(T25, two, "")] == ["ok", "optional"]
    (none,) = judge_cards(T25, facts(), [], {"missing": True, "code": 127, "out": "", "err": ""})
    assert (none.name, none.status) == ("gpu", "missing")


def test_shared_memory() -> None:
    mib = 1024**2
    assert judge_shared(64 * mib).status == "optional"
    assert judge_shared(8192 * mib).detail == "8,192 MiB in /dev/shm"
    assert judge_shared(None).status == "unknown"
    assert judge_shared(8192 * mib, (), container=True).status == "optional"
    assert judge_shared(8192 * mib, ("--ipc=host",), container=True).status == "ok"
    assert judge_shared(64 * mib, ("--shm-size=32g",), container=True).detail == "--shm-size=32g of the container"


def test_libraries() -> None:
    present = ["torch", "transformers", "diffusers"]
    lacking = judge_libraries(T25, "diffusers", "python3", present)
    assert (lacking.status, lacking.detail) == ("missing", "python3 has no cosmos_guardrail")
    assert judge_libraries(T25, "diffusers", "python3", [*present, "cosmos_guardrail"]).status == "ok"
    own = judge_libraries(T1, "checkpoints", "python3", present)
    assert (own.status, "flash_attn" in own.detail, "docker build" in own.remedy) == ("optional", True, True)
