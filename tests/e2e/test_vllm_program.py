"""`cosmos upsample` with the real vLLM, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import clips
import pytest
from servers import vllm_env

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]


def test_a_batch_with_one_load(tmp_path: Path) -> None:
    for name, size in {"small": (320, 180), "large": (960, 540)}.items():
        clips.textured(tmp_path / f"{name}.mp4", *size)
    entries = [
        {"id": f"i{n}", "prompt": f"prompt {n}", "video": f"{'small' if n % 2 else 'large'}.mp4"} for n in range(6)
    ]
    entries.append({"id": "missing", "prompt": "x", "video": "none.mp4"})
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    command = [
        sys.executable, "-m", "cosmos_workflow", "upsample", "b.jsonl", "--engine", "vllm", "--json",
        "--model-path", str(vllm_env.MODEL), "--max-tokens", "40", "--temperature", "0",
        "--engine-option", "load_format=dummy", "--engine-option", "enforce_eager=true",
    ]  # fmt: skip
    environment = {**os.environ, **vllm_env.settings(1)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=500, check=False)
    assert done.returncode == 1, done.stderr[-3000:]
    documents = [json.loads(line) for line in done.stdout.decode().splitlines()]  # vLLM's own words are elsewhere
    assert [one["id"] for one in documents] == [entry["id"] for entry in entries]
    answered = documents[:6]
    assert {one["verdict"] for one in answered} == {"fits", "resized"}
    assert all(one["completion_tokens"] == 40 and one["truncated"] for one in answered)
    assert documents[6]["error_kind"] == "bad_input"
    assert len((tmp_path / "b.upsampled.jsonl").read_text().splitlines()) == 7
    assert done.stderr.count(b"engine: vllm") == 1
