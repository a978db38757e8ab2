"""Six clips with two prompts each, asked of a server by "the host": by a real sshd, from its own Python and from a
container, with a blocked one, too little memory and a lost answer among them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from http_rig import facts_of
from servers import container
from servers.peers import host_settings
from servers.sshd import SSHD
from servers.video_moods import BLOCKED, OOM, Mood
from servers.video_server import VideoServer
from twelve import write_batch

from cosmos_workflow.cli import main
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.ssh import Pins

pytestmark = [pytest.mark.host, pytest.mark.timeout(900)]


@pytest.mark.parametrize("runtime", ["none", "podman"])
def test_each_video_is_made_once_and_comes_home(sshd: SSHD, tmp_path: Path, runtime: str) -> None:
    values: dict[str, Any] = host_settings(sshd)
    if runtime == "podman":
        container.make_image()
        values |= {"runtime": "podman", "runtime_command": container.PODMAN, "image": container.IMAGE, "gpu": "none"}
        values |= {"run_options": container.RUN_OPTIONS}
    set_host("gpu", values)
    Pins(known_keys_file()).pin("gpu", sshd.host_key)
    batch, out = write_batch(tmp_path), tmp_path / "out"
    (films := tmp_path / "films").mkdir()
    moods = {2: Mood(400, BLOCKED), 5: Mood(500, OOM), 7: Mood(dropped=True)}
    with VideoServer("vllm-omni", films, lambda number: moods.get(number, Mood())) as server:
        words = ["transfer", str(batch), "--engine", "http", "--server-url", server.url, "--on", "gpu", "-o", str(out)]
        assert main(words) == 1
        assert server.posts == 12
    made = {line["id"]: line for line in map(json.loads, (out / "results.jsonl").read_text().splitlines())}
    kinds = Counter(line["error_kind"] for line in made.values())
    assert kinds == {"": 9, "blocked": 1, "out_of_memory": 1, "engine_failed": 1}
    for id, line in made.items():
        video = out / id / "video.mp4"
        assert video.exists() == (not line["error"])
        assert line["error"] or facts_of(video)[3] == 9
