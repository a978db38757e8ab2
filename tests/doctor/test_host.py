"""What a host's facts mean; the facts of GPUs are written down from `nvidia-smi`, as no GPU is here."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.agent.files import write_json
from cosmos_workflow.agent.inspecting import inspect
from cosmos_workflow.agent.paths import HostPaths
from cosmos_workflow.doctor import Finding
from cosmos_workflow.doctor.host import judge
from cosmos_workflow.engines.gpus import Gpu
from cosmos_workflow.errors import HostError
from cosmos_workflow.limits import Model, get_model
from cosmos_workflow.private import make_folder, try_lock
from cosmos_workflow.ssh import Host, HostProgram, SSHManager, container_trouble, host_from

MODEL = get_model("cosmos-upsampler-12b")
FILES = {"found": True, "files": ["params.json", "tekken.json"], "weights_bytes": 25_400_000_000}
GONE = {"missing": True, "code": 127, "out": "", "err": "no nvidia-smi"}


def printed(out: str) -> dict[str, Any]:
    return {"missing": False, "code": 0, "out": out, "err": ""}


def findings(host: Host, **more: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in judged(host, **more)}


def judged(host: Host, wanted: Model | None = MODEL, /, **more: Any) -> Iterator[Finding]:
    facts = {
        "writable": True, "root": "/w", "disk_free": 80 * 1024**3, "model": FILES, "modules": printed("vllm torch"),
        "nvidia_smi": printed("0, NVIDIA L40S, 46068, 45559"), "runtime": printed("Docker version 28"),
        "image": printed("sha256:1"),
        "daemon": printed(""), "held": [],
    } | more  # fmt: skip
    return judge(host, facts, wanted)


BARE = host_from("gpu", {"ssh": "gpu", "model_path": "/m"})


def test_a_host_that_has_everything() -> None:
    assert {finding.status for finding in findings(BARE).values()} == {"ok"}
    assert "fits, 30 at once" in findings(BARE)["gpu"].detail


def test_an_engine_of_videos_needs_no_language_model_and_no_card_for_one() -> None:
    facts = {"model": {"found": True, "files": []}, "nvidia_smi": GONE, "modules": printed("torch")}
    host = replace(BARE, engine="diffusers")
    assert [finding.name for finding in judged(host, None, **facts)] == ["disk", "engine"]
    assert [finding.name for finding in judged(host, None, **facts | {"disk_free": 0}) if finding.status != "ok"] == [
        "disk"
    ]


@pytest.mark.parametrize(
    ("more", "name", "detail"),
    [
        ({"disk_free": 1024**3}, "disk", "1.0 GiB free"),
        ({"writable": False}, "disk", "cannot be written"),
        ({"modules": printed("torch")}, "engine", "has no vllm"),
        ({"model": {"found": False}}, "model files", "/m is not there"),
        ({"model": {**FILES, "files": ["a.txt"]}}, "model files", "neither params.json nor config.json"),
        ({"nvidia_smi": GONE}, "gpu", "no NVIDIA GPU"),
        ({"nvidia_smi": printed("0, NVIDIA A10, 23028, 22515")}, "gpu", "the weights do not fit"),
        ({"nvidia_smi": {"missing": False, "code": 9, "out": "", "err": "driver"}}, "gpu", "driver"),
    ],
)
def test_what_is_missing_is_shown_with_its_remedy(more: dict[str, Any], name: str, detail: str) -> None:
    by_name = findings(BARE, **more)
    assert [finding.name for finding in by_name.values() if finding.status == "missing"] == [name]
    assert detail in by_name[name].detail
    assert by_name[name].remedy


# What nvidia-smi prints, on standard output, and the exit code that goes with it. "No devices" and the field that it
# does not know were recorded on an H100; the others stand as people quote them when they ask for help.
SMI_FAILS = {
    "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.183": (
        18,
        "restart the host",
    ),
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running.\n": (9, "modprobe"),
    "No devices were found": (6, "lspci"),
    "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the NVIDIA Display Driver "
    "is properly installed and present in your system.": (12, "library"),
    "Failed to initialize NVML: Insufficient Permissions": (4, "/dev/nvidia"),
    "Unable to determine the device handle for GPU0000:41:00.0: Unknown Error": (255, "restart the host"),
    "Failed to initialize NVML: Unknown Error": (255, "restart the host"),
    'Field "memory.total" is not a valid field to query.\n': (2, "nvidia-smi"),
}


@pytest.mark.parametrize("text", SMI_FAILS, ids=[text[:40] for text in SMI_FAILS])
def test_what_nvidia_smi_says_is_wrong_is_shown(text: str) -> None:
    code, remedy = SMI_FAILS[text]
    finding = findings(BARE, nvidia_smi={"missing": False, "code": code, "out": text, "err": ""})["gpu"]
    assert finding.status == "missing"
    assert finding.detail == text.split("\n", 1)[0]
    assert remedy in finding.remedy


def test_one_gpu_that_fell_off_the_bus_beside_one_that_works() -> None:
    text = "0, NVIDIA H100 80GB HBM3, 81559, 81079\nUnable to determine the device handle for GPU1: Unknown Error"
    gpus = list(judged(BARE, nvidia_smi={"missing": False, "code": 255, "out": text, "err": ""}))
    assert [finding.status for finding in gpus if finding.name == "gpu"] == ["missing", "ok"]


def test_a_gpu_that_there_is_not_is_named() -> None:
    two = printed("0, NVIDIA L40S, 46068, 45559\n1, NVIDIA L40S, 46068, 45559")
    for wanted, words in {"3": "GPU 3 was asked for; the host has 0, 1", "1,7": "GPU 7 was asked for"}.items():
        finding = findings(replace(BARE, gpu=wanted), nvidia_smi=two)["gpu"]
        assert (finding.status, words in finding.detail) == ("missing", True)
    assert findings(replace(BARE, gpu="1"), nvidia_smi=two)["gpu"].status == "ok"


@pytest.mark.parametrize(
    "unknown", ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "[Insufficient Permissions]"]
)
def test_memory_that_the_driver_does_not_tell_is_not_known(unknown: str) -> None:
    finding = findings(BARE, nvidia_smi=printed(f"0, NVIDIA GB10, {unknown}, {unknown}"))["gpu"]
    assert (finding.status, finding.detail) == ("optional", "NVIDIA GB10, memory not known")


def test_gpus_of_nvidias_library_count_as_those_of_nvidia_smi() -> None:
    gpus = [asdict(Gpu(0, "NVIDIA L40S", 46068, 45559, 1)), asdict(Gpu(1, "NVIDIA GB10", None, None))]
    host = replace(BARE, engine_options={"tensor_parallel_size": 2})
    first, second = (
        finding for finding in judged(host, nvidia_smi=printed("") | {"gpus": gpus}) if finding.name == "gpu"
    )
    assert (first.status, second.detail) == ("ok", "NVIDIA GB10, memory not known")


def test_a_full_gpu_is_an_error_unless_an_agent_of_ours_holds_it() -> None:
    full = printed("0, NVIDIA L40S, 46068, 12000")
    assert findings(BARE, nvidia_smi=full)["gpu"].status == "missing"
    assert findings(BARE, nvidia_smi=full, held=["0"])["gpu"].status == "ok"
    assert findings(replace(BARE, engine="describe"), nvidia_smi=full)["gpu"].status == "optional"
    # The engine takes the first GPU; what runs on the second does not matter.
    two = printed("0, NVIDIA L40S, 46068, 45559\n1, NVIDIA L40S, 46068, 12000")
    assert {finding.status for finding in judged(BARE, nvidia_smi=two)} == {"ok", "optional"}


IN_DOCKER = host_from("gpu", {"ssh": "gpu", "runtime": "docker", "image": "r/i@sha256:abc", "model_path": "/m"})

# Recorded from Docker 28.2 without a daemon, and without the right to its socket.
RUNTIME_FAILS = {
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?": "systemctl",
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get "http://'
    '%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json": dial unix /var/run/docker.sock: connect: permission denied': (
        "usermod -aG docker"
    ),
}
# As Docker's, Podman's and libnvidia-container's sources and issue trackers have them.
LAUNCH_FAILS = {
    'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]]\n\n'
    "Run 'docker run --help' for more information": "nvidia-ctk",
    "Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all": "nvidia-ctk",
    "docker: Error response from daemon: failed to create task for container: nvidia-container-cli: device error: 9: "
    "unknown device: unknown": "nvidia-smi -L",
    "docker: Error response from daemon: manifest for nvcr.io/x:1 not found: manifest unknown: manifest unknown": (
        "pull"
    ),
    "docker: Error response from daemon: pull access denied for x, repository does not exist or may require "
    "'docker login': denied: requested access to the resource is denied": "docker login",
    "Error: initializing source docker://quay.io/x:1: reading manifest 1 in quay.io/x: unauthorized: access to the "
    "requested resource is not authorized": "docker login",
    "docker: Error response from daemon: write /var/lib/docker/tmp/x: no space left on device": "free space",
}


@pytest.mark.parametrize("text", RUNTIME_FAILS, ids=[text[:40] for text in RUNTIME_FAILS])
def test_what_docker_says_is_wrong_is_shown(text: str) -> None:
    fails = {"missing": False, "code": 1, "out": "", "err": f"WARNING: something else\n{text}"}
    by_name = findings(IN_DOCKER, daemon=fails, image=fails)
    assert by_name["container runtime"].status == "missing"
    assert by_name["container runtime"].detail == text
    assert RUNTIME_FAILS[text] in by_name["container runtime"].remedy
    assert "image" not in by_name  # nobody can know


@pytest.mark.parametrize("text", [*RUNTIME_FAILS, *LAUNCH_FAILS], ids=[t[:40] for t in [*RUNTIME_FAILS, *LAUNCH_FAILS]])
def test_a_container_that_cannot_start_has_a_remedy(text: str) -> None:
    what, remedy = container_trouble(text)
    assert what == text.split("\n", 1)[0]
    assert (RUNTIME_FAILS | LAUNCH_FAILS)[text] in remedy
    program = HostProgram(SSHManager(IN_DOCKER, None))  # type: ignore[arg-type]
    with pytest.raises(HostError) as caught:
        program.check({"failed": f"`docker run …` failed: {text}"})
    assert remedy in caught.value.remedy


def test_a_real_docker_without_a_daemon(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if not docker:
        pytest.skip("no docker here")
    asked = {"python": "", "image": "x", "model_path": "", "modules": []}
    runtime = [docker, "--host", f"unix://{tmp_path}/none.sock"]
    facts = inspect(HostPaths(tmp_path), {**asked, "runtime": runtime})
    finding = {entry.name: entry for entry in judge(IN_DOCKER, facts, MODEL)}["container runtime"]
    assert (finding.status, "systemctl start docker" in finding.remedy) == ("missing", True)
    assert f"unix://{tmp_path}/none.sock" in finding.detail


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
    assert findings(host)["image"].status == status
    assert findings(host, image={**GONE, "missing": False})["image"].status == "missing"
    assert findings(host, runtime=GONE)["container runtime"].status == "missing"


def test_gpus_that_do_nothing_are_told_with_their_cost() -> None:
    host = host_from("gpu", {"ssh": "gpu", "price": "2.10"})
    idle = {"idle": [{"device": "0", "seconds": 2400.0}]}
    busy = {"nvidia_smi": printed("0, NVIDIA L40S, 46068, 5000, 41000")}
    names = [finding.detail for finding in judged(host, None, **idle) if finding.name == "idle gpu"]
    assert names == ["GPU 0: warm for 40 min, no run (about $1.40)"]
    names = [finding.detail for finding in judged(host, None, **busy) if finding.name == "idle gpu"]
    assert names == ["GPU 0: 40.0 GiB in use, and no run of ours"]
    assert not [finding for finding in judged(host, None, **busy, held=["0"]) if finding.name == "idle gpu"]


def test_an_agent_without_a_run_is_idle_since_its_last_one(tmp_path: Path) -> None:
    asked = {"python": "", "runtime": [], "image": "", "model_path": "", "modules": []}
    paths, agent = HostPaths(tmp_path), HostPaths(tmp_path).agent("abc")
    run, locks = paths.run("run-1"), []
    write_json(agent.settings, {"device": "0"})
    write_json(run.order, {"worker": "abc"})
    for lock in (agent.lock, *paths.devices("0")):
        make_folder(lock.parent)
        locks.append(try_lock(lock))
    agent.rested.touch()
    os.utime(agent.rested, (time.time(), time.time() - 600))
    (idle,) = inspect(paths, asked)["idle"]
    assert idle["device"] == "0"
    assert 600 <= idle["seconds"] < 1200
    locks.append(try_lock(run.lock))  # it works on a run
    assert inspect(paths, asked)["idle"] == []
    for descriptor in locks:
        assert descriptor is not None
        os.close(descriptor)
    assert inspect(paths, asked)["idle"] == []
