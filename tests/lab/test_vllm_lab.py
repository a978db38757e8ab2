"""The lab on the real CPU vLLM: the limits are where the arithmetic says, to the pixel, whatever the memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import psutil
import pytest
from counts import FULL
from lab.test_reporting import tables
from servers import vllm_env
from servers.processes import named

from cosmos_workflow.engines import EngineSettings
from cosmos_workflow.kinds.upsample.conversation import Conversation
from cosmos_workflow.lab import LocalRig, ProbeSettings, Study, boundaries, probe, reason, studies
from cosmos_workflow.lab.rigs import Call
from cosmos_workflow.limits import FIELD_TESTS, Model, plan, read_folder, size_at
from cosmos_workflow.store import Store

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

PROMPT = "A futuristic city at sunset"


@lru_cache(1)
def facts() -> Model:
    return read_folder(vllm_env.MODEL, "cosmos-upsampler-12b")


def rig(options: dict[str, object], max_model_len: int | None = None) -> LocalRig:
    settings = EngineSettings(facts(), str(vllm_env.MODEL), max_model_len=max_model_len, options=options)
    return LocalRig("vllm", settings)


def run(store: Path, measured_rig: LocalRig, settings: ProbeSettings) -> Study:
    experiments = Store(f"sqlite:///{store}").experiments
    with measured_rig:
        done = probe(measured_rig, facts(), settings, experiments)
    assert done.state == "done"
    (study,) = studies(experiments, [done.id])
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The whole probe, but for batches and with fewer sizes around each boundary: `make lab` tries more."""
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1"}
    searches = ("size", "usual", "frames", "prompt")
    store = tmp_path_factory.mktemp("lab") / "store.db"
    yield run(store, rig(vllm_env.OPTIONS), ProbeSettings(searches=searches, frames=(2, 1), around=2))
    del os.environ["VLLM_CPU_KVCACHE_SPACE"]


def test_no_trial_of_a_hundred_disagrees(study: Study) -> None:
    assert len(study.trials) >= 100
    assert [trial for trial in study.trials if not trial.agrees] == []
    assert {trial.seen for trial in study.trials} == {"fits", "cut_short", "too_long", "other"}
    # Counted by the engine itself, but where it refused too many pictures before it counted.
    assert sum(not trial.reported_tokens for trial in study.trials) == 1
    answered = [trial for trial in study.trials if trial.seen == "fits"]
    assert all(trial.prefill_seconds and trial.decode_seconds and trial.peak_mib for trial in answered)


@pytest.mark.parametrize("aspect", [(16, 9), (4, 3), (1, 1), (9, 16)])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_boundary_is_exact_to_the_pixel(study: Study, aspect: tuple[int, int], frames: int) -> None:
    by_kind = {
        boundary.what: boundary
        for boundary in boundaries(study.trials)
        if (boundary.search, boundary.frames) == (f"size {aspect[0]}:{aspect[1]}", frames)
    }
    verdicts = {side: plan(size_at(aspect, side), PROMPT, frames=frames, fit="off").verdict for side in range(1, 1025)}
    assert by_kind["fits"].seen == max(side for side, verdict in verdicts.items() if verdict == "fits")
    assert by_kind["runs"].seen == max(side for side, verdict in verdicts.items() if verdict in ("fits", "cut_short"))
    assert all(boundary.mark == ("all tried" if boundary.seen == 1024 else "exact") for boundary in by_kind.values())


def test_the_text_has_its_limit_too(study: Study) -> None:
    fits, runs = [boundary for boundary in boundaries(study.trials) if boundary.search == "prompt"]
    images = plan((640, 360), "x", fit="off").image_tokens
    assert fits.seen == 4096 - 300 - 3 - images
    assert runs.seen == 4095 - 3 - images  # one token of answer


def test_the_field_table_row_by_row(study: Study) -> None:
    usual = {(trial.width, trial.height): trial for trial in study.trials if trial.search == "usual sizes"}
    verdicts = {size: (usual[size].seen, usual[size].completion_tokens, reason(usual[size])) for size in FIELD_TESTS}
    for size in [(320, 180), (420, 236), (500, 281), (640, 360), (720, 405), (854, 480)]:
        assert verdicts[size][:2] == ("fits", 300)
    assert verdicts[940, 529] == ("cut_short", 7, "7 tokens are left of the 300 asked for")  # put down as "works"
    assert verdicts[928, 522] == ("cut_short", 193, "193 tokens are left of the 300 asked for")
    assert verdicts[960, 540] == ("too_long", 0, "4,157 tokens are 61 over 4,096")
    assert verdicts[1280, 720] == ("too_long", 0, "4,689 tokens are 593 over 4,096")


MEMORY = [
    ({"num_gpu_blocks_override": 64}, None, "", 1),  # one block is vLLM's own, so two do not fit to their end
    ({"num_gpu_blocks_override": 300, "max_num_seqs": 3}, None, "", 3),
    ({"num_gpu_blocks_override": 160}, 9216, "", 4),
    ({"kv_cache_memory_bytes": 8 * 2**20}, None, "", 3),
    ({"kv_cache_memory_bytes": 10_000_000, "max_num_seqs": 8}, 2048, "", 8),
    ({"max_num_seqs": 2}, 8192, "2", 2),
][:: 1 if FULL else 2]


@pytest.mark.parametrize(("options", "max_model_len", "space", "at_once"), MEMORY)
def test_the_planner_and_the_engine_agree_on_the_cache(
    options: dict[str, object], max_model_len: int | None, space: str, at_once: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE", raising=False)
    if space or "num_gpu_blocks_override" in options:
        monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", space or "1")
    settings = ProbeSettings(searches=("batch",), max_batch=10, max_tokens=100)
    study = run(tmp_path / "store.db", rig({**vllm_env.OPTIONS, **options}, max_model_len), settings)
    environment = study.experiment.environment
    assert environment["planned_cache_tokens"] == environment["cache_tokens"]
    assert environment["planned_concurrency"] == round(environment["concurrency"], 3)
    (together,) = boundaries(study.trials)
    assert [trial for trial in study.trials if not trial.agrees] == []
    assert (together.seen, together.predicted) == (at_once, at_once)
    # It stops where it should: nothing larger than twice of what ran together was tried.
    assert max(trial.batch for trial in study.trials) <= 2 * at_once


class Deadly(LocalRig):
    """Kills vLLM's own processes whenever a frame of 854 pixels is asked; halted before, so none can answer first."""

    kills = 0

    def ask(self, conversations: Sequence[Conversation], *, stay: bool = True) -> Call:
        deadly = any(conversation.frames and conversation.frames[0].width == 854 for conversation in conversations)
        if not deadly or not self._keeper.loaded:
            return super().ask(conversations, stay=stay)
        processes = named(psutil.Process().children(recursive=True), "VLLM")
        for process in processes:
            process.suspend()
        timer = threading.Timer(0.5, self._kill, [processes])
        timer.start()
        try:
            return super().ask(conversations, stay=stay)
        finally:
            timer.join()

    def _kill(self, processes: Sequence[psutil.Process]) -> None:
        for process in processes:
            self.kills += 1
            process.kill()


def test_an_engine_that_is_killed_is_started_again_and_the_size_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    settings = EngineSettings(facts(), str(vllm_env.MODEL), options=vllm_env.OPTIONS)
    rig = Deadly("vllm", settings)
    study = run(tmp_path / "store.db", rig, ProbeSettings(searches=("usual",)))
    assert rig.kills >= 2
    marked = [(trial.width, trial.height, trial.seen) for trial in study.trials if not trial.agrees]
    assert marked == [(854, 480, "other")]
    assert len(study.trials) == 14


def test_measured_and_written_up_as_a_user_does(tmp_path: Path) -> None:
    """`cosmos bench`, broken off and gone on with, then `cosmos report`; the report is what the records are."""
    environment = {**os.environ, **vllm_env.settings(1), "COSMOS_DATA": str(tmp_path), "PYTHONUTF8": "1"}

    def cosmos(*words: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "cosmos_workflow", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=800, check=False)
        assert done.returncode == code, done.stderr.decode()[-3000:]
        return done.stdout.decode()

    model = ["--engine", "vllm", "--model-path", str(vllm_env.MODEL), "--engine-option", "load_format=dummy"]
    model += ["--engine-option", "enforce_eager=true", "--max-tokens", "40"]
    command = ["bench", *model, "--batch", "2", "--size", "320x180", "--repeats", "1", "--json"]
    command += ["--mode", "offload-each,batch,warm"]
    document = json.loads(cosmos(*command))
    rows = {row["mode"]: row for row in document["modes"]}
    assert rows.keys() == {"offload-each", "batch", "warm"}
    # A mode differs from another by its loads; how long one of them takes is the machine's business.
    assert {mode: any(row["parts"][part] for part in ("load", "compile")) for mode, row in rows.items()} == {
        "offload-each": True, "batch": True, "warm": False,
    }  # fmt: skip
    assert all(row["failed"] == 0 for row in rows.values())
    for row in rows.values():
        if row["mode"] != "warm":
            assert row["parts"]["compile"] > 0
            assert row["parts"]["start"] > row["parts"]["load"] > 0
    assert document["environment"]["version"] == "vllm 0.32.0"
    cosmos("report", "--export", "records.jsonl")
    records = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    by_mode = {record["mode"]: record for record in records}
    assert all(record["completion_tokens"] == 80 for record in records)
    for mode, row in rows.items():
        assert row["seconds"] == by_mode[mode]["seconds"]
    cosmos("report")
    table = tables((tmp_path / "TESTING_RESULTS.md").read_text(encoding="utf-8"))["What the modes cost"]
    assert [row[8] for row in table] == [f"{rows[mode]['seconds']:.1f}" for mode in rows]


def test_auto_raises_the_context_where_the_memory_is_there(tmp_path: Path) -> None:
    import clips

    clips.textured(tmp_path / "clip.mp4", 1280, 720, frames=4)
    environment = {**os.environ, **vllm_env.settings(1)}
    command = [
        sys.executable, "-m", "cosmos_workflow", "upsample", "clip.mp4", "-p", PROMPT, "--json",
        "--max-model-len", "auto", "--engine", "vllm", "--model-path", str(vllm_env.MODEL), "--temperature", "0",
        "--engine-option", "load_format=dummy", "--engine-option", "enforce_eager=true",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    result = json.loads(done.stdout)
    assert (result["verdict"], result["frame_width"], result["max_model_len"]) == ("fits", 1280, 5120)
    assert (result["prompt_tokens"], result["completion_tokens"]) == (4689, 300)
    assert "max_model_len: 5120" in done.stderr.decode()


def test_the_full_size_model_has_the_parameters_that_the_planner_counts() -> None:
    """And the GPU benchmark's requests have the tokens that they should."""
    from benchmarks.gpu.pixtral import build, count_parameters, inputs

    assert count_parameters(build("meta")) == 12_682_739_712
    for size in [(320, 180), (910, 512), (1280, 720), (3840, 2160)]:
        tensors = inputs(size, 1, "cpu")
        assert tensors["input_ids"].shape == (1, plan(size, PROMPT, fit="off").prompt_tokens)


def test_the_gpu_benchmark_runs() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert done.stdout.decode().count("| 2 × 640×360 |") == 4  # as it goes, and in the page
