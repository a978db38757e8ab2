"""The whole way with its real parts: a real sshd, a real container runtime, the real CPU vLLM on "the host"."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import clips
import psutil
import pytest
from runs.helpers import upsample_there
from servers import container, vllm_env
from servers.processes import end_all
from servers.sshd import SSHD

from cosmos_workflow.api import open_runs, upsample
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.errors import HostError, HostUnreachable, RunFailed
from cosmos_workflow.kinds.upsample import Item, Result, Settings
from cosmos_workflow.runs import Listener, Runs
from cosmos_workflow.ssh import Pins

pytestmark = [pytest.mark.host, pytest.mark.timeout(1800)]

VLLM_PYTHON = Path(vllm_env.MODEL).parent / "venv" / "bin" / "python"
OPTIONS = {**vllm_env.OPTIONS, "max_num_seqs": 1}
WITH_VLLM: dict[str, Any] = {
    "python": str(VLLM_PYTHON),
    "model_path": str(vllm_env.MODEL),
    "engine_options": OPTIONS,
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HOME": "/tmp"},
}
RUNTIMES = ["none", "podman"]
SETTINGS = Settings(max_tokens=24, temperature=0.0)
LONG = Settings(max_tokens=300, temperature=0.0)  # so that there is time to end it in the middle

AddHost = Callable[..., Runs]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SSHD]:
    with SSHD(tmp_path / "sshd") as server:
        yield server
    end_all(on_host(server))
    container.remove_all()


@pytest.fixture
def add_host(sshd: SSHD) -> AddHost:
    """Adds and trusts the host `gpu`, with a container runtime or without."""

    def add(runtime: str, **more: Any) -> Runs:
        values: dict[str, Any] = {"ssh": "there", "workdir": str(sshd.home / "ours"), "ssh_config": str(sshd.config)}
        values |= {"python": sys.executable} | more
        if runtime == "podman":
            container.make_image()
            mounts = ["-v", f"{vllm_env.MODEL.parent}:{vllm_env.MODEL.parent}:ro"] if "model_path" in more else []
            values |= {"runtime": "podman", "runtime_command": container.PODMAN, "image": container.IMAGE}
            values |= {"run_options": container.RUN_OPTIONS + mounts, "gpu": "none"}
        set_host("gpu", values)
        Pins(known_keys_file()).pin("gpu", sshd.host_key)
        return open_runs()

    return add


def on_host(sshd: SSHD) -> list[psutil.Process]:
    """Whatever runs for us on the host, engines' children too: they stand in our worker's sessions."""
    folder = str(sshd.home / "ours")
    found = []
    for one in psutil.process_iter(["cmdline", "cwd", "status", "create_time"]):
        words = [*(one.info["cmdline"] or ()), one.info["cwd"] or ""]
        if any(folder in word for word in words) and one.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(one)
    return found


def settled(sshd: SSHD, seconds: float = 180) -> bool:
    deadline = time.monotonic() + seconds
    while on_host(sshd) or container.containers():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def twenty(folder: Path) -> list[Item]:
    sizes = [(320, 180), (180, 320), (256, 256), (416, 240)]
    made = [clips.textured(folder / f"c{n}.mp4", *size, frames=6) for n, size in enumerate(sizes)]
    return [Item(f"i{n}", f"prompt number {n}: naïve 🤖", made[n % 4]) for n in range(20)]


def told(results: list[Result], *left_out: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in asdict(one).items() if key not in left_out} for one in results]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_describe_says_on_the_host_what_it_says_here(
    add_host: AddHost, sshd: SSHD, tmp_path: Path, runtime: str
) -> None:
    runs = add_host(runtime)
    items = twenty(tmp_path)
    there = upsample(items, place="gpu", out=tmp_path / "there.jsonl", keep_warm=0.0, runs=runs)
    here = upsample(items, out=tmp_path / "here.jsonl")
    assert told(there, "place", "seconds") == told(here, "place", "seconds")
    assert settled(sshd)


@pytest.mark.parametrize("runtime", ["podman"])
def test_vllm_answers_on_the_host_as_it_does_here_and_the_second_batch_is_warm(
    add_host: AddHost, sshd: SSHD, tmp_path: Path, runtime: str
) -> None:
    runs = add_host(runtime, **WITH_VLLM)
    items = twenty(tmp_path)
    events: list[dict[str, Any]] = []
    there = upsample(
        items, place="gpu", out=tmp_path / "there.jsonl", settings=SETTINGS, runs=runs, keep_warm=60.0,
        listener=Listener(event=events.append),
    )  # fmt: skip
    kinds = [event["event"] for event in events]
    assert kinds.count("item") == 20
    assert "loading" in kinds
    events.clear()
    upsample(
        items[:2], place="gpu", out=tmp_path / "second.jsonl", settings=SETTINGS, runs=runs, keep_warm=0.0,
        listener=Listener(event=events.append),
    )  # fmt: skip
    assert [event["event"] for event in events if event["event"] != "memory"] == [
        "started", "warm", "item", "item", "done",
    ]  # fmt: skip
    assert settled(sshd)
    local = _locally(items, tmp_path)
    compared = ("id", "prompt_tokens", "completion_tokens", "upsampled_prompt", "finish_reason", "verdict", "error")
    assert [{key: getattr(one, key) for key in compared} for one in there] == [
        {key: one[key] for key in compared} for one in local
    ]
    assert all(one.upsampled_prompt and one.engine_model == "tiny-pixtral" for one in there)


def _locally(items: list[Item], folder: Path) -> list[dict[str, Any]]:
    """The same batch on this machine, by the program in vLLM's own environment."""
    lines = ({"id": one.id, "prompt": one.prompt, "video": str(one.video)} for one in items)
    (folder / "b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [
        str(VLLM_PYTHON), "-m", "cosmos_workflow", "upsample", "b.jsonl", "--engine", "vllm", "--json",
        "--model-path", str(vllm_env.MODEL), "--max-tokens", "24", "--temperature", "0",
        *vllm_env.option_words(OPTIONS),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **vllm_env.settings(1)}, capture_output=True, timeout=600, check=False
    )
    assert done.returncode == 1 or not done.returncode, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


@pytest.mark.parametrize(("runtime", "how"), [("none", "cancel"), ("podman", "kill")])  # each loads vLLM: minutes
def test_an_ended_vllm_leaves_no_process_and_no_container(
    add_host: AddHost, sshd: SSHD, tmp_path: Path, runtime: str, how: str
) -> None:
    runs = add_host(runtime, **WITH_VLLM)
    items = twenty(tmp_path)
    id, _ = upsample_there(runs, items, tmp_path / "o.jsonl", settings=LONG, detach=True)
    # Read where it is written: on two cores vLLM leaves others little time, and what is sent may come late.
    events = sshd.home / "ours" / "runs" / f"{id}-1" / "events.jsonl"
    deadline = time.monotonic() + 1200
    while not events.exists() or events.read_bytes().count(b'"item"') < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    if how == "cancel":
        while not _cancelled(runs, id):
            assert time.monotonic() < deadline
        assert settled(sshd)
        return
    workers = [one for one in on_host(sshd) if "work" in (one.info["cmdline"] or ())]
    os.killpg(os.getpgid(max(workers, key=lambda one: one.info["create_time"]).pid), signal.SIGKILL)
    with pytest.raises(RunFailed, match="worker") as caught:
        runs.drive(id, Listener())
    assert caught.value.kind == "worker_killed"
    assert settled(sshd)
    run = runs.store.get(id)
    assert 2 <= run.answered < 20
    runs.retry(run.id)
    results = runs.drive(run.id, Listener())
    assert all(one.ok for one in results)
    runs.store.database.close()


def _cancelled(runs: Runs, id: str) -> bool:
    """Whether the host took it; one that vLLM keeps busy may have no time to let anybody in."""
    try:
        return runs.cancel(id).state == "cancelled"
    except HostUnreachable:
        return False


def test_a_container_that_cannot_start_says_why(add_host: AddHost, sshd: SSHD, tmp_path: Path) -> None:
    runs = add_host("podman")
    set_host(
        "gpu",
        {
            "ssh": "there", "workdir": str(sshd.home / "ours"), "ssh_config": str(sshd.config), "runtime": "podman",
            "runtime_command": container.PODMAN, "image": "localhost/none:1", "run_options": ["--pull=never"],
            "gpu": "none",
        },
    )  # fmt: skip
    with pytest.raises(HostError, match="localhost/none"):
        upsample(twenty(tmp_path)[:1], place="gpu", out=tmp_path / "o.jsonl", runs=open_runs())
    assert runs.store.runs()[0].state == "uploading"
