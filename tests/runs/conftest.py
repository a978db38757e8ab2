from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clips
import pytest
from runs.helpers import host_processes
from runs.words_runs import PLUGIN
from servers.peers import PEERS, Peer, host_settings, make_peer
from servers.processes import end_all

from cosmos_workflow.api import open_runs
from cosmos_workflow.config import known_keys_file, set_host
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.upsample import Item
from cosmos_workflow.runs import Runs
from cosmos_workflow.ssh import Pins


@pytest.fixture(params=PEERS)
def peer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Peer]:
    with make_peer(request.param, tmp_path / "peer") as server:
        yield server
    end_all(host_processes(server))


@pytest.fixture
def runs(peer: Peer) -> Runs:
    """The runs of a user who has added and trusted one host, `gpu`."""
    set_host("gpu", host_settings(peer))
    Pins(known_keys_file()).pin("gpu", peer.host_key)
    return open_runs()


@pytest.fixture
def batch(tmp_path: Path) -> Callable[[int], list[Item]]:
    clip = clips.textured(tmp_path / "clip.mp4", 320, 180, frames=6)
    return lambda count: [Item(f"i{n}", f"prompt {n}", clip) for n in range(count)]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind that makes files is installed."""
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture
def texts(tmp_path: Path, words: None) -> Callable[..., list[Any]]:
    """Items of the kind that makes files, by their ids and texts."""

    def make(**texts: str) -> list[Any]:
        item = get_kind("words").item
        for id, text in texts.items():
            (tmp_path / f"{id}.txt").write_text(text)
        return [item(id, tmp_path / f"{id}.txt") for id in texts]

    return make
