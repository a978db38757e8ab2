"""The SSH server that a test talks to: asyncssh's own on any laptop, and a real sshd in `make test-all`."""

from __future__ import annotations

from pathlib import Path

import pytest
from servers.ssh_peer import SSHPeer
from servers.sshd import SSHD

__all__ = ["PEERS", "Peer", "make_peer"]

Peer = SSHPeer | SSHD
PEERS = ["asyncssh", pytest.param("sshd", marks=pytest.mark.host)]


def make_peer(kind: str, folder: Path) -> Peer:
    return SSHD(folder) if kind == "sshd" else SSHPeer(folder)
