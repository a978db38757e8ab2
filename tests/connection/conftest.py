from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.ssh_peer import SSHPeer

from cosmos_workflow.connection import Host, Pins


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SSHPeer]:
    with SSHPeer(tmp_path / "peer") as server:
        yield server


@pytest.fixture
def host(peer: SSHPeer) -> Host:
    return Host("gpu", "there", workdir="wörk dir $(x)", python=sys.executable, ssh_config=str(peer.config))


@pytest.fixture
def pins(peer: SSHPeer, host: Host, tmp_path: Path) -> Pins:
    pins = Pins(tmp_path / "settings" / "known_hosts")
    pins.pin(host.name, peer.host_key)
    return pins
