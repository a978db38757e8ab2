"""What the page shows of records that only the lab and the cluster make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from lab import records
from servers.cosmos_server import CosmosServer

from cosmos_workflow.store import Store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CosmosServer]:
    folder = tmp_path_factory.mktemp("server")
    store = Store(f"sqlite:///{folder / 'data' / 'store.db'}")
    records.write(store.experiments)
    store.experiments.add("empty", "probe", "local", "vllm", {})
    store.add("far", "ray://head:10001", [], out="/o", source="million.jsonl", engine="vllm", settings={"job": {}})
    store.move("far", "running")
    store.count("far", total=1_000_000, answered=250_000, failed=3)
    store.database.close()
    with CosmosServer(folder / "data") as server:
        yield server


@pytest.mark.slow
def test_a_probe_and_a_bench_with_their_plots(http: httpx2.Client) -> None:
    assert "probe of vllm on gpu" in http.get("/limits").text
    probe = http.get("/limits/experiments/p1").text
    assert "NVIDIA L40S" in probe
    assert "911" in probe
    assert "420.0" in http.get("/limits/experiments/b1").text
    for plot in ("p1/tokens", "b1/modes", "b1/memory"):
        picture = http.get(f"/limits/experiments/{plot}.svg")
        assert picture.headers["content-type"].startswith("image/svg+xml")
        assert "<svg" in picture.text
        assert "sandbox" in picture.headers["content-security-policy"]
    for nothing in ("empty", "nobody", "b1/tokens.svg"):
        assert http.get(f"/limits/experiments/{nothing}").status_code == 404
    assert [experiment["id"] for experiment in http.get("/api/v1/experiments", params={"kind": "probe"}).json()] == [
        "empty",
        "p1",
    ]
    assert len(http.get("/api/v1/experiments/p1/trials").json()) == len(records.TRIALS)


def test_a_run_on_a_cluster_is_one_among_the_others(http: httpx2.Client) -> None:
    assert "250,000 of 1,000,000" in http.get("/runs").text
    assert "million.jsonl" in http.get("/runs/far").text
    assert http.post("/api/v1/runs/far/retry").status_code == 409


def test_a_form_that_is_wrong_says_so_in_its_place(http: httpx2.Client) -> None:
    for path, form in (
        ("/limits/check", {"width": "x"}),
        ("/new/check", {"rows": '[{"video": "nothing"}]', "frames": "-1"}),
    ):
        answer = http.post(path, data=form)
        assert (answer.status_code, 'role="alert"' in answer.text) == (200, True)
    assert "no such clip" in http.post("/new/run", data={"rows": '[{"video": "nothing"}]'}).text
    assert "too long" in http.post("/limits/check", data={"width": "960", "height": "540", "fit": "off"}).text


def test_what_is_left_empty_filters_nothing(http: httpx2.Client) -> None:
    assert http.get("/prompts", params={"rating": "", "ok": "", "search": "", "tag": ""}).status_code == 200


@pytest.mark.host
def test_a_server_without_worker_leaves_the_runs_to_others(tmp_path: Path) -> None:
    import clips

    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=4)
    with CosmosServer(tmp_path / "data", "--no-worker") as server, server.client() as client:
        run = client.run([{"video": str(clip), "prompt": "x"}], engine="describe").id
        assert client.show(run).state == "queued"
        with CosmosServer(tmp_path / "data") as other, other.client() as second:
            for _ in second.events(run):
                pass
            assert second.show(run).state == "done"
