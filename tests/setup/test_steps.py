"""The steps for a machine whose facts are written down: their commands, what is done, and what prevents them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cosmos_workflow.cli import main
from cosmos_workflow.doctor.models import needs_of
from cosmos_workflow.limits import get_transfer_model
from cosmos_workflow.setup import Step, asked_of, refusals, steps_for
from cosmos_workflow.ssh import Host, host_from

CLONE = "/data/cosmos-transfer1"
HOST = host_from("gpu", {"ssh": "gpu", "engine": "program", "model_path": "/data"})
IN_DOCKER = replace(HOST, runtime="docker", image="r/cosmos-transfer1:latest")


def printed(out: str, code: int = 0) -> dict[str, Any]:
    return {"missing": False, "code": code, "out": out, "err": ""}


def facts(model: str, host: Host, *, there: bool = False, **more: Any) -> dict[str, Any]:
    """A machine with all tools and an H100; `there`: with everything that the steps bring. `more` are facts of it."""
    asked = asked_of(get_transfer_model(model), host)
    programs = [{"folder": entry["folders"][0], "missing": [] if there else entry["patterns"], "free": 10**13,
                 "problem": ""} for entry in asked["programs"]]  # fmt: skip
    survey = {
        "system": "Linux", "machine": "x86_64", "glibc": "2.39", "shared": 10**10, "cache": "/home/u/.cache/hf/hub",
        "smi": printed("Driver Version: 570.124.06   CUDA Version: 12.8"), "capability": printed("0, 570.124.06, 9.0"),
        "files": [{"folder": "/f", "missing": [] if there else entry["patterns"], "free": 10**13, "problem": ""}
                  for entry in asked["files"]],
        "programs": programs, "commands": {name: printed("") for name in asked["commands"]}, "access": {},
        "endpoint": "https://hub", "token": False, "token_from": "HF_TOKEN",
    } | {name: more.pop(name) for name in list(more) if name in ("smi", "capability", "access")}  # fmt: skip
    free = more.pop("free", None)
    for state in survey["files"] if free else []:
        state["free"] = free
    return {
        "survey": survey, "root": "/w", "writable": True, "disk_free": 10**12, "held": [], "modules": printed(""),
        "nvidia_smi": printed("0, NVIDIA H100 80GB HBM3, 81559, 81079, 0"), "runtime": printed("Docker version 28"),
        "daemon": printed(""), "image": printed("sha256:1" if there else "", 0 if there else 1),
    } | more  # fmt: skip


def steps(model: str, host: Host, **more: Any) -> list[Step]:
    return steps_for(get_transfer_model(model), host, facts(model, host, **more))


def refused(model: str, host: Host, **more: Any) -> dict[str, str]:
    findings = refusals(get_transfer_model(model), host, facts(model, host, **more))
    return {finding.name: finding.remedy for finding in findings}


def test_transfer1_in_a_container_as_its_pages_say() -> None:
    lines = {step.name: [str(command) for command in step.commands] for step in steps("transfer1-7b-av", IN_DOCKER)}
    assert lines["repository"] == [
        f"git clone https://github.com/nvidia-cosmos/cosmos-transfer1.git {CLONE}", f"git -C {CLONE} checkout 5005e82",
    ]  # fmt: skip
    assert lines["image"] == [f"cd {CLONE} && docker build -f Dockerfile . -t r/cosmos-transfer1:latest"]
    assert lines["checkpoints"] == [
        f"docker run --rm -v {CLONE}:/workspace -v /home/u/.cache/hf:/root/.cache/huggingface -w /workspace -e HF_TOKEN"
        " -e PYTHONPATH=/workspace r/cosmos-transfer1:latest python scripts/download_checkpoints.py --output_dir"
        " ./checkpoints --model 7b_av"
    ]
    assert all(step.done for step in steps("transfer1-7b-av", IN_DOCKER, there=True))


def test_blackwell_has_an_image_of_its_own() -> None:
    new = printed("0, 575.0, 12.0")
    (image,) = [step for step in steps("transfer2.5-2b", IN_DOCKER, capability=new) if step.name == "image"]
    assert "docker/nightly.Dockerfile" in str(image.commands[0])


def test_what_no_page_states_is_left_to_a_person() -> None:
    (environment,) = [step for step in steps("cosmos3-nano", HOST) if step.name == "environment"]
    assert (environment.commands, "docs/setup.md" in environment.note) == ((), True)


@pytest.mark.parametrize(
    ("model", "host", "more", "name", "remedy"),
    [
        ("transfer2.5-2b", HOST, {"smi": printed("Driver Version: 535.1")}, "driver", "newer driver"),
        ("transfer1-7b", HOST, {"free": 200 * 10**9}, "space for files", "larger disk"),
        ("transfer1-7b", IN_DOCKER, {"runtime": printed("", 127)}, "container runtime", "install docker"),
        ("transfer2.5-2b", HOST, {"disk_free": 10**8}, "disk", "free space"),
        ("transfer2.5-2b", HOST, {"access": {"nvidia/Cosmos-Guardrail1": {"status": 401, "code": ""}}},
         "access to nvidia/Cosmos-Guardrail1", "hf auth login"),
    ],
)  # fmt: skip
def test_what_prevents_a_setup_is_said_first(
    model: str, host: Host, more: dict[str, Any], name: str, remedy: str
) -> None:
    assert refused(model, host) == {}
    assert remedy in refused(model, host, **more)[name]


def test_space_counts_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = facts("transfer1-7b", HOST, free=200 * 10**9)
    begun["survey"]["commands"]["used"] = printed(f"1\t/data/x\n{120 * 10**6}\ttotal", 1)
    assert list(refusals(get_transfer_model("transfer1-7b"), HOST, begun)) == []


def test_every_model_on_this_machine_is_shown_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for model in ("transfer1-7b", "transfer2.5-2b", "cosmos3-nano"):
        main(["hosts", "setup", "local", "--model", model, "--model-path", str(tmp_path), "--dry-run"])
        shown = capsys.readouterr().out
        assert f"git clone https://github.com/{'NVIDIA' if 'cosmos3' in model else 'nvidia-cosmos'}/" in shown
        assert len(needs_of(model, "cache")) > 1
    assert list(tmp_path.iterdir()) == []
