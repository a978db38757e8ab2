"""The real CPU vLLM in two actors of a real cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clips
import psutil
import pytest
from servers import vllm_env
from servers.ray_cluster import RayCluster

from cosmos_workflow.api import open_runs, upsample, upsample_on_ray
from cosmos_workflow.engines import EngineSettings, make_engine
from cosmos_workflow.prompts import Item, Settings

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

SETTINGS = Settings(max_tokens=16, temperature=0.0)
# One at a time, so that the tiny model's numbers do not depend on who else is in the batch.
TOLD = EngineSettings(model_path=str(vllm_env.MODEL), options={"load_format": "dummy", "max_num_seqs": 1})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayCluster]:
    with RayCluster(**vllm_env.settings(1)) as one:
        for name, value in one.environment().items():
            monkeypatch.setenv(name, value)
        yield one


def test_64_items_through_two_vllm_actors_equal_the_local_results(cluster: RayCluster, tmp_path: Path) -> None:
    videos = [clips.textured(tmp_path / f"clip{n}.mp4", 320, 180, frames=2) for n in range(4)]
    items = [Item(f"p{n}", f"A city {n}", videos[n % 4]) for n in range(64)]
    batch = tmp_path / "batch.jsonl"
    lines = [{"id": one.id, "prompt": one.prompt, "video": str(one.video)} for one in items]
    batch.write_text("\n".join(map(json.dumps, lines)))
    engine = make_engine("vllm", TOLD)
    local = {one.id: one for one in upsample(items, engine=engine, settings=SETTINGS)}
    engine.close()
    run = upsample_on_ray(
        batch, out=str(tmp_path / "out"), engine="vllm", engine_settings=TOLD, settings=SETTINGS, engines=2
    )
    assert (run.state, run.total, run.answered, run.failed) == ("done", 64, 64, 0)
    there = {one.id: one for one in open_runs().each_result(run)}
    assert len(there) == 64
    for id, one in local.items():
        assert said(there[id]) == said(one)
    end = time.monotonic() + 30
    while running := [one.pid for one in psutil.process_iter(["name"]) if one.info["name"].startswith("VLLM")]:
        assert time.monotonic() < end, running
        time.sleep(0.2)
    pieces = len([*(tmp_path / "out").glob("part-*")])
    assert pieces >= 2 * 4


def said(one: Any) -> tuple[Any, ...]:
    names = ("upsampled_prompt", "finish_reason", "prompt_tokens", "completion_tokens", "frame_width", "error")
    return tuple(getattr(one, name) for name in names)
