from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import clips
import psutil
import pytest
from servers.ssh_peer import SSHPeer

from cosmos_workflow.api import open_runs
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.connection import Pins
from cosmos_workflow.jobs import Runs
from cosmos_workflow.prompts import Item


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SSHPeer]:
    with SSHPeer(tmp_path / "peer") as server:
        yield server
    for process in host_processes(server):
        process.kill()


@pytest.fixture
def runs(peer: SSHPeer) -> Runs:
    """The runs of a user who has added and trusted one host, `gpu`."""
    set_host("gpu", {"ssh": "there", "workdir": "ours", "python": sys.executable, "ssh_config": str(peer.config)})
    Pins(known_keys_file()).pin("gpu", peer.host_key)
    return open_runs()


@pytest.fixture
def batch(tmp_path: Path) -> Callable[[int], list[Item]]:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=6)
    return lambda count: [Item(f"i{n}", f"prompt {n}", clip) for n in range(count)]


def host_processes(peer: SSHPeer) -> list[psutil.Process]:
    """Whatever runs on the host for us."""
    folder = str(peer.home / "ours")
    return [one for one in psutil.process_iter(["cmdline"]) if any(folder in w for w in one.info["cmdline"] or ())]
