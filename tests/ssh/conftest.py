from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.peers import PEERS, Peer, make_peer

from cosmos_workflow.ssh import Host, Pins


@pytest.fixture(params=PEERS)
def peer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Peer]:
    with make_peer(request.param, tmp_path / "peer") as server:
        yield server


@pytest.fixture
def host(peer: Peer) -> Host:
    return Host(
        "gpu", "there", workdir=str(peer.home / "wörk dir $(x)"), python=sys.executable, ssh_config=str(peer.config)
    )


@pytest.fixture
def pins(peer: Peer, host: Host, tmp_path: Path) -> Pins:
    pins = Pins(tmp_path / "settings" / "known_hosts")
    pins.pin(host.name, peer.host_key)
    return pins
