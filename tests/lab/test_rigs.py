from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import asyncssh
import pytest
from lab.fakes import ArithmeticRig
from runs.helpers import host_processes, settled
from servers import unwell
from servers.peers import PEERS, Peer, host_settings, make_peer
from servers.processes import end_all

from cosmos_workflow.engines import ChosenEngine, EngineSettings
from cosmos_workflow.errors import EngineUnavailable, HostUnreachable
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.lab.host_rig import HostRig
from cosmos_workflow.lab.rigs import LocalRig, load, load_parts
from cosmos_workflow.lab.trials import draw_frame
from cosmos_workflow.ssh import Pins, host_from

pytestmark = pytest.mark.slow

# vLLM 0.32's log, on a GPU and on a CPU.
ON_A_GPU = """
INFO [vllm.model_executor.model_loader.default_loader] Loading weights took 6.72 seconds
INFO [vllm.v1.worker.gpu_model_runner] Model loading took 23.6 GiB memory and 7.150000 seconds
INFO [vllm.compilation.monitor] torch.compile took 11.20 s in total
INFO [vllm.v1.engine.core] init engine (profile, create kv cache, warmup model) took 31.25 s (compilation: 11.20 s)
"""
ON_A_CPU = """
INFO [vllm.model_executor.model_loader.base_loader] Initializing model took 0.25 seconds
INFO [vllm.v1.engine.core] init engine (profile, create kv cache, warmup model) took 10.00 s
"""
MODELS = [{"id": "m", "object": "model", "created": 0, "owned_by": "x", "max_model_len": 4096}]


@pytest.mark.parametrize(
    ("log", "parts"),
    [(ON_A_GPU, (61.6, 7.15, 31.25)), (ON_A_CPU, (89.75, 0.25, 10.0)), ("", (100.0, 0.0, 0.0))],
)
def test_the_parts_of_a_load(log: str, parts: tuple[float, ...]) -> None:
    assert tuple(load_parts(log, 100.0).values()) == pytest.approx(parts)


def conversation(name: str, **more: object) -> Conversation:
    return Conversation(name, name, (draw_frame(32, 32),), **more)  # type: ignore[arg-type]


def server_settings(url: str) -> EngineSettings:
    return EngineSettings(server_url=url, server_model="m", options={"max_retries": 0})


def test_an_engine_here() -> None:
    with (
        unwell.UnwellServer(lambda text, attempt: unwell.answer(f"long {text}"), MODELS) as server,
        LocalRig("server", server_settings(server.url)) as rig,
    ):
        call = rig.ask([conversation("a"), conversation("b")])
        assert {id: answer.text for id, answer in call.answers.items()} == {"a": "long a", "b": "long b"}
        assert call.properties["max_model_len"] == 4096
        assert call.properties["cores"] == os.cpu_count()
        assert call.memory
        assert call.memory[0][1] > 0
        assert call.memory_of in ("process", "gpu")
        assert call.seconds >= call.parts["prompts"] >= 0
        assert not call.error


def test_an_engine_that_fails_is_told_of_and_asked_again() -> None:
    def reply(text: str, attempt: int) -> unwell.Reply | None:
        return unwell.answer(text) if text != "b" or attempt > 1 else unwell.refusal(401, "bad key")

    with unwell.UnwellServer(reply, MODELS) as server, LocalRig("server", server_settings(server.url)) as rig:
        broken = rig.ask([conversation("b")])
        assert not broken.answers
        assert "bad key" in broken.error
        assert rig.ask([conversation("b")]).answers.keys() == {"b"}


def test_an_item_that_takes_too_much_memory_is_told_of() -> None:
    def reply(text: str, attempt: int) -> unwell.Reply:
        return unwell.refusal(500, "CUDA out of memory") if text == "b" else unwell.answer(text)

    with unwell.UnwellServer(reply, MODELS) as server, LocalRig("server", server_settings(server.url)) as rig:
        call = rig.ask([conversation("b"), conversation("c")])
    assert not call.error
    assert {id: answer.error_kind for id, answer in call.answers.items()} == {"b": "out_of_memory", "c": ""}


def test_what_cannot_be_loaded_is_an_error() -> None:
    nowhere = LocalRig("server", server_settings("http://127.0.0.1:9/v1"))
    with nowhere as rig, pytest.raises(EngineUnavailable, match="refuses connections"):
        load(rig)
    assert load(ArithmeticRig()).answers


def test_vllms_log_is_only_taken_while_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_LOGGING_CONFIG_PATH", raising=False)
    with LocalRig("vllm", EngineSettings(model_path="/m")):
        assert Path(os.environ["VLLM_LOGGING_CONFIG_PATH"]).is_file()
    assert "VLLM_LOGGING_CONFIG_PATH" not in os.environ
    monkeypatch.setenv("VLLM_LOGGING_CONFIG_PATH", "/mine.json")
    with LocalRig("vllm", EngineSettings(model_path="/m")):
        assert os.environ["VLLM_LOGGING_CONFIG_PATH"] == "/mine.json"
    assert os.environ["VLLM_LOGGING_CONFIG_PATH"] == "/mine.json"


@pytest.fixture(params=PEERS)
def peer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Peer]:
    with make_peer(request.param, tmp_path / "peer") as server:
        yield server
    end_all(host_processes(server))


def host_rig(peer: Peer, url: str, folder: Path) -> HostRig:
    pins = Pins(folder / "known_hosts")
    pins.pin("gpu", peer.host_key)
    chosen = ChosenEngine("server", "m", "frames", settings=asdict(server_settings(url)))
    return HostRig(host_from("gpu", host_settings(peer)), chosen, pins, folder)


def warm_ones(peer: Peer) -> set[int]:
    """The agent and its supervisor, without the commands that come and go."""
    return {process.pid for process in host_processes(peer) if {"work", "supervise"} & {*process.info["cmdline"]}}


def test_an_engine_on_a_host(peer: Peer, tmp_path: Path) -> None:
    with (
        unwell.UnwellServer(lambda text, attempt: unwell.answer(f"long {text}"), MODELS) as server,
        host_rig(peer, server.url, tmp_path) as rig,
    ):
        first = rig.ask([conversation("a"), conversation("b")])
        assert {id: answer.text for id, answer in first.answers.items()} == {"a": "long a", "b": "long b"}
        assert first.properties["max_model_len"] == 4096
        assert first.memory
        assert first.memory_of
        assert sum(first.parts.values()) == pytest.approx(first.seconds, abs=0.1)
        workers = warm_ones(peer)
        assert workers
        warm = rig.ask([conversation("c")])
        assert warm.answers.keys() == {"c"}
        assert warm_ones(peer) == workers
        rig.ask([conversation("d")], stay=False)
        assert settled(peer)
        assert list((peer.home / "ours" / "runs").iterdir()) == []  # nothing is left behind there
        assert list((tmp_path / "lab").iterdir()) == []


def test_a_worker_that_is_killed_on_a_host(peer: Peer, tmp_path: Path) -> None:
    def reply(text: str, attempt: int) -> unwell.Reply | None:
        if text == "bad":
            end_all(process for process in host_processes(peer) if "work" in process.info["cmdline"])
        return unwell.answer(f"long {text}")

    with unwell.UnwellServer(reply, MODELS) as server, host_rig(peer, server.url, tmp_path) as rig:
        broken = rig.ask([conversation("bad")])
        assert not broken.answers
        assert broken.kind == "worker_killed"
        assert "SIGKILL" in broken.error
        assert rig.ask([conversation("good")], stay=False).answers.keys() == {"good"}


def test_a_host_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosmos_workflow.lab.host_rig.GIVE_UP_SECONDS", 0.5)
    pins = Pins(tmp_path / "known_hosts")
    pins.pin("gone", asyncssh.generate_private_key("ssh-ed25519").convert_to_public())
    chosen = ChosenEngine("describe", "", "measurements", settings=asdict(EngineSettings()))
    rig = HostRig(host_from("gone", {"ssh": "127.0.0.1:9"}), chosen, pins, tmp_path)
    with rig, pytest.raises(HostUnreachable):
        rig.ask([conversation("a")])
    assert list((tmp_path / "lab").iterdir()) == []
