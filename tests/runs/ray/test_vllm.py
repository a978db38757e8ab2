"""The real CPU vLLM in two actors of a real cluster."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import psutil
import pytest
from servers import vllm_env
from servers.ray_cluster import RayCluster

from cosmos_workflow.api import upsample
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.kinds.upsample import Item, Settings
from cosmos_workflow.runs.places.ray import Output

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

SETTINGS = Settings(max_tokens=16, temperature=0.0)
# One at a time, so that the tiny model's numbers do not depend on who else is in the batch.
TOLD = EngineSettings(model_path=str(vllm_env.MODEL), options={**vllm_env.OPTIONS, "max_num_seqs": 1})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayCluster]:
    for name, value in vllm_env.settings(1).items():
        monkeypatch.setenv(name, value)
    with RayCluster() as cluster:
        yield cluster


def test_64_items_through_two_vllm_actors_equal_the_local_results(cluster: RayCluster, tmp_path: Path) -> None:
    videos = [clips.textured(tmp_path / f"clip{n}.mp4", 320, 180, frames=2) for n in range(4)]
    items = [Item(f"p{n}", f"A city {n}", videos[n % 4]) for n in range(64)]
    batch = tmp_path / "batch.jsonl"
    lines = [{"id": item.id, "prompt": item.prompt, "video": str(item.video)} for item in items]
    batch.write_text("\n".join(map(json.dumps, lines)))
    before = vllm_processes()
    engine = make_engine("vllm", TOLD)
    local = {item.id: item for item in upsample(items, engine=engine, settings=SETTINGS)}
    engine.close()
    out = tmp_path / "out"
    options = ["--max-tokens", "16", "--temperature", "0", "--engines", "2", "--engine", "vllm"]
    options += ["--model-path", TOLD.model_path]
    options += vllm_env.option_words(TOLD.options)
    # A process of its own: vLLM has imported Ray here, and a Ray that is imported takes no other token.
    command = [sys.executable, "-m", "cosmos_workflow", "upsample", str(batch), "-o", str(out), "--on", "ray", *options]
    done = subprocess.run(command, env=cluster.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "64 answered, 0 failed" in done.stderr
    remote = {item.id: item for item in Output(str(out)).results()}
    assert len(remote) == 64
    for id, item in local.items():
        assert essence(remote[id]) == essence(item)
    end = time.monotonic() + 60
    while running := vllm_processes() - before:
        assert time.monotonic() < end, running
        time.sleep(0.2)
    pieces = len([*out.glob("part-*")])
    assert pieces >= 2 * 4


def vllm_processes() -> set[psutil.Process]:
    """Those that hold anything: one that ended is a zombie until the machine's first process asks how."""
    processes = psutil.process_iter(["name", "status"])
    return {
        process
        for process in processes
        if (process.info["name"] or "").startswith("VLLM") and process.info["status"] != psutil.STATUS_ZOMBIE
    }


def essence(result: Any) -> tuple[Any, ...]:
    names = ("upsampled_prompt", "finish_reason", "prompt_tokens", "completion_tokens", "frame_width", "error")
    return tuple(getattr(result, name) for name in names)
