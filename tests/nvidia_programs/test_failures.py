"""The stand-ins fail as they are ordered to, in the words of PyTorch, the kernel and Hugging Face."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from servers.nvidia_programs import Layout

pytestmark = pytest.mark.slow

TRANSFER1 = "cosmos_transfer1/diffusion/inference/transfer.py --controlnet_specs {spec} --video_save_folder {out}"
TRANSFER25 = "examples/inference.py -i {spec} -o {out}"
COSMOS3 = "-m cosmos_framework.scripts.inference -i {spec} -o {out} --checkpoint-path Cosmos3-Nano"
ALL = {"transfer1": TRANSFER1, "transfer25": TRANSFER25, "cosmos3": COSMOS3}


@pytest.fixture(params=ALL)
def command(request: pytest.FixtureRequest, long: Path, tmp_path: Path) -> str:
    """Arguments of python or torchrun for a clip of two chunks."""
    program: str = request.param
    spec: dict[str, Any] = {"name": "n", "prompt": "A street in the rain", "seed": 7, "edge": {}}
    if program == "transfer1":
        del spec["name"]
    spec["input_video_path" if program == "transfer1" else "vision_path" if program == "cosmos3" else "video_path"] = (
        str(long)
    )
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return ALL[program].format(spec=path, out=tmp_path / "out")


def films(folder: Path) -> list[Path]:
    names = ("output.mp4", "n.mp4", "vision.mp4")
    return [path for path in folder.rglob("*.mp4") if path.name in names]


def test_out_of_memory_at_a_chunk(run, command: str, tmp_path: Path) -> None:
    ran = run(f"python {command}", orders=[{"do": "oom", "chunk": 1, "prompt": "rain"}])
    assert ran.code == 1
    assert "Traceback (most recent call last):" in ran.err
    assert ran.err.splitlines()[-1].startswith("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate")
    assert not films(tmp_path / "out")
    assert (len(ran.events("start")), len(ran.events("load"))) == (1, 1)


def test_out_of_memory_while_loading(run, command: str) -> None:
    ran = run(f"python {command}", orders=[{"do": "oom", "value": "load"}])
    assert (ran.code, ran.events("load")) == (1, [])
    assert "torch.OutOfMemoryError" in ran.err


def test_death_at_a_chunk_is_in_torchruns_report(run, command: str, tmp_path: Path) -> None:
    assert run(f"python {command}", orders=[{"do": "die"}]).code == -signal.SIGKILL
    ran = run(f"torchrun --nproc_per_node=1 {command}", orders=[{"do": "die", "chunk": 1}])
    assert ran.code == 1
    assert "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:" in ran.err
    assert "  exitcode  : -9 (pid: " in ran.err
    assert "  traceback : Signal 9 (SIGKILL) received by PID " in ran.err
    assert not films(tmp_path / "out")


def test_an_order_for_once_is_for_one_start(run, command: str, tmp_path: Path) -> None:
    order = [{"do": "die", "once": True}]
    assert run(f"python {command}", orders=order).code != 0
    again = run(f"python {command}", orders=order)
    assert again.code == 0, again.err
    assert len(films(tmp_path / "out")) == 1


def test_an_unknown_flag_is_exit_2_and_torchrun_makes_it_1(run, command: str) -> None:
    assert run(f"python {command} --no_such_flag").code == 2
    assert run(f"torchrun --nproc_per_node=1 {command} --no_such_flag").code == 1


def test_a_hang_can_be_ended(layout: Layout, command: str, tmp_path: Path) -> None:
    record, standin = tmp_path / "record.jsonl", tmp_path / "standin.json"
    standin.write_text(json.dumps({"record": str(record), "orders": [{"do": "hang"}]}), encoding="utf-8")
    environment = {**os.environ, **layout.environment(), "NVIDIA_STANDIN": str(standin)}
    words = [str(layout.bin / "torchrun"), "--nproc_per_node=2", *command.split()]
    process = subprocess.Popen(
        words, cwd=layout.repository, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        until = time.monotonic() + 60
        while '"event": "item"' not in (record.read_text() if record.exists() else ""):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert process.poll() is None
        process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    ranks = {json.loads(line)["pid"] for line in record.read_text().splitlines()}
    assert ranks
    assert not [pid for pid in ranks if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize(
    ("program", "missing", "message"),
    [
        (TRANSFER25, "Cosmos-Guardrail1", "huggingface_hub.errors.GatedRepoError: 401 Client Error."),
        (TRANSFER25, "Cosmos-Reason1-7B", "OSError: We couldn't connect to 'https://huggingface.co'"),
        (COSMOS3, "Cosmos-Guardrail1", "huggingface_hub.errors.GatedRepoError: 401 Client Error."),
    ],
)
def test_a_checkpoint_that_cannot_be_had(
    run, long: Path, tmp_path: Path, program: str, missing: str, message: str
) -> None:
    spec = {"name": "n", "prompt": "p", "edge": {}, ("vision_path" if program == COSMOS3 else "video_path"): str(long)}
    (tmp_path / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    line = program.format(spec=tmp_path / "spec.json", out=tmp_path / "out")
    ran = run(f"python {line}", orders=[{"do": "missing", "value": missing}])
    assert ran.code == 1
    assert message in ran.err
    assert missing in ran.err
    off = "--disable-guardrails" if program == TRANSFER25 else "--no-guardrails"
    if missing == "Cosmos-Guardrail1":
        assert run(f"python {line} {off}", orders=[{"do": "missing", "value": missing}]).code == 0


def test_slow_chunks_move_the_bar_step_by_step(run, command: str) -> None:
    ran = run(f"python {command}", orders=[{"do": "slow", "value": "0.4"}])
    assert ran.code == 0, ran.err
    assert ran.err.count("\r") >= 2
    if command != TRANSFER1 and "transfer.py" not in command:
        assert "Generating samples:   0%|" in ran.err
        assert ran.err.count("Generating samples: 100%|██████████|") >= 2


def test_orders_and_the_record_can_lie_in_the_repository(run, layout: Layout, command: str, tmp_path: Path) -> None:
    """Places that pass no environment on read them there."""
    layout.order({"do": "crash", "chunk": 1, "once": True})
    try:
        first = run(f"env -u NVIDIA_STANDIN python {command}")
        assert (first.code, first.err.splitlines()[-1][:33]) == (1, "RuntimeError: CUDA error: an ille")
        assert run(f"env -u NVIDIA_STANDIN python {command}").code == 0
        assert [len(layout.events(name)) for name in ("start", "load", "item")] == [2, 2, 2]
    finally:
        for path in (layout.repository / ".standin").glob("*.json*"):
            path.unlink()
