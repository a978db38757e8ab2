"""The GPUs of a machine, where NVIDIA's library answers and where `nvidia-smi` must.

No GPU is here: below the library's own functions is a FAKE driver, and `nvidia-smi` is a FAKE that prints recorded
words.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from cosmos_workflow.engines.gpus import Gpu, ask_driver, asking, gpus_in, read_gpus
from cosmos_workflow.engines.machine import device, memory_used

MIB = 1 << 20
L40S = Gpu(0, "NVIDIA L40S", total=46068, free=45000, used=559)
H100 = Gpu(1, "NVIDIA H100 80GB HBM3", total=81559, free=1000, used=80050)
NO_DRIVER = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running."
)


class FakeDriver:
    """Answers the calls of `pynvml` for these GPUs; `errors` maps the name of a call to the error that it raises."""

    def __init__(self, *gpus: Gpu, **errors: int) -> None:
        self.gpus, self.errors, self.sessions, self.starts = gpus, errors, 0, 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = {
            "nvmlInit": lambda: self.count_sessions(1),
            "nvmlShutdown": lambda: self.count_sessions(-1),
            "nvmlDeviceGetCount": lambda: len(self.gpus),
            "nvmlDeviceGetHandleByIndex": lambda index: self.gpus[index],
            "nvmlDeviceGetName": lambda gpu: gpu.name,
            "nvmlDeviceGetMemoryInfo": self.memory,
        }
        for name, call in calls.items():
            monkeypatch.setattr(pynvml, name, self.failing(name) if name in self.errors else call)

    def count_sessions(self, change: int) -> None:
        self.sessions += change
        self.starts += change > 0

    def failing(self, name: str) -> object:
        def call(*arguments: object, **options: object) -> None:
            raise pynvml.NVMLError(self.errors[name])

        return call

    def memory(self, gpu: Gpu, version: int) -> SimpleNamespace:
        assert version == pynvml.nvmlMemory_v2
        assert None not in (gpu.total, gpu.free, gpu.used)
        return SimpleNamespace(total=gpu.total * MIB, free=gpu.free * MIB, used=gpu.used * MIB)  # type: ignore[operator]


@pytest.fixture(autouse=True)
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of a FAKE nvidia-smi, which no test has until it writes it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    device.cache_clear()
    yield tmp_path / "bin" / "nvidia-smi"
    device.cache_clear()


def make_tool(path: Path, words: str, code: int = 0) -> None:
    path.write_text(f'#!/bin/sh\necho "{words}"\nexit {code}\n')
    path.chmod(0o755)


def refuse_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python then raises ImportError for it."""
    monkeypatch.setitem(sys.modules, "pynvml", None)


def test_several_gpus_by_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver(L40S, H100)
    driver.install(monkeypatch)
    answer = json.loads(json.dumps(ask_driver()))
    assert gpus_in(answer) == read_gpus() == [L40S, H100]
    assert (answer["missing"], answer["code"], answer["out"], answer["err"]) == (False, 0, "", "")
    assert driver.sessions == 0  # each is closed


def test_who_asks_again_and_again_starts_the_library_once(monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path) -> None:
    driver = FakeDriver(L40S)
    driver.install(monkeypatch)
    with asking() as read:
        assert [read() for _ in range(3)] == [[L40S]] * 3
        assert (driver.starts, driver.sessions) == (1, 1)
    assert driver.sessions == 0
    refuse_library(monkeypatch)
    make_tool(nvidia_smi, "0, NVIDIA L40S, 46068, 45000, 559")
    with asking() as read:
        assert read() == [L40S]


def test_both_ways_give_the_same(monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path) -> None:
    FakeDriver(L40S, H100).install(monkeypatch)
    by_library = read_gpus(), memory_used(read_gpus()), device()
    refuse_library(monkeypatch)
    make_tool(nvidia_smi, "0, NVIDIA L40S, 46068, 45000, 559\n1, NVIDIA H100 80GB HBM3, 81559, 1000, 80050")
    device.cache_clear()
    assert (read_gpus(), memory_used(read_gpus()), device()) == by_library
    assert by_library[1:] == ({"gpu_mib": 80609}, {"gpu": "NVIDIA L40S", "gpu_mib": 46068, "gpus": 2})


@pytest.mark.parametrize("visible", ["", "1", "-1", "GPU-5ebe9f43"])
def test_all_gpus_are_listed_whichever_cuda_may_see(
    monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path, visible: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    FakeDriver(L40S, H100).install(monkeypatch)
    assert read_gpus() == [L40S, H100]


@pytest.mark.parametrize("error", [pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_NO_PERMISSION])
def test_memory_that_the_driver_does_not_report_is_none(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    FakeDriver(Gpu(0, "NVIDIA GB10", None, None), nvmlDeviceGetMemoryInfo=error).install(monkeypatch)
    assert read_gpus() == [Gpu(0, "NVIDIA GB10", None, None)]
    assert device() == {"gpu": "NVIDIA GB10"}
    assert set(memory_used(read_gpus())) == {"process_mib"}


@pytest.mark.parametrize(
    "error",
    [
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
    ],
)  # fmt: skip
def test_without_a_driver_nvidia_smi_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path, error: int
) -> None:
    FakeDriver(nvmlInit=error).install(monkeypatch)
    assert ask_driver()["missing"]
    make_tool(nvidia_smi, NO_DRIVER, 9)
    assert ask_driver() == {"missing": False, "code": 9, "out": NO_DRIVER, "err": ""}
    assert read_gpus() == []
    assert "cpu" in device()


def test_neither_library_nor_nvidia_smi(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_library(monkeypatch)
    assert ask_driver() == {"missing": True, "code": 127, "out": "", "err": "no nvidia-smi"}
    assert read_gpus() == []


def test_one_gpu_that_is_lost_beside_one_that_works(monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path) -> None:
    driver = FakeDriver(L40S, H100, nvmlDeviceGetHandleByIndex=pynvml.NVML_ERROR_GPU_IS_LOST)
    driver.install(monkeypatch)
    lost = "Unable to determine the device handle for GPU1: Unknown Error"
    make_tool(nvidia_smi, f"0, NVIDIA L40S, 46068, 45000, 559\n{lost}", 255)
    assert read_gpus() == [L40S]
    assert lost in ask_driver()["out"]
    assert driver.sessions == 0


def test_an_old_library_leaves_it_to_nvidia_smi(monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path) -> None:
    FakeDriver(L40S).install(monkeypatch)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda gpu: gpu.name.encode())
    assert read_gpus() == [L40S]
    monkeypatch.delattr(pynvml, "nvmlMemory_v2")
    make_tool(nvidia_smi, "0, NVIDIA L40S, 46068, 45000, 560")
    assert read_gpus() == [Gpu(0, "NVIDIA L40S", 46068, 45000, 560)]


def test_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch, nvidia_smi: Path) -> None:
    refuse_library(monkeypatch)
    nvidia_smi.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    nvidia_smi.chmod(0o755)
    assert "timed out" in ask_driver(timeout=0.2)["err"]
    assert read_gpus(timeout=0.2) == []
