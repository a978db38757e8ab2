"""`cosmos doctor --model` as a whole: on this machine, and on a host by its agent. The hub is one of the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers import hub as answers
from servers.cosmos_server import CosmosServer
from servers.hub import TOKEN, HubServer, hub_server
from servers.peers import PEERS, Peer, host_settings, make_peer

from cosmos_workflow.cli import main
from cosmos_workflow.doctor import Finding, examine_host
from cosmos_workflow.doctor.models import needs_of
from cosmos_workflow.doctor.video import judge_video, survey_for
from cosmos_workflow.errors import UsageError
from cosmos_workflow.limits import TRANSFER_MODELS, get_transfer_model
from cosmos_workflow.ssh import Pins, host_from

pytestmark = pytest.mark.timeout(120)

AV = "nvidia/Cosmos-Transfer1-7B-Sample-AV"


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with hub_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


def nvidia_smi(folder: Path) -> Path:
    """A FAKE nvidia-smi of an H100: its list of cards, their compute capability, or its table."""
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\ncase \"$1\" in\n*compute_cap*) echo '0, 570.124.06, 9.0';;\n"
        "*memory*) echo '0, NVIDIA H100 80GB HBM3, 81559, 81079, 0';;\n"
        "*) echo '| NVIDIA-SMI 570.124.06   Driver Version: 570.124.06   CUDA Version: 12.8 |';;\nesac\n"
    )
    tool.chmod(0o755)
    return folder


def checks(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    shown = capsys.readouterr()
    assert TOKEN not in shown.out + shown.err
    rows = {row["name"]: row for row in map(json.loads, shown.out.splitlines())}
    for row in rows.values():
        assert row.keys() == {"name", "status", "detail", "remedy"}
        assert row["status"] == "ok" or row["remedy"], row
    return rows


@pytest.mark.parametrize("name", TRANSFER_MODELS)
def test_every_model_on_this_machine(name: str, hub: HubServer, tmp_path: Path, capsys: Any) -> None:
    hub.answers[get_transfer_model(name).repository] = answers.GATED
    assert main(["doctor", "--model", name, "--model-path", str(tmp_path), "--json"]) == 1
    rows = checks(capsys)
    assert rows[f"access to {get_transfer_model(name).repository}"]["status"] == "missing"
    names = [needs.repository for needs in needs_of(name, "diffusers")]
    assert {f"files of {repository}" for repository in names} <= rows.keys()
    assert {path.split("/models/")[1].removesuffix("/auth-check") for path, _ in hub.asked} == set(names)


def test_a_machine_that_has_everything(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("PATH", f"{nvidia_smi(tmp_path / 'bin')}:/usr/bin:/bin")
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    for needs in needs_of("transfer1-7b-av", "checkpoints"):
        for pattern in (*needs.files, *needs.by_hint.values()):
            path = tmp_path / needs.repository / pattern.replace("*", "model")
            path = path if path.suffix else path / "words.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    assert main(["doctor", "--model", "transfer1-7b-av", "--model-path", str(tmp_path), "--json"]) == 0
    rows = checks(capsys)
    assert hub.asked == []  # nothing is left to download
    assert {name: row["status"] for name, row in rows.items() if row["status"] != "ok"} == {
        "gpu memory": "unknown", "libraries": "optional",
    }  # fmt: skip
    assert rows["driver"]["detail"] == "driver 570.124.06, CUDA 12.8"


def test_a_network_that_is_not_there_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    main(["doctor", "--model", "transfer1-7b", "--model-path", str(tmp_path), "--json"])
    rows = checks(capsys)
    access = {row["status"] for name, row in rows.items() if name.startswith("access")}
    assert access == {"unknown"}


def test_an_unknown_model(capsys: Any) -> None:
    assert main(["doctor", "--model", "transfer9"]) == 2
    assert "transfer2.5-2b" in capsys.readouterr().err


@pytest.mark.slow
def test_a_server_looks_at_its_own_machine(tmp_path: Path) -> None:
    with CosmosServer(tmp_path / "data", HF_HUB_OFFLINE="1") as server, server.client() as client:
        checks = {check.name: check for check in client.check_host("local", "cosmos3-nano")}
        access = checks["access to nvidia/Cosmos3-Nano"]
        assert (access.status, "HF_HUB_OFFLINE" in access.detail) == ("unknown", True)
        with pytest.raises(UsageError, match="unknown model"):
            client.check_host("local", "transfer9")
        assert main(["--server", server.url, "doctor", "--model", "cosmos3-nano"]) == 1
        assert main(["--server", server.url, "doctor", "--model", "cosmos3-nano", "--model-path", "/m"]) == 2


def test_other_models_as_before(capsys: Any) -> None:
    assert main(["doctor", "--model", "cosmos-upsampler-12b", "--json"]) == 0
    assert "tokenizer table" in checks(capsys)


@pytest.fixture(params=PEERS)
def peer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Peer]:
    with make_peer(request.param, tmp_path / "peer") as server:
        yield server


def on_host(peer: Peer, tmp_path: Path, model: str, **more: Any) -> dict[str, Finding]:
    host = replace(host_from("gpu", host_settings(peer)), **more)
    pins = Pins(tmp_path / "known_hosts")
    pins.pin("gpu", peer.host_key)

    async def collect() -> list[Finding]:
        return [finding async for finding in examine_host(host, pins, model)]

    checks = asyncio.run(collect())
    assert TOKEN not in repr(checks)
    return {finding.name: finding for finding in checks}


def test_on_a_host_its_agent_looks_and_asks(hub: HubServer, peer: Peer, tmp_path: Path) -> None:
    hub.answers["meta-llama/Llama-Guard-3-8B"] = answers.GATED
    models = tmp_path / "models"
    (models / AV).mkdir(parents=True)
    (models / AV / "base_model.pt").write_bytes(b"x")
    (models / AV / "lidar_control.pt").write_bytes(b"x")
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "there"), "NO_PROXY": "127.0.0.1"}
    given = {"model_path": str(models), "environment": environment}
    checks = on_host(peer, tmp_path, "transfer1-7b-av", secrets=("HF_TOKEN",), **given)
    assert (checks["reachable"].status, checks["system"].status) == ("ok", "ok")
    assert checks[f"files of {AV}"].status == "optional"
    assert "hdmap_control.pt (for hdmap)" in checks[f"files of {AV}"].detail
    assert checks["access to meta-llama/Llama-Guard-3-8B"].status == "missing"
    assert checks["access to google-t5/t5-11b"].detail == "the token of HF_TOKEN has it"
    assert {token for _, token in hub.asked} == {f"Bearer {TOKEN}"}


def test_the_token_goes_to_a_host_only_where_its_settings_name_it() -> None:
    model = get_transfer_model("cosmos3-nano")
    host = host_from("gpu", {"ssh": "gpu", "environment": {"HF_HOME": "/data/hf", "OTHER": "x"}})
    assert survey_for(model, host)["environment"] == {"HF_HOME": "/data/hf"}
    named = replace(host, secrets=("HF_TOKEN", "UNSET"))
    assert survey_for(model, named)["environment"] == {"HF_HOME": "/data/hf", "HF_TOKEN": TOKEN}


def test_in_a_container_its_own_shared_memory_and_image_count() -> None:
    model = get_transfer_model("transfer2.5-2b")
    smi = {"missing": False, "code": 0, "out": "0, NVIDIA H100 80GB HBM3, 81559, 81079", "err": ""}
    survey = {
        "system": "Linux", "machine": "x86_64", "glibc": "2.31", "shared": 10**10, "smi": smi, "capability": smi,
        "files": [{"folder": "/c", "missing": []} for _ in needs_of(model.name, "cache")], "access": {},
        "endpoint": "", "token": False, "token_from": "",
    }  # fmt: skip
    settings = {"ssh": "gpu", "runtime": "docker", "image": "r/i@sha256:abc", "run_options": []}
    facts = {"survey": survey, "nvidia_smi": smi}
    checks = {finding.name: finding for finding in judge_video(model, host_from("gpu", settings), facts)}
    assert (checks["system"].status, checks["shared memory"].status) == ("ok", "optional")
    assert "libraries" not in checks
