"""`--max-model-len auto`: as long as it must be, as long as the memory allows. GPUs are what a FAKE nvidia-smi says."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import clips
import pytest
from servers.peers import PEERS, Peer, host_settings, make_peer

from cosmos_workflow.api import fitting_model_len, tokens_needed
from cosmos_workflow.cli import main
from cosmos_workflow.doctor import longest_here, longest_on
from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.limits import memory
from cosmos_workflow.ssh import Pins, host_from

SETTINGS = EngineSettings()


def nvidia_smi(folder: Path, *gpus: str) -> Path:
    """A FAKE nvidia-smi that lists these GPUs."""
    folder.mkdir(exist_ok=True)
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\n" + "".join(f"echo '{number}, {gpu}'\n" for number, gpu in enumerate(gpus)))
    tool.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's library would list this machine's own GPUs."""
    monkeypatch.setitem(sys.modules, "pynvml", None)


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    path = nvidia_smi(tmp_path / "bin", "NVIDIA L40S, 46068, 45559", "NVIDIA L40S, 46068, 45559")
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    yield


@pytest.mark.parametrize(
    ("needed", "length"), [(0, 4096), (4096, 4096), (4097, 5120), (5120, 5120), (8623, 9216), (120_000, 120_832)]
)
@pytest.mark.usefixtures("gpus")
def test_as_long_as_it_must_be(needed: int, length: int) -> None:
    assert fitting_model_len(needed, "vllm", SETTINGS)[0] == length


@pytest.mark.usefixtures("gpus")
def test_no_longer_than_the_memory(tmp_path: Path) -> None:
    planned = memory(gpu="L40S")
    length, why = fitting_model_len(130_000, "vllm", SETTINGS)
    assert planned.longest_model_len - 1024 < length <= planned.longest_model_len
    assert "130,048 would take all" in why
    # A quantised checkpoint leaves more; so do two GPUs that share it, and less of the GPU leaves less.
    (tmp_path / "model.safetensors").write_bytes(b"x" * 1000)
    assert longest_here("vllm", EngineSettings(model_path=str(tmp_path)))[0] > planned.longest_model_len
    two = EngineSettings(options={"tensor_parallel_size": 2})
    assert longest_here("vllm", two)[0] > planned.longest_model_len
    assert longest_here("vllm", EngineSettings(options={"gpu_memory_utilization": 0.7}))[0] < planned.longest_model_len


def test_where_no_gpu_reports_its_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    assert longest_here("vllm", SETTINGS)[0] == 4096
    assert fitting_model_len(9000, "vllm", SETTINGS)[0] == 4096
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    assert longest_here("vllm", SETTINGS)[0] == 6528  # a GiB at 160 KiB a token, in blocks of 128
    assert fitting_model_len(9000, "vllm", SETTINGS)[0] == 6144


def test_the_other_engines() -> None:
    assert longest_here("describe", SETTINGS)[0] == 4096
    assert fitting_model_len(9000, "transformers", SETTINGS)[0] == 9216


@pytest.mark.usefixtures("gpus")
def test_what_the_items_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = (clips.textured(tmp_path / f"{w}.mp4", w, h, frames=3) for w, h in [(320, 180), (1280, 720)])
    items = [Item("a", "x", small), Item("b", "A futuristic city at sunset", large), Item("c", "x", tmp_path / "none")]
    assert tokens_needed(items, Settings()) == 4689 + 300
    assert tokens_needed(items[:1], Settings(max_tokens=100)) == 508 + 100
    assert tokens_needed(items[2:], Settings()) == 0
    words = ["check", str(large), "--max-model-len", "auto", "--engine", "vllm", "--json"]
    assert main(words) == 0
    shown = capsys.readouterr()
    checked = json.loads(shown.out)
    assert (checked["verdict"], checked["max_model_len"], checked["frame_width"]) == ("fits", 5120, 1280)
    assert "max_model_len: 5120" in shown.err
    assert main(["check", "--size", "1024x1024", "--max-model-len", "auto", "--engine", "vllm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["max_model_len"] == 9216
    assert main(["check", "--size", "1024x1024", "--max-model-len", "automatic"]) == 2


@pytest.fixture(params=PEERS)
def peer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Peer]:
    with make_peer(request.param, tmp_path / "peer") as server:
        yield server


def test_on_a_host_it_is_the_hosts_memory(peer: Peer, tmp_path: Path) -> None:
    host = host_from("gpu", host_settings(peer))
    pins = Pins(tmp_path / "known_hosts")
    pins.pin("gpu", peer.host_key)
    length, why = asyncio.run(longest_on(host, "vllm", SETTINGS, pins))
    assert (length, "no GPU" in why) == (4096, True)
