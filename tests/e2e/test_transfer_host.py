"""Videos of a real pipeline come home from "the host": by a real sshd, from its own Python and from a container."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import av
import clips
import pytest
from servers import container, vllm_env
from servers.peers import host_settings
from servers.sshd import SSHD

from cosmos_workflow import transfer
from cosmos_workflow.api import open_runs
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.runs import Listener
from cosmos_workflow.ssh import Pins

pytestmark = [pytest.mark.host, pytest.mark.timeout(900)]

PROJECT = Path(__file__).parents[2]
PYTHON = vllm_env.MODEL.parent / "venv" / "bin" / "python"  # diffusers is in vLLM's environment
STANDINS = PROJECT / "tests" / "standins"
FRAMES = 5


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write = "import pathlib, sys, servers.tiny_video as tiny; tiny.write_models(pathlib.Path(sys.argv[1]))"
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    subprocess.run([PYTHON, "-c", write, folder], env={**os.environ, "PYTHONPATH": path}, check=True, timeout=600)
    return folder


@pytest.mark.parametrize("runtime", ["none", "podman"])
def test_videos_come_home_whole(models: Path, sshd: SSHD, tmp_path: Path, runtime: str) -> None:
    values: dict[str, Any] = {
        **host_settings(sshd), "python": str(PYTHON), "model_path": str(models),
        "environment": {"PYTHONPATH": str(STANDINS), "HOME": "/tmp"},
    }  # fmt: skip
    if runtime == "podman":
        container.make_image()
        folders = {PYTHON.parents[2], PYTHON.parents[1].resolve(), models, STANDINS}
        mounts = [word for path in sorted(folders) for word in ("-v", f"{path}:{path}:ro")]
        values |= {"runtime": "podman", "runtime_command": container.PODMAN, "image": container.IMAGE, "gpu": "none"}
        values |= {"run_options": container.RUN_OPTIONS + mounts}
    set_host("gpu", values)
    Pins(known_keys_file()).pin("gpu", sshd.host_key)
    clip = clips.textured(tmp_path / "clip.mp4", 160, 96, frames=FRAMES)
    events: list[dict[str, Any]] = []
    results = transfer(
        clip, ["a city", "forbidden"], controls=["edge"], size="256", steps=2, chunk=FRAMES, model="transfer2.5",
        engine="diffusers", place="gpu", out=tmp_path / "out", keep_warm=0, runs=open_runs(),
        listener=Listener(event=events.append),
    )  # fmt: skip
    made, refused = results
    assert (made.error, refused.error_kind) == ("", "blocked"), made.error
    folder = tmp_path / "out" / made.id
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert hashes == made.outputs
    assert set(hashes) == {"control_edge.mp4", "log.txt", "prompt.txt", "spec.json", "video.mp4"}
    with av.open(str(folder / "video.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == FRAMES
    texts = [event["text"] for event in events if event["event"] == "step" and event["id"] == made.id]
    assert texts[-1].startswith("chunk 1 of 1, step 2 of 2")
