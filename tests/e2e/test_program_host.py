"""Twelve transfers by NVIDIA's own programs on "the host": by a real sshd, without a container and in one.

The programs are stand-ins; a blocked item, too little memory and a death are among the twelve.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import av
import clips
import pytest
from servers import container
from servers.nvidia_programs import checksum, read_mark, write_layout
from servers.peers import host_settings
from servers.sshd import SSHD

from cosmos_workflow import transfer
from cosmos_workflow.api import open_runs
from cosmos_workflow.cli import main
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.kinds.transfer.asking import item_of
from cosmos_workflow.media.video import probe
from cosmos_workflow.ssh import Pins

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]

FRAMES = 3
PROMPTS = ('a "city" at night,\nwith rain: 50 % über 夜', "a city in the snow")
FAULTS = {2: "[block:gun]", 5: "[oom]", 7: "[die]"}
REASONS = {2: ("blocked", "gun"), 5: ("out_of_memory", "CUDA out of memory"), 7: ("engine_failed", "SIGKILL")}


# Transfer1 ends at each of the three; a block does not end Transfer2.5.
@pytest.mark.parametrize(("runtime", "model", "starts"), [("none", "transfer2.5", 3), ("podman", "transfer1", 4)])
def test_each_video_comes_home_once(sshd: SSHD, tmp_path: Path, runtime: str, model: str, starts: int) -> None:
    machine = tmp_path / "a machine"
    layout = write_layout(machine)
    record, standin = machine / "record.jsonl", machine / "standin.json"
    standin.write_text(json.dumps({"record": str(record)}), encoding="utf-8")
    values: dict[str, Any] = {
        **host_settings(sshd), "model_path": str(layout.repository), "engine": "program",
        "engine_options": {"python": str(layout.bin / "python")},
        "environment": {"NVIDIA_STANDIN": str(standin), "HF_HOME": str(layout.cache), "HOME": "/tmp"},
    }  # fmt: skip
    if runtime == "podman":
        container.make_image()
        values |= {"runtime": "podman", "runtime_command": container.PODMAN, "image": container.IMAGE, "gpu": "none"}
        values["run_options"] = [*container.RUN_OPTIONS, "-v", f"{machine}:{machine}"]
    set_host("gpu", values)
    Pins(known_keys_file()).pin("gpu", sshd.host_key)
    films = [clips.textured(tmp_path / f"clip {n}.mp4", 96, 54, frames=FRAMES, fps=24 + n) for n in range(6)]
    specs = [
        {"name": f"{number}", "model": model, "video": str(films[number // 2]), "controls": {"edge": {"weight": 1.0}},
         "prompt": f"{PROMPTS[number % 2]} {FAULTS.get(number, '')}".strip(), "steps": 2}
        for number in range(12)
    ]  # fmt: skip
    items = [item_of(spec, "here") for spec in specs]
    results = transfer(items, place="gpu", out=tmp_path / "out", keep_warm=0, runs=open_runs())
    assert len(results) == len({result.id for result in results}) == 12
    errors = {number: (result.error_kind, result.error) for number, result in enumerate(results) if result.error}
    assert {number: kind for number, (kind, _) in errors.items()} == {n: kind for n, (kind, _) in REASONS.items()}, (
        errors
    )
    for number, result in enumerate(results):
        folder = tmp_path / "out" / result.id
        if number in REASONS:
            assert REASONS[number][1] in result.error
            assert not folder.exists()
            continue
        assert (folder / "prompt.txt").read_bytes().decode() == specs[number]["prompt"]
        with av.open(str(folder / "video.mp4")) as video:
            frames = [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]
        mark = read_mark(frames[0])
        assert (len(frames), mark.prompt) == (FRAMES, checksum(specs[number]["prompt"]))
        assert mark.clip == checksum(films[number // 2])
    events = Counter(json.loads(line)["event"] for line in record.read_text().splitlines())
    assert (events["start"], events["load"]) == (starts, starts)
    made = tmp_path / "out" / results[0].id / "video.mp4"
    assert main(["upscale", str(made), "--on", "gpu", "-o", str(tmp_path / "big"), "--keep-warm", "0"]) == 0
    big = probe(tmp_path / "big" / results[0].id / "video.mp4")
    assert (big.width % 3, big.height % 3, big.width > 2000, big.frames) == (0, 0, True, FRAMES)
